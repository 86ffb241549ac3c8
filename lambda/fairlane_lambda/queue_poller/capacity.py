"""Capacity in use: what AWS Batch says of a queue as a whole, and whose capacity that is."""

from collections.abc import Iterable, Mapping
from typing import Any

from fairlane_lambda.queue_poller._queue import Queue, Units, amounts


class Snapshot:
    """A snapshot of a queue. Any part of it may be missing.

    Args:
        answer: of GetJobQueueSnapshot, None if it failed.
        queue: whose it is.

    Attributes:
        is_known: whether there is one.
        in_use: capacity in use, by unit; empty if AWS does not say.
        shares: capacity in use by the identifiers of shares, the top 20, and by unit.
        front: since when each of the first jobs has its place, in epoch milliseconds, in the queue's order.
        fronts: the same of each quota share.
    """

    def __init__(self, answer: Mapping[str, Any] | None, queue: Queue) -> None:
        self.is_known = answer is not None
        answer = answer or {}
        utilization = answer.get("queueUtilization") or {}
        self.in_use = queue.units(amounts(utilization.get("totalCapacityUsage")))
        self.shares: dict[str, Units] = {}
        for part, name in (("fairshareUtilization", "shareIdentifier"), ("quotaShareUtilization", "quotaShareName")):
            for share in (utilization.get(part) or {}).get("topCapacityUtilization") or []:
                if share.get(name):
                    self.shares[share[name]] = queue.units(amounts(share.get("capacityUsage")))
        self.front = _times((answer.get("frontOfQueue") or {}).get("jobs"))
        quota_shares = (answer.get("frontOfQuotaShares") or {}).get("quotaShares") or {}
        self.fronts = {share: _times(jobs) for share, jobs in quota_shares.items()}


def _times(jobs: Iterable[Mapping[str, Any]] | None) -> list[int]:
    return [job["earliestTimeAtPosition"] for job in jobs or [] if "earliestTimeAtPosition" in job]


def borrowed_and_lent(
    entitlements: Mapping[str, Units], in_use: Mapping[str, Units]
) -> tuple[dict[str, Units], dict[str, Units]]:
    """What each share borrows of others and lends to them.

    A share borrows what it uses beyond its entitlement. What is borrowed of a unit is lent by those that leave some of
    theirs idle, in proportion to how much: nobody can tell whose instance it is.

    Args:
        entitlements: of each share, by capacity unit.
        in_use: by each of the same shares, by capacity unit.

    Returns:
        What is borrowed and what is lent, by share and unit.
    """
    borrowed: dict[str, Units] = {share: {} for share in entitlements}
    idle: dict[str, Units] = {share: {} for share in entitlements}
    for share, entitled in entitlements.items():
        for unit in {*entitled, *in_use[share]}:
            beyond = in_use[share].get(unit, 0) - entitled.get(unit, 0)
            borrowed[share][unit] = max(0, beyond)
            idle[share][unit] = max(0, -beyond)
    all_borrowed, all_idle = _sum(borrowed), _sum(idle)
    lent = {
        share: {
            unit: amount * min(1, all_borrowed.get(unit, 0) / all_idle[unit]) if amount else 0
            for unit, amount in of_share.items()
        }
        for share, of_share in idle.items()
    }
    return borrowed, lent


def _sum(of_shares: Mapping[str, Units]) -> Units:
    total: Units = {}
    for units in of_shares.values():
        for unit, amount in units.items():
            total[unit] = total.get(unit, 0) + amount
    return total
