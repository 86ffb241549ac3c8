"""Quota management: what owns, lends, borrows and takes back."""

from collections.abc import Mapping

from fairlane.scheduler.engine import Engine
from fairlane.scheduler.job import Trace
from fairlane.scheduler.options import Strategies
from fairlane.scheduler.quota_pool import QuotaPool
from fairlane.scheduling import QuotaManagement


class QuotaScheduler:
    """Schedules each instance type by itself."""

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
        # "" is the only type that there is.
        self._pool_of = [pools[unit] if unit else self._pools[0] for unit in trace.instance_types]

    def arrive(self, row: int, *, again: bool) -> None:
        """A job waits; one that was preempted waits in its old place."""
        pool = self._pool_of[self._trace.types[row]]
        pool.arrive(pool.lanes[self._trace.share_names[self._trace.shares[row]]], row)

    def release(self, run: int, row: int, now: int) -> None:
        """A run is over."""
        pool = self._pool_of[self._trace.types[row]]
        pool.release(pool.lanes[self._trace.share_names[self._trace.shares[row]]], run, self._engine.needs[row])

    def schedule(self, now: int) -> None:
        """Starts and stops what has to be."""
        for pool in self._pools:
            if pool.changed:
                pool.schedule(self, now)
