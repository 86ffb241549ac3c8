"""Quota management of one instance type: each share's own first, then what idles, then whom priority lets pass."""

from collections import deque
from collections.abc import Iterable, Sequence
from fractions import Fraction
from heapq import heappop, heappush
from typing import TypeAlias

from fairlane.scheduler.engine import ROW_MASK, Engine, Scheduler
from fairlane.scheduler.options import Strategies
from fairlane.scheduler.quota_lanes import Lane, Promise
from fairlane.scheduling import QuotaShare

_Victim: TypeAlias = tuple[int, int, int, int, Lane]
"""A run that may be stopped: its priority if that counts, its start and its row, then its number and its lane."""


class QuotaPool:
    """The instances of one type, and the shares' parts of them.

    Runs that are stopped hold their capacity for a while; a promise keeps it for the job that they are stopped for.

    Attributes:
        lanes: the shares' parts, by the name of the share.
        changed: whether anything happened since the last pass.
    """

    def __init__(
        self, engine: Engine, shares: Sequence[QuotaShare], instance_type: str, limit: int, strategies: Strategies
    ) -> None:
        self.lanes = {share.name: Lane(share, instance_type) for share in shares}
        self.changed = False
        self._engine = engine
        self._lanes = list(self.lanes.values())
        self._keepers = [lane for lane in self._lanes if not lane.lends]
        owned = sum(lane.quota for lane in self._lanes)
        self._free = min(limit, owned)
        self._promised_twice = owned - self._free
        self._least_used = strategies.share_order == "least-used"
        self._newest = strategies.victims == "newest"
        self._promises: deque[Promise] = deque()
        self._held = 0

    def arrive(self, lane: Lane, row: int) -> None:
        """A job waits."""
        key = self._engine.order[row]
        heappush(lane.waiting, key)
        if lane.waiting[0] == key:
            self.changed = True

    def release(self, lane: Lane, run: int, units: int) -> None:
        """A run is over."""
        lane.used -= units
        self._free += units
        self.changed = True
        if run in lane.running:
            self._forget(lane, run, units)

    def schedule(self, scheduler: Scheduler, now: int) -> None:
        """Starts and stops until nothing changes."""
        while self._promises and self._promises[0].ready <= now:
            promise = self._promises.popleft()
            self._held -= promise.held
            promise.lane.promised -= promise.units
            promise.lane.extra -= promise.extra
            self._start(promise.lane, promise.row, promise.units, now)
        while self._give_own(scheduler, now) or self._lend(now) or self._let_pass(scheduler, now):
            pass
        self.changed = False

    def _head(self, lane: Lane) -> tuple[int, int]:
        row = lane.waiting[0] & ROW_MASK
        return row, self._engine.needs[row]

    def _free_for(self, lane: Lane) -> int:
        """What is free, less what other shares keep to themselves; what is promised twice cannot be kept."""
        kept = sum(other.idle for other in self._keepers if other is not lane) - self._promised_twice
        return max(0, self._free - self._held - max(0, kept))

    def _start(self, lane: Lane, row: int, units: int, now: int) -> None:
        lane.running[self._engine.start(row, now)] = row
        lane.running_units += units
        lane.priorities[self._engine.priorities[row]] += 1
        lane.used += units
        self._free -= units

    def _forget(self, lane: Lane, run: int, units: int) -> None:
        """A run does not run any more, or soon."""
        priority = self._engine.priorities[lane.running.pop(run)]
        lane.running_units -= units
        lane.priorities[priority] -= 1
        if not lane.priorities[priority]:
            del lane.priorities[priority]

    def _give_own(self, scheduler: Scheduler, now: int) -> bool:
        """Gives shares what is their own."""
        gave = False
        for lane in self._in_order():
            while lane.waiting:
                row, units = self._head(lane)
                if lane.base + units > lane.quota:
                    break
                if units <= self._free_for(lane):
                    heappop(lane.waiting)
                    self._start(lane, row, units, now)
                elif not self._take_back(lane, units, scheduler, now):
                    break
                gave = True
        return gave

    def _in_order(self) -> list[Lane]:
        lanes = [lane for lane in self._lanes if lane.quota]
        return sorted(lanes, key=lambda lane: Fraction(lane.base, lane.quota)) if self._least_used else lanes

    def _lend(self, now: int) -> bool:
        """Lends what idles, to the earliest job that may have it."""
        lent = False
        while True:
            heads = [(*self._head(lane), lane) for lane in self._lanes if lane.borrows and lane.waiting]
            for row, units, lane in sorted(heads, key=lambda head: head[0]):
                if (
                    lane.base + units > lane.quota
                    and units <= self._free_for(lane)
                    and lane.may_borrow(units, self._lanes)
                ):
                    heappop(lane.waiting)
                    self._start(lane, row, units, now)
                    lent = True
                    break
            else:
                return lent

    def _take_back(self, lane: Lane, units: int, scheduler: Scheduler, now: int) -> bool:
        """Stops what others borrowed, for the first job of a share."""
        lacking = units - self._free_for(lane)
        left = {other: over for other in self._lanes if (over := other.over) > 0}
        if sum(other.running_units for other in left) < lacking:
            return False
        chosen = []
        for victim in self._victims(left):
            if lacking <= 0:
                break
            other, held = victim[-1], self._units(victim)
            if left[other] > 0:
                left[other] -= held
                lacking -= held
                chosen.append(victim)
        if lacking > 0:
            return False
        self._stop(chosen, lane, 0, scheduler, now)
        return True

    def _let_pass(self, scheduler: Scheduler, now: int) -> bool:
        """Stops runs for a job of higher priority in their share."""
        for lane in self._in_order():
            if not lane.in_share or not lane.waiting or not lane.running:
                continue
            row, units = self._head(lane)
            own = self._engine.priorities[row]
            if min(lane.priorities) >= own:
                continue
            lacking = max(units - self._free_for(lane), lane.base + units - max(lane.quota, lane.base))
            chosen = []
            for victim in self._victims([lane], below=own):
                if lacking <= 0:
                    break
                lacking -= self._units(victim)
                chosen.append(victim)
            if lacking <= 0:
                self._stop(chosen, lane, sum(map(self._units, chosen)), scheduler, now)
                return True
        return False

    def _victims(self, lanes: Iterable[Lane], below: int | None = None) -> list[_Victim]:
        """Runs of these lanes that may be stopped, the first to be stopped first."""
        priorities, starts = self._engine.priorities, self._engine.record.starts
        return sorted(
            (0 if self._newest else priorities[row], -starts[run], -row, run, lane)
            for lane in lanes
            for run, row in lane.running.items()
            if below is None or priorities[row] < below
        )

    def _units(self, victim: _Victim) -> int:
        return self._engine.needs[-victim[2]]

    def _stop(self, victims: Sequence[_Victim], lane: Lane, own: int, scheduler: Scheduler, now: int) -> None:
        """Stops runs for the first job of a lane, and promises it their capacity; `own` of it is the lane's."""
        row, units = self._head(lane)
        heappop(lane.waiting)
        freed = sum(map(self._units, victims))
        for victim in victims:
            *_, run, other = victim
            self._forget(other, run, self._units(victim))
            self._engine.preempt(run, scheduler, now)
        if not self._engine.stop_seconds:
            self._start(lane, row, units, now)
            return
        ready = now + self._engine.stop_seconds
        promise = Promise(ready, lane, row, units, max(0, units - freed), max(0, units - own))
        self._promises.append(promise)
        self._held += promise.held
        lane.promised += promise.units
        lane.extra += promise.extra
