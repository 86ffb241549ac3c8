"""The rules of AWS Batch for compute environments of GPU machines."""

import re
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Final

from fairlane._internal.checks import check_choice, check_flag, check_tags, check_text, check_whole_number
from fairlane._internal.tokens import is_token
from fairlane.capacity.lustre import LustreMount, lustre_problems
from fairlane.catalog import gpu_instance_type
from fairlane.catalog.gpu_catalog import check_gpu_instance_type
from fairlane.errors import Problem

MAX_COMPUTE_ENVIRONMENTS: Final = 3
"""Of one queue."""
MAX_JOB_EXECUTION_TIMEOUT_MINUTES: Final = 7200
MIN_ROOT_VOLUME_GIB: Final = 30
MAX_ROOT_VOLUME_GIB: Final = 16384
MAX_GPUS: Final = 100_000
MAX_MACHINE_TAGS: Final = 40
DEFAULT_ROOT_VOLUME_GIB: Final = 200
DEFAULT_JOB_EXECUTION_TIMEOUT_MINUTES: Final = 24 * 60

_RESERVATION_ID: Final = re.compile(r"cr-[0-9a-f]{8,17}")
_RESERVATION_GROUP: Final = re.compile(r"arn:[a-z-]+:resource-groups:[a-z0-9-]+:[0-9]{12}:group/[A-Za-z0-9._/-]+")


class Purchase(StrEnum):
    """How machines are bought."""

    ON_DEMAND = "ON_DEMAND"
    """As needed, or out of a capacity reservation."""
    SPOT = "SPOT"
    """Cheaper, and taken back by EC2 with two minutes' notice."""
    CAPACITY_BLOCK = "CAPACITY_BLOCK"
    """Reserved for a time that was paid for beforehand."""


class AllocationStrategy(StrEnum):
    """Which of its instance types Batch starts."""

    BEST_FIT = "BEST_FIT"
    BEST_FIT_PROGRESSIVE = "BEST_FIT_PROGRESSIVE"
    BEST_FIT_PROGRESSIVE_ORDERED = "BEST_FIT_PROGRESSIVE_ORDERED"
    SPOT_CAPACITY_OPTIMIZED = "SPOT_CAPACITY_OPTIMIZED"
    SPOT_CAPACITY_OPTIMIZED_PRIORITIZED = "SPOT_CAPACITY_OPTIMIZED_PRIORITIZED"
    SPOT_PRICE_CAPACITY_OPTIMIZED = "SPOT_PRICE_CAPACITY_OPTIMIZED"


_STRATEGIES: Final = {
    Purchase.ON_DEMAND: (AllocationStrategy.BEST_FIT_PROGRESSIVE, AllocationStrategy.BEST_FIT_PROGRESSIVE_ORDERED),
    Purchase.SPOT: (
        AllocationStrategy.SPOT_PRICE_CAPACITY_OPTIMIZED,
        AllocationStrategy.SPOT_CAPACITY_OPTIMIZED,
        AllocationStrategy.SPOT_CAPACITY_OPTIMIZED_PRIORITIZED,
    ),
    Purchase.CAPACITY_BLOCK: (AllocationStrategy.BEST_FIT,),
}


def default_strategy(purchase: Purchase) -> AllocationStrategy:
    """The strategy that suits a way of buying, and with which updates are in place where AWS allows any."""
    return _STRATEGIES[purchase][0]


