"""Rules of SageMaker for a CreateTrainingJob request that botocore's model does not have.

Source: descriptions of `ResourceConfig`, `InstancePreference` and `CreateTrainingJob` in the SageMaker API, and
"SageMaker managed warm pools" in the developer guide. Unverified: that SageMaker refuses `MaxWaitTimeInSeconds` without
managed Spot training, and `InstanceCount` beside `InstanceGroups`. Their problems say so.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

from fairlane.errors import Problem
from fairlane_client.checks.request_rules import Request

_PREFERENCES: Final = "InstancePreferences"
_CONFIG: Final = "ResourceConfig"
_WAIT: Final = ("StoppingCondition", "MaxWaitTimeInSeconds")
_UNVERIFIED: Final = " (unverified: AWS documents no refusal)"


def training_problems(training: Request) -> Iterator[Problem]:
    """Yield the values of a CreateTrainingJob request that exclude or require each other.

    Args:
        training: Request whose members have the types of the API.
    """
    config = training.get(_CONFIG, {})
    is_spot = bool(training.get("EnableManagedSpotTraining"))
    for problem in (*_choice_problems(config), *_preference_problems(config, is_spot=is_spot)):
        yield problem.within(_CONFIG)
    if config.get("KeepAlivePeriodInSeconds") and (is_spot or config.get("InstanceGroups")):
        other = "EnableManagedSpotTraining" if is_spot else "InstanceGroups"
        sentence = f"warm pools exclude {other}: leave one out"
        yield Problem.relation((_CONFIG, "KeepAlivePeriodInSeconds"), sentence)
    stopping = training.get("StoppingCondition", {})
    longest, wait = stopping.get("MaxRuntimeInSeconds", 86_400), stopping.get(_WAIT[1])
    if is_spot and (wait is None or wait < longest):
        yield Problem(_WAIT, wait, f"a number of seconds, {longest:,} or more: the run time and the wait for Spot")
    elif wait is not None and not is_spot:
        sentence = "only for managed Spot training: leave it out, or set EnableManagedSpotTraining"
        yield Problem.relation(_WAIT, f"{sentence}{_UNVERIFIED}")


def _choice_problems(config: Request) -> Iterator[Problem]:
    """Yield a problem unless one of `InstanceType`, `InstanceGroups` and `InstancePreferences` is given."""
    given = [name for name in ("InstanceType", "InstanceGroups", _PREFERENCES) if config.get(name)]
    if not given:
        yield Problem(("InstanceType",), None, f"an instance type, or InstanceGroups or {_PREFERENCES}")
    for name in given[1:]:
        yield Problem.relation((name,), f"excludes {given[0]}: leave one out")
    if "InstanceGroups" in given and config.get("InstanceCount") is not None:
        sentence = "each of InstanceGroups has its own InstanceCount: leave it out"
        yield Problem.relation(("InstanceCount",), f"{sentence}{_UNVERIFIED}")


def _preference_problems(config: Request, *, is_spot: bool) -> Iterator[Problem]:
    preferences: list[Any] = config.get(_PREFERENCES) or []
    if not preferences:
        return
    if is_spot:
        yield Problem.relation((_PREFERENCES,), "excludes EnableManagedSpotTraining: leave one out")
    if config.get("InstancePlacementConfig"):
        yield Problem.relation((_PREFERENCES,), "excludes InstancePlacementConfig: leave one out")
    types = Counter(preference.get("InstanceType") for preference in preferences)
    has_plans = False
    for index, preference in enumerate(preferences):
        instance_type = preference.get("InstanceType")
        if types[instance_type] > 1:
            types[instance_type] = 0
            sentence = f"{instance_type} is listed twice: list each instance type once"
            yield Problem.relation((_PREFERENCES, index, "InstanceType"), sentence)
        has_plans |= bool(preference.get("TrainingPlanArns"))
    if has_plans and config.get("TrainingPlanArn"):
        sentence = "excludes TrainingPlanArns of the preferences: leave one out"
        yield Problem.relation(("TrainingPlanArn",), sentence)
    counted = [index for index, preference in enumerate(preferences) if preference.get("InstanceCount") is not None]
    if config.get("InstanceCount") is not None and counted:
        sentence = "excludes InstanceCount of the preferences: use one count for the job, or one for each preference"
        yield Problem.relation(("InstanceCount",), sentence)
    elif counted and len(counted) < len(preferences):
        first = next(index for index in range(len(preferences)) if index not in counted)
        allowed = "a whole number of instances, because other preferences have one: use one for each, or none"
        yield Problem((_PREFERENCES, first, "InstanceCount"), None, allowed)
