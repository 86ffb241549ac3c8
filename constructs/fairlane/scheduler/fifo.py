"""Scheduler of a FIFO queue."""

from bisect import insort
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from heapq import merge
from typing import Final

from fairlane.scheduler.environment import Environment
from fairlane.scheduler.event_loop import EventLoop
from fairlane.scheduler.job_table import FRONT_OFFSET, ROW_MASK
from fairlane.scheduler.lane import Lane
from fairlane.scheduler.placement import PlacementScheduler
from fairlane.scheduler.submission import Wait, WaitReason
from fairlane.scheduling import SchedulingPolicy

_KEY_MASK: Final = FRONT_OFFSET | ROW_MASK


class FifoScheduler(PlacementScheduler):
    """FIFO scheduler: one list of waiting jobs or, if later jobs may start first, one list for each size of jobs."""

    def __init__(self, loop: EventLoop, environments: Sequence[Environment], *, skip: bool) -> None:
        self._lane = Lane(self)
        super().__init__(loop, environments)
        self._skip = skip
        self._waiting: dict[int, deque[int]] = {0: deque()}

    def _lanes(self) -> list[Lane]:
        return [self._lane]

    def change(self, policy: SchedulingPolicy, environments: Sequence[Environment]) -> None:
        """Change the environments."""
        self._place_on(environments)

    def lane(self, share: str, instance_type: str) -> Lane:
        """Return the only lane."""
        return self._lane

    def arrive(self, lane: Lane, row: int) -> None:
        """Add a waiting job."""
        key = self._jobs.order[row] & _KEY_MASK
        line = self._line(row) if self._skip else self._waiting[0]
        if line and key < line[-1]:
            insort(line, key)
        else:
            line.append(key)

    def remove(self, lane: Lane, row: int) -> None:
        """Remove a waiting job."""
        self._line(row).remove(self._jobs.order[row] & _KEY_MASK)

    def release(self, lane: Lane, run: int, row: int, now: int) -> None:
        """Do nothing, because the order of the jobs does not depend on runs."""

    def resume(self, lane: Lane, row: int, now: int) -> None:
        """Start a job that really started at a second."""
        self._loop.start(row, now, self._place_run(self._jobs.needs[row]))

    def schedule(self, now: int) -> None:
        """Start jobs in the order of their submission."""
        needs, first, several, skip = self._jobs.needs, self._first, self._several, self._skip
        line = self._waiting[0]
        while skip or line:
            if skip:
                fitting = [line for size, line in self._waiting.items() if line and self._find(size)]
                if not fitting:
                    return
                line = min(fitting)
            row = line[0] & ROW_MASK
            units = needs[row]
            environment = first if units <= first.free else several and self._find(units)
            if not environment:
                if units > self._largest:
                    self._loop.block(row, now)
                return
            line.popleft()
            self._loop.start(row, now, environment)

    def order(self, now: int) -> Iterator[int]:
        """Yield the rows of all waiting jobs in the order of their submission."""
        yield from (key & ROW_MASK for key in merge(*self._waiting.values()))

    def wait(self, lane: Lane, row: int, now: int) -> Wait:
        """Return the reason why a job waits after a pass."""
        first = next(self.order(now))
        return (
            Wait(WaitReason.CAPACITY) if self._skip or first == row else Wait(WaitReason.BEHIND, self._jobs.id(first))
        )

    def renumber(self, rows: Mapping[int, int], runs: Mapping[int, int]) -> None:
        """Replace the numbers of rows."""
        for size, line in self._waiting.items():
            self._waiting[size] = deque(key - (key & ROW_MASK) + rows[key & ROW_MASK] for key in line)

    def _line(self, row: int) -> deque[int]:
        if not self._skip:
            return self._waiting[0]
        size = self._jobs.needs[row]
        if size not in self._waiting:
            self._waiting[size] = deque()
        return self._waiting[size]
