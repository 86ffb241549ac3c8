"""What the last event of a job says of all of its life: times, attempts and GPUs.

Nothing is remembered from one event to the next, so that their order does not matter.
"""

import json
import os
from typing import Any

_CONTAINERS = 10
_TOO_LARGE = 1e15

with open(os.path.join(os.path.dirname(os.path.dirname(__file__)), "gpus.json"), encoding="utf-8") as _file:
    _GPUS: dict[str, int] = json.load(_file)


def is_job(event: dict[str, Any]) -> bool:
    """Tells whether an event is of a job to count: not of an array as a whole, not of one node of several."""
    return not _is_array_parent(event) and not isinstance(event.get("node"), dict)


def attempts_of(event: dict[str, Any]) -> list[dict[str, Any]]:
    """The attempts of a job, the first one first; of one without a list of them, what is said of it as a whole."""
    listed = event.get("attempts")
    attempts = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    cancelled = event.get("cancelled") is True  # before it ran, whatever ran before that
    if not attempts and not cancelled and number(event.get("started")) is not None:
        return [{"startedAt": event["started"], "stoppedAt": event.get("stopped")}]
    return attempts


def runs_of(attempts: list[dict[str, Any]]) -> list[float]:
    """How long each attempt ran, in seconds."""
    spans = (_span(one.get("startedAt"), one.get("stoppedAt")) for one in attempts)
    return [span for span in spans if span is not None]


def waits_of(event: dict[str, Any], attempts: list[dict[str, Any]]) -> list[float]:
    """How long each attempt waited, in seconds."""
    waits, since = [], event.get("created")
    for one in attempts:
        span = _span(since, one.get("startedAt"))
        if span is not None:
            waits.append(span)
        since = one.get("stoppedAt")
    return waits


def whole_wait(event: dict[str, Any], attempts: list[dict[str, Any]], waits: list[float], ended: int) -> float | None:
    """How long a job waited in all, in seconds: if it never ran, from its submission to its end."""
    if any(number(one.get("startedAt")) is not None for one in attempts):
        return sum(waits) if waits else None
    stopped = number(event.get("stopped"))
    last = number(attempts[-1].get("stoppedAt")) if attempts else None
    end = stopped if stopped is not None else last if last is not None else ended
    return _span(event.get("created"), end)


def start_time(event: dict[str, Any]) -> float | None:
    """How long a job took from leaving the queue until it ran, in seconds, where AWS tells."""
    return _span(event.get("scheduled"), event.get("started"))


def gpus_of(event: dict[str, Any]) -> int:
    """The GPUs that a job has while it runs; the nodes of a multi-node job have theirs, and it none."""
    if number(event.get("nodes")) is not None or _is_array_parent(event):
        return 0
    if event["type"].startswith("Batch Service"):
        return gpus_of_instances(event.get("usage"))
    if isinstance(event.get("needs"), list):
        return _gpus_of_container(event["needs"])
    return sum(_gpus_of_container(event.get(f"needs{index}")) for index in range(_CONTAINERS))


def gpus_of_instances(usage: object) -> int:
    """The GPUs of SageMaker instances, from how many there are of each type; of unknown types none."""
    instances = [one for one in usage if isinstance(one, dict)] if isinstance(usage, list) else []
    return int(
        sum((number(one.get("quantity")) or 0) * _GPUS.get(str(one.get("capacityUnit")), 0) for one in instances)
    )


def number(value: object) -> int | float | None:
    """A number of some sense; None for all else, as the input transformer leaves "" for what is not there."""
    fits = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < _TOO_LARGE
    return value if fits else None  # type: ignore[return-value]


def _is_array_parent(event: dict[str, Any]) -> bool:
    array = event.get("array")
    return isinstance(array, dict) and number(array.get("size")) is not None and number(array.get("index")) is None


def _span(start: object, end: object) -> float | None:
    one, other = number(start), number(end)
    return (other - one) / 1000 if one is not None and other is not None and other >= one else None


def _gpus_of_container(needs: object) -> int:
    for one in needs if isinstance(needs, list) else ():
        if isinstance(one, dict) and one.get("type") == "GPU" and str(one.get("value")).isdecimal():
            return int(one["value"])
    return 0
