"""Quota management of one instance type: each share's own first, then what idles, then whom priority lets pass."""

from collections import deque
from collections.abc import Iterable, Sequence
from fractions import Fraction
from heapq import heappop, heappush
from typing import NamedTuple

from fairlane.rehearsal._engine import ROW_MASK, Engine, Scheduler
from fairlane.rehearsal._options import Strategies
from fairlane.rehearsal._quota_lanes import Lane, Promise
from fairlane.scheduling import QuotaShare


class _Victim(NamedTuple):
    order: tuple[int, ...]
    run: int
    units: int
    lane: Lane


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
        if lane.running.pop(run, None) is not None:
            lane.running_units -= units

    def schedule(self, scheduler: Scheduler, now: int) -> None:
        """Starts and stops until nothing changes."""
        while self._promises and self._promises[0].ready <= now:
            promise = self._promises.popleft()
            self._held -= promise.held
            promise.lane.promised -= promise.units
            promise.lane.extra -= promise.extra
            self._start(promise.lane, promise.row, promise.units, now)
        while self._give_own(scheduler, now) | self._lend(now) or self._let_pass(scheduler, now):
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
        lane.used += units
        self._free -= units

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
        return sorted(lanes, key=lambda lane: Fraction(lane.used, lane.quota)) if self._least_used else lanes

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
        left = {other: other.over for other in self._lanes if other.over > 0}
        chosen = []
        for victim in self._victims(left):
            if lacking <= 0:
                break
            if left[victim.lane] > 0:
                left[victim.lane] -= victim.units
                lacking -= victim.units
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
            lacking = max(units - self._free_for(lane), lane.base + units - max(lane.quota, lane.base))
            chosen = []
            for victim in self._victims([lane], below=own):
                if lacking <= 0:
                    break
                lacking -= victim.units
                chosen.append(victim)
            if lacking <= 0:
                self._stop(chosen, lane, sum(victim.units for victim in chosen), scheduler, now)
                return True
        return False

    def _victims(self, lanes: Iterable[Lane], below: int | None = None) -> list[_Victim]:
        """Runs of these lanes that may be stopped, the first to be stopped first."""
        engine, starts = self._engine, self._engine.record.starts
        victims = []
        for lane in lanes:
            for run, row in lane.running.items():
                priority = engine.priorities[row]
                if below is None or priority < below:
                    newest = (-starts[run], -row)
                    order = newest if self._newest else (priority, *newest)
                    victims.append(_Victim(order, run, engine.needs[row], lane))
        return sorted(victims, key=lambda victim: victim.order)

    def _stop(self, victims: Sequence[_Victim], lane: Lane, own: int, scheduler: Scheduler, now: int) -> None:
        """Stops runs for the first job of a lane, and promises it their capacity; `own` of it is the lane's."""
        row, units = self._head(lane)
        heappop(lane.waiting)
        for victim in victims:
            del victim.lane.running[victim.run]
            victim.lane.running_units -= victim.units
            self._engine.preempt(victim.run, scheduler, now)
        if not self._engine.stop_seconds:
            self._start(lane, row, units, now)
            return
        freed = sum(victim.units for victim in victims)
        ready = now + self._engine.stop_seconds
        promise = Promise(ready, lane, row, units, max(0, units - freed), max(0, units - own))
        self._promises.append(promise)
        self._held += promise.held
        lane.promised += promise.units
        lane.extra += promise.extra
