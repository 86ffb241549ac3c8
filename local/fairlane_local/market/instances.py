"""Prices of instance types by Region, with Spot prices and scores that depend on the Region and the type."""

import json
from pathlib import Path
from typing import Any, Final
from zlib import crc32

_FILE: Final[dict[str, Any]] = json.loads(Path(__file__).with_name("instances.json").read_text())
REGIONS: Final[dict[str, float]] = _FILE["regions"]
"""Factors of the prices by Region. Regions without a factor have no prices."""
INSTANCES: Final[dict[str, dict[str, float]]] = _FILE["instances"]
"""Prices by instance type of Amazon EC2: `ec2` on demand, and `training` of SageMaker."""
_ZONES: Final = ("a", "b", "c")


def price(kind: str, instance_type: str, region: str) -> float | None:
    """Return the price of an instance-hour in US dollars. None if the type or Region has no price.

    Args:
        kind: `ec2` or `training`.
        instance_type: Instance type of Amazon EC2.
        region: Region.
    """
    prices, factor = INSTANCES.get(instance_type), REGIONS.get(region)
    return None if prices is None or factor is None else round(prices[kind] * factor, 4)


def spot_prices(instance_type: str, region: str) -> dict[str, float]:
    """Return the Spot prices by Availability Zone, 30 to 69 % of the on-demand price."""
    on_demand = price("ec2", instance_type, region)
    if on_demand is None:
        return {}
    zones = [f"{region}{zone}" for zone in _ZONES]
    return {zone: round(on_demand * (30 + _hash(instance_type, zone) % 40) / 100, 4) for zone in zones}


def spot_score(instance_types: list[str], region: str) -> int:
    """Return the Spot placement score, 1 to 9."""
    return 1 + _hash(*sorted(instance_types), region) % 9


def _hash(*texts: str) -> int:
    return crc32(" ".join(texts).encode())
