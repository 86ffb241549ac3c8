"""Instances at full use, and their cost. Imports no aws_cdk."""

from collections.abc import Mapping
from dataclasses import dataclass

from fairlane.capacity.rules import Purchase
from fairlane.costs.instance_prices import InstancePrices, InstanceService, PriceKey
from fairlane.costs.network_use import HOURS
from fairlane.scheduling.capacity import NUM_INSTANCES


@dataclass(frozen=True, slots=True)
class CapacityLine:
    """Cost of the instances of one queue, environment or instance group at full use.

    Args:
        item: Queue, environment or instance group.
        instances: Number of instances. None if it is unknown.
        instance_type: Instance type.
        price: Price of an instance-hour in USD. None if it is unknown.
    """

    item: str
    instances: int | None
    instance_type: str
    price: float | None

    @property
    def usd_per_hour(self) -> float | None:
        """Cost of an hour in USD. None if it is unknown."""
        return None if self.instances is None or self.price is None else self.instances * self.price

    @property
    def usd(self) -> float | None:
        """Cost of a month of 730 hours in USD. None if it is unknown."""
        return None if self.usd_per_hour is None else self.usd_per_hour * HOURS


@dataclass(frozen=True, slots=True, kw_only=True)
class CapacityUse:
    """Instances of one queue, environment or instance group at full use.

    Args:
        item: Name of the queue, environment or instance group, for example `queue research`.
        region: Region.
        service: Service that bills the instances.
        instances: Number of instances at full use, by instance type. Of several types, only one is in use at a time:
            the dearest one counts. None if a number is unknown. The type `NUM_INSTANCES` stands for an unknown type.
        purchase: Purchase option. The On-Demand price is the upper bound of SPOT; instances of CAPACITY_BLOCK, and of
            training plans, are paid in advance, at prices that differ from offer to offer. Default: ON_DEMAND.
    """

    item: str
    region: str
    service: InstanceService
    instances: Mapping[str, int | None]
    purchase: Purchase = Purchase.ON_DEMAND

    @property
    def most_instances(self) -> int:
        """Largest known number of instances. 0 if all are unknown."""
        return max((number for number in self.instances.values() if number), default=0)

    def line(self, prices: InstancePrices) -> CapacityLine:
        """Return the cost at full use.

        Args:
            prices: Prices of instances.
        """
        lines = [
            CapacityLine(
                self.item,
                number,
                "unknown type" if name == NUM_INSTANCES else name,
                None if self._is_prepaid else prices.hourly.get((self.service, name, self.region)),
            )
            for name, number in self.instances.items()
        ]
        if len(lines) == 1 or all(line.usd_per_hour is not None for line in lines):
            return max(lines, key=lambda line: line.usd_per_hour or 0)
        numbers = set(self.instances.values())
        return CapacityLine(self.item, numbers.pop() if len(numbers) == 1 else None, f"{len(lines)} types", None)

    def missing(self, prices: InstancePrices) -> list[PriceKey]:
        """Return the prices that the cost needs and that are unknown.

        Args:
            prices: Prices of instances.
        """
        keys = [(self.service, name, self.region) for name in self.instances if name != NUM_INSTANCES]
        return [] if self._is_prepaid else [key for key in keys if key not in prices.hourly]

    @property
    def _is_prepaid(self) -> bool:
        return self.purchase == Purchase.CAPACITY_BLOCK
