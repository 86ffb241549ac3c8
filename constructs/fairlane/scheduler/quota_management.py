"""Scheduler of a queue with quota management."""

from collections.abc import Iterator, Mapping, Sequence

from fairlane.scheduler.environment import Environment
from fairlane.scheduler.event_loop import EventLoop
from fairlane.scheduler.instance_choice import InstanceChoice
from fairlane.scheduler.lane import Lane, Scheduler
from fairlane.scheduler.options import Strategies
from fairlane.scheduler.quota_lanes import QuotaLane
from fairlane.scheduler.quota_pool import QuotaPool
from fairlane.scheduler.submission import Wait
from fairlane.scheduler.waiting import renumber, waiting_rows
from fairlane.scheduling import QuotaManagement


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
        lane.pool.remove(lane, row)

    def release(self, lane: QuotaLane, run: int, row: int, now: int) -> None:
        """Free the capacity of a run that ended."""
        lane.pool.release(lane, run, self._jobs.needs[row])

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
        for pool in self._pools.values():
            if pool.changed:
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
                lane.running = {runs[run]: rows[row] for run, row in lane.running.items()}
        self._choice.renumber(rows)

    def is_reserved(self, lane: QuotaLane, row: int) -> bool:
        """Return True if other jobs are being stopped for a waiting job."""
        return any(reservation.row == row for reservation in lane.pool.reservations)

    def stop(self, lane: QuotaLane, run: int, row: int) -> None:
        """Exclude a run from preemption, because its job was withdrawn."""
        if run in lane.running:
            lane.pool.remove_run(lane, run, self._jobs.needs[row])

    def rank_run(self, lane: QuotaLane, run: int, row: int, priority: int) -> None:
        """Count a run with its new priority, for preemption inside the share."""
        if run in lane.running:
            lane.pool.rank_run(lane, self._jobs.priorities[row], priority)

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

    def _largest(self, share: str, unit: str) -> int:
        return int(self._policy.ceilings(self._environment.peaks).get(share, {}).get(unit, 0))
