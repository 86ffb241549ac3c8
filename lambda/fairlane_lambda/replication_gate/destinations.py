"""Destinations of replication: registries, of which there is one in each account and Region."""

import re
from typing import Final

Destination = tuple[str, str]
"""Region and registry, which is the account."""

_REGION: Final = re.compile(r"[a-z0-9-]{2,25}")


def read_destinations(field: str, destinations: object) -> list[Destination]:
    """Region and registry of each destination.

    Args:
        field: where they are.
        destinations: objects with `region` and `registryId`.

    Raises:
        ValueError: they are not.
    """
    if not isinstance(destinations, list):
        raise ValueError(f"{field} must be a list of destinations, got {destinations!r}")
    for destination in destinations:
        fields = destination if isinstance(destination, dict) else {}
        if fields.keys() != {"region", "registryId"} or not all(isinstance(text, str) for text in fields.values()):
            raise ValueError(f"{field} must have objects with region and registryId, got {destination!r}")
    return [(destination["region"], destination["registryId"]) for destination in destinations]


def read_regions(regions: object, registry: str) -> list[Destination]:
    """The destinations in Regions of an account.

    Args:
        regions: their names.
        registry: the account.

    Raises:
        ValueError: they are not.
    """
    if not isinstance(regions, list) or not regions:
        raise ValueError(f"regions must be a list of Regions, got {regions!r}")
    for region in regions:
        if not isinstance(region, str) or not _REGION.fullmatch(region):
            raise ValueError(f"regions must be names of Regions, got {region!r}")
    return [(region, registry) for region in regions]
