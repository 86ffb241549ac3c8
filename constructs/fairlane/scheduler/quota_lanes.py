"""Lanes: quota, use and waiting jobs of a quota share on one instance type."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from fairlane.scheduler.lane import Lane, Scheduler
from fairlane.scheduling import UNLIMITED, QuotaShare, Sharing, State

if TYPE_CHECKING:
    from fairlane.scheduler.quota_pool import QuotaPool


class QuotaLane(Lane):
    """Part of a quota share for one instance type.

    Attributes:
        pool: Pool of the instance type.
        share: Name of the quota share.
        quota: Number of instances that the share owns.
        limit: Maximum number of instances with borrowed instances. None for no limit.
        enabled: False if no job of the share may start.
        waiting: Heaps of the sort keys of waiting jobs: one heap or, if later jobs may start first, one for each size.
        used: Number of instances that the runs of the lane hold, including the runs that are stopping.
        running: Row of the job of each run that is not stopping.
        running_units: Number of instances that these runs hold.
        priorities: Number of these runs by priority.
        reserved_units: Sum of the units of the lane's reservations.
        added_units: Sum of the added units of the lane's reservations.
    """

    __slots__ = (
        "added_units",
        "borrows",
        "enabled",
        "lends",
        "limit",
        "pool",
        "preempts_in_share",
        "priorities",
        "quota",
        "reserved_units",
        "running",
        "running_units",
        "share",
        "used",
        "waiting",
    )

    def __init__(self, scheduler: Scheduler, pool: "QuotaPool", share: str) -> None:
        super().__init__(scheduler)
        self.pool = pool
        self.share = share
        self.waiting: dict[int, list[int]] = {0: []}
        self.running: dict[int, int] = {}
        self.running_units = 0
        self.priorities: Counter[int] = Counter()
        self.used = 0
        self.reserved_units = 0
        self.added_units = 0
        self.change(None, "")

    def change(self, share: QuotaShare | None, instance_type: str) -> None:
        """Change the quota and the rules. None for a share that the policy no longer has."""
        self.quota = share.capacity.get(instance_type, 0) if share else 0
        self.preempts_in_share = share is not None and share.in_share_preemption
        self.borrows = share is not None and share.sharing == Sharing.LEND_AND_BORROW
        self.lends = share is None or share.sharing != Sharing.RESERVE
        self.enabled = share is not None and share.state == State.ENABLED
        limited = share is not None and share.borrow_limit is not None and share.borrow_limit != UNLIMITED
        self.limit = self.quota + self.quota * (share.borrow_limit or 0) // 100 if share and limited else None

    def ordered_heaps(self) -> list[list[int]]:
        """Return the heaps that are not empty, in the order of their first jobs."""
        return sorted(heap for heap in self.waiting.values() if heap)

    @property
    def committed(self) -> int:
        """Number of instances that count against the quota."""
        return self.used + self.added_units

    @property
    def idle(self) -> int:
        """Number of instances of the quota that are not in use."""
        return max(0, self.quota - self.used - self.added_units)

    @property
    def borrowed(self) -> int:
        """Number of instances above the quota after all stops and reserved starts. Negative below the quota."""
        return self.running_units + self.reserved_units - self.quota

    def may_borrow(self, units: int, lanes: Sequence["QuotaLane"]) -> bool:
        """Return True if the borrow limit and the idle instances allow `units` more instances."""
        if self.limit is not None and self.committed + units > self.limit:
            return False
        return units <= self.idle + sum(lane.idle for lane in lanes if lane.lends and lane is not self)
