"""Scheduler of a queue with quota management."""

from collections.abc import Iterator, Mapping, Sequence

from fairlane.scheduler.environment import Environment
from fairlane.scheduler.event_loop import EventLoop
from fairlane.scheduler.lane import Scheduler
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
        self.change(policy, environments)

    def change(self, policy: QuotaManagement, environments: Sequence[Environment]) -> None:
        """Change the quotas and the limits. Runs continue."""
        (self._environment,) = environments
        self._policy = policy
        for unit in self._environment.limits:
            self._pool(unit)
        for pool in self._pools.values():
            self._change(pool)

    def lane(self, share: str, instance_type: str) -> QuotaLane:
        """Return the lane of a share and an instance type. Default: the first type of the queue."""
        unit = instance_type or next(iter(self._environment.limits))
        pool = self._pool(unit)
        if share not in pool.lanes:
            pool.lane(share).largest = self._largest(share, unit)
        return pool.lanes[share]

    def environment_limit(self, lane: QuotaLane) -> int:
        """Return the limit of the environment for an instance type."""
        return self._environment.limits.get(lane.pool.instance_type, 0)

    def arrive(self, lane: QuotaLane, row: int) -> None:
        """Add a waiting job. A preempted job gets its old position."""
        lane.pool.arrive(lane, row)

    def remove(self, lane: QuotaLane, row: int) -> None:
        """Remove a waiting job."""
        lane.pool.remove(lane, row)

    def release(self, lane: QuotaLane, run: int, row: int, now: int) -> None:
        """Free the capacity of a run that ended."""
        lane.pool.release(lane, run, self._jobs.needs[row])

    def resume(self, lane: QuotaLane, row: int, now: int) -> None:
        """Start a job that really started at a second."""
        lane.pool.start(lane, row, self._jobs.needs[row], now)

    def schedule(self, now: int) -> None:
        """Start and preempt jobs in all pools that changed."""
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

    def pause(self) -> None:
        """Cancel all reservations."""
        for pool in self._pools.values():
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
        return int(self._policy.ceilings(self._environment.limits).get(share, {}).get(unit, 0))
