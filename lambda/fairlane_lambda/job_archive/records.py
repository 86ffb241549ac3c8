"""Records of ended jobs, from their last events.

A record has no command, environment variable, parameter, payload or tag. `fairlane_client.queues.archive_records`
describes its fields.
"""

import re
from datetime import UTC, datetime
from typing import Any

from fairlane_lambda.job_archive.capacity import job_capacity
from fairlane_lambda.job_events.failures import failure_reason
from fairlane_lambda.job_events.jobs import is_job, job_attempts, job_end, number
from fairlane_lambda.job_events.values import RejectedEventError, job_and_queue, reported_time

Event = dict[str, Any]
Record = dict[str, Any]

TYPES = ("Batch Job State Change", "Batch Service Job State Change")
"""Detail types of the archived events."""
ENDED = ("SUCCEEDED", "FAILED")

_QUEUE = re.compile(r"[A-Za-z0-9_-]{1,128}")


def job_record(event: object) -> Record | None:
    """Return the record of an ended job. None for a job that has not ended, a parent of an array job, and a node.

    Args:
        event: Event, as the rule's input transformer sends it.

    Raises:
        RejectedEventError: If a field is missing or invalid.
    """
    if not isinstance(event, dict) or event.get("type") not in TYPES:
        raise RejectedEventError
    job, queue = job_and_queue(event)
    created = _time(event.get("created"))
    if created is None or not _QUEUE.fullmatch(queue):
        raise RejectedEventError
    status = event.get("status")
    if not isinstance(status, str):
        raise RejectedEventError
    if status not in ENDED or not is_job(event):
        return None
    capacity = job_capacity(event)
    attempts = _attempts(event, status, capacity.instance_type)
    end = {**event, "stopped": _time(event.get("stopped"))}
    stopped = int(job_end(end, job_attempts(event), reported_time(event, 0)))
    if not stopped:
        raise RejectedEventError
    started = [attempt["started_at"] for attempt in attempts if attempt["started_at"] is not None]
    array = event.get("array")
    index = number(array.get("index")) if isinstance(array, dict) else None
    return {
        "job_id": job,
        "job_name": _text(event.get("name")),
        "queue": queue,
        "share": _text(event.get("share")) or _text(event.get("quota")),
        "kind": "training" if event["type"] == TYPES[1] else "gpu",
        "status": status,
        "reason_class": failure_reason(event, job_attempts(event)) if status == "FAILED" else "",
        "unit": capacity.unit,
        "amount": capacity.amount,
        "gpus": capacity.gpus,
        "instance_type": capacity.instance_type,
        "priority": _whole(event.get("priority")),
        "created_at": created,
        "started_at": started[-1] if started else None,
        "stopped_at": stopped,
        "definition": _text(event.get("definition")).rpartition("/")[2],
        "array_index": _whole(index),
        "nodes": capacity.nodes,
        "attempts": attempts,
        "max_seconds": _time(event.get("timeout")) or _time(event.get("limit")),
    }


def record_day(record: Record) -> str:
    """Return the day on which the job of a record ended, in UTC, for example 2026-11-30.

    Raises:
        ValueError: If the day is after the year 9999.
    """
    return datetime.fromtimestamp(record["stopped_at"] / 1000, UTC).strftime("%Y-%m-%d")


def _attempts(event: Event, status: str, instance_type: str) -> list[Record]:
    """Return the attempts in the order of time, with the preempted ones that the event has."""
    listed = event.get("preempted")
    preempted = (
        [_attempt(item, "PREEMPTED", instance_type) for item in listed if isinstance(item, dict)]
        if (isinstance(listed, list))
        else []
    )
    own = [_attempt(item, "FAILED", instance_type) for item in job_attempts(event)]
    known = set(map(_identity, preempted))
    own = [attempt for attempt in own if _identity(attempt) not in {*known, (None, None)}]
    if not isinstance(event.get("attempts"), list):  # the only start that the event has can be of a preempted attempt
        own = [attempt for attempt in own if attempt["started_at"] not in {start for start, _ in known}]
    if own and status == "SUCCEEDED":
        own[-1]["outcome"] = status
    found = sorted([*preempted, *own], key=_order)
    scheduled = _time(event.get("scheduled"))
    if found and scheduled is not None:
        before = found[-2]["stopped_at"] or 0 if len(found) > 1 else 0
        after = found[-1]["started_at"] or found[-1]["stopped_at"] or 0
        if before <= scheduled <= after:  # the time of the latest attempt that left the queue
            found[-1]["scheduled_at"] = scheduled
    return found


def _attempt(detail: dict[str, Any], outcome: str, instance_type: str) -> Record:
    return {
        "scheduled_at": None,
        "started_at": _time(detail.get("startedAt")),
        "stopped_at": _time(detail.get("stoppedAt")),
        "outcome": outcome,
        "instance_type": instance_type,
    }


def _order(attempt: Record) -> tuple[int, int]:
    started = attempt["started_at"] or 0
    return attempt["stopped_at"] or started, started


def _identity(attempt: Record) -> tuple[int | None, int | None]:
    return attempt["started_at"], attempt["stopped_at"]


def _time(value: object) -> int | None:
    """Return a positive whole number. AWS reports 0 for some times that it does not have."""
    return _whole(value) or None


def _whole(value: object) -> int | None:
    found = number(value)
    return None if found is None else int(found)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