def max_vcpus_for(max_gpus: int, instance_types: Sequence[str]) -> int:
    """The vCPUs with which there are never more GPUs than `max_gpus`, whichever of the types Batch starts."""
    machines = [machine for name in instance_types if (machine := gpu_instance_type(name))]
    least = min(machine.vcpus for machine in machines if machine.gpus <= max_gpus)
    return max(least, min(max_gpus * machine.vcpus // machine.gpus for machine in machines))


def gpu_capacity_problems(
    *,
    instance_types: Sequence[str],
    max_gpus: int | None,
    max_vcpus: int | None,
    purchase: Purchase,
    allocation_strategy: AllocationStrategy | None,
    efa: bool,
    capacity_reservation: str | None,
    root_volume_gib: int,
    job_execution_timeout_minutes: int,
    container_insights: bool,
    lustre: Sequence[LustreMount],
    update_to_latest_image_version: bool,
    tags: Mapping[str, str] | None,
) -> Iterator[Problem]:
    """Yields every mistake of a compute environment of GPU machines; arguments as for `GpuComputeEnvironment`."""
    yield from _instance_type_problems(instance_types, efa, purchase)
    yield from _size_problems(instance_types, max_gpus, max_vcpus)
    if is_token(purchase):
        yield Problem(("purchase",), purchase, "known at synth, as the template depends on it")
    yield from check_choice(("purchase",), purchase, Purchase)
    if allocation_strategy is not None and not is_token(allocation_strategy) and purchase in _STRATEGIES:
        allowed = _STRATEGIES[purchase]
        if allocation_strategy not in allowed:
            words = f"{' or '.join(allowed)} with {purchase}"
            yield Problem(("allocation_strategy",), allocation_strategy, words)
    if not isinstance(efa, bool):
        yield Problem(("efa",), efa, "True or False, known at synth")
    if efa is True and purchase == Purchase.SPOT:
        yield Problem(("efa",), efa, "False with SPOT: what needs EFA needs all of its machines at once")
    yield from _reservation_problems(purchase, capacity_reservation)
    yield from check_whole_number(
        ("root_volume_gib",), root_volume_gib, MIN_ROOT_VOLUME_GIB, MAX_ROOT_VOLUME_GIB, of="GiB"
    )
    yield from check_whole_number(
        ("job_execution_timeout_minutes",),
        job_execution_timeout_minutes,
        1,
        MAX_JOB_EXECUTION_TIMEOUT_MINUTES,
        of="minutes",
    )
    yield from check_flag(("container_insights",), container_insights)
    yield from lustre_problems(lustre)
    if not isinstance(update_to_latest_image_version, bool):
        known = "True or False, known at synth"
        yield Problem(("update_to_latest_image_version",), update_to_latest_image_version, known)
    yield from check_tags(tags)
    if isinstance(tags, Mapping) and len(tags) > MAX_MACHINE_TAGS:
        most = f"at most {MAX_MACHINE_TAGS}, as the CDK and AWS Batch add some, and EC2 takes 50"
        yield Problem(("tags",), f"{len(tags)} tags", most)


def _instance_type_problems(instance_types: Sequence[str], efa: bool, purchase: Purchase) -> Iterator[Problem]:
    if isinstance(instance_types, str) or not isinstance(instance_types, Sequence) or not instance_types:
        yield Problem(("instance_types",), instance_types, "a list of one or more instance types")
        return
    for index, name in enumerate(instance_types):
        yield from check_gpu_instance_type(("instance_types", index), name)
        machine = gpu_instance_type(name) if isinstance(name, str) else None
        if efa is True and (machine is None or not machine.efa_cards):
            yield Problem(("instance_types", index), name, "a machine that is known to have EFA, as efa is True")
        if machine and purchase == Purchase.CAPACITY_BLOCK and not machine.capacity_block:
            yield Problem(("instance_types", index), name, "a machine of which EC2 offers capacity blocks")
        if instance_types.index(name) < index:
            yield Problem(("instance_types", index), name, "each instance type once")
    only_one = "efa" if efa is True else "CAPACITY_BLOCK" if purchase == Purchase.CAPACITY_BLOCK else None
    if only_one and len(instance_types) > 1:
        got = ", ".join(map(str, instance_types))
        yield Problem(("instance_types",), got, f"one instance type with {only_one}, as its machines must be alike")


def _size_problems(instance_types: Sequence[str], max_gpus: int | None, max_vcpus: int | None) -> Iterator[Problem]:
    if (max_gpus is None) == (max_vcpus is None):
        got = None if max_gpus is None else "both max_gpus and max_vcpus"
        yield Problem(("max_gpus",), got, "either max_gpus or max_vcpus")
    listed = isinstance(instance_types, Sequence) and not isinstance(instance_types, str)
    usable = [name for name in instance_types if not any(check_gpu_instance_type((), name))] if listed else []
    machines = [gpu_instance_type(name) for name in usable]
    smallest = min((machine.gpus for machine in machines if machine and machine.gpus), default=1)
    if max_gpus is not None:
        if is_token(max_gpus) or None in machines:
            unknown = ", ".join(name for name in usable if gpu_instance_type(name) is None) or "the number"
            allowed = f"max_vcpus instead, as {unknown} is not known: check how it is written"
            yield Problem(("max_gpus",), max_gpus, allowed)
        else:
            yield from check_whole_number(("max_gpus",), max_gpus, smallest, MAX_GPUS, of="GPUs")
    if max_vcpus is not None:
        least = min((machine.vcpus for machine in machines if machine), default=1)
        yield from check_whole_number(("max_vcpus",), max_vcpus, least, of="vCPUs")


def _reservation_problems(purchase: Purchase, reservation: str | None) -> Iterator[Problem]:
    if reservation is None:
        if purchase == Purchase.CAPACITY_BLOCK:
            yield Problem(("capacity_reservation",), None, "the id of the capacity block, such as cr-0123456789abcdef0")
        return
    if purchase == Purchase.SPOT:
        yield Problem(("capacity_reservation",), reservation, "no reservation with SPOT")
    if purchase == Purchase.CAPACITY_BLOCK:
        allowed = "the id of a capacity block, as AWS takes none into a resource group"
        yield from check_text(("capacity_reservation",), reservation, _RESERVATION_ID.fullmatch, allowed)
        return
    allowed = "the id of a capacity reservation, or the ARN of a resource group of such"
    either = lambda text: _RESERVATION_ID.fullmatch(text) or _RESERVATION_GROUP.fullmatch(text)  # noqa: E731
    yield from check_text(("capacity_reservation",), reservation, either, allowed)
