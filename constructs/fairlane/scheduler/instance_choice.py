"""Choice among several instance types, for jobs of a queue with quota management."""

from collections.abc import Mapping, Sequence
from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING, cast

from fairlane.scheduler.compilation import mypyc_attr
from fairlane.scheduler.job_table import NO_RUN, ROW_MASK

if TYPE_CHECKING:
    from fairlane.scheduler.event_loop import EventLoop
    from fairlane.scheduler.quota_management import QuotaLane


@mypyc_attr(serializable=True)
class InstanceChoice:
    """Jobs that can run on several instance types.

    A job waits in its home: the lane of its first type that can hold it. If a pass does not start it there, it starts
    on the next type that has room for it, unless a job that is before it waits in this lane. Each of the other lanes
    has a heap of such jobs, or one for each size if later jobs may start first.
    """

    def __init__(self, loop: "EventLoop", *, skip: bool) -> None:
        self._loop = loop
        self._jobs = loop.jobs
        self._skip = skip
        self._preferred: dict[int, Sequence[QuotaLane]] = {}
        self._guests: dict[QuotaLane, dict[int, list[int]]] = {}

    def prefer(self, row: int, lanes: "Sequence[QuotaLane]") -> None:
        """Add a job with its lanes in the order of preference."""
        self._preferred[row] = lanes
        self._jobs.lanes[row] = self.home(row)

    def home(self, row: int) -> "QuotaLane":
        """Return the first lane that can hold a job, or the first lane if none can."""
        lanes = self._preferred[row]
        return next((lane for lane in lanes if self._jobs.needs[row] <= lane.largest), lanes[0])

    def __contains__(self, row: int) -> bool:
        return row in self._preferred

    def __bool__(self) -> bool:
        return bool(self._preferred)

    def arrive(self, row: int) -> "QuotaLane":
        """List a job that waits in all its lanes, and return its home."""
        home = self._jobs.lanes[row] = self.home(row)
        size = self._jobs.needs[row] if self._skip else 0
        for lane in self._preferred[row]:
            if lane is not home:
                heappush(self._guests.setdefault(lane, {}).setdefault(size, []), self._jobs.order[row])
        return home

    def move_one(self, now: int, moved: set[int]) -> bool:
        """Start one waiting job on a type that is not its first, and return True if one started.

        Args:
            now: Current second.
            moved: Rows that have started so in this pass, to which this one is added.
        """
        for _, row, lane in sorted(self._candidates(moved), key=lambda candidate: candidate[:2]):
            home = cast("QuotaLane", self._jobs.lanes[row])
            if not lane.pool.admits(lane, row):
                continue
            home.pool.take(home, row)
            self._jobs.lanes[row] = lane
            self._loop.record.moved[len(self._loop.record.rows)] = lane.pool.instance_type
            lane.pool.start(lane, row, self._jobs.needs[row], now)
            lane.pool.changed = True
            moved.add(row)
            return True
        return False

    def _candidates(self, moved: set[int]) -> "list[tuple[tuple[int, int], int, QuotaLane]]":
        """Return the first jobs of each heap: their sort key and the number of the preference, their row and lane."""
        candidates = []
        for lane, heaps in self._guests.items():
            for heap in heaps.values():
                while heap and not self._waits(heap[0] & ROW_MASK, lane):
                    heappop(heap)
                if heap:
                    row = heap[0] & ROW_MASK
                    if row not in moved and not lane.scheduler.is_reserved(self._jobs.lanes[row], row):
                        key = heap[0], list(self._preferred[row]).index(lane)
                        if self._skip or not lane.waiting[0] or heap[0] < lane.waiting[0][0]:
                            candidates.append((key, row, lane))
        return candidates

    def _waits(self, row: int, lane: "QuotaLane") -> bool:
        waits = self._jobs.last_run[row] == NO_RUN and not self._loop.record.states[row]
        return waits and self._jobs.lanes[row] is not lane

    def renumber(self, rows: Mapping[int, int]) -> None:
        """Replace the numbers of rows."""
        self._preferred = {rows[row]: lanes for row, lanes in self._preferred.items() if row in rows}
        for heaps in self._guests.values():
            for heap in heaps.values():
                kept = [key for key in heap if key & ROW_MASK in rows]
                heap[:] = [key - (key & ROW_MASK) + rows[key & ROW_MASK] for key in kept]
                heapify(heap)

    def move_home(self, listed: Sequence[int]) -> None:
        """Move jobs whose first types can no longer hold them, or can again, to their new homes.

        Args:
            listed: Rows of the jobs that wait in a lane.
        """
        waiting = {row for row in listed if row in self._preferred}
        for row in self._preferred:
            lane = cast("QuotaLane", self._jobs.lanes[row])
            if self._jobs.last_run[row] != NO_RUN or lane is (home := self.home(row)):
                continue
            if row in waiting:
                if lane.scheduler.is_reserved(lane, row):
                    continue
                lane.pool.take(lane, row)
                home.pool.arrive(self.arrive(row), row)
            else:
                self._jobs.lanes[row] = home
