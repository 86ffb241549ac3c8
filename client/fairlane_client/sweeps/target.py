"""Target of a sweep: the queue of its jobs and their SubmitJob or SubmitServiceJob parameters."""

from collections.abc import Iterator, Mapping
from typing import Any

from fairlane.errors import Problem
from fairlane_client.sweeps.space import RESERVED


def target_problems(target: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield the mistakes of a target."""
    is_service = target["payload"] is not None
    if is_service and not isinstance(target["payload"], Mapping):
        yield Problem(("payload",), target["payload"], "a CreateTrainingJob request")
    if not target["queue"]:
        yield Problem(("queue",), target["queue"] or None, "the name of a queue")
    if is_service == (target["job_definition"] is not None):
        sentence = (
            "a queue on EC2 requires job_definition, a queue for training jobs requires payload: give one of both"
        )
        yield Problem.relation(("job_definition",), sentence)
    if is_service and target["share_identifier"] and target["quota_share"]:
        yield Problem.relation(("quota_share",), "mutually exclusive with share_identifier")
    if not is_service and target["quota_share"]:
        yield Problem.relation(("quota_share",), "only queues for training jobs have quota shares")
    for name in ("depends_on", "environment"):
        if is_service and target[name]:
            yield Problem.relation((name,), "requires job_definition")
    for name, value in target["environment"].items():
        if not isinstance(value, str):
            yield Problem(("environment", name), value, "text")
        elif name.startswith(RESERVED):
            yield Problem(("environment",), name, f"names that do not start with {' or '.join(RESERVED)}")
    for name, low, high in (("priority", 0, 9999), ("attempts", 1, 10)):
        value = target[name]
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high):
            yield Problem((name,), value, f"a whole number, {low} to {high:,}")


def array_request(target: Mapping[str, Any]) -> dict[str, Any]:
    """Return the SubmitJob parameters of a target."""
    depends_on = target["depends_on"]
    return _present(
        jobQueue=target["queue"],
        jobDefinition=target["job_definition"],
        shareIdentifier=target["share_identifier"],
        schedulingPriorityOverride=target["priority"],
        retryStrategy=_retries(target),
        dependsOn=[{"jobId": depends_on}] if depends_on else None,
    )


def service_request(target: Mapping[str, Any]) -> dict[str, Any]:
    """Return the SubmitServiceJob parameters of a target."""
    return _present(
        jobQueue=target["queue"],
        shareIdentifier=target["share_identifier"],
        quotaShareName=target["quota_share"],
        schedulingPriority=target["priority"],
        retryStrategy=_retries(target),
    )


def _retries(target: Mapping[str, Any]) -> dict[str, int] | None:
    return None if target["attempts"] is None else {"attempts": target["attempts"]}


def _present(**parameters: Any) -> dict[str, Any]:
    return {name: value for name, value in parameters.items() if value is not None}
