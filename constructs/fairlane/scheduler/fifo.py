"""Scheduler of a FIFO queue."""

from heapq import heappop, heappush

from fairlane.scheduler.engine import ROW_MASK, Engine


class FifoScheduler:
    """FIFO scheduler: one list of waiting jobs or, if later jobs may start first, one list for each size of jobs."""

    def __init__(self, engine: Engine, capacity: int, *, skip: bool) -> None:
        self._engine = engine
        self._free = capacity
        self._skip = skip
        self._waiting: dict[int, list[int]] = {}

    def arrive(self, row: int, *, retry: bool) -> None:
        """Add a waiting job. A retried job is first."""
        size = self._engine.needs[row] if self._skip else 0
        heappush(self._waiting.setdefault(size, []), row if retry else row + ROW_MASK + 1)

    def release(self, run: int, row: int, now: int) -> None:
        """Free the capacity of a run that ended."""
        self._free += self._engine.needs[row]

    def schedule(self, now: int) -> None:
        """Start jobs in the order of their submission."""
        while queues := [queue for size, queue in self._waiting.items() if queue and size <= self._free]:
            queue = min(queues)
            row = queue[0] & ROW_MASK
            if self._engine.needs[row] > self._free:
                return
            heappop(queue)
            self._free -= self._engine.needs[row]
            self._engine.start(row, now)
