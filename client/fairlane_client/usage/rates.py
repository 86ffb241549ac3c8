"""Prices of what jobs held."""

from collections.abc import Iterable
from math import fsum
from typing import Final

from fairlane.catalog.gpu_catalog import gpu_instance_type
from fairlane.costs.instance_prices import InstancePrices, InstanceService
from fairlane_client.queues.queue import VCPU, Queue
from fairlane_client.usage.holds import HOUR, Hold

_SERVICES: Final = {"training": InstanceService.TRAINING, "gpu": InstanceService.EC2}


class Rates:
    """Prices in the Region of a queue.

    Args:
        queue: Queue. Without an ARN its Region is unknown: then prices count that are known in one Region only.
        prices: Prices of instances. Default: none.

    Attributes:
        missing: Instance types whose price was asked for and is unknown. An empty text is an unknown type.
    """

    def __init__(self, queue: Queue, prices: InstancePrices | None) -> None:
        self._prices = prices or InstancePrices()
        self._service = _SERVICES[queue.kind]
        self.missing: set[str] = set()
        self._region = queue.arn.split(":")[3] if queue.arn else ""

    def notes(self) -> list[str]:
        """Return sentences about the prices."""
        names = sorted(name or "unknown instance types" for name in self.missing)
        place = f"{self._service} in {self._region or 'one Region'}"
        dash = [f"A dash in USD means that a price is unknown, of {place}: {', '.join(names)}."] if names else []
        return ["USD are On-Demand prices of what jobs held, without discounts. Idle capacity has no cost.", *dash]

    def of_type(self, name: str) -> float | None:
        """Return the price of an instance-hour in USD. None if it is unknown."""
        regions = [self._region] if self._region else self._prices.regions(self._service, name)
        return self._prices.hourly.get((self._service, name, regions[0])) if len(regions) == 1 else None

    def cost(self, holds: Iterable[Hold], start: int, end: int) -> float | None:
        """Return the cost in USD of what jobs used. vCPUs cost their part of the instance. None if it is unknown.

        Args:
            holds: Capacity that the jobs held.
            start: Start of the period, in milliseconds since 1970.
            end: End of the period.
        """
        costs: list[float] = []
        is_known = True
        for hold in holds:
            time = min(hold.end, end) - max(hold.start, start)
            if time <= 0:
                continue
            price = self.of_type(hold.instance_type)
            instance = gpu_instance_type(hold.instance_type) if hold.unit == VCPU else None
            if price is None:
                self.missing.add(hold.instance_type)
            if price is None or (hold.unit == VCPU and instance is None):
                is_known = False
            else:
                costs.append(hold.amount * time * price / HOUR / (instance.vcpus if instance else 1))
        return fsum(costs) if is_known else None
