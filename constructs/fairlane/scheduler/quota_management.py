"""Scheduler of a queue with quota management: own capacity first, then borrowing, then in-share preemption."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import heapify
from math import lcm
from typing import TypeAlias

from fairlane.scheduler.compilation import mypyc_attr
from fairlane.scheduler.environment import Environment
from fairlane.scheduler.event_loop import EventLoop
from fairlane.scheduler.instance_choice import InstanceChoice
from fairlane.scheduler.job_table import ROW_MASK
from fairlane.scheduler.lane import Lane, Scheduler
from fairlane.scheduler.options import Strategies
from fairlane.scheduler.submission import Wait, WaitReason
from fairlane.scheduler.waiting import pop, push, remove, renumber, waiting_rows
from fairlane.scheduling import UNLIMITED, QuotaManagement, QuotaShare, Sharing, State
from fairlane.scheduling.policy import MAX_JOB_PRIORITY

_Victim: TypeAlias = tuple[int, int, "QuotaLane"]
"""Run that can be preempted: number of the run, row and lane of its job."""


class QuotaLane(Lane):
    """Part of a quota share for one instance type.

    Attributes:
        pool: Pool of the instance type.
        share: Name of the quota share.
        quota: Number of instances that the share owns.
        limit: Maximum number of instances with borrowed instances. None for no limit.
        enabled: False if no job of the share may start.
        scale: Number whose product with the committed instances orders the lanes by the part of their quota in use.
        outranked: True if a waiting job can have a higher priority than a run.
        waiting: Heaps of the sort keys of waiting jobs: one heap or, if later jobs may start first, one for each size.
        committed: Number of instances that count against the quota: of all runs, also of the runs that are stopping,
            and the added units of the lane's reservations.
        idle: Number of instances of the quota that are not in use.
        running: Row of the job of each run that is not stopping, by the priority of the job.
        running_units: Number of instances that these runs hold.
        priorities: Number of instances that these runs hold by priority.
        reserved_units: Sum of the units of the lane's reservations.
    """

    __slots__ = (
        "borrows",
        "committed",
        "enabled",
        "idle",
        "lends",
        "limit",
        "outranked",
        "pool",
        "preempts_in_share",
        "priorities",
        "quota",
        "reserved_units",
        "running",
        "running_units",
        "scale",
        "share",
        "waiting",
    )

    def __init__(self, scheduler: Scheduler, pool: "QuotaPool", share: str) -> None:
        super().__init__(scheduler)
        self.pool = pool
        self.share = share
        self.waiting: dict[int, list[int]] = {0: []}
        self.running: dict[int, dict[int, int]] = {}
        self.running_units = 0
        self.priorities: dict[int, int] = {}
        self.committed = 0
        self.idle = 0
        self.reserved_units = 0
        self.scale = 0
        self.outranked = False
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
        self.idle = 0
        self.commit(0)

    def ordered_heaps(self) -> list[list[int]]:
        """Return the heaps that are not empty, in the order of their first jobs."""
        return sorted(heap for heap in self.waiting.values() if heap)

    def commit(self, units: int) -> None:
        """Count a number of instances against the quota. Negative to count fewer."""
        self.committed += units
        idle = max(0, self.quota - self.committed)
        self.pool.idle[self.lends] += idle - self.idle
        self.idle = idle

    @property
    def borrowed(self) -> int:
        """Number of instances above the quota after all stops and reserved starts. Negative below the quota."""
        return self.running_units + self.reserved_units - self.quota

    def count_run(self, priority: int, units: int) -> None:
        """Count a number of instances of runs with a priority. Negative for a run that ended or is stopping."""
        self.running_units += units
        self.priorities[priority] = total = self.priorities.get(priority, 0) + units
        if not total:
            del self.priorities[priority], self.running[priority]


@mypyc_attr(serializable=True)
@dataclass(slots=True, eq=False)
class Reservation:
    """Capacity for a job while the runs that are preempted for the job stop.

    Attributes:
        lane: Lane of the job.
        row: Row of the job.
        units: Number of instances that the job needs.
        free_units: Part of `units` that is free already, and that no other job can use.
        added_units: Part of `units` that does not come from stopping runs of the same lane: the growth of the lane's
            use.
        stopping: Runs that are stopping for the job.
    """

    lane: QuotaLane
    row: int
    units: int
    free_units: int
    added_units: int
    stopping: set[int]


class Reservations:
    """Reservations of a pool, in the order of their decisions.

    Attributes:
        free: Number of free instances that are reserved.
    """

    def __init__(self) -> None:
        self.free = 0
        self._list: list[Reservation] = []
        self._by_run: dict[int, Reservation] = {}
        self._completes = False

    def __iter__(self) -> Iterator[Reservation]:
        return iter(self._list)

    def add(self, reservation: Reservation) -> None:
        """Add a reservation."""
        self._list.append(reservation)
        for run in reservation.stopping:
            self._by_run[run] = reservation
        self._completes |= not reservation.stopping
        self._count(reservation, 1)

    def remove(self, reservation: Reservation) -> None:
        """Remove a reservation."""
        self._list.remove(reservation)
        for run in reservation.stopping:
            del self._by_run[run]
        self._count(reservation, -1)

    def release(self, lane: QuotaLane, run: int, units: int) -> None:
        """Reserve the capacity of a run that stopped for a job."""
        reservation = self._by_run.pop(run, None)
        if reservation is None:
            return
        self._count(reservation, -1)
        reservation.stopping.discard(run)
        self._completes |= not reservation.stopping
        reservation.free_units = min(reservation.units, reservation.free_units + units)
        if lane is reservation.lane:
            reservation.added_units = min(reservation.units, reservation.added_units + units)
        self._count(reservation, 1)

    def complete(self) -> list[Reservation]:
        """Remove and return the reservations whose runs have stopped."""
        if not self._completes:
            return []
        self._completes = False
        complete = [reservation for reservation in self._list if not reservation.stopping]
        for reservation in complete:
            self.remove(reservation)
        return complete

    def renumber(self, rows: Mapping[int, int], runs: Mapping[int, int]) -> None:
        """Replace the numbers of rows and runs."""
        for reservation in self._list:
            reservation.row = rows[reservation.row]
            reservation.stopping = {runs[run] for run in reservation.stopping}
        self._by_run = {runs[run]: reservation for run, reservation in self._by_run.items()}

    def _count(self, reservation: Reservation, sign: int) -> None:
        self.free += sign * reservation.free_units
        reservation.lane.reserved_units += sign * reservation.units
        reservation.lane.commit(sign * reservation.added_units)


@mypyc_attr(serializable=True)
class QuotaPool:
    """Instances of one type, divided into lanes.

    A run that is stopping still holds its capacity. A reservation keeps this capacity for the job that preempts the
    run.

    Attributes:
        instance_type: Instance type.
        lanes: Lanes by the name of their quota share.
        reservations: Reservations for jobs that preempt others.
        idle: Number of idle instances of the lanes that do not lend, and of the lanes that lend.
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
        self._owning_lanes: list[QuotaLane] = []
        self._borrowing_lanes: list[QuotaLane] = []
        self._outranked = False
        self._usable = self._free = self._quota_excess = 0
        self.idle = [0, 0]
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
        self.idle = [0, 0]
        for lane in self._lanes:
            lane.change(by_name.get(lane.share), self.instance_type)
            lane.outranked = False
        self._owning_lanes = [lane for lane in self._lanes if lane.quota and lane.enabled]
        self._borrowing_lanes = [lane for lane in self._lanes if lane.borrows and lane.enabled]
        for lane in self._owning_lanes:
            self._outrank(lane)
        multiple = lcm(*(lane.quota for lane in self._owning_lanes))
        for lane in self._owning_lanes:
            lane.scale = multiple // lane.quota
        owned = sum(lane.quota for lane in self._lanes)
        usable = min(self._environment.limits.get(self.instance_type, 0), owned)
        self._free += usable - self._usable
        self._usable, self._quota_excess = usable, owned - usable
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
            self._outrank(lane)

    def remove(self, lane: QuotaLane, row: int) -> None:
        """Remove a waiting job, or a job for which other jobs are being stopped."""
        for reservation in self.reservations:
            if reservation.row == row:
                self.reservations.remove(reservation)
                break
        else:
            remove(self._heap(lane, row), self._jobs.order[row], self._loop.removed)
            self._outrank(lane)
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

    def release(self, lane: QuotaLane, run: int, row: int) -> None:
        """Free the capacity of a run that ended."""
        units = self._jobs.needs[row]
        lane.commit(-units)
        self._free += units
        self.changed = True
        if not self.remove_run(lane, run, row):
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
        return units <= lane.idle or (lane.borrows and self._lends_to(lane, units))

    def wait(self, lane: QuotaLane, row: int) -> Wait:
        """Return the reason why a job waits after a pass."""
        if any(reservation.row == row for reservation in self.reservations):
            return Wait(WaitReason.STOPS)
        if not lane.enabled:
            return Wait(WaitReason.DISABLED)
        first, units = self._head(self._heap(lane, row))
        if first != row:
            return Wait(WaitReason.BEHIND, self._jobs.id(first))
        if units <= lane.idle or (lane.borrows and self._lends_to(lane, units)):
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
        not_lent = self.idle[False] - self._quota_excess
        if not lane.lends:
            not_lent -= lane.idle
        return self._free - self.reservations.free - max(0, not_lent)

    def _lends_to(self, lane: QuotaLane, units: int) -> bool:
        """Return True if the borrow limit and the idle instances of a lane and of lanes that lend allow more units."""
        if lane.limit is not None and lane.committed + units > lane.limit:
            return False
        return units <= self.idle[True] + (0 if lane.lends else lane.idle)

    def start(self, lane: QuotaLane, row: int, units: int, now: int) -> None:
        """Start a job."""
        priority = self._jobs.priorities[row]
        if priority not in lane.running:
            lane.running[priority] = {}
        lane.running[priority][self._loop.start(row, now, self._environment)] = row
        lane.count_run(priority, units)
        lane.commit(units)
        self._free -= units
        self._outrank(lane)

    def remove_run(self, lane: QuotaLane, run: int, row: int) -> bool:
        """Remove a run that ended or is stopping from its lane, and return True if it was not stopping already."""
        priority = self._jobs.priorities[row]
        if lane.running.get(priority, {}).pop(run, None) is None:
            return False
        lane.count_run(priority, -self._jobs.needs[row])
        return True

    def rank_run(self, lane: QuotaLane, run: int, row: int, priority: int) -> None:
        """Count a run with another priority."""
        if self.remove_run(lane, run, row):
            lane.running.setdefault(priority, {})[run] = row
            lane.count_run(priority, self._jobs.needs[row])
            self._outrank(lane)
            self.changed = True

    def _outrank(self, lane: QuotaLane) -> None:
        """Note that a waiting job of a lane can have a higher priority than one of its runs."""
        if lane.preempts_in_share and lane.enabled and lane.quota:
            lane.outranked = self._outranked = True

    def _start_in_quota(self, now: int) -> bool:
        """Start jobs on the own capacity of their shares, and return True if a job started or preempted another."""
        changed = False
        if self.idle[False] or self.idle[True]:
            for lane in self._in_order():
                while lane.idle and self._start_one_in_quota(lane, now):
                    changed = True
        return changed

    def _start_one_in_quota(self, lane: QuotaLane, now: int) -> bool:
        for heap in lane.ordered_heaps() if self._skip else lane.waiting.values():
            if heap:
                units = self._jobs.needs[heap[0] & ROW_MASK]
                if units <= lane.idle:
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
        lanes = self._owning_lanes
        return sorted(lanes, key=lambda lane: lane.committed * lane.scale) if self._least_used else lanes

    def _lend(self, now: int) -> bool:
        """Lend idle instances to the earliest jobs that may borrow, and return True if a job started."""
        lent, needs = False, self._jobs.needs
        while (free := self._free - self.reservations.free) > 0:
            heads = [
                (heap[0] & ROW_MASK, heap, lane)
                for lane in self._borrowing_lanes
                for heap in (self._first_to_borrow(lane) if self._skip else lane.waiting.values())
                if heap and needs[heap[0] & ROW_MASK] <= free
            ]
            for _, heap, lane in sorted(heads):
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
            and self._lends_to(lane, units)
        )

    def _take_back(self, lane: QuotaLane, heap: list[int], now: int) -> bool:
        """Preempt runs on borrowed capacity for the first job of a heap, and return True if they are enough."""
        missing = self._head(heap)[1] - self._free_for(lane)
        borrowed = {other: number for other in self._lanes if (number := other.borrowed) > 0}
        if sum(other.running_units for other in borrowed) < missing:
            return False
        victims = []
        for run, row, other in self._candidates(list(borrowed)):
            freed = self._jobs.needs[row]
            if borrowed[other] > 0:
                borrowed[other] -= freed
                missing -= freed
                victims.append((run, row, other))
                if missing <= 0:
                    self._preempt(victims, lane, heap, 0, now)
                    return True
        return False

    def _preempt_in_share(self, now: int) -> bool:
        """Preempt runs for a job with a higher priority in the same share, and return True if a job did."""
        if not self._outranked:
            return False
        priorities, outranked = self._jobs.priorities, False
        for lane in self._in_order():
            if lane.outranked:
                lane.outranked = False
                lowest = min(lane.priorities) if lane.priorities else MAX_JOB_PRIORITY
                for heap in lane.ordered_heaps() if self._skip else lane.waiting.values():
                    if heap and lowest < priorities[heap[0] & ROW_MASK]:
                        lane.outranked = outranked = True
                        if self._replace(lane, heap, now):
                            return True
        self._outranked = outranked
        return False

    def _replace(self, lane: QuotaLane, heap: list[int], now: int) -> bool:
        """Preempt runs of a lane for the first job of a heap, and return True if they are enough."""
        row, units = self._head(heap)
        priority = self._jobs.priorities[row]
        missing = max(units - self._free_for(lane), lane.committed + units - max(lane.quota, lane.committed))
        lower = 0
        for level, number in lane.priorities.items():
            if level < priority:
                lower += number
        if lower < missing:
            return False
        victims, freed = [], 0
        for victim in self._candidates([lane], below=priority):
            if freed >= missing:
                break
            freed += self._jobs.needs[victim[1]]
            victims.append(victim)
        self._preempt(victims, lane, heap, freed, now)
        return True

    def _candidates(self, lanes: Sequence[QuotaLane], below: int = MAX_JOB_PRIORITY + 1) -> Iterator[_Victim]:
        """Yield the runs of the lanes with priorities below a priority, in the order of preemption."""
        starts = self._loop.record.starts
        levels = sorted({priority for lane in lanes for priority in lane.running if priority < below})
        for group in [levels] if self._newest else [[level] for level in levels]:
            runs = [
                (-starts[run], -row, run, lane)
                for lane in lanes
                for level in group
                for run, row in lane.running.get(level, {}).items()
            ]
            yield from ((run, -row, lane) for _, row, run, lane in sorted(runs))

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
        freed = 0
        for run, victim, other in victims:
            freed += self._jobs.needs[victim]
            self.remove_run(other, run, victim)
            self._loop.preempt(run, row, now)
        if self._loop.stop_seconds == 0:
            self.start(lane, row, units, now)
            return
        runs = {run for run, _, _ in victims}
        self.reservations.add(Reservation(lane, row, units, max(0, units - freed), max(0, units - lane_units), runs))


