"""Workloads of a queue that wait for quota, those parked until quota is released, and the head of the queue."""

from collections import defaultdict
from heapq import heappop, heappush
from typing import TypeAlias

from fairlane.scheduler.kueue.workload_state import WorkloadState

_Entry: TypeAlias = tuple[tuple[int, float, str], int, WorkloadState]


class WaitingLine:
    """Waiting workloads, by shape.

    A workload that cannot be admitted parks all workloads of its shape, which could not be admitted either.

    Attributes:
        parked_shapes: Shapes that wait for a release of quota.
        preemptor: Workload that stays at the head, because it has evicted others.
    """

    __slots__ = ("_by_shape", "_fronts", "parked_shapes", "preemptor")

    def __init__(self) -> None:
        self._by_shape: defaultdict[int, list[_Entry]] = defaultdict(list)
        self._fronts: list[_Entry] = []
        self.parked_shapes: set[int] = set()
        self.preemptor: WorkloadState | None = None

    def push(self, state: WorkloadState) -> None:
        """Add a workload. It is parked if its shape is."""
        state.waits = True
        if state.listed:
            return
        state.listed = True
        entries = self._by_shape[state.shape]
        entry = (state.order, state.sequence, state)
        heappush(entries, entry)
        if entries[0] is entry and state.shape not in self.parked_shapes:
            heappush(self._fronts, entry)

    def discard(self, state: WorkloadState) -> None:
        """Remove a workload, which is admitted or no longer wanted."""
        state.waits = False
        if self.preemptor is state:
            self.preemptor = None
        entries = self._by_shape[state.shape]
        if entries[0][2] is not state:
            return
        while entries and not entries[0][2].waits:
            heappop(entries)[2].listed = False
        if not entries:
            del self._by_shape[state.shape]
        elif state.shape not in self.parked_shapes:
            heappush(self._fronts, entries[0])

    def head(self) -> WorkloadState | None:
        """Return the workload that the next cycle tries."""
        preemptor = self.preemptor
        if preemptor is not None and preemptor.shape not in self.parked_shapes:
            return preemptor
        fronts = self._fronts
        while fronts:
            state = fronts[0][2]
            entries = self._by_shape.get(state.shape)
            if entries and entries[0] is fronts[0] and state.shape not in self.parked_shapes:
                return state
            heappop(fronts)
        return None

    def park(self, shape: int) -> None:
        """Park all workloads of a shape."""
        self.parked_shapes.add(shape)
        if self._fronts and self._fronts[0][2].shape == shape:
            heappop(self._fronts)

    def unpark(self) -> None:
        """Let all workloads be tried again."""
        shapes = self.parked_shapes
        self.parked_shapes = set()
        for shape in shapes:
            if shape in self._by_shape:
                heappush(self._fronts, self._by_shape[shape][0])

    def waiting(self) -> list[WorkloadState]:
        """Return the workloads that will be tried, in their order."""
        return sorted(self._states(parked=False), key=lambda state: (state is not self.preemptor, state.order))

    def parked(self) -> list[WorkloadState]:
        """Return the parked workloads in the order of their arrival."""
        return sorted(self._states(parked=True), key=lambda state: state.sequence)

    def _states(self, *, parked: bool) -> list[WorkloadState]:
        return [
            state
            for shape, entries in self._by_shape.items()
            if (shape in self.parked_shapes) is parked
            for _, _, state in entries
            if state.waits
        ]
