"""Rules of networks for GPU instances. Imports no aws_cdk."""

import re
from collections.abc import Iterator, Sequence
from ipaddress import IPv4Network
from typing import Final

from fairlane._internal.checks import check_list, check_text, check_whole_number
from fairlane.capacity.endpoint_rules import EndpointPolicies, endpoint_policy_problems
from fairlane.errors import Path, Problem

MAX_AVAILABILITY_ZONES: Final = 6
DEFAULT_CIDR: Final = "10.0.0.0/16"

_LARGEST, _SMALLEST = 16, 22
_DOCKER: Final = IPv4Network("172.17.0.0/16")
_OTHER_PARTITIONS: Final = ("us-iso", "eu-iso", "eusc-")
_CHINESE: Final = {"ecr.api", "ecr.dkr", "monitoring", "sts"}
_ZONE_ID: Final = re.compile(r"[a-z]+[0-9]-az[0-9]+")
_IDS: Final = {kind: re.compile(rf"{kind}-[0-9a-f]{{8}}(?:[0-9a-f]{{9}})?") for kind in ("vpc", "subnet", "sg")}


def check_id(field: tuple[str | int, ...], kind: str, got: object, noun: str) -> Iterator[Problem]:
    """Check the id of an EC2 resource; a token passes.

    Args:
        field: Path to the id.
        kind: Prefix of the id: vpc, subnet or sg.
        got: Id that was given.
        noun: Resource that has such an id, with its article, for the text of the problem.
    """
    yield from check_text(field, got, _IDS[kind].fullmatch, f"the id of {noun}, such as {kind}-0123456789abcdef0")


def subnet_cidrs(cidr: str) -> tuple[list[str], list[str]]:
    """Return the CIDR blocks of the private subnets, and those of the public subnets, of up to six Availability Zones.

    A private subnet has an eighth of the addresses, because each network interface of an instance takes an address. A
    public subnet has a sixty-fourth. The blocks do not depend on the number of zones: a further zone moves no subnet.
    """
    *private, _, last = IPv4Network(cidr).subnets(prefixlen_diff=3)
    public = list(last.subnets(prefixlen_diff=3))[:MAX_AVAILABILITY_ZONES]
    return [str(block) for block in private], [str(block) for block in public]


def endpoint_service(region: str, service: str) -> str:
    """Return the service name of a VPC endpoint. Some names in China start with `cn.`."""
    prefix = "cn." if region.startswith("cn-") and service in _CHINESE else ""
    return f"{prefix}com.amazonaws.{region}.{service}"


def training_vpc_problems(
    *,
    cidr: str,
    availability_zones: int,
    availability_zone_ids: Sequence[str] | None,
    nat_gateways: int,
    endpoint_policies: EndpointPolicies | None,
    region: str,
) -> Iterator[Problem]:
    """Yield the problems of a network; for the arguments, see `TrainingVpc`."""
    if region.startswith(_OTHER_PARTITIONS):
        allowed = "a Region of the partitions aws, aws-us-gov and aws-cn; use an existing VPC in other Regions"
        yield Problem((), region, allowed)
    yield from _cidr_problems(cidr)
    yield from check_whole_number(("availability_zones",), availability_zones, 1, MAX_AVAILABILITY_ZONES)
    zones = availability_zones
    if availability_zone_ids is not None:
        yield from zone_problems(("availability_zone_ids",), availability_zone_ids)
        if isinstance(availability_zone_ids, Sequence) and not isinstance(availability_zone_ids, str):
            zones = len(availability_zone_ids)
    highest = zones if isinstance(zones, int) and 1 <= zones <= MAX_AVAILABILITY_ZONES else MAX_AVAILABILITY_ZONES
    yield from check_whole_number(
        ("nat_gateways",), nat_gateways, 0, highest, unit="NAT gateways, at most one in a zone"
    )
    yield from endpoint_policy_problems(endpoint_policies)


def zone_problems(field: Path, zone_ids: object) -> Iterator[Problem]:
    """Yield the problems of a list of ids of Availability Zones."""
    list_problems = list(check_list(field, zone_ids, str, "ids of Availability Zones, such as use1-az4"))
    yield from list_problems
    if list_problems or not isinstance(zone_ids, Sequence):
        return
    if not 1 <= len(zone_ids) <= MAX_AVAILABILITY_ZONES:
        sentence = f"the list has {len(zone_ids)} Availability Zones: use 1 to {MAX_AVAILABILITY_ZONES}"
        yield Problem.relation(field, sentence)
    for index, zone in enumerate(zone_ids):
        allowed = "the id of an Availability Zone, such as use1-az4, which is the same in every account"
        yield from check_text((*field, index), zone, _ZONE_ID.fullmatch, allowed)
        if zone in zone_ids[:index]:
            sentence = f"{zone} is listed twice: list each Availability Zone once"
            yield Problem.relation((*field, index), sentence)


def _cidr_problems(cidr: object) -> Iterator[Problem]:
    allowed = f"an IPv4 CIDR block, /{_LARGEST} to /{_SMALLEST}, such as {DEFAULT_CIDR}"
    try:
        network = IPv4Network(cidr) if isinstance(cidr, str) and "/" in cidr else None
    except ValueError:
        network = None
    usable = network and not (
        network.is_loopback or network.is_link_local or network.is_multicast or network.is_reserved
    )
    if not network or not usable or str(network) != cidr or not _LARGEST <= network.prefixlen <= _SMALLEST:
        yield Problem(("cidr",), cidr, allowed)
    elif network.overlaps(_DOCKER):
        allowed = f"an IPv4 CIDR block that does not overlap {_DOCKER}, which Docker uses on every instance"
        yield Problem(("cidr",), cidr, allowed)
