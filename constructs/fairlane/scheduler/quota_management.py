"""Scheduler of a queue with quota management."""

from collections.abc import Sequence

from fairlane.scheduler.environment import Environment
from fairlane.scheduler.event_loop import EventLoop
from fairlane.scheduler.options import Strategies
from fairlane.scheduler.quota_lanes import QuotaLane
from fairlane.scheduler.quota_pool import QuotaPool
from fairlane.scheduling import QuotaManagement


class QuotaScheduler:
    """Quota management scheduler, with a separate pool for each instance type."""

    retries_first = False

    def __init__(
        self, loop: EventLoop, policy: QuotaManagement, environments: Sequence[Environment], strategies: Strategies
    ) -> None:
        (self._environment,) = environments
        self.group = 0
        self._loop = loop
        self._jobs = loop.jobs
        self._policy = policy
        self._strategies = strategies
        self._pools: dict[str, QuotaPool] = {}
        ceilings = policy.ceilings(self._environment.limits)
        for unit in self._environment.limits:
            pool = self._pools[unit] = QuotaPool(self, loop, self._environment, policy.shares, unit, strategies)
            for name, lane in pool.lanes.items():
                lane.largest = int(ceilings[name].get(unit, 0))

    def lane(self, share: str, instance_type: str) -> QuotaLane:
        """Return the lane of a share and an instance type. Default: the first type of the queue."""
        return self._pools[instance_type or next(iter(self._pools))].lanes[share]

    def arrive(self, lane: QuotaLane, row: int) -> None:
        """Add a waiting job. A preempted job gets its old position."""
        lane.pool.arrive(lane, row)

    def release(self, lane: QuotaLane, run: int, row: int, now: int) -> None:
        """Free the capacity of a run that ended."""
        lane.pool.release(lane, run, self._jobs.needs[row])

    def schedule(self, now: int) -> None:
        """Start and preempt jobs in all pools that changed."""
        for pool in self._pools.values():
            if pool.changed:
                pool.schedule(now)
