"""Times, attempts and GPUs of a job, from its last event.

The last event contains the whole history of the job. So nothing is stored between events, and their order does not
matter.
"""

import json
import os
from typing import Any

_CONTAINERS = 10
_TOO_LARGE = 1e15

with open(os.path.join(os.path.dirname(os.path.dirname(__file__)), "gpus.json"), encoding="utf-8") as _file:
    _GPUS: dict[str, int] = json.load(_file)


def is_job(event: dict[str, Any]) -> bool:
    """Return True if the event's job counts as a job. Parents of array jobs and nodes of multi-node jobs do not."""
    return not _is_array_parent(event) and not isinstance(event.get("node"), dict)


def job_attempts(event: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the attempts of a job, first attempt first. A job without a list of attempts has at most one."""
    listed = event.get("attempts")
    attempts = [attempt for attempt in listed if isinstance(attempt, dict)] if isinstance(listed, list) else []
    cancelled = event.get("cancelled") is True  # cancelled before it ran: a start time is that of an earlier attempt
    if not attempts and not cancelled and number(event.get("started")):  # 0 if the job never started
        return [{"startedAt": event["started"], "stoppedAt": event.get("stopped")}]
    return attempts


def run_times(attempts: list[dict[str, Any]]) -> list[float]:
    """Return the run time of each attempt that ran, in seconds."""
    times = (_seconds(attempt.get("startedAt"), attempt.get("stoppedAt")) for attempt in attempts)
    return [seconds for seconds in times if seconds is not None]


def wait_times(event: dict[str, Any], attempts: list[dict[str, Any]]) -> list[float]:
    """Return the wait of each attempt that ran, in seconds."""
    waits, since = [], event.get("created")
    for attempt in attempts:
        seconds = _seconds(since, attempt.get("startedAt"))
        if seconds is not None:
            waits.append(seconds)
        since = attempt.get("stoppedAt")
    return waits


def total_wait(
    event: dict[str, Any], attempts: list[dict[str, Any]], waits: list[float], event_time: int
) -> float | None:
    """Return the total wait of a job in seconds; for a job that never ran, the time from its submission to its end."""
    if any(number(attempt.get("startedAt")) is not None for attempt in attempts):
        return sum(waits) if waits else None
    return _seconds(event.get("created"), job_end(event, attempts, event_time))


def job_end(event: dict[str, Any], attempts: list[dict[str, Any]], event_time: int) -> int | float:
    """Return the end of a job, else the end of its last attempt, else the time of the event."""
    stopped = number(event.get("stopped"))
    last = number(attempts[-1].get("stoppedAt")) if attempts else None
    return stopped if stopped is not None else last if last is not None else event_time


def start_time(event: dict[str, Any]) -> float | None:
    """Return the seconds from the time that a job left the queue until it ran. None if AWS does not report them."""
    return _seconds(event.get("scheduled"), event.get("started"))


def job_gpus(event: dict[str, Any]) -> int:
    """Return the GPUs of a running job. The GPUs of a multi-node job count for its nodes, not for the job."""
    if number(event.get("nodes")) is not None or _is_array_parent(event):
        return 0
    if event["type"].startswith("Batch Service"):
        return instance_gpus(event.get("usage"))
    return int(sum(required(requirements, "GPU") for requirements in container_requirements(event, "needs")))


def container_requirements(event: dict[str, Any], name: str) -> list[list[Any]]:
    """Return the resource requirements of each container: of the one in the field, else of those in numbered fields."""
    fields = [name] if isinstance(event.get(name), list) else [f"{name}{index}" for index in range(_CONTAINERS)]
    return [event[field] for field in fields if isinstance(event.get(field), list)]


def required(requirements: list[Any], kind: str) -> int | float:
    """Return the required amount of a resource, such as GPU. 0 if none is required or the amount is no number."""
    for requirement in requirements:
        if isinstance(requirement, dict) and requirement.get("type") == kind:
            text = str(requirement.get("value"))
            whole, point, fraction = text.partition(".")
            if whole.isdecimal() and (fraction.isdecimal() or not point):
                return float(text) if point else int(text)
    return 0


def instance_types_are_known(usage: object) -> bool:
    """Return True if the number of GPUs is known for each instance type of a service job's capacity."""
    listed = usage if isinstance(usage, list) else []
    return bool(listed) and all(isinstance(item, dict) and item.get("capacityUnit") in _GPUS for item in listed)


def instance_gpus(usage: object) -> int:
    """Return the GPUs of SageMaker instances, from the number of instances by type. Unknown types count as 0 GPUs."""
    capacities = [item for item in usage if isinstance(item, dict)] if isinstance(usage, list) else []
    return int(
        sum((number(item.get("quantity")) or 0) * _GPUS.get(str(item.get("capacityUnit")), 0) for item in capacities)
    )


def number(value: object) -> int | float | None:
    """Return a plausible number, or None for anything else. The input transformer sends "" for missing values."""
    fits = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < _TOO_LARGE
    return value if fits else None  # type: ignore[return-value]


def _is_array_parent(event: dict[str, Any]) -> bool:
    array = event.get("array")
    return isinstance(array, dict) and number(array.get("size")) is not None and number(array.get("index")) is None


def _seconds(start: object, end: object) -> float | None:
    first, last = number(start), number(end)
    return (last - first) / 1000 if first is not None and last is not None and last >= first else None
