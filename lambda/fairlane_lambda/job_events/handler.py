"""Lambda function that receives AWS Batch events from an SQS queue and prints their metrics.

The metrics of a batch are printed once, at its end. An invalid record fails alone: SQS delivers the record again, and
moves it to the dead-letter queue after several failures.
"""

import json
import sys
import time
from collections import OrderedDict
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from fairlane_lambda.emf import Metrics
from fairlane_lambda.job_events.failures import blocked_reason, failure_reason
from fairlane_lambda.job_events.jobs import (
    instance_gpus,
    is_job,
    job_attempts,
    job_gpus,
    number,
    run_times,
    start_time,
    total_wait,
    wait_times,
)

Event = dict[str, Any]
Key = tuple[object, ...]
Value = tuple[str, float, dict[str, Any]]

_STATE_CHANGES = ("Batch Job State Change", "Batch Service Job State Change")
_BLOCKED = ("Batch Job Queue Blocked", "Batch Service Job Queue Blocked")
_PREEMPTIONS = ("Batch Service Job Preemption Started", "Batch Service Job Preemption Completed")
_COMPLETED = "Preemption Completed"
_OTHER = "other"
_LATE_MS = 15_000
_MOST_EVENTS = 50_000

_counted_events: OrderedDict[Key, None] = OrderedDict()
_clients: list[Any] = []


class RejectedEventError(ValueError):
    """Event with missing or invalid fields."""


def handler(batch: Event, context: Any) -> dict[str, list[dict[str, str]]]:
    """Print the metrics of a batch of SQS records, and return the records that failed.

    Preemptions need a call to AWS, so they are processed last. If the time runs out, the remaining preemptions fail,
    and SQS delivers them again.
    """
    now = int(time.time() * 1000)
    metrics, failures = Metrics(), []
    for record in sorted(batch["Records"], key=lambda record: _COMPLETED in str(record["body"])):
        event: object = None
        try:
            event = json.loads(record["body"])
            if (
                context is not None
                and _COMPLETED in record["body"]
                and context.get_remaining_time_in_millis() < _LATE_MS
            ):
                raise TimeoutError
            _process(event, metrics, now)
        except ValueError:  # includes invalid JSON
            failures.append({"itemIdentifier": record["messageId"]})
            if record.get("attributes", {}).get("ApproximateReceiveCount", "1") == "1":
                queue = event.get("queue") if isinstance(event, dict) else None
                metrics.add("EventsRejected", 1, queue=queue if isinstance(queue, str) and queue else "unknown")
        except Exception as error:  # one event must not stop the others
            failures.append({"itemIdentifier": record["messageId"]})
            # The message of the error is not logged: it may contain parts of the job.
            print(f"an event failed: {type(error).__name__}", file=sys.stderr)
    metrics.write(now)
    return {"batchItemFailures": failures}


def forget() -> None:
    """Clear the record of counted events, as in a new container."""
    _counted_events.clear()


def batch_client() -> Any:
    """Return the client of AWS Batch, which is created at the first call."""
    if not _clients:
        import boto3  # takes half a second, and most containers never need it
        from botocore.config import Config

        retries = {"mode": "standard", "total_max_attempts": 2}
        _clients.append(boto3.client("batch", config=Config(retries=retries, connect_timeout=2, read_timeout=3)))
    return _clients[0]


def _process(event: object, metrics: Metrics, now: int) -> None:
    """Add all metrics of an event, or none if the event fails."""
    if not isinstance(event, dict) or not isinstance(event.get("type"), str):
        raise RejectedEventError
    if event["type"] in _STATE_CHANGES:
        key, values = _state_change(event, now)
    elif event["type"] in _BLOCKED:
        job, queue = _job_and_queue(event)
        key = (event["type"], job, event.get("reason"), event.get("time"))
        values = iter([("QueueBlocked", 1, {"queue": queue, "reason": blocked_reason(event)})])
    elif event["type"] in _PREEMPTIONS:
        key, values = _preemption(event, now)
    else:
        raise RejectedEventError
    if key in _counted_events:
        return
    for name, value, dimensions in list(values):
        metrics.add(name, value, **dimensions)
    _counted_events[key] = None
    if len(_counted_events) > _MOST_EVENTS:
        _counted_events.popitem(last=False)


