"""Rules of AWS Batch for compute environments of GPU instances. Imports no aws_cdk."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from fairlane._internal.checks import (
    alternatives,
    check_choice,
    check_flag,
    check_tags,
    check_text,
    check_whole_number,
)
from fairlane._internal.tokens import is_token
from fairlane.capacity.efa_rules import efa_environment_problems
from fairlane.capacity.lustre import LustreMount, lustre_problems
from fairlane.catalog import gpu_instance_type
from fairlane.catalog.gpu_catalog import check_gpu_instance_type
from fairlane.errors import Advice, Problem

MAX_JOB_EXECUTION_TIMEOUT_MINUTES: Final = 7200
MIN_ROOT_VOLUME_GIB: Final = 30
MAX_ROOT_VOLUME_GIB: Final = 16384
MAX_GPUS: Final = 100_000
MAX_INSTANCE_TAGS: Final = 40

_RESERVATION_ID: Final = re.compile(r"cr-[0-9a-f]{8,17}")
_RESERVATION_GROUP: Final = re.compile(r"arn:[a-z-]+:resource-groups:[a-z0-9-]+:[0-9]{12}:group/[A-Za-z0-9._/-]+")


class Purchase(StrEnum):
    """Purchase option of instances."""

    ON_DEMAND = "ON_DEMAND"
    """On-Demand Instances, with or without a capacity reservation."""
    SPOT = "SPOT"
    """Spot Instances, which are cheaper. EC2 can reclaim them with two minutes' notice."""
    CAPACITY_BLOCK = "CAPACITY_BLOCK"
    """Instances of a capacity block, reserved and paid in advance for a period."""


