"""Rules of AWS Batch for a SubmitServiceJob request."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from fairlane.errors import Path, Problem
from fairlane_client.checks.request_rules import (
    Refusal,
    Request,
    name_refusals,
    priority_refusals,
    service_retry_refusals,
    size_refusals,
    timeout_refusals,
)

PAYLOAD: Final = "serviceRequestPayload"
MAX_PAYLOAD: Final = 10 * 1024
_MAX_PREFERENCES: Final = 5
_RESOURCES: Final = "ResourceConfig"
_COUNT: Final = "InstanceCount"
_BAD_COUNT: Final = "InstanceCount of ResourceConfig must be at least 1."


@dataclass(frozen=True, slots=True)
class TrainingRequest:
    """Part of a CreateTrainingJob request that AWS Batch reads.

    Attributes:
        choices: Instance types and the number of instances of each, in the order of preference. Other requests than
            `InstancePreferences` have one choice. An instance type is empty if the request has none.
        max_seconds: Maximum run time in seconds. None if the request has none.
    """

    choices: tuple[tuple[str, int], ...]
    max_seconds: int | None


def service_job_refusals(request: Request) -> Iterator[Refusal]:
    """Yield the mistakes of a request of SubmitServiceJob that do not depend on its queue.

    Args:
        request: Request whose members have the types of the API.
    """
    yield from size_refusals(json.dumps(request))
    yield from name_refusals(request.get("jobName", "?"))
    yield from payload_refusals(request.get(PAYLOAD))
    yield from priority_refusals(request.get("schedulingPriority"))
    yield from service_retry_refusals(request.get("retryStrategy", {}))
    yield from timeout_refusals(request.get("timeoutConfig", {}), "timeoutConfig")
    field = ("preemptionConfiguration", "preemptionRetriesBeforeTermination")
    preemptions = request.get(field[0], {}).get(field[1])
    if preemptions is not None and preemptions < 0:
        message = "preemptionRetriesBeforeTermination must be at least 0."
        yield Refusal(Problem(field, preemptions, "a whole number, 0 or more"), message)


def payload_refusals(payload: str | None) -> Iterator[Refusal]:
    """Yield the mistakes of a payload that AWS Batch reads. SageMaker checks the rest when the job starts."""
    if payload is None:
        return
    size = len(payload.encode())
    if size > MAX_PAYLOAD:
        limit = MAX_PAYLOAD // 1024
        sentence = (
            f"the payload has {size:,} bytes and AWS Batch accepts {MAX_PAYLOAD:,} ({limit} KiB): move hyperparameters "
            "and environment variables to a file in S3"
        )
        problem = Problem.relation((PAYLOAD,), sentence)
        yield Refusal(problem, f"Service request payload must be at most {limit} KiB.")
    try:
        training = json.loads(payload)
    except ValueError as error:
        problem = Problem.relation((PAYLOAD,), f"no valid JSON: {error}; make the text with json.dumps")
        yield Refusal(problem, "Service request payload is not valid JSON.")
        return
    if not isinstance(training, dict) or not isinstance(training.get(_RESOURCES), dict):
        got = training.get(_RESOURCES) if isinstance(training, dict) else None
        problem = Problem((PAYLOAD, _RESOURCES), got, "an object with InstanceType and InstanceCount")
        yield Refusal(problem, "Service request payload must have ResourceConfig.")
        return
    for refusal in _resource_refusals(training[_RESOURCES]):
        yield refusal.within(PAYLOAD, _RESOURCES)


def read_training_request(payload: str) -> TrainingRequest:
    """Return what AWS Batch reads of the payload of a service job.

    AWS does not document how it counts `InstanceGroups` and `InstancePreferences`. Here, the groups of a job count
    together. A job with preferences counts as its first preference, even if it runs on another instance type because
    of a shortage.

    Args:
        payload: Payload without mistakes of `payload_refusals`.
    """
    training = json.loads(payload)
    stopping = training.get("StoppingCondition")
    seconds = stopping.get("MaxRuntimeInSeconds") if isinstance(stopping, dict) else None
    return TrainingRequest(_choices(training[_RESOURCES]), seconds if isinstance(seconds, int) else None)


def _choices(config: dict[str, Any]) -> tuple[tuple[str, int], ...]:
    if preferences := config.get("InstancePreferences"):
        return tuple(
            (str(choice.get("InstanceType", "")), choice.get(_COUNT, config.get(_COUNT))) for choice in preferences
        )
    if groups := config.get("InstanceGroups"):
        counts: Counter[str] = Counter()
        for group in groups:
            counts[str(group.get("InstanceType", ""))] += group[_COUNT]
        return (("", counts.total()),) if len(counts) > 1 else tuple(counts.items())
    return ((str(config.get("InstanceType", "")), config[_COUNT]),)


def _resource_refusals(config: dict[str, Any]) -> Iterator[Refusal]:
    preferences, groups = config.get("InstancePreferences"), config.get("InstanceGroups")
    if preferences:
        yield from _list_refusals("InstancePreferences", preferences, _MAX_PREFERENCES)
        for index, choice in enumerate(preferences if isinstance(preferences, list) else ()):
            if isinstance(choice, dict):
                yield from _count_refusals(
                    ("InstancePreferences", index, _COUNT), choice.get(_COUNT, config.get(_COUNT))
                )
    elif groups:
        yield from _list_refusals("InstanceGroups", groups, None)
        for index, group in enumerate(groups if isinstance(groups, list) else ()):
            if isinstance(group, dict):
                yield from _count_refusals(("InstanceGroups", index, _COUNT), group.get(_COUNT))
    else:
        yield from _count_refusals((_COUNT,), config.get(_COUNT))


def _list_refusals(name: str, items: object, most: int | None) -> Iterator[Refusal]:
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        yield Refusal(Problem((name,), items, "a list of instance types"), f"{name} must be a list.")
    elif most is not None and len(items) > most:
        sentence = f"{len(items)} instance types are too many: use 1 to {most}"
        yield Refusal(Problem.relation((name,), sentence), f"{name} must have 1 to {most} instance types.")


def _count_refusals(field: Path, got: object) -> Iterator[Refusal]:
    if not isinstance(got, int) or isinstance(got, bool) or got < 1:
        yield Refusal(Problem(field, got, "a whole number of instances, 1 or more"), _BAD_COUNT)
