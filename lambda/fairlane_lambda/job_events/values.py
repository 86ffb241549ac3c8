"""Metric values of an event."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from fairlane_lambda.emf import is_dimension
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
Descriptions = Mapping[str, Event | Exception]
Key = tuple[object, ...]
Value = tuple[str, float, dict[str, Any]]

PREEMPTION_COMPLETED = "Batch Service Job Preemption Completed"

_PREEMPTION_STARTED = "Batch Service Job Preemption Started"
_STATE_CHANGES = ("Batch Job State Change", "Batch Service Job State Change")
_BLOCKED = ("Batch Job Queue Blocked", "Batch Service Job Queue Blocked")
_OTHER = "other"


class RejectedEventError(ValueError):
    """Event with missing or invalid fields."""


def event_values(event: object, now: int, descriptions: Descriptions) -> tuple[Key, Iterator[Value]]:
    """Return the identity of an event, which is the same for its duplicates, and its metric values.

    Args:
        event: Event, as the rule's input transformer sends it.
        now: Current time in milliseconds since 1970.
        descriptions: Descriptions of service jobs by job id, or the error of their call. They are needed for the values
            of preemptions.

    Raises:
        RejectedEventError: If a field is missing or invalid.
    """
    if not isinstance(event, dict) or not isinstance(event.get("type"), str):
        raise RejectedEventError
    if event["type"] in _STATE_CHANGES:
        return _state_change(event, now)
    if event["type"] in _BLOCKED:
        job, queue = job_and_queue(event)
        value = ("QueueBlocked", 1, {"queue": queue, "reason": blocked_reason(event)})
        return (event["type"], job, _scalar(event.get("reason")), _scalar(event.get("time"))), iter([value])
    preemption = (event["type"], _scalar(event.get("job")), _scalar(event.get("preempted")))
    if event["type"] == PREEMPTION_COMPLETED:
        return preemption, _preemption_values(event, preempted_job(event), now, descriptions)
    if event["type"] == _PREEMPTION_STARTED:  # the Completed event contains the same fields
        return preemption, iter(())
    raise RejectedEventError


def preempted_job(event: Event) -> str:
    """Return the id of the job of a completed preemption.

    Args:
        event: Event, as the rule's input transformer sends it.

    Raises:
        RejectedEventError: If a field is missing or invalid.
    """
    job = event.get("job")
    job_id = job.rpartition("/")[2] if isinstance(job, str) else ""
    if not job_id or not isinstance(event.get("queues"), dict):
        raise RejectedEventError
    return job_id


def _scalar(value: Any) -> Any:
    if isinstance(value, dict | list):
        raise RejectedEventError
    return value


def job_and_queue(event: Event) -> tuple[str, str]:
    """Return the id of an event's job, and the name of its queue.

    Raises:
        RejectedEventError: If one of them is missing or invalid.
    """
    job, queue = event.get("id"), event.get("queue")
    if not isinstance(job, str) or not job or not is_dimension(queue):
        raise RejectedEventError
    return job, str(queue)


def _state_change(event: Event, now: int) -> tuple[Key, Iterator[Value]]:
    job, queue = job_and_queue(event)
    if number(event.get("created")) is None:
        raise RejectedEventError
    attempts = job_attempts(event)
    status = _scalar(event.get("status"))
    ended = status in {"SUCCEEDED", "FAILED"}
    values = _job_values(event, queue, attempts, reported_time(event, now)) if ended else iter(())
    return (event["type"], job, status, len(attempts)), values


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


def _preemption_values(event: Event, job: str, now: int, descriptions: Descriptions) -> Iterator[Value]:
    """Yield the values of a preemption. Its event has neither queue nor share, so a description of the job has them."""
    description = descriptions[job]
    if isinstance(description, Exception):
        raise description
    queues, event_time = event["queues"], reported_time(event, now)
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
    if share not in names:
        share = next((name for name in names if name.endswith("*") and share.startswith(name[:-1])), _OTHER)
    return share if is_dimension(share) else _OTHER


def reported_time(event: Event, now: int) -> int:
    """Return the time of an event in milliseconds since 1970. Default: `now`."""
    try:
        return int(datetime.fromisoformat(str(event.get("time"))).timestamp() * 1000)
    except (ValueError, OverflowError):
        return now
