"""Environment-file models of `network`."""

from collections.abc import Iterator, Sequence
from typing import Annotated

from pydantic import ConfigDict, Tag

from fairlane.capacity.network_rules import DEFAULT_CIDR, check_id, training_vpc_problems
from fairlane.environment.base import Model, branch
from fairlane.errors import Problem


class MadeNetworkModel(Model):
    """A VPC that is made: private subnets, with endpoints for what machines and jobs call of AWS."""

    cidr: str = DEFAULT_CIDR
    """Its IPv4 addresses, /16 to /22."""
    availability_zones: int = 2
    """How many, 1 to 6."""
    availability_zone_ids: list[str] | None = None
    """Instead, which, such as use1-az4. Machines with EFA start in the first."""
    nat_gateways: int = 0
    """How many ways out to the Internet; 0 for none."""

    def problems(self, region: str) -> Iterator[Problem]:
        """Yields every value that AWS would refuse."""
        yield from training_vpc_problems(**dict(self), region=region)


class GivenNetworkModel(Model):
    """A VPC that exists."""

    model_config = ConfigDict(json_schema_extra={"required": ["vpc_id", "subnet_ids"]})

    vpc_id: str | None = None
    """Its id; required."""
    subnet_ids: list[str] = []
    """Ids of its subnets that machines start in; required. Machines with EFA start in the first."""

    def problems(self, region: str) -> Iterator[Problem]:
        """Yields every id that cannot be right, in any Region."""
        yield from check_id(("vpc_id",), "vpc", self.vpc_id, "a VPC")
        yield from check_ids("subnet_ids", "subnet", self.subnet_ids or None, "a subnet")


NetworkField = Annotated[
    Annotated[GivenNetworkModel, Tag("<given>")] | Annotated[MadeNetworkModel, Tag("<made>")],
    branch("<given>", "vpc_id", "subnet_ids", otherwise="<made>"),
]


def check_ids(name: str, kind: str, ids: Sequence[str] | None, of: str) -> Iterator[Problem]:
    """Check a list of one or more ids of EC2, each once."""
    if not ids:
        yield Problem((name,), ids, f"one or more ids, each that of {of}, such as {kind}-0123456789abcdef0")
    for index, one in enumerate(ids or ()):
        yield from check_id((name, index), kind, one, of)
        if one in (ids or ())[:index]:
            yield Problem((name, index), one, "each id once")
