"""Capacity in use of a queue and its shares, and borrowed and lent capacity."""

from collections.abc import Iterable, Mapping
from typing import Any

from fairlane_lambda.queue_poller.queue import Queue, Units, amounts


class Snapshot:
    """Snapshot of a queue. Any part of the snapshot can be missing.

    Args:
        response: Response of GetJobQueueSnapshot. None if the call failed.
        queue: The queue.

    Attributes:
        is_available: True if the call succeeded.
        in_use: Capacity in use, by unit. Empty if AWS does not report it.
        shares: Capacity in use, by share identifier and unit, for the top 20 shares.
        front: Times since which the first jobs have had their positions, in epoch milliseconds, in queue order.
        fronts: The same times for each quota share.
    """

    def __init__(self, response: Mapping[str, Any] | None, queue: Queue) -> None:
        self.is_available = response is not None
        response = response or {}
        utilization = response.get("queueUtilization") or {}
        self.in_use = queue.units(amounts(utilization.get("totalCapacityUsage")))
        self.shares: dict[str, Units] = {}
        for key, name in (("fairshareUtilization", "shareIdentifier"), ("quotaShareUtilization", "quotaShareName")):
            for share in (utilization.get(key) or {}).get("topCapacityUtilization") or []:
                if share.get(name):
                    self.shares[share[name]] = queue.units(amounts(share.get("capacityUsage")))
        self.front = _times((response.get("frontOfQueue") or {}).get("jobs"))
        quota_shares = (response.get("frontOfQuotaShares") or {}).get("quotaShares") or {}
        self.fronts = {share: _times(jobs) for share, jobs in quota_shares.items()}


def _times(jobs: Iterable[Mapping[str, Any]] | None) -> list[int]:
    return [job["earliestTimeAtPosition"] for job in jobs or [] if "earliestTimeAtPosition" in job]


def borrowed_and_lent(
    entitlements: Mapping[str, Units], in_use: Mapping[str, Units]
) -> tuple[dict[str, Units], dict[str, Units]]:
    """Return the capacity that each share borrows from other shares and lends to them.

    A share borrows the capacity that it uses above its entitlement. The shares with idle entitlement lend the borrowed
    capacity of a unit, in proportion to their idle capacity, because AWS assigns no instance to a share.

    Args:
        entitlements: Entitlement of each share, by capacity unit.
        in_use: Capacity in use of the same shares, by capacity unit.

    Returns:
        Borrowed capacity and lent capacity, by share and unit.
    """
    borrowed: dict[str, Units] = {share: {} for share in entitlements}
    idle: dict[str, Units] = {share: {} for share in entitlements}
    for share, entitled in entitlements.items():
        for unit in {*entitled, *in_use[share]}:
            excess = in_use[share].get(unit, 0) - entitled.get(unit, 0)
            borrowed[share][unit] = max(0, excess)
            idle[share][unit] = max(0, -excess)
    total_borrowed, total_idle = _sum(borrowed), _sum(idle)
    lent = {
        share: {
            unit: amount * min(1, total_borrowed.get(unit, 0) / total_idle[unit]) if amount else 0
            for unit, amount in units.items()
        }
        for share, units in idle.items()
    }
    return borrowed, lent


def _sum(units_by_share: Mapping[str, Units]) -> Units:
    total: Units = {}
    for units in units_by_share.values():
        for unit, amount in units.items():
            total[unit] = total.get(unit, 0) + amount
    return total
