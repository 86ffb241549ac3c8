"""Environment-file settings of `compute_environments`."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from fairlane._internal.checks import check_name, is_region, listing
from fairlane._internal.specs import field_values
from fairlane.capacity.efa_rules import placement_group_problems
from fairlane.capacity.network_rules import zone_problems
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
        availability_zone_ids: IDs of the Availability Zones that the instances start in, from `availability_zone_ids`
            of a new network. Instances with EFA start in the first zone. Default: the zones of the network.
        placement_group: Name of a cluster placement group that compute environments with the same name here share, all
            with EFA and in one zone. The stack creates it. A change starts new instances. Default: with EFA, a
            placement group of this compute environment alone.
    """

    security_group_ids: Sequence[str] | None = None
    subnet_ids: Sequence[str] | None = None
    availability_zone_ids: Sequence[str] | None = None
    placement_group: str | None = None

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
        if self.availability_zone_ids is not None:
            yield from zone_problems(("availability_zone_ids",), self.availability_zone_ids)
        if self.placement_group is not None:
            yield from placement_group_problems(self.efa, self.capacity_reservation)
            yield from check_name(("placement_group",), self.placement_group)
        groups = self.security_group_ids
        if groups is not None:
            yield from check_ids("security_group_ids", "sg", groups, "security group")
            if len(groups) > MAX_SECURITY_GROUPS:
                sentence = f"{len(groups)} security groups are too many: use at most {MAX_SECURITY_GROUPS}"
                yield Problem.relation(("security_group_ids",), sentence)

    def subnet_problems(self, network: NewNetworkModel | ExistingNetworkModel) -> Iterator[Problem]:
        """Yield the subnets and Availability Zones that the network does not have."""
        ids: Sequence[str] | None
        if isinstance(network, ExistingNetworkModel):
            other, ids, key, noun = "availability_zone_ids", network.subnet_ids, "subnet_ids", "a subnet"
            sentence = "the zones of an existing VPC are unknown: use subnet_ids instead"
        else:
            other, ids, key, noun = "subnet_ids", network.availability_zone_ids, "availability_zone_ids", "a zone"
            sentence = "the ids of a new VPC's subnets are unknown: use availability_zone_ids, or an existing VPC"
        if getattr(self, other) is not None:
            yield Problem.relation((other,), sentence)
        chosen = getattr(self, key) or ()
        if chosen and ids is None:
            yield Problem.relation((key,), f"the network has no {key}: add {key} to network, with all zones")
        for index, each in enumerate(chosen if ids is not None else ()):
            if each not in (ids or ()):
                yield Problem((key, index), each, f"{noun} of network.{key}: {listing(ids or ())}")


def shared_placement_problems(
    environments: Mapping[str, ComputeEnvironmentSettings], network: NewNetworkModel | ExistingNetworkModel
) -> Iterator[Problem]:
    """Yield the compute environments that share a placement group in different subnets or zones."""
    key = "subnet_ids" if isinstance(network, ExistingNetworkModel) else "availability_zone_ids"
    first: dict[str, tuple[str, str]] = {}
    for name, environment in environments.items():
        places = getattr(environment, key) or getattr(network, key)
        if environment.placement_group is None or not places:
            continue
        other, place = first.setdefault(environment.placement_group, (name, places[0]))
        if place != places[0]:
            sentence = (
                f"a placement group is in one Availability Zone, but {other} starts in {place} and {name} in "
                f"{places[0]}: begin their {key} with the same one, or use two placement groups"
            )
            yield Problem.relation((name, "placement_group"), sentence)