def _job_and_queue(event: Event) -> tuple[str, str]:
    job, queue = event.get("id"), event.get("queue")
    if not isinstance(job, str) or not job or not isinstance(queue, str) or not queue:
        raise RejectedEventError
    return job, queue


def _state_change(event: Event, now: int) -> tuple[Key, Iterator[Value]]:
    job, queue = _job_and_queue(event)
    if number(event.get("created")) is None:
        raise RejectedEventError
    attempts = job_attempts(event)
    ended = event.get("status") in {"SUCCEEDED", "FAILED"}
    values = _job_values(event, queue, attempts, _event_time(event, now)) if ended else iter(())
    return (event["type"], job, event.get("status"), len(attempts)), values


def _job_values(event: Event, queue: str, attempts: list[Event], event_time: int) -> Iterator[Value]:
    runs = run_times(attempts)
    share = _declared_share(event.get("share") or event.get("quota"), event.get("shares"))
    yield from _gpu_seconds(job_gpus(event) * sum(runs), queue, share, event_time)
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
    waits = wait_times(event, attempts)
    times: dict[str, list[float | None]] = {
        "AttemptWaitTime": [*waits],
        "AttemptRunTime": [*runs],
        "JobWaitTime": [total_wait(event, attempts, waits, event_time)],
        "JobStartTime": [start_time(event)],
        "JobRunTime": [sum(runs)] if runs else [],
    }
    for name, durations in times.items():
        for seconds in durations:
            if seconds is not None:
                yield name, seconds, {"queue": queue, "share": share, "time": event_time}
    dimensions = {"queue": queue, "share": share}
    if len(attempts) > 1:
        yield "JobRetries", len(attempts) - 1, dimensions
    if outcome is not None:
        yield outcome, 1, dimensions


def _preemption(event: Event, now: int) -> tuple[Key, Iterator[Value]]:
    job, queues = event.get("job"), event.get("queues")
    key = (event["type"], job, event.get("preempted"))
    if event["type"].endswith("Started"):  # the Completed event contains the same fields
        return key, iter(())
    if not isinstance(job, str) or not job or not isinstance(queues, dict):
        raise RejectedEventError
    return key, _preemption_values(event, job, queues, _event_time(event, now))


def _preemption_values(event: Event, job: str, queues: Event, event_time: int) -> Iterator[Value]:
    """Yield the values of a preemption. Its event has neither queue nor share, so AWS Batch is called for them."""
    description = batch_client().describe_service_job(jobId=job.rpartition("/")[2])
    queue = str(description["jobQueue"]).rpartition("/")[2]
    if queue not in queues:
        return
    share = _declared_share(description.get("shareIdentifier") or description.get("quotaShareName"), queues[queue])
    if share is not None:
        yield "JobsPreempted", 1, {"queue": queue, "share": share}
    recent = event.get("recent")
    attempts = [attempt for attempt in recent if isinstance(attempt, dict)] if isinstance(recent, list) else []
    last = sorted(attempts, key=lambda attempt: number(attempt.get("stoppedAt")) or 0)[-1:]
    gpus = instance_gpus(description.get("capacityUsage"))
    yield from _gpu_seconds(gpus * sum(run_times(last)), queue, share, event_time)


def _gpu_seconds(seconds: float, queue: str, share: str | None, event_time: int) -> Iterator[Value]:
    if seconds > 0:
        yield "GpuSeconds", seconds, {"queue": queue, "time": event_time}
        if share is not None:
            yield "GpuSeconds", seconds, {"queue": queue, "share": share, "time": event_time}


def _declared_share(share: object, declared: object) -> str | None:
    """Return the declared share of a job. Undeclared shares count as `other`, which bounds the number of series."""
    if not isinstance(share, str) or not share:
        return None
    names = [name for name in declared if isinstance(name, str)] if isinstance(declared, list) else []
    if share in names:
        return share
    return next((name for name in names if name.endswith("*") and share.startswith(name[:-1])), _OTHER)


def _event_time(event: Event, now: int) -> int:
    """Return the time of an event in milliseconds since 1970. Default: `now`."""
    try:
        return int(datetime.fromisoformat(str(event.get("time"))).timestamp() * 1000)
    except (ValueError, OverflowError):
        return now
