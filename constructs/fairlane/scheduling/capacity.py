"""Capacity of a training queue: a number of instances, or a number for each SageMaker instance type."""

import re
from collections.abc import Iterator, Mapping
from typing import Final, TypeAlias

from fairlane._internal.checks import check_whole_number
from fairlane._internal.tokens import is_token
from fairlane.errors import Path, Problem

NUM_INSTANCES: Final = "NUM_INSTANCES"
"""Capacity unit of a service environment that counts instances of any type."""

MAX_CAPACITY_LIMITS: Final = 5
"""Maximum number of capacity limits in a service environment or quota share (source: "Service quotas", Batch)."""

Capacity: TypeAlias = int | Mapping[str, int]
"""Number of instances of any type, or number of instances for each `ml.*` instance type."""

INSTANCE_TYPE: Final = re.compile(r"ml\.[a-z0-9-]+\.[a-z0-9]+")


def capacity_limits(capacity: Capacity) -> dict[str, int]:
    """Return a capacity in AWS's form: a number for each capacity unit."""
    return dict(capacity) if isinstance(capacity, Mapping) else {NUM_INSTANCES: capacity}


def is_instance_type(unit: object) -> bool:
    """Return True if a text has the form of a SageMaker instance type. The type may not exist."""
    return isinstance(unit, str) and INSTANCE_TYPE.fullmatch(unit) is not None


def check_instance_type(field: Path, unit: object) -> Iterator[Problem]:
    """Yield a problem unless a value has the form of a SageMaker instance type. A token passes."""
    if not is_token(unit) and not is_instance_type(unit):
        yield Problem(field, unit, "an ml.* instance type such as ml.p4d.24xlarge")


def check_limits(field: Path, limits: object) -> Iterator[Problem]:
    """Yield the problems of a quota share's capacity: 1 to 5 `ml.*` types, at least one instance of each."""
    if not isinstance(limits, Mapping):
        yield Problem(field, limits, "a mapping of ml.* instance types to numbers of instances")
        return
    if not 1 <= len(limits) <= MAX_CAPACITY_LIMITS:
        sentence = f"the capacity has {len(limits)} instance types: use 1 to {MAX_CAPACITY_LIMITS}"
        yield Problem.relation(field, sentence)
    for unit, number in limits.items():
        yield from check_instance_type((*field, str(unit)), unit)
        yield from check_whole_number((*field, str(unit)), number, 1, unit="instances")


def check_capacity(field: Path, capacity: object) -> Iterator[Problem]:
    """Yield the problems of a service environment's capacity: a number of instances, or 1 to 5 `ml.*` types."""
    if not isinstance(capacity, Mapping):
        yield from check_whole_number(field, capacity, 1, unit="instances")
        return
    typed = {unit: number for unit, number in capacity.items() if unit != NUM_INSTANCES}
    if len(typed) < len(capacity):
        yield from check_whole_number((*field, NUM_INSTANCES), capacity[NUM_INSTANCES], 1, unit="instances")
        if typed:
            units = " and ".join(map(str, capacity))
            yield Problem.relation(field, f"{units} cannot be combined: use {NUM_INSTANCES} or instance types")
    if typed or not capacity:
        yield from check_limits(field, typed)


def check_counts_instances(policy: str, capacity: Mapping[str, int]) -> Iterator[Problem]:
    """Yield a problem if a service environment counts instance types, as only quota management does."""
    if capacity and NUM_INSTANCES not in capacity:
        units = " and ".join(map(str, capacity))
        sentence = f"{policy} counts instances, not {units}: use a whole number of instances, or quota management"
        yield Problem.relation(("capacity",), sentence)
