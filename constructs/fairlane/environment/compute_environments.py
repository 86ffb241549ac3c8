"""Environment-file settings of `compute_environments`."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from fairlane._internal.checks import is_region, listing
from fairlane._internal.specs import field_values
from fairlane.capacity.rules import ComputeEnvironmentSpec
from fairlane.environment.network import ExistingNetworkModel, NewNetworkModel, check_ids
from fairlane.errors import Problem

MAX_SECURITY_GROUPS: Final = 5
"""Most security groups of a network interface of multi-node jobs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ComputeEnvironmentSettings(ComputeEnvironmentSpec):
    """GPU instances that AWS Batch starts when jobs wait and stops when none run.

    Args:
        security_group_ids: IDs of 1 to 5 security groups of the instances. Default: a new security group that
            allows no inbound traffic from outside.
        subnet_ids: IDs of the subnets that the instances start in, from `subnet_ids` of an existing network. Instances
            with EFA start in the first subnet. Default: the subnets of the network.
    """

    security_group_ids: Sequence[str] | None = None
    subnet_ids: Sequence[str] | None = None

    def with_tags(self, tags: Mapping[str, str]) -> "ComputeEnvironmentSettings":
        """Return the settings with further tags; tags of the compute environment itself take precedence."""
        return replace(self, tags={**tags, **(self.tags or {})})

    @property
    def arguments(self) -> dict[str, Any]:
        """Keyword arguments of `GpuComputeEnvironment`."""
        return field_values(ComputeEnvironmentSpec, self)

    def regional_problems(self, region: str) -> Iterator[Problem]:
        """Yield the problems of the settings in a Region."""
        yield from self.problems()
        reservation = self.capacity_reservation or ""
        if reservation.startswith("arn:") and is_region(region) and f":resource-groups:{region}:" not in reservation:
            yield Problem(("capacity_reservation",), reservation, f"a resource group in {region}")
        if self.subnet_ids is not None:
            yield from check_ids("subnet_ids", "subnet", self.subnet_ids, "subnet")
        groups = self.security_group_ids
        if groups is not None:
            yield from check_ids("security_group_ids", "sg", groups, "security group")
            if len(groups) > MAX_SECURITY_GROUPS:
                sentence = f"{len(groups)} security groups are too many: use at most {MAX_SECURITY_GROUPS}"
                yield Problem.relation(("security_group_ids",), sentence)

    def subnet_problems(self, network: NewNetworkModel | ExistingNetworkModel) -> Iterator[Problem]:
        """Yield the subnets that the network does not have."""
        if self.subnet_ids is not None and isinstance(network, NewNetworkModel):
            sentence = (
                "the ids of a new VPC's subnets are unknown: remove subnet_ids, or use an existing VPC "
                "(network.vpc_id and network.subnet_ids)"
            )
            yield Problem.relation(("subnet_ids",), sentence)
        elif isinstance(network, ExistingNetworkModel):
            for index, subnet_id in enumerate(self.subnet_ids or ()):
                if subnet_id not in network.subnet_ids:
                    allowed = f"a subnet of network.subnet_ids: {listing(network.subnet_ids)}"
                    yield Problem(("subnet_ids", index), subnet_id, allowed)
