"""Rules of AWS Batch for a SubmitServiceJob request."""

import json
import re
from collections import Counter
from dataclasses import dataclass
from typing import Any, Final

from fairlane.jobs.retries import MAX_ATTEMPTS, MAX_PATTERN, MAX_RULES
from fairlane_local.batch.errors import RequestError
from fairlane_local.batch.store import Request

MAX_PAYLOAD: Final = 10 * 1024
MAX_REQUEST: Final = 30 * 1024
_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,128}")
_SHARE: Final = re.compile(r"[A-Za-z0-9_-]{1,255}")
_MAX_PREFERENCES: Final = 5


@dataclass(frozen=True, slots=True)
class TrainingRequest:
    """Part of a CreateTrainingJob request that Batch reads.

    Attributes:
        choices: Instance types and the number of instances of each, in the order of preference. Other requests than
            `InstancePreferences` have one choice. An instance type is empty if the request has none.
        max_seconds: Maximum run time in seconds. None if the request has none.
    """

    choices: tuple[tuple[str, int], ...]
    max_seconds: int | None


def check_job_name(name: str) -> None:
    """Raise RequestError if a name of a job is invalid."""
    if not _NAME.fullmatch(name):
        raise RequestError("Job name should match valid pattern: ^[a-zA-Z0-9_-]{1,128}$")


def check_size(body: str) -> None:
    """Raise RequestError if a request is too large."""
    size = len(body.encode())
    if size > MAX_REQUEST:
        raise RequestError(f"Job size must be less than {MAX_REQUEST // 1024} KiB, got {size // 1024} KiB")


def check_share_identifier(name: str) -> None:
    """Raise RequestError if a share identifier is invalid."""
    if not _SHARE.fullmatch(name):
        raise RequestError("Share identifier should match valid pattern: ^[a-zA-Z0-9_-]{1,255}$")


def check_retries(strategy: Request) -> None:
    """Raise RequestError if the retry strategy of a service job is invalid.

    The API reference allows `*` only at the end of a pattern. AWS's examples have it at the start, too.
    """
    rules = strategy.get("evaluateOnExit", [])
    if strategy and not 1 <= strategy["attempts"] <= MAX_ATTEMPTS:
        raise RequestError(f"Retry attempts must be between 1 and {MAX_ATTEMPTS}.")
    if len(rules) > MAX_RULES:
        raise RequestError(f"Number of evaluateOnExit rules exceeds {MAX_RULES}.")
    for rule in rules:
        if rule.get("action", "").upper() not in ("RETRY", "EXIT"):
            raise RequestError("Action of evaluateOnExit must be RETRY or EXIT.")
        if not 1 <= len(rule.get("onStatusReason", "")) <= MAX_PATTERN:
            raise RequestError(f"A rule of evaluateOnExit must have onStatusReason, 1 to {MAX_PATTERN} characters.")


def read_training_request(payload: str) -> TrainingRequest:
    """Return what Batch reads of the payload of a service job.

    AWS does not document how it counts `InstanceGroups` and `InstancePreferences`. Here, the groups of a job count
    together. A job with preferences counts as its first preference, even if it runs on another instance type because
    of a shortage.

    Raises:
        RequestError: If the payload is not a JSON object with instances.
    """
    if len(payload.encode()) > MAX_PAYLOAD:
        raise RequestError(f"Service request payload must be at most {MAX_PAYLOAD // 1024} KiB.")
    try:
        request = json.loads(payload)
    except ValueError:
        raise RequestError("Service request payload is not valid JSON.") from None
    if not isinstance(request, dict) or not isinstance(request.get("ResourceConfig"), dict):
        raise RequestError("Service request payload must have ResourceConfig.")
    stopping = request.get("StoppingCondition")
    seconds = stopping.get("MaxRuntimeInSeconds") if isinstance(stopping, dict) else None
    return TrainingRequest(_choices(request["ResourceConfig"]), seconds if isinstance(seconds, int) else None)


def _choices(config: dict[str, Any]) -> tuple[tuple[str, int], ...]:
    default_count = config.get("InstanceCount")
    preferences = config.get("InstancePreferences")
    groups = config.get("InstanceGroups")
    if preferences:
        if not isinstance(preferences, list) or len(preferences) > _MAX_PREFERENCES:
            raise RequestError(f"InstancePreferences must have 1 to {_MAX_PREFERENCES} instance types.")
        return tuple(
            (str(choice.get("InstanceType", "")), _count(choice.get("InstanceCount", default_count)))
            for choice in preferences
        )
    if groups:
        counts: Counter[str] = Counter()
        for group in groups:
            counts[str(group.get("InstanceType", ""))] += _count(group.get("InstanceCount"))
        if len(counts) > 1:
            return (("", counts.total()),)
        return tuple(counts.items())
    return ((str(config.get("InstanceType", "")), _count(default_count)),)


def _count(got: object) -> int:
    if not isinstance(got, int) or isinstance(got, bool) or got < 1:
        raise RequestError("InstanceCount of ResourceConfig must be at least 1.")
    return got