class AllocationStrategy(StrEnum):
    """Strategy by which AWS Batch chooses among the instance types of a compute environment."""

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
        instance_types: EC2 instance types with NVIDIA GPUs, one or more, all of the same architecture. With EFA or a
            capacity block, exactly one.
        max_gpus: Maximum number of GPUs at a time, at least the GPUs of the smallest instance type, at most 100,000.
            AWS Batch may exceed it by one instance. Either `max_gpus` or `max_vcpus` is required.
        max_vcpus: Maximum number of vCPUs at a time, at least the vCPUs of the smallest instance type. Replaces
            `max_gpus`. Default: derived from `max_gpus`.
        min_gpus: Number of GPUs that run at all times, also without jobs, in whole instances, at most `max_gpus`. AWS
            bills them. Requires instance types in Fairlane's catalog. Default: 0.
        purchase: Purchase option of the instances: ON_DEMAND, SPOT or CAPACITY_BLOCK. Default: ON_DEMAND.
        allocation_strategy: Strategy by which AWS Batch chooses among the instance types. Default: BEST_FIT_PROGRESSIVE
            for ON_DEMAND, SPOT_PRICE_CAPACITY_OPTIMIZED for SPOT, and BEST_FIT, the only choice, for CAPACITY_BLOCK.
        efa: True to connect the instances by Elastic Fabric Adapter (EFA), for multi-node jobs. Default: False.
        capacity_reservation: ID of a capacity reservation or a capacity block, or ARN of a resource group of capacity
            reservations. Required for CAPACITY_BLOCK. Default: none.
        root_volume_gib: Size of each instance's root volume in GiB, 30 to 16,384. Images need space there.
            Default: 200.
        job_execution_timeout_minutes: Number of minutes that jobs may continue while an update replaces their
            instances, 1 to 7,200. Default: 1,440 (one day).
        container_insights: True to collect CloudWatch Container Insights, which AWS bills as custom metrics.
            Default: True.
        lustre: FSx for Lustre file systems that each instance mounts, at most 10. Default: none.
        update_to_latest_image_version: True if updates bring AWS's newest Amazon Machine Image (AMI) to the instances.
            While True, changes of `max_gpus` or `max_vcpus` also start new instances. Default: False.
        tags: Tags of the instances and their volumes, at most 40. Default: none.
    """

    instance_types: Sequence[str]
    max_gpus: int | None = None
    max_vcpus: int | None = None
    min_gpus: int = 0
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
        """Allocation strategy. The default lets AWS update the environment in place, except for capacity blocks."""
        return self.allocation_strategy or _STRATEGIES[self.purchase][0]

    @property
    def vcpus(self) -> int:
        """Maximum number of vCPUs at a time, at which the number of GPUs never exceeds `max_gpus`."""
        if self.max_vcpus:
            return self.max_vcpus
        max_gpus = self.max_gpus or 0
        instances = [instance for name in self.instance_types if (instance := gpu_instance_type(name))]
        smallest = min(instance.vcpus for instance in instances if instance.gpus <= max_gpus)
        return max(smallest, min(max_gpus * instance.vcpus // instance.gpus for instance in instances))

    @property
    def min_vcpus(self) -> int:
        """Number of vCPUs that run at all times, with which the number of GPUs is at least `min_gpus`."""
        instances = [instance for name in self.instance_types if (instance := gpu_instance_type(name))]
        return max((self.min_gpus * instance.vcpus // instance.gpus for instance in instances), default=0)

    def advice(self) -> Iterator[Advice]:
        """Yield advice for instances that run without jobs and are not certain."""
        if self.min_gpus and self.purchase != Purchase.ON_DEMAND:
            reason = "EC2 can reclaim them" if self.purchase == Purchase.SPOT else "they run only in its period"
            yield Advice(
                "fairlane:GpuComputeEnvironment.minGpus",
                f"AWS bills {self.min_gpus} GPUs of {self.purchase} at all times, also without jobs, but {reason}: use "
                "ON_DEMAND, or set min_gpus to 0",
            )

    def problems(self) -> Iterator[Problem]:
        """Yield the values that AWS would refuse, and the instance types that cannot run GPU jobs."""
        yield from _instance_type_problems(self.instance_types, self.efa, self.purchase)
        size_problems = list(_size_problems(self.instance_types, self.max_gpus, self.max_vcpus))
        yield from size_problems
        yield from self._min_gpus_problems(valid_size=not size_problems)
        if is_token(self.purchase):
            yield Problem(("purchase",), self.purchase, f"{alternatives(list(Purchase))}, known at synth")
        yield from check_choice(("purchase",), self.purchase, Purchase)
        if (
            self.allocation_strategy is not None
            and not is_token(self.allocation_strategy)
            and self.purchase in _STRATEGIES
        ):
            allowed = _STRATEGIES[self.purchase]
            if self.allocation_strategy not in allowed:
                words = f"{alternatives(allowed)} with {self.purchase}"
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
            allowed = "True or False, known at synth"
            yield Problem(("update_to_latest_image_version",), self.update_to_latest_image_version, allowed)
        yield from check_tags(self.tags)
        if isinstance(self.tags, Mapping) and len(self.tags) > MAX_INSTANCE_TAGS:
            sentence = (
                f"{len(self.tags)} tags are too many: use at most {MAX_INSTANCE_TAGS}, because the CDK and AWS Batch "
                "add their own tags, and EC2 allows 50"
            )
            yield Problem.relation(("tags",), sentence)

    def _min_gpus_problems(self, *, valid_size: bool) -> Iterator[Problem]:
        field = ("min_gpus",)
        if self.min_gpus == 0 and not isinstance(self.min_gpus, bool):
            return
        if is_token(self.min_gpus):
            yield Problem(field, self.min_gpus, "a whole number of GPUs, known at synth")
            return
        range_problems = list(check_whole_number(field, self.min_gpus, 0, MAX_GPUS, unit="GPUs"))
        yield from range_problems
        if range_problems or not valid_size:
            return
        instances = [gpu_instance_type(name) for name in self.instance_types]
        known = [instance for instance in instances if instance]
        if len(known) < len(instances):
            sentence = "min_gpus requires instance types in Fairlane's catalog: check the spelling, or remove min_gpus"
            yield Problem.relation(field, sentence)
            return
        smallest = min(instance.gpus for instance in known)
        if self.min_gpus % smallest:
            allowed = f"a multiple of {smallest}, the number of GPUs of the smallest instance type"
            yield Problem(field, self.min_gpus, allowed)
        elif self.max_gpus is not None and self.min_gpus > self.max_gpus:
            yield Problem(field, self.min_gpus, f"at most max_gpus, which is {self.max_gpus}")
        elif not is_token(self.vcpus) and self.min_vcpus > self.vcpus:
            sentence = (
                f"{self.min_gpus} GPUs can have {self.min_vcpus} vCPUs, but the environment has at most {self.vcpus}: "
                "use a smaller min_gpus, or a larger max_gpus or max_vcpus"
            )
            yield Problem.relation(field, sentence)


def _is_list(instance_types: object) -> bool:
    return isinstance(instance_types, Sequence) and not isinstance(instance_types, str)


def _instance_type_problems(instance_types: Sequence[str], efa: bool, purchase: Purchase) -> Iterator[Problem]:
    if not _is_list(instance_types) or not instance_types:
        yield Problem(("instance_types",), instance_types, "a list of one or more instance types")
        return
    for index, name in enumerate(instance_types):
        yield from check_gpu_instance_type(("instance_types", index), name)
        instance = gpu_instance_type(name) if isinstance(name, str) else None
        if instance and purchase == Purchase.CAPACITY_BLOCK and not instance.capacity_block:
            yield Problem(("instance_types", index), name, "an instance type that EC2 offers in capacity blocks")
        if instance_types.index(name) < index:
            sentence = f"{name} is listed twice: list each instance type once"
            yield Problem.relation(("instance_types", index), sentence)
    feature = "EFA" if efa is True else "a capacity block" if purchase == Purchase.CAPACITY_BLOCK else None
    if feature and len(instance_types) > 1:
        names = ", ".join(map(str, instance_types))
        sentence = f"{feature} requires instances of one type, but the list has {names}: list one instance type"
        yield Problem.relation(("instance_types",), sentence)


def _size_problems(instance_types: Sequence[str], max_gpus: int | None, max_vcpus: int | None) -> Iterator[Problem]:
    if max_gpus is None and max_vcpus is None:
        yield Problem(("max_gpus",), None, "either max_gpus or max_vcpus")
    if max_gpus is not None and max_vcpus is not None:
        yield Problem.relation(("max_gpus",), "max_gpus and max_vcpus exclude each other: remove one of them")
    candidates = instance_types if _is_list(instance_types) else ()
    usable = [name for name in candidates if not any(check_gpu_instance_type((), name))]
    instances = [gpu_instance_type(name) for name in usable]
    smallest = min((instance.gpus for instance in instances if instance and instance.gpus), default=1)
    if max_gpus is not None:
        if None in instances:
            unknown = ", ".join(name for name in usable if gpu_instance_type(name) is None)
            sentence = (
                f"Fairlane's catalog has no number of GPUs for {unknown}: "
                "check the spelling, or use max_vcpus instead of max_gpus"
            )
            yield Problem.relation(("max_gpus",), sentence)
        elif is_token(max_gpus):
            yield Problem(("max_gpus",), max_gpus, "a whole number of GPUs, known at synth; max_vcpus can be a token")
        else:
            yield from check_whole_number(("max_gpus",), max_gpus, smallest, MAX_GPUS, unit="GPUs")
    if max_vcpus is not None:
        smallest = min((instance.vcpus for instance in instances if instance), default=1)
        yield from check_whole_number(("max_vcpus",), max_vcpus, smallest, unit="vCPUs")


def _reservation_problems(purchase: Purchase, reservation: str | None) -> Iterator[Problem]:
    if reservation is None:
        if purchase == Purchase.CAPACITY_BLOCK:
            yield Problem(("capacity_reservation",), None, "the id of the capacity block, such as cr-0123456789abcdef0")
        return
    if purchase == Purchase.SPOT:
        sentence = "Spot cannot use a capacity reservation: use ON_DEMAND, or remove capacity_reservation"
        yield Problem.relation(("capacity_reservation",), sentence)
    if purchase == Purchase.CAPACITY_BLOCK:
        allowed = "the id of a capacity block, because a resource group cannot contain capacity blocks"
        yield from check_text(("capacity_reservation",), reservation, _RESERVATION_ID.fullmatch, allowed)
        return
    allowed = "the id of a capacity reservation, or the ARN of a resource group of capacity reservations"
    matches = lambda text: _RESERVATION_ID.fullmatch(text) or _RESERVATION_GROUP.fullmatch(text)  # noqa: E731
    yield from check_text(("capacity_reservation",), reservation, matches, allowed)
