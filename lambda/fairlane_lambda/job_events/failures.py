"""Failure reasons of jobs and blocked queues: values of the dimension Reason."""

from collections.abc import Iterator
from typing import Any

from fairlane_lambda.emf import REASONS

_SAGEMAKER_REASONS = (
    ("CapacityError", "Capacity"),
    ("InsufficientCapacity", "Capacity"),
    ("ResourceLimitExceeded", "Capacity"),
    ("InternalServerError", "SageMakerInternalError"),
    ("InternalError", "SageMakerInternalError"),
    ("AlgorithmError", "AlgorithmError"),
)
_BLOCKED_REASONS = tuple(reason for reason in REASONS["QueueBlocked"] if reason != "Other")


def failure_reason(event: dict[str, Any], attempts: list[dict[str, Any]]) -> str:
    """Return the reason why a job failed, from the texts that AWS documents.

    For any other text, the reason is `ExitCode` if a container ended with an exit code other than 0, and otherwise
    `Other`.

    Args:
        event: Last event of the job, as the rule's input transformer sends it.
        attempts: Attempts of the job.
    """
    status_reason = _text(event.get("reason"))
    if status_reason.startswith(("Canceled by JobStateTimeLimit action", "Terminated by JobStateTimeLimit action")):
        return "TimeLimitAction"
    if event.get("cancelled") is True:
        return "Cancelled"
    if event.get("terminated") is True:
        return "Terminated"
    if "attempt duration exceeded timeout" in status_reason or "MaxRuntimeExceeded" in status_reason:
        return "Timeout"
    if status_reason.startswith("Host EC2"):
        return "SpotReclaim"
    containers = list(_containers(event, attempts))
    reasons = [status_reason, *(_text(container.get("reason")) for container in containers)]
    if any(reason.startswith("OutOfMemoryError") for reason in reasons):
        return "OutOfMemory"
    if any("CannotPull" in reason for reason in reasons):
        return "ImagePull"
    if event["type"].startswith("Batch Service"):
        for text, name in _SAGEMAKER_REASONS:
            if text in status_reason:
                return name
    if status_reason.startswith("CAPACITY:") or "InsufficientInstanceCapacity" in status_reason:
        return "Capacity"
    return "ExitCode" if any(_is_failure(container.get("exitCode")) for container in containers) else "Other"


def blocked_reason(event: dict[str, Any]) -> str:
    """Return the reason why a queue is blocked: AWS's code in front of the explanation."""
    status_reason = _text(event.get("reason"))
    code = status_reason.partition(" - ")[0]
    # For codes without a colon, AWS documents only the start of the text.
    return next(
        (
            reason
            for reason in _BLOCKED_REASONS
            if code == reason or (":" not in reason and status_reason.startswith(reason))
        ),
        "Other",
    )


def _containers(event: dict[str, Any], attempts: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the container of the job and the containers of its last attempt, from all fields that AWS uses."""
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
