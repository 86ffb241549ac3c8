"""Scheduler of a queue with quota management."""

from collections.abc import Mapping

from fairlane.scheduler.engine import Engine
from fairlane.scheduler.job import Trace
from fairlane.scheduler.options import Strategies
from fairlane.scheduler.quota_pool import QuotaPool
from fairlane.scheduling import QuotaManagement


class QuotaScheduler:
    """Quota management scheduler, with a separate pool for each instance type."""

    def __init__(
        self,
        engine: Engine,
        policy: QuotaManagement,
        trace: Trace,
        capacity: Mapping[str, int],
        strategies: Strategies,
    ) -> None:
        pools = {unit: QuotaPool(engine, policy.shares, unit, limit, strategies) for unit, limit in capacity.items()}
        self._engine = engine
        self._trace = trace
        self._pools = list(pools.values())
        # Jobs without an instance type use the only type of the queue.
        self._pool_by_type = [pools[unit] if unit else self._pools[0] for unit in trace.instance_types]

    def arrive(self, row: int, *, retry: bool) -> None:
        """Add a waiting job. A preempted job gets its old position."""
        pool = self._pool_by_type[self._trace.types[row]]
        pool.arrive(pool.lanes[self._trace.share_names[self._trace.shares[row]]], row)

    def release(self, run: int, row: int, now: int) -> None:
        """Free the capacity of a run that ended."""
        pool = self._pool_by_type[self._trace.types[row]]
        pool.release(pool.lanes[self._trace.share_names[self._trace.shares[row]]], run, self._engine.needs[row])

    def schedule(self, now: int) -> None:
        """Start and preempt jobs in all pools that changed."""
        for pool in self._pools:
            if pool.changed:
                pool.schedule(self, now)
