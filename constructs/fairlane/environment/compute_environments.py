"""The part of an environment file that machines with GPUs and their network are in."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Final, TypedDict, cast

from pydantic import ConfigDict, Field

from fairlane._internal.checks import is_region
from fairlane.capacity.fit import Machines
from fairlane.capacity.lustre import LustreMount
from fairlane.capacity.rules import (
    DEFAULT_JOB_EXECUTION_TIMEOUT_MINUTES,
    DEFAULT_ROOT_VOLUME_GIB,
    AllocationStrategy,
    Purchase,
    gpu_capacity_problems,
    max_vcpus_for,
)
from fairlane.environment.base import Model
from fairlane.environment.network import check_ids
from fairlane.errors import Problem

MAX_SECURITY_GROUPS: Final = 5
"""Of the network interfaces of multi-node jobs."""


class LustreMountModel(Model):
    """A file system of FSx for Lustre that machines mount."""

    file_system_id: str
    """Such as fs-0123456789abcdef0."""
    mount_name: str
    """Its mount name in FSx, 1 to 8 characters."""
    mount_path: str = "/fsx"
    """Where it is on the machine, from / on."""


class GpuComputeEnvironmentSettings(TypedDict):
    """Keyword arguments of `GpuComputeEnvironment` that an environment file has under the same names."""

    instance_types: list[str]
    max_gpus: int | None
    max_vcpus: int | None
    purchase: Purchase
    allocation_strategy: AllocationStrategy | None
    efa: bool
    capacity_reservation: str | None
    root_volume_gib: int
    job_execution_timeout_minutes: int
    container_insights: bool
    lustre: list[LustreMount]
    update_to_latest_image_version: bool
    tags: dict[str, str]


class GpuComputeEnvironmentModel(Model):
    """Machines with GPUs that start when jobs wait and stop when none run."""

    model_config = ConfigDict(json_schema_extra={"required": ["instance_types"]})

    # Required, but empty until problems() says so: else its absence would hide what else is wrong.
    instance_types: list[str] = []
    """EC2 instance types with NVIDIA GPUs."""
    max_gpus: int | None = None
    """The most GPUs at a time."""
    max_vcpus: int | None = None
    """Instead, the most vCPUs at a time."""
    purchase: Annotated[Purchase, Field(strict=False)] = Purchase.ON_DEMAND
    """How they are bought."""
    allocation_strategy: Annotated[AllocationStrategy, Field(strict=False)] | None = None
    """Which of its types are started; by default what suits the way of buying."""
    efa: bool = False
    """Whether machines are joined by Elastic Fabric Adapter, for multi-node jobs."""
    capacity_reservation: str | None = None
    """The id of a capacity reservation or block, or the ARN of a resource group of such."""
    security_group_ids: list[str] | None = None
    """Security groups of the machines; by default one of their own, which lets nothing in."""
    root_volume_gib: int = DEFAULT_ROOT_VOLUME_GIB
    """The size of each machine's root volume, 30 to 16384 GiB."""
    job_execution_timeout_minutes: int = DEFAULT_JOB_EXECUTION_TIMEOUT_MINUTES
    """How long jobs may go on while machines are replaced, 1 to 7200 minutes."""
    container_insights: bool = True
    """Whether CloudWatch gathers Container Insights, which are billed."""
    lustre: list[LustreMountModel] = []
    """File systems of FSx for Lustre that each machine mounts."""
    update_to_latest_image_version: bool = False
    """Whether an update brings AWS's newest machine image; then changes of sizes, too, start new machines."""
    tags: dict[str, str] = {}

    def with_tags(self, tags: Mapping[str, str]) -> "GpuComputeEnvironmentModel":
        """The same with further tags, of which its own win."""
        return self.model_copy(update={"tags": {**tags, **self.tags}})

    @property
    def settings(self) -> GpuComputeEnvironmentSettings:
        """Keyword arguments of `GpuComputeEnvironment`."""
        same = {name: value for name, value in self if name != "security_group_ids"}
        lustre = [LustreMount(**dict(mount)) for mount in self.lustre]
        return cast(GpuComputeEnvironmentSettings, same | {"lustre": lustre})

    @property
    def machines(self) -> Machines:
        """What jobs are held against; of settings without problems."""
        return Machines(
            instance_types=self.instance_types,
            purchase=self.purchase,
            efa=self.efa,
            max_vcpus=self.max_vcpus or max_vcpus_for(self.max_gpus or 0, self.instance_types),
        )

    def problems(self, region: str) -> Iterator[Problem]:
        """Yields every value that AWS would refuse, and every machine that could run no GPU job."""
        yield from gpu_capacity_problems(**self.settings)
        reservation = self.capacity_reservation or ""
        if reservation.startswith("arn:") and is_region(region) and f":resource-groups:{region}:" not in reservation:
            yield Problem(("capacity_reservation",), reservation, f"a resource group in {region}")
        groups = self.security_group_ids
        if groups is not None:
            yield from check_ids("security_group_ids", "sg", groups, "a security group")
            if len(groups) > MAX_SECURITY_GROUPS:
                yield Problem(
                    ("security_group_ids",), f"{len(groups)} security groups", f"at most {MAX_SECURITY_GROUPS}"
                )
