"""Lambda function that receives AWS Batch events from an SQS queue and prints their metrics.

The metrics of a batch are printed at once, at its end, and only then its events are remembered as counted. If printing
fails, all events of the batch fail. An invalid record fails alone. SQS delivers a failed record again, and moves it to
the dead-letter queue after several failures.
"""

import json
import time
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Any

from fairlane_lambda.aws_errors import log_error
from fairlane_lambda.emf import Metrics, is_dimension, is_value
from fairlane_lambda.job_events.values import (
    PREEMPTION_COMPLETED,
    Descriptions,
    Event,
    Key,
    RejectedEventError,
    Value,
    event_values,
    preempted_job,
)
from fairlane_lambda.output import OUTPUT

Record = dict[str, Any]

_LATE_MS = 15_000  # longer than a call
_CONNECT_SECONDS = 2
_READ_SECONDS = 8
_MOST_EVENTS = 50_000

_counted_events: OrderedDict[Key, None] = OrderedDict()
_cut_events: set[Key] = set()
"""Events in a text that was cut off. They count as soon as the rest of the text is printed."""
_uncounted_rejections: set[str] = set()
"""Ids of rejected records whose rejection was not printed."""
_clients: list[Any] = []


def handler(batch: Event, context: Any) -> dict[str, list[dict[str, str]]]:
    """Print the metrics of a batch of SQS records, and return the records that failed.

    Preemptions need calls to AWS. If the time runs out, the remaining preemptions fail, and SQS delivers them again.
    """
    records: list[Record] = batch["Records"]
    if _is_finished():
        failures = _count(records, context)
    else:
        failures = [record["messageId"] for record in records]
        # Any of them may turn out to be rejected.
        _uncounted_rejections.update(record["messageId"] for record in records if _receives(record) == 1)
    if len(_uncounted_rejections) > _MOST_EVENTS:
        _uncounted_rejections.clear()
    return {"batchItemFailures": [{"itemIdentifier": message} for message in failures]}


def forget() -> None:
    """Clear the memory of the function, as in a new container."""
    _counted_events.clear()
    _cut_events.clear()
    _uncounted_rejections.clear()
    OUTPUT.rest = b""


def batch_client() -> Any:
    """Return the client of AWS Batch, which is created at the first call."""
    if not _clients:
        import boto3  # takes half a second, and most containers never need it
        from botocore.config import Config

        config = Config(
            retries={"mode": "standard", "total_max_attempts": 1},
            connect_timeout=_CONNECT_SECONDS,
            read_timeout=_READ_SECONDS,
        )
        _clients.append(boto3.client("batch", config=config))
    return _clients[0]


def _count(records: Sequence[Record], context: Any) -> list[str]:
    """Print the metrics of records, and return the message ids of the records that failed."""
    now = int(time.time() * 1000)
    metrics, failures, rejections = Metrics(), [], []
    messages: dict[Key, list[str]] = {}
    descriptions = _descriptions(records, context)
    for record in records:
        message, event = record["messageId"], None
        try:
            event = json.loads(record["body"])
            key, values = event_values(event, now, descriptions)
            if key in _counted_events:
                continue
            if key not in messages:
                _add(metrics, [*values])
            messages.setdefault(key, []).append(message)
        except ValueError:  # includes invalid JSON
            failures.append(message)
            if _receives(record) == 1 or message in _uncounted_rejections:
                rejections.append(message)
                queue = event.get("queue") if isinstance(event, dict) else None
                metrics.add("EventsRejected", 1, queue=str(queue) if is_dimension(queue) else "unknown")
        except Exception as error:  # one event must not stop the others
            failures.append(message)
            log_error("an event failed", error)
    if _is_printed(metrics, now):
        _remember(messages)
        _uncounted_rejections.difference_update(rejections, *messages.values())
        return failures
    if OUTPUT.rest:
        _cut_events.update(messages)
        _uncounted_rejections.difference_update(rejections)
    else:
        _uncounted_rejections.update(rejections)
    return failures + [message for same in messages.values() for message in same]


def _add(metrics: Metrics, values: Sequence[Value]) -> None:
    """Add all values of an event, or none if one of them cannot be printed."""
    if not all(is_value(value) for _, value, _ in values):
        raise RejectedEventError
    for name, value, dimensions in values:
        metrics.add(name, value, **dimensions)


def _is_printed(metrics: Metrics, now: int) -> bool:
    try:
        metrics.write(now)
    except Exception as error:  # the events must be delivered again
        log_error("printing failed", error)
        return False
    return True


def _is_finished() -> bool:
    """Print the rest of a text that was cut off, and return False if that fails."""
    try:
        OUTPUT.finish()
    except Exception as error:  # the events must be delivered again
        log_error("printing failed", error)
        return False
    _remember(_cut_events)
    _cut_events.clear()
    return True


def _remember(keys: Iterable[Key]) -> None:
    _counted_events.update(dict.fromkeys(keys))
    while len(_counted_events) > _MOST_EVENTS:
        _counted_events.popitem(last=False)


def _descriptions(records: Sequence[Record], context: Any) -> Descriptions:
    """Return the descriptions of the jobs of preemptions, the most often delivered preemptions first."""
    receives: dict[str, int] = {}
    for record in records:
        if PREEMPTION_COMPLETED in record["body"]:
            job = _uncounted_job(record)
            receives[job] = max(receives.get(job, 0), _receives(record))
    receives.pop("", None)
    if not receives or _is_late(context):
        return dict.fromkeys(receives, TimeoutError())
    try:
        from fairlane_lambda.job_events.descriptions import describe_service_jobs

        jobs = sorted(receives, key=lambda job: -receives[job])
        return describe_service_jobs(batch_client(), jobs, lambda: _is_late(context))
    except Exception as error:  # without a client, only the preemptions fail
        return dict.fromkeys(receives, error)


def _uncounted_job(record: Record) -> str:
    """Return the id of the job of a preemption. Empty if the event is invalid or already counted."""
    try:
        event = json.loads(record["body"])
        key, _ = event_values(event, 0, {})
        return "" if key in _counted_events or event["type"] != PREEMPTION_COMPLETED else preempted_job(event)
    except Exception:  # the error is handled where the event is counted
        return ""


def _receives(record: Record) -> int:
    return int(record.get("attributes", {}).get("ApproximateReceiveCount", 1))


def _is_late(context: Any) -> bool:
    return context is not None and context.get_remaining_time_in_millis() < _LATE_MS
