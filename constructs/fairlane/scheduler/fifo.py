"""First in, first out."""

from heapq import heappop, heappush

from fairlane.scheduler.engine import ROW_MASK, Engine


class FifoScheduler:
    """One line for all; where later jobs may pass, a line for each size of jobs, of which the earliest goes."""

    def __init__(self, engine: Engine, capacity: int, *, skip: bool) -> None:
        self._engine = engine
        self._free = capacity
        self._skip = skip
        self._lines: dict[int, list[int]] = {}

    def arrive(self, row: int, *, again: bool) -> None:
        """A job waits; one that is retried goes to the front."""
        line = self._engine.needs[row] if self._skip else 0
        heappush(self._lines.setdefault(line, []), row if again else row + ROW_MASK + 1)

    def release(self, run: int, row: int, now: int) -> None:
        """A run is over."""
        self._free += self._engine.needs[row]

    def schedule(self, now: int) -> None:
        """Starts jobs from the front."""
        while lines := [line for size, line in self._lines.items() if line and size <= self._free]:
            line = min(lines)
            row = line[0] & ROW_MASK
            if self._engine.needs[row] > self._free:
                return
            heappop(line)
            self._free -= self._engine.needs[row]
            self._engine.start(row, now)
