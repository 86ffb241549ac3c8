"""Spot prices and scores, and free instances of training plans and capacity reservations."""

from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from fairlane_lambda.fan_out.capacity.source import pages

_MOST_REGIONS: Final = 10
"""Most Regions of GetSpotPlacementScores, which also answers ten at most."""


def ec2_type(instance_type: str) -> str:
    """Return the instance type of Amazon EC2 of an instance type of SageMaker."""
    return instance_type.removeprefix("ml.")


def spot_prices(ec2: Any, types: Iterable[str]) -> dict[str, float]:
    """Return the lowest current Spot price of each instance type of Amazon EC2, over all Availability Zones.

    Args:
        ec2: boto3 client of Amazon EC2 in the Region.
        types: Instance types of Amazon EC2.
    """
    lowest: dict[str, float] = {}
    request = {"InstanceTypes": sorted(types), "ProductDescriptions": ["Linux/UNIX"], "StartTime": datetime.now(UTC)}
    for page in pages(ec2, "describe_spot_price_history", **request):
        for item in page["SpotPriceHistory"]:
            name, dollars = item["InstanceType"], float(item["SpotPrice"])
            lowest[name] = min(dollars, lowest.get(name, dollars))
    return lowest


def spot_scores(ec2: Any, instance_type: str, count: int, regions: Sequence[str]) -> dict[str, int]:
    """Return the Spot placement score of an instance type of Amazon EC2 by Region.

    AWS scores a request for fewer than three types low. The scores of one type are comparable between Regions only.

    Args:
        ec2: boto3 client of Amazon EC2.
        instance_type: Instance type of Amazon EC2.
        count: Number of instances.
        regions: Regions.
    """
    scores: dict[str, int] = {}
    for start in range(0, len(regions), _MOST_REGIONS):
        request = {
            "InstanceTypes": [instance_type],
            "TargetCapacity": count,
            "TargetCapacityUnitType": "units",
            "RegionNames": list(regions[start : start + _MOST_REGIONS]),
        }
        for page in pages(ec2, "get_spot_placement_scores", **request):
            scores |= {item["Region"]: item["Score"] for item in page["SpotPlacementScores"]}
    return scores


def free_in_plans(sagemaker: Any, plans: Collection[str]) -> dict[str, int]:
    """Return the free instances of active training plans by instance type.

    Args:
        sagemaker: boto3 client of SageMaker in the Region.
        plans: Names of the plans that jobs use. A job uses no other plan.
    """
    free: dict[str, int] = {}
    if not plans:
        return free
    active = [{"Name": "Status", "Value": "Active"}]
    for page in pages(sagemaker, "list_training_plans", Filters=active):
        for plan in page["TrainingPlanSummaries"]:
            if plan["TrainingPlanName"] in plans:
                for name in {part["InstanceType"] for part in plan.get("ReservedCapacitySummaries", [])}:
                    free[name] = free.get(name, 0) + plan.get("AvailableInstanceCount", 0)
    return free


def free_in_reservations(ec2: Any, named: Collection[str]) -> dict[str, int]:
    """Return the free instances of active capacity reservations by instance type of Amazon EC2.

    Args:
        ec2: boto3 client of Amazon EC2 in the Region.
        named: IDs of the reservations that launch templates name. Open reservations also count: any instance uses them.
    """
    free: dict[str, int] = {}
    active = [{"Name": "state", "Values": ["active"]}]
    for page in pages(ec2, "describe_capacity_reservations", Filters=active):
        for item in page["CapacityReservations"]:
            if item.get("InstanceMatchCriteria") == "open" or item["CapacityReservationId"] in named:
                name = item["InstanceType"]
                free[name] = free.get(name, 0) + item.get("AvailableInstanceCount", 0)
    return free
