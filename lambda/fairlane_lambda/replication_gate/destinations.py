"""Destinations of replication: registries, one in each account and Region."""

import re
from typing import Final

Destination = tuple[str, str]
"""Region and registry. The id of a registry is its account."""

_REGION: Final = re.compile(r"[a-z0-9-]{2,25}")


def read_destinations(field: str, destinations: object) -> list[Destination]:
    """Return the Region and the registry of each destination.

    Args:
        field: Name of the property, for errors.
        destinations: Objects with `region` and `registryId`.

    Raises:
        ValueError: If a destination is malformed.
    """
    if not isinstance(destinations, list):
        raise ValueError(f"{field} must be a list of destinations, got {destinations!r}")
    for destination in destinations:
        fields = destination if isinstance(destination, dict) else {}
        if fields.keys() != {"region", "registryId"} or not all(isinstance(value, str) for value in fields.values()):
            raise ValueError(f"each of {field} must be an object with region and registryId, got {destination!r}")
    return [(destination["region"], destination["registryId"]) for destination in destinations]


def read_regions(regions: object, registry: str) -> list[Destination]:
    """Return the destinations in Regions of an account.

    Args:
        regions: Names of the Regions.
        registry: Account of the registries.

    Raises:
        ValueError: If the list is empty, or a name is malformed.
    """
    if not isinstance(regions, list) or not regions:
        raise ValueError(f"regions must be a list of one or more Regions, got {regions!r}")
    for region in regions:
        if not isinstance(region, str) or not _REGION.fullmatch(region):
            raise ValueError(f"each of regions must be the name of a Region, got {region!r}")
    return [(region, registry) for region in regions]
