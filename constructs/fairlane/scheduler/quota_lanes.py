"""Lanes: quota, use and waiting jobs of a quota share on one instance type."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fairlane.scheduler.lane import Lane, Scheduler
from fairlane.scheduling import UNLIMITED, QuotaShare, Sharing

if TYPE_CHECKING:
    from fairlane.scheduler.quota_pool import QuotaPool


@dataclass(frozen=True, slots=True)
class Reservation:
    """Capacity for a job while the runs that are preempted for the job stop.

    Attributes:
        ready: Second at which the runs have stopped.
        lane: Lane of the job.
        row: Row of the job.
        units: Number of instances that the job needs.
        free_units: Part of `units` that is free already, and that no other job can use.
        added_units: Part of `units` that does not come from runs of the same lane: the growth of the lane's use.
    """

    ready: int
    lane: "QuotaLane"
    row: int
    units: int
    free_units: int
    added_units: int


class QuotaLane(Lane):
    """Part of a quota share for one instance type.

    Attributes:
        pool: Pool of the instance type.
        used: Number of instances that the runs of the lane hold, including the runs that are stopping.
        running: Row of the job of each run that is not stopping.
        running_units: Number of instances that these runs hold.
        priorities: Number of these runs by priority.
        reserved_units: Sum of the units of the lane's reservations.
        added_units: Sum of the added units of the lane's reservations.
    """

    def __init__(self, scheduler: Scheduler, pool: "QuotaPool", share: QuotaShare, instance_type: str) -> None:
        super().__init__(scheduler)
        self.pool = pool
        self.quota = share.capacity.get(instance_type, 0)
        self.preempts_in_share = share.in_share_preemption
        self.borrows = share.sharing == Sharing.LEND_AND_BORROW
        self.lends = share.sharing != Sharing.RESERVE
        limited = share.borrow_limit is not None and share.borrow_limit != UNLIMITED
        self.limit = self.quota + self.quota * (share.borrow_limit or 0) // 100 if limited else None
        self.waiting: list[int] = []
        self.running: dict[int, int] = {}
        self.running_units = 0
        self.priorities: Counter[int] = Counter()
        self.used = 0
        self.reserved_units = 0
        self.added_units = 0

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
