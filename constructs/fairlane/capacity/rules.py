"""The rules of AWS Batch for compute environments of GPU machines."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from fairlane._internal.checks import check_choice, check_flag, check_tags, check_text, check_whole_number
from fairlane._internal.tokens import is_token
from fairlane.capacity.efa_rules import efa_environment_problems
from fairlane.capacity.lustre import LustreMount, lustre_problems
from fairlane.catalog import gpu_instance_type
from fairlane.catalog.gpu_catalog import check_gpu_instance_type
from fairlane.errors import Problem

MAX_JOB_EXECUTION_TIMEOUT_MINUTES: Final = 7200
MIN_ROOT_VOLUME_GIB: Final = 30
MAX_ROOT_VOLUME_GIB: Final = 16384
MAX_GPUS: Final = 100_000
MAX_MACHINE_TAGS: Final = 40

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


@dataclass(frozen=True, slots=True, kw_only=True)
class ComputeEnvironmentSpec:
    """GPU instances that AWS Batch starts when jobs wait and stops when none run.

    Args:
        instance_types: EC2 instance types with NVIDIA GPUs, all of one architecture; one only with EFA or a capacity
            block.
        max_gpus: Most GPUs at a time; Batch may exceed it by one instance. At least those of the smallest instance.
        max_vcpus: Most vCPUs at a time. Replaces `max_gpus`.
        purchase: ON_DEMAND, SPOT or CAPACITY_BLOCK.
        allocation_strategy: Instance types that Batch starts first. Default: BEST_FIT_PROGRESSIVE on demand,
            SPOT_PRICE_CAPACITY_OPTIMIZED for Spot, and BEST_FIT, the only one, for a capacity block.
        efa: Joins the instances by Elastic Fabric Adapter, for multi-node jobs.
        capacity_reservation: Id of a capacity reservation or block, or ARN of a resource group of reservations.
        root_volume_gib: Size of each instance's root volume, 30 to 16,384 GiB.
        job_execution_timeout_minutes: Minutes that jobs may go on while an update replaces instances, 1 to 7,200.
        container_insights: Has CloudWatch gather Container Insights, which are billed.
        lustre: FSx for Lustre file systems that each instance mounts.
        update_to_latest_image_version: Has an update bring AWS's newest machine image; then changes of sizes start new
            instances, too.
        tags: At most 40, for instances and volumes.
    """

    instance_types: Sequence[str]
    max_gpus: int | None = None
    max_vcpus: int | None = None
    purchase: Purchase = Purchase.ON_DEMAND
    allocation_strategy: AllocationStrategy | None = None
    efa: bool = False
    capacity_reservation: str | None = None
    root_volume_gib: int = 200
    job_execution_timeout_minutes: int = 24 * 60
    container_insights: bool = True
    lustre: Sequence[LustreMount] = ()
    update_to_latest_image_version: bool = False
    tags: Mapping[str, str] | None = None

    @property
    def strategy(self) -> AllocationStrategy:
        """Return the allocation strategy; by default one with which AWS updates the environment in place."""
        return self.allocation_strategy or _STRATEGIES[self.purchase][0]

    @property
    def vcpus(self) -> int:
        """Return the most vCPUs at a time: so many that there are never more GPUs than `max_gpus`."""
        if self.max_vcpus:
            return self.max_vcpus
        most = self.max_gpus or 0
        instances = [instance for name in self.instance_types if (instance := gpu_instance_type(name))]
        least = min(instance.vcpus for instance in instances if instance.gpus <= most)
        return max(least, min(most * instance.vcpus // instance.gpus for instance in instances))

    def problems(self) -> Iterator[Problem]:
        """Yield every value that AWS would refuse, and every instance type that could run no GPU job."""
        yield from _instance_type_problems(self.instance_types, self.efa, self.purchase)
        yield from _size_problems(self.instance_types, self.max_gpus, self.max_vcpus)
        if is_token(self.purchase):
            yield Problem(("purchase",), self.purchase, "known at synth, as the template depends on it")
        yield from check_choice(("purchase",), self.purchase, Purchase)
        if (
            self.allocation_strategy is not None
            and not is_token(self.allocation_strategy)
            and self.purchase in _STRATEGIES
        ):
            allowed = _STRATEGIES[self.purchase]
            if self.allocation_strategy not in allowed:
                words = f"{' or '.join(allowed)} with {self.purchase}"
                yield Problem(("allocation_strategy",), self.allocation_strategy, words)
        types = self.instance_types if _is_list(self.instance_types) else ()
        yield from efa_environment_problems(types, self.efa, spot=self.purchase == Purchase.SPOT)
        yield from _reservation_problems(self.purchase, self.capacity_reservation)
        yield from check_whole_number(
            ("root_volume_gib",), self.root_volume_gib, MIN_ROOT_VOLUME_GIB, MAX_ROOT_VOLUME_GIB, unit="GiB"
        )
        yield from check_whole_number(
            ("job_execution_timeout_minutes",),
            self.job_execution_timeout_minutes,
            1,
            MAX_JOB_EXECUTION_TIMEOUT_MINUTES,
            unit="minutes",
        )
        yield from check_flag(("container_insights",), self.container_insights)
        yield from lustre_problems(self.lustre)
        if not isinstance(self.update_to_latest_image_version, bool):
            known = "True or False, known at synth"
            yield Problem(("update_to_latest_image_version",), self.update_to_latest_image_version, known)
        yield from check_tags(self.tags)
        if isinstance(self.tags, Mapping) and len(self.tags) > MAX_MACHINE_TAGS:
            most = f"at most {MAX_MACHINE_TAGS}, as the CDK and AWS Batch add some, and EC2 takes 50"
            yield Problem(("tags",), f"{len(self.tags)} tags", most)


def _is_list(instance_types: object) -> bool:
    return isinstance(instance_types, Sequence) and not isinstance(instance_types, str)


def _instance_type_problems(instance_types: Sequence[str], efa: bool, purchase: Purchase) -> Iterator[Problem]:
    if not _is_list(instance_types) or not instance_types:
        yield Problem(("instance_types",), instance_types, "a list of one or more instance types")
        return
    for index, name in enumerate(instance_types):
        yield from check_gpu_instance_type(("instance_types", index), name)
        machine = gpu_instance_type(name) if isinstance(name, str) else None
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
    listed = instance_types if _is_list(instance_types) else ()
    usable = [name for name in listed if not any(check_gpu_instance_type((), name))]
    machines = [gpu_instance_type(name) for name in usable]
    smallest = min((machine.gpus for machine in machines if machine and machine.gpus), default=1)
    if max_gpus is not None:
        if is_token(max_gpus) or None in machines:
            unknown = ", ".join(name for name in usable if gpu_instance_type(name) is None) or "the number"
            allowed = f"max_vcpus instead, as {unknown} is not known: check how it is written"
            yield Problem(("max_gpus",), max_gpus, allowed)
        else:
            yield from check_whole_number(("max_gpus",), max_gpus, smallest, MAX_GPUS, unit="GPUs")
    if max_vcpus is not None:
        least = min((machine.vcpus for machine in machines if machine), default=1)
        yield from check_whole_number(("max_vcpus",), max_vcpus, least, unit="vCPUs")


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