class QuotaScheduler(Scheduler):
    """Quota management scheduler, with a separate pool for each instance type."""

    retries_first = False

    def __init__(
        self, loop: EventLoop, policy: QuotaManagement, environments: Sequence[Environment], strategies: Strategies
    ) -> None:
        super().__init__(loop)
        self._strategies = strategies
        self._pools: dict[str, QuotaPool] = {}
        self._choice = InstanceChoice(loop, skip=strategies.head_of_line == "skip")
        self.change(policy, environments)

    def change(self, policy: QuotaManagement, environments: Sequence[Environment]) -> None:
        """Change the quotas and the limits. Runs continue."""
        (self._environment,) = environments
        self._policy = policy
        for unit in self._environment.limits:
            self._pool(unit)
        for pool in self._pools.values():
            self._change(pool)
        if self._choice:
            self._choice.move_home(list(self.order(self._loop.now)))

    def lane(self, share: str, instance_type: str) -> QuotaLane:
        """Return the lane of a share and an instance type. Default: the first type of the queue."""
        unit = instance_type or next(iter(self._environment.limits))
        pool = self._pool(unit)
        if share not in pool.lanes:
            pool.lane(share).largest = self._largest(share, unit)
        return pool.lanes[share]

    def environment_limit(self, lane: QuotaLane) -> int:
        """Return the peak of the environment for an instance type."""
        return self._environment.peaks.get(lane.pool.instance_type, 0)

    def arrive(self, lane: QuotaLane, row: int) -> None:
        """Add a waiting job. A preempted job gets its old position."""
        if self._choice and row in self._choice:
            lane = self._choice.arrive(row)
        lane.pool.arrive(lane, row)

    def remove(self, lane: QuotaLane, row: int) -> None:
        """Remove a waiting job."""
        if row in self._choice and not self.is_reserved(lane, row):
            lane.pool.take(lane, row)  # it can wait in another heap next time
        else:
            lane.pool.remove(lane, row)

    def release(self, lane: QuotaLane, run: int, row: int, now: int) -> None:
        """Free the capacity of a run that ended."""
        lane.pool.release(lane, run, row)

    def prefer(self, row: int, lanes: Sequence[QuotaLane]) -> None:
        """Handle that a job can run on several instance types, in the order of preference."""
        self._choice.prefer(row, lanes)

    def home(self, row: int) -> Lane:
        """Return the lane in which a job waits: of its first instance type that can hold it."""
        return self._choice.home(row) if row in self._choice else self._jobs.lanes[row]

    def unit_of(self, lane: QuotaLane) -> str:
        """Return the instance type of a lane."""
        return lane.pool.instance_type

    def resume(self, lane: QuotaLane, row: int, now: int) -> None:
        """Start a job that really started at a second."""
        lane.pool.start(lane, row, self._jobs.needs[row], now)

    def schedule(self, now: int) -> None:
        """Start and preempt jobs in all pools that changed, then start jobs on types that are not their first."""
        self._schedule_pools(now)
        if self._choice:
            moved: set[int] = set()
            while self._choice.move_one(now, moved):
                self._schedule_pools(now)

    def _schedule_pools(self, now: int) -> None:
        while changed := [pool for pool in self._pools.values() if pool.changed]:
            for pool in changed:  # with `stop_seconds=0`, a job that is preempted here can wait in another pool
                pool.schedule(now)

    def order(self, now: int) -> Iterator[int]:
        """Yield the rows of jobs that wait for stops, then of all waiting jobs, by priority inside their share.

        The first jobs of shares are ordered by their submission.
        """
        lanes = [lane for pool in self._pools.values() for lane in pool.lanes.values()]
        yield from (reservation.row for pool in self._pools.values() for reservation in pool.reservations)
        keys = [[key for heap in lane.waiting.values() for key in heap] for lane in lanes]
        queues = [waiting_rows(heap, self._loop.removed)[::-1] for heap in keys if heap]
        while queues:
            first = min(queues, key=lambda queue: queue[-1])
            yield first.pop()
            queues = [queue for queue in queues if queue]

    def wait(self, lane: QuotaLane, row: int, now: int) -> Wait:
        """Return the reason why a job waits after a pass."""
        return lane.pool.wait(lane, row)

    def renumber(self, rows: Mapping[int, int], runs: Mapping[int, int]) -> None:
        """Replace the numbers of rows and runs."""
        for pool in self._pools.values():
            pool.reservations.renumber(rows, runs)
            for lane in pool.lanes.values():
                for heap in lane.waiting.values():
                    renumber(heap, self._loop.removed, rows)
                for level, running in lane.running.items():
                    lane.running[level] = {runs[run]: rows[row] for run, row in running.items()}
        self._choice.renumber(rows)

    def is_reserved(self, lane: QuotaLane, row: int) -> bool:
        """Return True if other jobs are being stopped for a waiting job."""
        return any(reservation.row == row for reservation in lane.pool.reservations)

    def stop(self, lane: QuotaLane, run: int, row: int) -> None:
        """Exclude a run from preemption, because its job was withdrawn."""
        lane.pool.remove_run(lane, run, row)

    def rank_run(self, lane: QuotaLane, run: int, row: int, priority: int) -> None:
        """Count a run with its new priority, for preemption inside the share."""
        lane.pool.rank_run(lane, run, row, priority)

    def pause(self, unit: str = "") -> None:
        """Cancel the reservations on an instance type, or all reservations."""
        for pool in [pool for pool in self._pools.values() if unit in ("", pool.instance_type)]:
            for reservation in list(pool.reservations):
                pool.cancel(reservation)

    def _pool(self, unit: str) -> QuotaPool:
        if unit not in self._pools:
            pool = self._pools[unit] = QuotaPool(self, self._loop, self._environment, unit, self._strategies)
            self._change(pool)
        return self._pools[unit]

    def _change(self, pool: QuotaPool) -> None:
        pool.change(self._policy.shares, self._environment)
        for lane in pool.lanes.values():
            lane.largest = self._largest(lane.share, pool.instance_type)
        for reservation in [each for each in pool.reservations if each.units > each.lane.largest]:
            pool.cancel(reservation)

    def _largest(self, share: str, unit: str) -> int:
        return int(self._policy.ceilings(self._environment.peaks).get(share, {}).get(unit, 0))
