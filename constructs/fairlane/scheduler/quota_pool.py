"""Quota management of one instance type: own capacity first, then borrowing, then in-share preemption."""

from collections import deque
from collections.abc import Iterable, Sequence
from fractions import Fraction
from heapq import heappop, heappush
from typing import TypeAlias

from fairlane.scheduler.environment import Environment
from fairlane.scheduler.event_loop import EventLoop
from fairlane.scheduler.job_table import ROW_MASK
from fairlane.scheduler.lane import Scheduler
from fairlane.scheduler.options import Strategies
from fairlane.scheduler.quota_lanes import QuotaLane, Reservation
from fairlane.scheduling import QuotaShare

_Victim: TypeAlias = tuple[int, int, int, int, QuotaLane]
"""Run that can be preempted: priority (0 for `newest`), negative start, negative row, number of the run, lane."""


class QuotaPool:
    """Instances of one type, divided into lanes.

    A run that is stopping still holds its capacity. A reservation keeps this capacity for the job that preempts the
    run.

    Attributes:
        lanes: Lanes by the name of their quota share.
        changed: True if the state has changed since the last call of `schedule`.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        loop: EventLoop,
        environment: Environment,
        shares: Sequence[QuotaShare],
        instance_type: str,
        strategies: Strategies,
    ) -> None:
        self.lanes = {share.name: QuotaLane(scheduler, self, share, instance_type) for share in shares}
        self.changed = False
        self._loop = loop
        self._jobs = loop.jobs
        self._lanes = list(self.lanes.values())
        self._reserving_lanes = [lane for lane in self._lanes if not lane.lends]
        owned = sum(lane.quota for lane in self._lanes)
        self._environment = environment
        self._free = min(environment.limits[instance_type], owned)
        self._quota_excess = owned - self._free
        self._least_used = strategies.share_order == "least-used"
        self._newest = strategies.victims == "newest"
        self._reservations: deque[Reservation] = deque()
        self._reserved_free = 0

    def arrive(self, lane: QuotaLane, row: int) -> None:
        """Add a waiting job to a lane."""
        key = self._jobs.order[row]
        heappush(lane.waiting, key)
        if lane.waiting[0] == key:
            self.changed = True

    def release(self, lane: QuotaLane, run: int, units: int) -> None:
        """Free the capacity of a run that ended."""
        lane.used -= units
        self._free += units
        self.changed = True
        if run in lane.running:
            self._remove_run(lane, run, units)

    def schedule(self, now: int) -> None:
        """Start and preempt jobs until nothing changes."""
        while self._reservations and self._reservations[0].ready <= now:
            reservation = self._reservations.popleft()
            self._reserved_free -= reservation.free_units
            reservation.lane.reserved_units -= reservation.units
            reservation.lane.added_units -= reservation.added_units
            self._start(reservation.lane, reservation.row, reservation.units, now)
        while self._start_in_quota(now) or self._lend(now) or self._preempt_in_share(now):
            pass
        self.changed = False

    def _head(self, lane: QuotaLane) -> tuple[int, int]:
        row = lane.waiting[0] & ROW_MASK
        return row, self._jobs.needs[row]

    def _free_for(self, lane: QuotaLane) -> int:
        """Return the number of free instances that the lane may use.

        Idle instances of other shares that do not lend are excluded. If the quotas are above the capacity, the excess
        reduces the number of these instances.
        """
        not_lent = sum(other.idle for other in self._reserving_lanes if other is not lane) - self._quota_excess
        return max(0, self._free - self._reserved_free - max(0, not_lent))

    def _start(self, lane: QuotaLane, row: int, units: int, now: int) -> None:
        lane.running[self._loop.start(row, now, self._environment)] = row
        lane.running_units += units
        lane.priorities[self._jobs.priorities[row]] += 1
        lane.used += units
        self._free -= units

    def _remove_run(self, lane: QuotaLane, run: int, units: int) -> None:
        """Remove a run that ended or is stopping from its lane."""
        priority = self._jobs.priorities[lane.running.pop(run)]
        lane.running_units -= units
        lane.priorities[priority] -= 1
        if not lane.priorities[priority]:
            del lane.priorities[priority]

    def _start_in_quota(self, now: int) -> bool:
        """Start jobs on the own capacity of their shares, and return True if a job started or preempted another."""
        changed = False
        for lane in self._in_order():
            while lane.waiting:
                row, units = self._head(lane)
                if lane.committed + units > lane.quota:
                    break
                if units <= self._free_for(lane):
                    heappop(lane.waiting)
                    self._start(lane, row, units, now)
                elif not self._take_back(lane, units, now):
                    break
                changed = True
        return changed

    def _in_order(self) -> list[QuotaLane]:
        lanes = [lane for lane in self._lanes if lane.quota]
        return sorted(lanes, key=lambda lane: Fraction(lane.committed, lane.quota)) if self._least_used else lanes

    def _lend(self, now: int) -> bool:
        """Lend idle instances to the earliest jobs that may borrow, and return True if a job started."""
        lent = False
        while True:
            heads = [(*self._head(lane), lane) for lane in self._lanes if lane.borrows and lane.waiting]
            for row, units, lane in sorted(heads, key=lambda head: head[0]):
                if (
                    lane.committed + units > lane.quota
                    and units <= self._free_for(lane)
                    and lane.may_borrow(units, self._lanes)
                ):
                    heappop(lane.waiting)
                    self._start(lane, row, units, now)
                    lent = True
                    break
            else:
                return lent

    def _take_back(self, lane: QuotaLane, units: int, now: int) -> bool:
        """Preempt runs on borrowed capacity for the first job of a lane, and return True if they are enough."""
        missing = units - self._free_for(lane)
        borrowed = {other: number for other in self._lanes if (number := other.borrowed) > 0}
        if sum(other.running_units for other in borrowed) < missing:
            return False
        victims = []
        for victim in self._candidates(borrowed):
            if missing <= 0:
                break
            other, freed = victim[-1], self._units(victim)
            if borrowed[other] > 0:
                borrowed[other] -= freed
                missing -= freed
                victims.append(victim)
        if missing > 0:
            return False
        self._preempt(victims, lane, 0, now)
        return True

    def _preempt_in_share(self, now: int) -> bool:
        """Preempt runs for a job with a higher priority in the same share, and return True if a job did."""
        for lane in self._in_order():
            if not lane.preempts_in_share or not lane.waiting or not lane.running:
                continue
            row, units = self._head(lane)
            priority = self._jobs.priorities[row]
            if min(lane.priorities) >= priority:
                continue
            missing = max(units - self._free_for(lane), lane.committed + units - max(lane.quota, lane.committed))
            victims = []
            for victim in self._candidates([lane], below=priority):
                if missing <= 0:
                    break
                missing -= self._units(victim)
                victims.append(victim)
            if missing <= 0:
                self._preempt(victims, lane, sum(map(self._units, victims)), now)
                return True
        return False

    def _candidates(self, lanes: Iterable[QuotaLane], below: int | None = None) -> list[_Victim]:
        """Return the runs of the lanes that can be preempted, in the order of preemption.

        Args:
            lanes: Lanes of the runs.
            below: Priority that is above the priorities of the runs. Default: all priorities.
        """
        priorities, starts = self._jobs.priorities, self._loop.record.starts
        return sorted(
            (0 if self._newest else priorities[row], -starts[run], -row, run, lane)
            for lane in lanes
            for run, row in lane.running.items()
            if below is None or priorities[row] < below
        )

    def _units(self, victim: _Victim) -> int:
        return self._jobs.needs[-victim[2]]

    def _preempt(self, victims: Sequence[_Victim], lane: QuotaLane, lane_units: int, now: int) -> None:
        """Preempt runs for the first job of a lane, and reserve their capacity for the job.

        Args:
            victims: Runs to preempt.
            lane: QuotaLane of the job.
            lane_units: Number of instances of the victims that belong to the same lane.
            now: Current second.
        """
        row, units = self._head(lane)
        heappop(lane.waiting)
        freed = sum(map(self._units, victims))
        for victim in victims:
            *_, run, other = victim
            self._remove_run(other, run, self._units(victim))
            self._loop.preempt(run, row, now)
        if not self._loop.stop_seconds:
            self._start(lane, row, units, now)
            return
        ready = now + self._loop.stop_seconds
        reservation = Reservation(ready, lane, row, units, max(0, units - freed), max(0, units - lane_units))
        self._reservations.append(reservation)
        self._reserved_free += reservation.free_units
        lane.reserved_units += reservation.units
        lane.added_units += reservation.added_units
