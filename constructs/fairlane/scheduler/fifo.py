"""Scheduler of a FIFO queue."""

from collections.abc import Sequence

from fairlane.scheduler.environment import Environment
from fairlane.scheduler.event_loop import EventLoop
from fairlane.scheduler.job_table import FRONT_OFFSET, ROW_MASK
from fairlane.scheduler.lane import Lane
from fairlane.scheduler.placement import Placement
from fairlane.scheduler.waiting import pop, push

_KEY_MASK = FRONT_OFFSET | ROW_MASK


class FifoScheduler(Placement):
    """FIFO scheduler: one list of waiting jobs or, if later jobs may start first, one list for each size of jobs."""

    def __init__(self, loop: EventLoop, environments: Sequence[Environment], *, skip: bool) -> None:
        super().__init__(loop, environments)
        self._skip = skip
        self._waiting: dict[int, list[int]] = {}
        self._lane = Lane(self)
        self._lane.largest = self.largest

    def lane(self, share: str, instance_type: str) -> Lane:
        """Return the only lane."""
        return self._lane

    def arrive(self, lane: Lane, row: int) -> None:
        """Add a waiting job."""
        size = self._jobs.needs[row] if self._skip else 0
        push(self._waiting.setdefault(size, []), self._jobs.order[row] & _KEY_MASK, self._loop.removed)

    def release(self, lane: Lane, run: int, row: int, now: int) -> None:
        """Do nothing, because the order of the jobs does not depend on runs."""

    def schedule(self, now: int) -> None:
        """Start jobs in the order of their submission."""
        needs, removed, first = self._jobs.needs, self._loop.removed, self._first
        while heaps := [
            heap for size, heap in self._waiting.items() if heap and (size <= first.free or self.find(size))
        ]:
            heap = min(heaps)
            row = heap[0] & ROW_MASK
            environment = first if needs[row] <= first.free else self.find(needs[row])
            if environment is None:
                return
            pop(heap, removed)
            self._loop.start(row, now, environment)
