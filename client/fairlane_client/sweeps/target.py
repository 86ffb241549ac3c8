"""Target of a sweep: the queue of its jobs and their SubmitJob or SubmitServiceJob parameters."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from fairlane.errors import Problem
from fairlane_client.sweeps.space import NAME, RESERVED
from fairlane_client.sweeps.stop_rules import check_whole

_TEXTS: Final[Mapping[str, str]] = {
    "queue": "the name of a queue",
    "job_definition": "the name of a job definition",
    "share_identifier": "a share of the queue",
    "quota_share": "a quota share of the queue",
    "depends_on": "the ID of a job",
}


def target_problems(target: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield the mistakes of a target."""
    is_service = target["payload"] is not None
    if is_service and not isinstance(target["payload"], Mapping):
        yield Problem(("payload",), target["payload"], "a CreateTrainingJob request")
    for name, noun in _TEXTS.items():
        if target[name] is not None and not isinstance(target[name], str):
            yield Problem((name,), target[name], noun)
        elif target[name] == "" or (name == "queue" and target[name] is None):
            yield Problem((name,), None, noun)
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
    yield from _environment_problems(target["environment"])
    for name, low, high in (("priority", 0, 9999), ("attempts", 1, 10)):
        if target[name] is not None:
            yield from check_whole(name, target[name], low, high)


def _environment_problems(environment: object) -> Iterator[Problem]:
    """Yield the mistakes of environment variables. Texts are not shown, because they can be secrets."""
    if not isinstance(environment, Mapping):
        yield Problem(("environment",), type(environment).__name__, "a mapping with names and texts")
        return
    for name, value in environment.items():
        if not isinstance(name, str) or not NAME.fullmatch(name):
            yield Problem(("environment",), name, "names of letters, digits and underscores")
        elif name.startswith(RESERVED):
            yield Problem(("environment",), name, f"names that do not start with {' or '.join(RESERVED)}")
        if not isinstance(value, str):
            yield Problem(("environment", str(name)), value, "text")


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
