"""Environment-file models of `network`."""

from collections.abc import Iterator, Sequence
from typing import Annotated

from pydantic import ConfigDict, Tag

from fairlane.capacity.endpoint_rules import EndpointPolicies
from fairlane.capacity.network_rules import DEFAULT_CIDR, check_id, training_vpc_problems
from fairlane.environment.base import Model, branch
from fairlane.environment.keys import Keys
from fairlane.errors import Problem


class NewNetworkModel(Model, title="new network"):
    """New VPC with private subnets, and with VPC endpoints for the AWS services that instances and jobs call."""

    cidr: str = DEFAULT_CIDR
    """IPv4 CIDR block of the VPC, /16 to /22. Default: 10.0.0.0/16."""
    availability_zones: int = 2
    """Number of Availability Zones, 1 to 6. Default: 2."""
    availability_zone_ids: list[str] | None = None
    """IDs of 1 to 6 Availability Zones, for example use1-az4. Replaces `availability_zones`. Instances with EFA start
    in the first zone. Default: none."""
    nat_gateways: int = 0
    """Number of NAT gateways, 0 to the number of Availability Zones. 0 gives instances no access to the Internet.
    Default: 0."""
    endpoint_policies: Annotated[EndpointPolicies, Keys()] | None = None
    """Principals that can use the VPC endpoints, and resources that they can reach; `{}` limits both to the account.
    Default: no limits."""

    def problems(self, region: str) -> Iterator[Problem]:
        """Yield the problems of the network in a Region."""
        yield from training_vpc_problems(**dict(self), region=region)


class ExistingNetworkModel(Model, title="existing network"):
    """Existing VPC."""

    model_config = ConfigDict(json_schema_extra={"required": ["vpc_id", "subnet_ids"]})

    vpc_id: str | None = None
    """ID of the VPC, for example vpc-0123456789abcdef0. Required."""
    subnet_ids: list[str] = []
    """IDs of the subnets that instances start in. Instances with EFA start in the first subnet. Required."""

    def problems(self, region: str) -> Iterator[Problem]:
        """Yield the problems of the ids; all Regions have the same rules."""
        yield from check_id(("vpc_id",), "vpc", self.vpc_id, "a VPC")
        yield from check_ids("subnet_ids", "subnet", self.subnet_ids or None, "subnet")


NetworkField = Annotated[
    Annotated[ExistingNetworkModel, Tag("<existing>")] | Annotated[NewNetworkModel, Tag("<new>")],
    branch("<existing>", "vpc_id", "subnet_ids", otherwise="<new>"),
]


def check_ids(key: str, prefix: str, ids: Sequence[str] | None, noun: str) -> Iterator[Problem]:
    """Check a list of one or more EC2 ids, each listed once.

    Args:
        key: Key of the list.
        prefix: Prefix of the ids.
        ids: Ids that were given.
        noun: Resource that has such an id, in the singular and without an article.
    """
    if not ids:
        yield Problem((key,), ids, f"one or more ids of {noun}s, such as {prefix}-0123456789abcdef0")
    for index, resource_id in enumerate(ids or ()):
        yield from check_id((key, index), prefix, resource_id, f"a {noun}")
        if resource_id in (ids or ())[:index]:
            yield Problem.relation((key, index), f"{resource_id} is listed twice: list each {noun} once")
