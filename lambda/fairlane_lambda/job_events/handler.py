"""Takes events of AWS Batch from a queue of SQS, and prints their metrics.

A batch's metrics are printed once, at its end. A record that cannot be used fails alone: SQS gives it again, and after
some times to the dead-letter queue.
"""

import json
import sys
import time
from collections import OrderedDict
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from fairlane_lambda.emf import Metrics
from fairlane_lambda.job_events._failures import blocked_reason, failure_reason
from fairlane_lambda.job_events._jobs import (
    attempts_of,
    gpus_of,
    gpus_of_instances,
    is_job,
    number,
    runs_of,
    start_time,
    waits_of,
    whole_wait,
)

Event = dict[str, Any]
Key = tuple[object, ...]
Value = tuple[str, float, dict[str, Any]]

_STATE_CHANGES = ("Batch Job State Change", "Batch Service Job State Change")
_BLOCKED = ("Batch Job Queue Blocked", "Batch Service Job Queue Blocked")
_PREEMPTIONS = ("Batch Service Job Preemption Started", "Batch Service Job Preemption Completed")
_ASKED = "Preemption Completed"
_OTHER = "other"
_LATE_MS = 15_000
_MOST_REMEMBERED = 50_000

_seen: OrderedDict[Key, None] = OrderedDict()
_clients: list[Any] = []


class Rejected(ValueError):  # noqa: N818 (it says what happened to an event)
    """An event that cannot be understood."""


def handler(batch: Event, context: Any) -> dict[str, list[dict[str, str]]]:
    """Takes a batch of records from SQS; answers which of them failed.

    Preemptions, of which AWS is asked, are taken last; when time runs out, those that are left fail, and come again.
    """
    now = int(time.time() * 1000)
    metrics, failures = Metrics(), []
    for record in sorted(batch["Records"], key=lambda record: _ASKED in str(record["body"])):
        event: object = None
        try:
            event = json.loads(record["body"])
            if context is not None and _ASKED in record["body"] and context.get_remaining_time_in_millis() < _LATE_MS:
                raise TimeoutError
            _take(event, metrics, now)
        except ValueError:  # what is no JSON, too
            failures.append({"itemIdentifier": record["messageId"]})
            if record.get("attributes", {}).get("ApproximateReceiveCount", "1") == "1":
                queue = event.get("queue") if isinstance(event, dict) else None
                metrics.add("EventsRejected", 1, queue=queue if isinstance(queue, str) and queue else "unknown")
        except Exception as error:  # one event must not cost the others
            failures.append({"itemIdentifier": record["messageId"]})
            # Never its message, which may have parts of the job.
            print(f"an event failed: {type(error).__name__}", file=sys.stderr)
    metrics.write(now)
    return {"batchItemFailures": failures}


def forget() -> None:
    """Forgets which events were counted, as a new container would have."""
    _seen.clear()


def batch_client() -> Any:
    """The client of AWS Batch, made when it is first needed."""
    if not _clients:
        import boto3  # half a second that most containers never need
        from botocore.config import Config

        retries = {"mode": "standard", "total_max_attempts": 2}
        _clients.append(boto3.client("batch", config=Config(retries=retries, connect_timeout=2, read_timeout=3)))
    return _clients[0]


def _take(event: object, metrics: Metrics, now: int) -> None:
    """Adds the metrics of an event, all of them or, if it fails, none."""
    if not isinstance(event, dict) or not isinstance(event.get("type"), str):
        raise Rejected
    if event["type"] in _STATE_CHANGES:
        key, values = _state_change(event, now)
    elif event["type"] in _BLOCKED:
        job, queue = _names(event)
        key = (event["type"], job, event.get("reason"), event.get("time"))
        values = iter([("QueueBlocked", 1, {"queue": queue, "reason": blocked_reason(event)})])
    elif event["type"] in _PREEMPTIONS:
        key, values = _preemption(event, now)
    else:
        raise Rejected
    if key in _seen:
        return
    for name, value, where in list(values):
        metrics.add(name, value, **where)
    _seen[key] = None
    if len(_seen) > _MOST_REMEMBERED:
        _seen.popitem(last=False)


def _names(event: Event) -> tuple[str, str]:
    job, queue = event.get("id"), event.get("queue")
    if not isinstance(job, str) or not job or not isinstance(queue, str) or not queue:
        raise Rejected
    return job, queue


