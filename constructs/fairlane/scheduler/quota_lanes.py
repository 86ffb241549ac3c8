"""One quota of one share: what it owns of an instance type, what it uses and what waits for it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from fairlane.scheduling import UNLIMITED, QuotaShare, Sharing


@dataclass(frozen=True, slots=True)
class Promise:
    """Capacity that a job will have when the runs that are stopped for it have stopped.

    Attributes:
        ready: when that is.
        lane: the job's.
        row: the job.
        units: what it needs.
        held: how much of that is free already, and kept for it.
        extra: how much more its share will then use.
    """

    ready: int
    lane: "Lane"
    row: int
    units: int
    held: int
    extra: int


class Lane:
    """A share's part of one instance type.

    Attributes:
        used: what its runs hold, those that are being stopped too.
        running: its runs without those, and their jobs.
        running_units: what those hold.
        priorities: how many of them have each priority.
        promised: what its jobs need that others are stopped for.
        extra: how much more it will use for that.
    """

    def __init__(self, share: QuotaShare, instance_type: str) -> None:
        self.quota = share.capacity.get(instance_type, 0)
        self.in_share = share.in_share_preemption
        self.borrows = share.sharing == Sharing.LEND_AND_BORROW
        self.lends = share.sharing != Sharing.RESERVE
        limited = share.borrow_limit is not None and share.borrow_limit != UNLIMITED
        self.limit = self.quota + self.quota * (share.borrow_limit or 0) // 100 if limited else None
        self.waiting: list[int] = []
        self.running: dict[int, int] = {}
        self.running_units = 0
        self.priorities: Counter[int] = Counter()
        self.used = 0
        self.promised = 0
        self.extra = 0

    @property
    def base(self) -> int:
        """What counts against its quota."""
        return self.used + self.extra

    @property
    def idle(self) -> int:
        """What it owns and does not use."""
        return max(0, self.quota - self.used - self.extra)

    @property
    def over(self) -> int:
        """How much it will use of others', when all that is under way is done."""
        return self.running_units + self.promised - self.quota

    def may_borrow(self, units: int, lanes: Sequence["Lane"]) -> bool:
        """Whether its limit and what idles let it use so many units more."""
        if self.limit is not None and self.base + units > self.limit:
            return False
        return units <= self.idle + sum(lane.idle for lane in lanes if lane.lends and lane is not self)
