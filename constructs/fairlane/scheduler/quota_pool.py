"""Quota management of one instance type: own capacity first, then borrowing, then in-share preemption."""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from heapq import heapify
from operator import itemgetter
from typing import TypeAlias

from fairlane.scheduler.environment import Environment
from fairlane.scheduler.event_loop import EventLoop
from fairlane.scheduler.job_table import ROW_MASK
from fairlane.scheduler.lane import Scheduler
from fairlane.scheduler.options import Strategies
from fairlane.scheduler.quota_lanes import QuotaLane
from fairlane.scheduler.quota_reservations import Reservation, Reservations
from fairlane.scheduler.submission import Wait, WaitReason
from fairlane.scheduler.waiting import pop, push, remove
from fairlane.scheduling import QuotaShare

_Victim: TypeAlias = tuple[int, int, int, int, QuotaLane]
"""Run that can be preempted: priority (0 for `newest`), negative start, negative row, number of the run, lane."""


class QuotaPool:
    """Instances of one type, divided into lanes.

    A run that is stopping still holds its capacity. A reservation keeps this capacity for the job that preempts the
    run.

    Attributes:
        instance_type: Instance type.
        lanes: Lanes by the name of their quota share.
        reservations: Reservations for jobs that preempt others.
        changed: True if the state has changed since the last call of `schedule`.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        loop: EventLoop,
        environment: Environment,
        instance_type: str,
        strategies: Strategies,
    ) -> None:
        self.lanes: dict[str, QuotaLane] = {}
        self.changed = False
        self._scheduler = scheduler
        self._loop = loop
        self._jobs = loop.jobs
        self._environment = environment
        self.instance_type = instance_type
        self._lanes: list[QuotaLane] = []
        self._reserving_lanes: list[QuotaLane] = []
        self._free = self._quota_excess = 0
        self._least_used = strategies.share_order == "least-used"
        self._newest = strategies.victims == "newest"
        self._skip = strategies.head_of_line == "skip"
        self.reservations = Reservations()

    def change(self, shares: Sequence[QuotaShare], environment: Environment) -> None:
        """Change the quotas and the limit. Runs continue. A reservation of a disabled share is cancelled."""
        self._environment = environment
        by_name = {share.name: share for share in shares}
        for name in by_name:
            self.lane(name)
        order = [*by_name, *(name for name in self.lanes if name not in by_name)]
        self._lanes = [self.lanes[name] for name in order]
        for lane in self._lanes:
            lane.change(by_name.get(lane.share), self.instance_type)
        self._reserving_lanes = [lane for lane in self._lanes if not lane.lends]
        owned = sum(lane.quota for lane in self._lanes)
        usable = min(self._environment.limits.get(self.instance_type, 0), owned)
        self._free = usable - sum(lane.used for lane in self._lanes)
        self._quota_excess = owned - usable
        for reservation in list(self.reservations):
            if not reservation.lane.enabled:
                self.cancel(reservation)
        self.changed = True

    def lane(self, share: str) -> QuotaLane:
        """Return the lane of a share. A share that the policy does not have gets a lane without a quota."""
        if share not in self.lanes:
            self.lanes[share] = QuotaLane(self._scheduler, self, share)
            self._lanes.append(self.lanes[share])
        return self.lanes[share]

    def arrive(self, lane: QuotaLane, row: int) -> None:
        """Add a waiting job to a lane."""
        key = self._jobs.order[row]
        heap = self._heap(lane, row)
        push(heap, key, self._loop.removed)
        if heap[0] == key:
            self.changed = True

    def remove(self, lane: QuotaLane, row: int) -> None:
        """Remove a waiting job, or a job for which other jobs are being stopped."""
        for reservation in self.reservations:
            if reservation.row == row:
                self.reservations.remove(reservation)
                break
        else:
            remove(self._heap(lane, row), self._jobs.order[row], self._loop.removed)
        self.changed = True

    def take(self, lane: QuotaLane, row: int) -> None:
        """Remove a waiting job that goes to another lane. Slower than `remove`, but nothing of it stays in the heap."""
        key, heap = self._jobs.order[row], self._heap(lane, row)
        if heap[0] == key:
            pop(heap, self._loop.removed)
        else:
            heap.remove(key)
            heapify(heap)
        self.changed = True

    def cancel(self, reservation: Reservation) -> None:
        """Let a job wait again although other jobs are being stopped for it."""
        self.reservations.remove(reservation)
        self.arrive(reservation.lane, reservation.row)

    def release(self, lane: QuotaLane, run: int, units: int) -> None:
        """Free the capacity of a run that ended."""
        lane.used -= units
        self._free += units
        self.changed = True
        if run in lane.running:
            self.remove_run(lane, run, units)
        else:
            self.reservations.release(lane, run, units)

    def schedule(self, now: int) -> None:
        """Start and preempt jobs until nothing changes."""
        for reservation in self.reservations.complete():
            self.start(reservation.lane, reservation.row, reservation.units, now)
        while self._start_in_quota(now) or self._lend(now) or self._preempt_in_share(now):
            pass
        self.changed = False
        if self._loop.blocks and self._loop.record.unrunnable:
            for lane in self._lanes:
                heap = lane.waiting[0]
                if heap and lane.enabled and self._head(heap)[1] > lane.largest:
                    self._loop.block(self._head(heap)[0], now)

    def admits(self, lane: QuotaLane, row: int) -> bool:
        """Return True if a job can start in a lane now, without a preemption."""
        units = self._jobs.needs[row]
        if not lane.enabled or units > lane.largest or units > self._free_for(lane):
            return False
        return lane.committed + units <= lane.quota or (lane.borrows and lane.may_borrow(units, self._lanes))

    def wait(self, lane: QuotaLane, row: int) -> Wait:
        """Return the reason why a job waits after a pass."""
        if any(reservation.row == row for reservation in self.reservations):
            return Wait(WaitReason.STOPS)
        if not lane.enabled:
            return Wait(WaitReason.DISABLED)
        first, units = self._head(self._heap(lane, row))
        if first != row:
            return Wait(WaitReason.BEHIND, self._jobs.id(first))
        if lane.committed + units <= lane.quota or (lane.borrows and lane.may_borrow(units, self._lanes)):
            return Wait(WaitReason.CAPACITY)
        return Wait(WaitReason.QUOTA)

    def _heap(self, lane: QuotaLane, row: int) -> list[int]:
        """Return the heap of a job: a share that skips jobs has one for each size, because equal sizes fit equally."""
        return lane.waiting.setdefault(self._jobs.needs[row], []) if self._skip else lane.waiting[0]

    def _head(self, heap: list[int]) -> tuple[int, int]:
        row = heap[0] & ROW_MASK
        return row, self._jobs.needs[row]

    def _free_for(self, lane: QuotaLane) -> int:
        """Return the number of free instances that the lane may use.

        Idle instances of other shares that do not lend are excluded. If the quotas are above the capacity, the excess
        reduces the number of these instances. The number is negative while runs hold more than a lowered limit.
        """
        not_lent = sum(other.idle for other in self._reserving_lanes if other is not lane) - self._quota_excess
        return self._free - self.reservations.free - max(0, not_lent)

    def start(self, lane: QuotaLane, row: int, units: int, now: int) -> None:
        """Start a job."""
        lane.running[self._loop.start(row, now, self._environment)] = row
        lane.running_units += units
        lane.priorities[self._jobs.priorities[row]] += 1
        lane.used += units
        self._free -= units

    def remove_run(self, lane: QuotaLane, run: int, units: int) -> None:
        """Remove a run that ended or is stopping from its lane."""
        priority = self._jobs.priorities[lane.running.pop(run)]
        lane.running_units -= units
        lane.priorities[priority] -= 1
        if not lane.priorities[priority]:
            del lane.priorities[priority]

    def rank_run(self, lane: QuotaLane, old: int, new: int) -> None:
        """Count a run with another priority."""
        lane.priorities[new] += 1
        lane.priorities[old] -= 1
        if not lane.priorities[old]:
            del lane.priorities[old]
        self.changed = True

    def _start_in_quota(self, now: int) -> bool:
        """Start jobs on the own capacity of their shares, and return True if a job started or preempted another."""
        changed = False
        for lane in self._in_order():
            while self._start_one_in_quota(lane, now):
                changed = True
        return changed

    def _start_one_in_quota(self, lane: QuotaLane, now: int) -> bool:
        for heap in lane.ordered_heaps() if self._skip else lane.waiting.values():
            if heap:
                units = self._jobs.needs[heap[0] & ROW_MASK]
                if lane.used + lane.added_units + units <= lane.quota:
                    if units <= self._free_for(lane):
                        self._start_first(lane, heap, now)
                        return True
                    if self._take_back(lane, heap, now):
                        return True
        return False

    def _start_first(self, lane: QuotaLane, heap: list[int], now: int) -> None:
        row, units = self._head(heap)
        pop(heap, self._loop.removed)
        self.start(lane, row, units, now)

    def _in_order(self) -> list[QuotaLane]:
        lanes = [lane for lane in self._lanes if lane.quota and lane.enabled]
        return sorted(lanes, key=lambda lane: Fraction(lane.committed, lane.quota)) if self._least_used else lanes

    def _lend(self, now: int) -> bool:
        """Lend idle instances to the earliest jobs that may borrow, and return True if a job started."""
        lent, needs = False, self._jobs.needs
        lanes = [lane for lane in self._lanes if lane.borrows and lane.enabled]
        while (free := self._free - self.reservations.free) > 0:
            heads = [
                (heap[0] & ROW_MASK, heap, lane)
                for lane in lanes
                for heap in (self._first_to_borrow(lane) if self._skip else lane.waiting.values())
                if heap and needs[heap[0] & ROW_MASK] <= free
            ]
            for _, heap, lane in sorted(heads, key=itemgetter(0)):
                if self._may_borrow(lane, heap):
                    self._start_first(lane, heap, now)
                    lent = True
                    break
            else:
                break
        return lent

    def _first_to_borrow(self, lane: QuotaLane) -> list[list[int]]:
        """Return the heap of the first job of a share that may borrow. The list is empty if none may."""
        return [heap for heap in lane.ordered_heaps() if self._may_borrow(lane, heap)][:1]

    def _may_borrow(self, lane: QuotaLane, heap: list[int]) -> bool:
        units = self._jobs.needs[heap[0] & ROW_MASK]
        return (
            lane.quota < lane.committed + units
            and units <= lane.largest
            and units <= self._free_for(lane)
            and lane.may_borrow(units, self._lanes)
        )

    def _take_back(self, lane: QuotaLane, heap: list[int], now: int) -> bool:
        """Preempt runs on borrowed capacity for the first job of a heap, and return True if they are enough."""
        missing = self._head(heap)[1] - self._free_for(lane)
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
        self._preempt(victims, lane, heap, 0, now)
        return True

    def _preempt_in_share(self, now: int) -> bool:
        """Preempt runs for a job with a higher priority in the same share, and return True if a job did."""
        priorities = self._jobs.priorities
        for lane in self._in_order():
            if lane.preempts_in_share and lane.running:
                lowest = min(lane.priorities)
                for heap in lane.ordered_heaps() if self._skip else lane.waiting.values():
                    if heap and lowest < priorities[heap[0] & ROW_MASK] and self._replace(lane, heap, now):
                        return True
        return False

    def _replace(self, lane: QuotaLane, heap: list[int], now: int) -> bool:
        """Preempt runs of a lane for the first job of a heap, and return True if they are enough."""
        row, units = self._head(heap)
        missing = max(units - self._free_for(lane), lane.committed + units - max(lane.quota, lane.committed))
        victims = []
        for victim in self._candidates([lane], below=self._jobs.priorities[row]):
            if missing <= 0:
                break
            missing -= self._units(victim)
            victims.append(victim)
        if missing > 0:
            return False
        self._preempt(victims, lane, heap, sum(map(self._units, victims)), now)
        return True

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

    def _preempt(self, victims: Sequence[_Victim], lane: QuotaLane, heap: list[int], lane_units: int, now: int) -> None:
        """Preempt runs for the first job of a heap, and reserve their capacity for the job.

        Args:
            victims: Runs to preempt.
            lane: QuotaLane of the job.
            heap: Heap of the job.
            lane_units: Number of instances of the victims that belong to the same lane.
            now: Current second.
        """
        row, units = self._head(heap)
        pop(heap, self._loop.removed)
        freed = sum(map(self._units, victims))
        for victim in victims:
            *_, run, other = victim
            self.remove_run(other, run, self._units(victim))
            self._loop.preempt(run, row, now)
        if self._loop.stop_seconds == 0:
            self.start(lane, row, units, now)
            return
        runs = {victim[3] for victim in victims}
        self.reservations.add(Reservation(lane, row, units, max(0, units - freed), max(0, units - lane_units), runs))