def _state_change(event: Event, now: int) -> tuple[Key, Iterator[Value]]:
    job, queue = _names(event)
    if number(event.get("created")) is None:
        raise Rejected
    attempts = attempts_of(event)
    ended = event.get("status") in {"SUCCEEDED", "FAILED"}
    values = _of_job(event, queue, attempts, _when(event, now)) if ended else iter(())
    return (event["type"], job, event.get("status"), len(attempts)), values


def _of_job(event: Event, queue: str, attempts: list[Event], ended: int) -> Iterator[Value]:
    runs = runs_of(attempts)
    share = _share_of(event.get("share") or event.get("quota"), event.get("shares"))
    yield from _gpu_seconds(gpus_of(event) * sum(runs), queue, share, ended)
    if not is_job(event):
        return
    reason = failure_reason(event, attempts) if event["status"] == "FAILED" else None
    if reason is not None:
        yield "JobFailures", 1, {"queue": queue, "reason": reason}
    outcome = "JobsSucceeded" if reason is None else "JobsFailed" if reason not in {"Cancelled", "Terminated"} else None
    if outcome is not None:
        yield outcome, 1, {"queue": queue}
    if share is None:
        return
    waits = waits_of(event, attempts)
    times: dict[str, list[float | None]] = {
        "AttemptWaitTime": [*waits],
        "AttemptRunTime": [*runs],
        "JobWaitTime": [whole_wait(event, attempts, waits, ended)],
        "JobStartTime": [start_time(event)],
        "JobRunTime": [sum(runs)] if runs else [],
    }
    for name, spans in times.items():
        for span in spans:
            if span is not None:
                yield name, span, {"queue": queue, "share": share, "time": ended}
    of_share = {"queue": queue, "share": share}
    if len(attempts) > 1:
        yield "JobRetries", len(attempts) - 1, of_share
    if outcome is not None:
        yield outcome, 1, of_share


def _preemption(event: Event, now: int) -> tuple[Key, Iterator[Value]]:
    job, queues = event.get("job"), event.get("queues")
    key = (event["type"], job, event.get("preempted"))
    if event["type"].endswith("Started"):  # it says nothing that its end does not say
        return key, iter(())
    if not isinstance(job, str) or not job or not isinstance(queues, dict):
        raise Rejected
    return key, _of_preemption(event, job, queues, _when(event, now))


def _of_preemption(event: Event, job: str, queues: Event, when: int) -> Iterator[Value]:
    """What a preemption means, whose event names neither queue nor share: AWS is asked for them."""
    described = batch_client().describe_service_job(jobId=job.rpartition("/")[2])
    queue = str(described["jobQueue"]).rpartition("/")[2]
    if queue not in queues:
        return
    share = _share_of(described.get("shareIdentifier") or described.get("quotaShareName"), queues[queue])
    if share is not None:
        yield "JobsPreempted", 1, {"queue": queue, "share": share}
    recent = event.get("recent")
    attempts = [one for one in recent if isinstance(one, dict)] if isinstance(recent, list) else []
    last = sorted(attempts, key=lambda one: number(one.get("stoppedAt")) or 0)[-1:]
    yield from _gpu_seconds(gpus_of_instances(described.get("capacityUsage")) * sum(runs_of(last)), queue, share, when)


def _gpu_seconds(seconds: float, queue: str, share: str | None, when: int) -> Iterator[Value]:
    if seconds > 0:
        yield "GpuSeconds", seconds, {"queue": queue, "time": when}
        if share is not None:
            yield "GpuSeconds", seconds, {"queue": queue, "share": share, "time": when}


def _share_of(share: object, declared: object) -> str | None:
    """The share of a job, as it was declared; all that were not are one, so that nobody can make many series."""
    if not isinstance(share, str) or not share:
        return None
    names = [name for name in declared if isinstance(name, str)] if isinstance(declared, list) else []
    if share in names:
        return share
    return next((name for name in names if name.endswith("*") and share.startswith(name[:-1])), _OTHER)


def _when(event: Event, now: int) -> int:
    """The time of an event, in ms since 1970; now if it has none."""
    try:
        return int(datetime.fromisoformat(str(event.get("time"))).timestamp() * 1000)
    except (ValueError, OverflowError):
        return now
