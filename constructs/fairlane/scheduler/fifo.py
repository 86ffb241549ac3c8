"""Scheduler of a FIFO queue."""

from collections.abc import Iterator, Mapping, Sequence
from heapq import heappop, heappush
from typing import Final

from fairlane.scheduler.environment import Environment
from fairlane.scheduler.event_loop import EventLoop
from fairlane.scheduler.job_table import FRONT_OFFSET, ROW_MASK
from fairlane.scheduler.lane import Lane
from fairlane.scheduler.placement import PlacementScheduler
from fairlane.scheduler.submission import Wait, WaitReason
from fairlane.scheduler.waiting import prune, push, remove, renumber, waiting_rows
from fairlane.scheduling import SchedulingPolicy

_KEY_MASK: Final = FRONT_OFFSET | ROW_MASK


class FifoScheduler(PlacementScheduler):
    """FIFO scheduler: one list of waiting jobs or, if later jobs may start first, one list for each size of jobs."""

    def __init__(self, loop: EventLoop, environments: Sequence[Environment], *, skip: bool) -> None:
        self._lane = Lane(self)
        super().__init__(loop, environments)
        self._skip = skip
        self._waiting: dict[int, list[int]] = {0: []}

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
        heap = self._waiting.setdefault(self._jobs.needs[row] if self._skip else 0, [])
        if self._loop.removed:
            push(heap, self._key(row), self._loop.removed)
        else:
            heappush(heap, self._jobs.order[row] & _KEY_MASK)

    def remove(self, lane: Lane, row: int) -> None:
        """Remove a waiting job."""
        size = self._jobs.needs[row] if self._skip else 0
        remove(self._waiting[size], self._key(row), self._loop.removed)

    def release(self, lane: Lane, run: int, row: int, now: int) -> None:
        """Do nothing, because the order of the jobs does not depend on runs."""

    def resume(self, lane: Lane, row: int, now: int) -> None:
        """Start a job that really started at a second."""
        self._loop.start(row, now, self._place_run(self._jobs.needs[row]))

    def schedule(self, now: int) -> None:
        """Start jobs in the order of their submission."""
        needs, removed = self._jobs.needs, self._loop.removed
        first, several, skip = self._first, self._several, self._skip
        heap = self._waiting[0]
        while skip or heap:
            if skip:
                fitting = [heap for size, heap in self._waiting.items() if heap and self._find(size)]
                heap = min(fitting, default=[])
                if not heap:
                    return
            row = heap[0] & ROW_MASK
            units = needs[row]
            environment = first if units <= first.free else several and self._find(units)
            if not environment:
                if units > self._largest:
                    self._loop.block(row, now)
                return
            heappop(heap)
            if removed:
                prune(heap, removed)
            self._loop.start(row, now, environment)

    def order(self, now: int) -> Iterator[int]:
        """Yield the rows of all waiting jobs in the order of their submission."""
        yield from waiting_rows((key for heap in self._waiting.values() for key in heap), self._loop.removed)

    def wait(self, lane: Lane, row: int, now: int) -> Wait:
        """Return the reason why a job waits after a pass."""
        first = next(self.order(now))
        return (
            Wait(WaitReason.CAPACITY) if self._skip or first == row else Wait(WaitReason.BEHIND, self._jobs.id(first))
        )

    def renumber(self, rows: Mapping[int, int], runs: Mapping[int, int]) -> None:
        """Replace the numbers of rows."""
        for heap in self._waiting.values():
            renumber(heap, self._loop.removed, rows)

    def _key(self, row: int) -> int:
        return self._jobs.order[row] & _KEY_MASK
