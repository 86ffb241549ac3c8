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
    is_single_resource,
)
from fairlane._internal.tokens import is_token
from fairlane.capacity.efa_rules import efa_environment_problems
from fairlane.capacity.lustre import LustreMount, lustre_problems
from fairlane.capacity.size_rules import min_gpus_problems, size_problems
from fairlane.catalog import gpu_instance_type
from fairlane.catalog.gpu_catalog import check_gpu_instance_type
from fairlane.errors import Advice, Problem

MAX_JOB_EXECUTION_TIMEOUT_MINUTES: Final = 7200
MIN_ROOT_VOLUME_GIB: Final = 30
MAX_ROOT_VOLUME_GIB: Final = 16384
MAX_INSTANCE_TAGS: Final = 40

MAX_PARAMETER_NAME: Final = 1011
"""Most characters of the name of an SSM parameter."""
MAX_LEVELS: Final = 15
"""Most levels in the name of an SSM parameter."""

_AMI: Final = re.compile(r"ami-[0-9a-f]{8}(?:[0-9a-f]{9})?")
_PARAMETER: Final = re.compile(r"(?:/[A-Za-z0-9_.-]+)+(?::[0-9]+)?")
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
        ami: ID of the Amazon Machine Image (AMI) of the instances, for example ami-0123456789abcdef0, or path of an SSM
            parameter with the ID, for example /images/training, in the same account and Region. CloudFormation reads
            the parameter at each deployment. The AMI is based on Amazon Linux 2023, with the ECS agent, NVIDIA drivers
            and `/dev/xvda` as its root volume, and with the EFA driver for EFA. Excludes
            `update_to_latest_image_version`. Default: the newest AMI of AWS when the environment is created.
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
    ami: str | None = None
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
        """Yield advice for sizes that AWS accepts: a part of an instance, and instances that cannot always run."""
        instances = filter(None, map(gpu_instance_type, self.instance_types))
        smallest = min(instances, key=lambda instance: instance.gpus, default=None)
        if smallest and self.max_gpus and self.max_gpus % smallest.gpus:
            fewer = self.max_gpus // smallest.gpus * smallest.gpus
            yield Advice(
                "fairlane:GpuComputeEnvironment.partialInstance",
                f"max_gpus is {self.max_gpus}, but {smallest.instance_type} has {smallest.gpus} GPUs: AWS Batch starts "
                f"whole instances, with {fewer} or {fewer + smallest.gpus} GPUs in all: use one of these numbers",
            )
        if self.min_gpus and self.purchase != Purchase.ON_DEMAND:
            reason = "EC2 can reclaim them" if self.purchase == Purchase.SPOT else "they run only in its period"
            yield Advice(
                "fairlane:GpuComputeEnvironment.minGpus",
                f"AWS bills {self.min_gpus} GPUs of {self.purchase} at all times, also without jobs, but {reason}: use "
                "ON_DEMAND, or set min_gpus to 0",
            )

    def problems(self) -> Iterator[Problem]:
        """Yield the values that AWS would refuse, and the instance types that cannot run GPU jobs."""
        problems = list(_instance_type_problems(self.instance_types, self.efa, self.purchase))
        problems += size_problems(self.instance_types, self.max_gpus, self.max_vcpus)
        yield from problems
        if self.min_gpus != 0 or isinstance(self.min_gpus, bool):
            sizes = (self.min_vcpus, self.vcpus) if not problems and isinstance(self.min_gpus, int) else None
            yield from min_gpus_problems(self.instance_types, self.min_gpus, self.max_gpus, sizes)
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
        yield from _ami_problems(self.ami, self.update_to_latest_image_version)
        yield from check_tags(self.tags)
        if isinstance(self.tags, Mapping) and len(self.tags) > MAX_INSTANCE_TAGS:
            sentence = (
                f"{len(self.tags)} tags are too many: use at most {MAX_INSTANCE_TAGS}, because the CDK and AWS Batch "
                "add their own tags, and EC2 allows 50"
            )
            yield Problem.relation(("tags",), sentence)


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


def _ami_problems(ami: str | None, update_to_latest_image_version: bool) -> Iterator[Problem]:
    if ami is None:
        return
    allowed = (
        "the id of an AMI, such as ami-0123456789abcdef0, or the path of an SSM parameter, such as /images/training"
    )
    if isinstance(ami, str) and ami.startswith("/"):
        if not is_single_resource(ami, _PARAMETER) or len(ami) > MAX_PARAMETER_NAME or ami.count("/") > MAX_LEVELS:
            yield Problem(("ami",), ami, allowed)
    else:
        yield from check_text(("ami",), ami, _AMI.fullmatch, allowed)
    if update_to_latest_image_version is True:
        sentence = "AWS Batch ignores update_to_latest_image_version if an AMI is given: remove one of them"
        yield Problem.relation(("ami",), sentence)


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
