"""Why a job failed, in a word: the values of the dimension Reason."""

from collections.abc import Iterator
from typing import Any

from fairlane_lambda.emf import REASONS

_OF_SAGEMAKER = (
    ("CapacityError", "Capacity"),
    ("InsufficientCapacity", "Capacity"),
    ("ResourceLimitExceeded", "Capacity"),
    ("InternalServerError", "SageMakerInternalError"),
    ("InternalError", "SageMakerInternalError"),
    ("AlgorithmError", "AlgorithmError"),
)
_BLOCKED = tuple(reason for reason in REASONS["QueueBlocked"] if reason != "Other")


def failure_reason(event: dict[str, Any], attempts: list[dict[str, Any]]) -> str:
    """Tells why a job failed.

    Texts are those that AWS documents; what none of them fits is `ExitCode` if a container ended with another code
    than 0, and else `Other`.

    Args:
        event: the job's last event, as the rule's input transformer leaves it.
        attempts: its attempts.
    """
    said = _text(event.get("reason"))
    if said.startswith(("Canceled by JobStateTimeLimit action", "Terminated by JobStateTimeLimit action")):
        return "TimeLimitAction"
    if event.get("cancelled") is True:
        return "Cancelled"
    if event.get("terminated") is True:
        return "Terminated"
    if "attempt duration exceeded timeout" in said or "MaxRuntimeExceeded" in said:
        return "Timeout"
    if said.startswith("Host EC2"):
        return "SpotReclaim"
    containers = list(_containers(event, attempts))
    reasons = [said, *(_text(container.get("reason")) for container in containers)]
    if any(reason.startswith("OutOfMemoryError") for reason in reasons):
        return "OutOfMemory"
    if any("CannotPull" in reason for reason in reasons):
        return "ImagePull"
    if event["type"].startswith("Batch Service"):
        for part, name in _OF_SAGEMAKER:
            if part in said:
                return name
    if said.startswith("CAPACITY:") or "InsufficientInstanceCapacity" in said:
        return "Capacity"
    return "ExitCode" if any(_is_failure(container.get("exitCode")) for container in containers) else "Other"


def blocked_reason(event: dict[str, Any]) -> str:
    """Tells why a queue is blocked: one of AWS's own words, before its explanation."""
    said = _text(event.get("reason"))
    word = said.partition(" - ")[0]
    # Of two kinds AWS documents but the beginning of the text.
    return next((kind for kind in _BLOCKED if word == kind or (":" not in kind and said.startswith(kind))), "Other")


def _containers(event: dict[str, Any], attempts: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The job's container and those of its last attempt, wherever AWS puts them."""
    yield {"reason": event.get("why"), "exitCode": event.get("exit")}
    if not attempts:
        return
    last = attempts[-1]
    if isinstance(last.get("container"), dict):
        yield last["container"]
    yield {"exitCode": last.get("exitCode")}
    for task in last.get("taskProperties") or ():
        for container in (task.get("containers") if isinstance(task, dict) else None) or ():
            if isinstance(container, dict):
                yield container


def _is_failure(code: object) -> bool:
    return isinstance(code, int) and not isinstance(code, bool) and code != 0


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
