"""Hypothesis strategies for arguments of training queues that AWS accepts."""

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from fairlane import (
    FairShare,
    Fifo,
    JobAction,
    JobStateTimeLimitAction,
    QuotaManagement,
    QuotaShare,
    Sharing,
    State,
    TimeLimitReason,
)

NAMES = st.from_regex(r"[A-Za-z0-9_-]{1,128}", fullmatch=True)
STATES = st.sampled_from(State)
SERVICE_REASONS = [  # table of "Jobs stuck in RUNNABLE" in the user guide, for SageMaker queues
    TimeLimitReason("CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY"),
    TimeLimitReason("MISCONFIGURATION:SERVICE_ENVIRONMENT_MAX_RESOURCE"),
    TimeLimitReason("MISCONFIGURATION:QUOTA_MANAGEMENT_LIMIT_EXCEEDED"),
]
INSTANCE_TYPES = [
    "ml.p4d.24xlarge",
    "ml.p5.48xlarge",
    "ml.p6-b200.48xlarge",
    "ml.g5.xlarge",
    "ml.g6.12xlarge",
    "ml.c5.xlarge",
]
WEIGHTS = st.floats(0.0001, 999.9999) | st.integers(1, 999)


def _without_overlaps(identifiers: list[str]) -> list[str]:
    selected: list[str] = []
    for identifier in identifiers:
        overlaps = any(
            (other.endswith("*") and identifier.startswith(other[:-1]))
            or (identifier.endswith("*") and other.startswith(identifier[:-1]))
            for other in selected
        )
        if not overlaps:
            selected.append(identifier)
    return selected


IDENTIFIERS = st.lists(
    st.from_regex(r"[A-Za-z0-9_-]{1,254}[A-Za-z0-9_*-]?", fullmatch=True), min_size=1, max_size=30, unique=True
).map(_without_overlaps)


@st.composite
def fair_shares(draw: st.DrawFn) -> FairShare:
    identifiers = draw(IDENTIFIERS)
    options: dict[str, Any] = {
        "share_decay_seconds": draw(st.none() | st.integers(0, 604800)),
        "compute_reservation": draw(st.none() | st.integers(0, 99)),
    }
    if draw(st.booleans()):
        return FairShare({identifier: draw(WEIGHTS) for identifier in identifiers}, **options)
    proportions = st.floats(0.5, 400) | st.integers(1, 400)
    return FairShare.by_proportion({identifier: draw(proportions) for identifier in identifiers}, **options)


@st.composite
def quota_shares(draw: st.DrawFn, name: str, capacity: Mapping[str, int]) -> QuotaShare:
    units = draw(st.lists(st.sampled_from(list(capacity)), min_size=1, unique=True))
    sharing = draw(st.sampled_from(Sharing))
    return QuotaShare(
        name=name,
        capacity={unit: draw(st.integers(1, capacity[unit])) for unit in units},
        sharing=sharing,
        borrow_limit=draw(st.none() | st.integers(-1, 500)) if sharing is Sharing.LEND_AND_BORROW else None,
        in_share_preemption=draw(st.booleans()),
        state=draw(STATES),
    )


CAPACITIES = st.dictionaries(st.sampled_from(INSTANCE_TYPES), st.integers(1, 500), min_size=1, max_size=5)


@st.composite
def quota_managements(draw: st.DrawFn, capacity: Mapping[str, int]) -> QuotaManagement:
    names = draw(st.lists(NAMES, min_size=1, max_size=20, unique_by=str.lower))
    return QuotaManagement(*(draw(quota_shares(name, capacity)) for name in names))


TIME_LIMIT_ACTIONS = st.lists(
    st.builds(
        JobStateTimeLimitAction,
        reason=st.sampled_from(SERVICE_REASONS),
        max_time_seconds=st.integers(600, 86400),
        action=st.none() | st.just(JobAction.TERMINATE),
    ),
    max_size=3,
    unique_by=lambda action: action.reason,
)


@st.composite
def training_queues(draw: st.DrawFn, *policies: str) -> dict[str, Any]:
    """Keyword arguments of a `TrainingQueue` with its own service environment, for one of `policies` or for any policy."""
    scheduling: object
    capacity: int | dict[str, int]
    match draw(st.sampled_from(policies or ("fifo", "fair share", "quotas"))):
        case "fifo":
            scheduling, capacity = Fifo(), draw(st.integers(1, 1000))
        case "fair share":
            scheduling, capacity = draw(fair_shares()), draw(st.integers(1, 1000))
        case _:
            capacity = draw(CAPACITIES)
            scheduling = draw(quota_managements(capacity))
    return {
        "queue_name": draw(NAMES),
        "scheduling": scheduling,
        "capacity": capacity,
        "priority": draw(st.integers(0, 1000)),
        "state": draw(STATES),
        "time_limit_actions": draw(TIME_LIMIT_ACTIONS),
        "tags": draw(st.none() | st.dictionaries(st.sampled_from(["team", "cost-center"]), NAMES)),
    }
