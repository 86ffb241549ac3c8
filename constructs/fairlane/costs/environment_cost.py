"""Estimate of what an environment costs: monitoring, network, and instances at full use. Imports no aws_cdk."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from fairlane.capacity.rules import Purchase
from fairlane.costs.capacity_use import CapacityLine, CapacityUse
from fairlane.costs.instance_prices import InstancePrices
from fairlane.costs.network_use import FLOW_LOG_ASSUMPTION, HOURS, NetworkUse
from fairlane.monitoring.costs.bill_table import bill_rows, bill_text, price_text
from fairlane.monitoring.costs.estimate import MonthlyCost, region_assumption, retention_assumption
from fairlane.monitoring.costs.prices import Line, bill_lines
from fairlane.scheduling.capacity import NUM_INSTANCES

_UNKNOWN: Final = "-"
_AT_MOST: Final = "<="
_PREPAID: Final = "prepaid"


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentCost:
    """Estimate of what an environment costs in a month, as an upper bound where possible.

    Args:
        name: Name of the environment, for the heading.
        monitoring: Cost of monitoring, for example `MonitoringCost.estimate`. Default: none.
        networks: New VPCs. Default: none.
        capacity: Instances at full use. Default: none.
        prices: Prices of instances. Default: none, and the cost of instances is unknown.
    """

    name: str
    monitoring: MonthlyCost = field(default_factory=lambda: MonthlyCost((), ()))
    networks: Sequence[NetworkUse] = ()
    capacity: Sequence[CapacityUse] = ()
    prices: InstancePrices = field(default_factory=InstancePrices)

    @property
    def network_lines(self) -> list[Line]:
        """Lines of the VPCs: interface endpoints, NAT gateways and flow logs, without traffic."""
        amounts = [use.amounts() for use in self.networks]
        names = dict.fromkeys(name for use in amounts for name in use)
        return [line for name in names for line in bill_lines(name, [use[name] for use in amounts])]

    @property
    def capacity_lines(self) -> list[CapacityLine]:
        """Lines of the instances at full use, in the order of `capacity`."""
        return [use.line(self.prices) for use in self.capacity]

    def table(self) -> str:
        """Return the estimate as plain text of about 100 columns. Empty if nothing has a cost."""
        network = self.network_lines
        sections = {"Monitoring": self.monitoring.lines, "Network": network}
        lines = [*self.monitoring.lines, *network]
        rows = bill_rows({heading: part for heading, part in sections.items() if part})
        tables = [*([rows] if lines else []), *([self._capacity_rows()] if self.capacity else [])]
        if not tables:
            return ""
        title = f"Upper bound of the monthly cost of {self.name}"
        return bill_text(title, lines, tables, [*dict.fromkeys(self._assumptions())])

    def _capacity_rows(self) -> list[tuple[str, ...]]:
        rows: list[tuple[str, ...]] = [
            ("Instances at full use", "Count", "Type", "USD/hour", "All/hour", f"All/{HOURS} h")
        ]
        regions = dict.fromkeys(use.region for use in self.capacity)
        lines = self.capacity_lines
        for region in regions:
            rows += [(region, *[""] * 5)] if len(regions) > 1 else []
            for use, line in zip(self.capacity, lines, strict=True):
                if use.region == region:
                    count = _UNKNOWN if line.instances is None else f"{line.instances:,}"
                    costs = (_money(line.usd_per_hour), _money(line.usd))
                    rows.append((line.item, count, line.instance_type, _price(use, line), *costs))
        known = [usd for line in lines if (usd := line.usd_per_hour) is not None]
        total = "Total" if len(known) == len(lines) else "Total of known prices"
        hour = sum(known) if known else None
        return [*rows, (total, "", "", "", _money(hour), _money(None if hour is None else hour * HOURS))]

    def _assumptions(self) -> Iterator[str]:
        yield from self.monitoring.assumptions
        if self.networks:
            yield "Gateway endpoints are free. Not included: the traffic through endpoints and NAT gateways, by the GB."
            if any(use.instances for use in self.networks):
                yield FLOW_LOG_ASSUMPTION
                yield retention_assumption(use.log_retention_days for use in self.networks)
            yield from region_assumption(use.region for use in self.networks)
        if self.capacity:
            yield (
                f"Instances run in all {HOURS} hours of a month, as many as the limits allow, at On-Demand prices "
                "without discounts; jobs that do not run all the time cost less. AWS Batch may exceed the limit of a "
                "compute environment by one instance. Not included: volumes, file systems and EKS."
            )
        if any(use.purchase == Purchase.SPOT for use in self.capacity):
            yield f"{_AT_MOST} marks Spot Instances, which cost at most the On-Demand price."
        if any(use.purchase == Purchase.CAPACITY_BLOCK for use in self.capacity):
            yield f"{_PREPAID} marks capacity blocks and training plans: AWS sets the price of each offer."
        if any(len(use.instances) > 1 for use in self.capacity):
            yield "Of several instance types, the dearest one counts."
        yield from self._unknown()

    def _unknown(self) -> Iterator[str]:
        """Yield the reasons for rows without costs, and what to do."""
        if any(NUM_INSTANCES in use.instances for use in self.capacity):
            yield "The instance type of a queue is unknown: set instance_type of the queue."
        missing = dict.fromkeys(key for use in self.capacity for key in use.missing(self.prices))
        if not missing:
            return
        names = defaultdict(list)
        for service, name, region in missing:
            others = self.prices.regions(service, name)
            names[service, region].append(f"{name} (known only in {', '.join(others)})" if others else name)
        texts = [f"{service} in {region}: {', '.join(own)}" for (service, region), own in names.items()]
        yield (
            f"A dash means that a price is unknown. Save prices by `aws pricing get-products`, and name the file "
            f"in the key `prices` of the environment file: docs/costs.md has the commands. Missing: {'; '.join(texts)}."
        )


def _price(use: CapacityUse, line: CapacityLine) -> str:
    if use.purchase == Purchase.CAPACITY_BLOCK:
        return _PREPAID
    if line.price is None:
        return _UNKNOWN
    return (_AT_MOST if use.purchase == Purchase.SPOT else "") + price_text(line.price)


def _money(usd: float | None) -> str:
    return _UNKNOWN if usd is None else f"{usd:,.2f}"
