"""How much there is to share: counts of instances, or counts of each SageMaker instance type."""

import re
from collections.abc import Iterator, Mapping
from typing import Final, TypeAlias

from fairlane._internal.checks import check_whole_number
from fairlane._internal.tokens import is_token
from fairlane.errors import Path, Problem

NUM_INSTANCES: Final = "NUM_INSTANCES"
"""AWS's unit for a service environment that counts instances, whatever their type."""

MAX_CAPACITY_LIMITS: Final = 5
"""Capacity limits in one service environment or quota share ("Service quotas", AWS Batch User Guide)."""

Capacity: TypeAlias = int | Mapping[str, int]
"""A number of instances of any type, or a number for each `ml.*` instance type."""

_INSTANCE_TYPE: Final = re.compile(r"ml\.[a-z0-9-]+\.[a-z0-9]+")


def capacity_limits(capacity: Capacity) -> dict[str, int]:
    """Writes a capacity as AWS does: a number for each capacity unit."""
    return dict(capacity) if isinstance(capacity, Mapping) else {NUM_INSTANCES: capacity}


def is_instance_type(unit: object) -> bool:
    """Tells whether a text has the form of a SageMaker instance type; its existence is another matter."""
    return isinstance(unit, str) and _INSTANCE_TYPE.fullmatch(unit) is not None


def check_instance_type(field: Path, unit: object) -> Iterator[Problem]:
    """Checks the form of a SageMaker instance type; a token passes."""
    if not is_token(unit) and not is_instance_type(unit):
        yield Problem(field, unit, "an ml.* instance type such as ml.p4d.24xlarge")


def check_limits(field: Path, limits: object) -> Iterator[Problem]:
    """Checks the capacity of a quota share: one to five `ml.*` types, at least one instance of each."""
    if not isinstance(limits, Mapping):
        yield Problem(field, limits, "a mapping of ml.* instance types to numbers of instances")
        return
    if not 1 <= len(limits) <= MAX_CAPACITY_LIMITS:
        yield Problem(field, f"{len(limits)} capacity units", f"1 to {MAX_CAPACITY_LIMITS} capacity units")
    for unit, number in limits.items():
        yield from check_instance_type((*field, str(unit)), unit)
        yield from check_whole_number((*field, str(unit)), number, 1, unit="instances")


def check_capacity(field: Path, capacity: object) -> Iterator[Problem]:
    """Checks the capacity of a service environment: a number of instances, or one to five `ml.*` types."""
    if not isinstance(capacity, Mapping):
        yield from check_whole_number(field, capacity, 1, unit="instances")
        return
    typed = {unit: number for unit, number in capacity.items() if unit != NUM_INSTANCES}
    if len(typed) < len(capacity):
        yield from check_whole_number((*field, NUM_INSTANCES), capacity[NUM_INSTANCES], 1, unit="instances")
        if typed:
            units = " and ".join(map(str, capacity))
            yield Problem(
                field, units, f"either {NUM_INSTANCES} or instance types, as one environment cannot have both"
            )
    if typed or not capacity:
        yield from check_limits(field, typed)


def check_counts_instances(policy: str, capacity: Mapping[str, int]) -> Iterator[Problem]:
    """Checks that an environment counts instances: only quota management counts instance types."""
    if capacity and NUM_INSTANCES not in capacity:
        yield Problem(
            ("capacity",),
            " and ".join(map(str, capacity)),
            f"a whole number of instances with {policy}: only QuotaManagement counts instances by type",
        )
