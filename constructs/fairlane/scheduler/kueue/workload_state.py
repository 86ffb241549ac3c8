"""State of a workload, and the workloads that hold quota, in the order in which they become victims."""

from bisect import bisect_left, insort
from collections.abc import Collection, Iterator
from itertools import chain
from operator import attrgetter
from typing import TypeAlias

from fairlane.scheduler.kueue.objects import FlavorResource, PreemptionPolicy, Workload

Amounts: TypeAlias = dict[FlavorResource, int]


class WorkloadState:
    """Workload with its requests, and where it is.

    Attributes:
        pods: Requests of each pod set, without those that are zero.
        requests: Sum of the requests.
        shape: Number that is equal for workloads of equal priority and equal pod sets.
        sequence: Place in the order of arrival.
        rank: Place in the order of victims. Set by an admission.
        evicted: True if the workload holds its quota only until its pods have stopped.
        waits: True if the workload holds no quota.
        listed: True if the waiting line of the queue has an entry of the workload.
    """

    __slots__ = ("evicted", "listed", "pods", "rank", "requests", "sequence", "shape", "waits", "workload")

    def __init__(self, workload: Workload, *, shape: int, sequence: int, pods: list[Amounts]) -> None:
        self.workload = workload
        self.pods = pods
        self.requests: Amounts = {}
        for requests in pods:
            for key, amount in requests.items():
                self.requests[key] = self.requests.get(key, 0) + amount
        self.shape = shape
        self.sequence = sequence
        self.rank: tuple[int, float, str] = (0, 0.0, "")
        self.evicted = False
        self.waits = False
        self.listed = False

    @property
    def workload_name(self) -> str:
        """Name of the workload."""
        return self.workload.workload_name

    @property
    def order(self) -> tuple[int, float, str]:
        """Place in the order of the queue: priority, then creation."""
        workload = self.workload
        return -workload.priority, workload.created, workload.workload_name


_RANK = attrgetter("rank")


class HeldWorkloads:
    """Workloads of a queue that hold quota. The first victim is the newest admission of the lowest priority."""

    __slots__ = ("evicted", "running")

    def __init__(self) -> None:
        self.running: list[WorkloadState] = []
        self.evicted: list[WorkloadState] = []

    def __iter__(self) -> Iterator[WorkloadState]:
        return chain(self.evicted, self.running)

    def add(self, state: WorkloadState, now: float) -> None:
        """Add a workload that is admitted at a time."""
        state.rank = (state.workload.priority, -now, state.workload_name)
        insort(self.running, state, key=_RANK)

    def remove(self, state: WorkloadState) -> None:
        """Remove a workload."""
        states = self.evicted if state.evicted else self.running
        del states[bisect_left(states, state.rank, key=_RANK)]
        state.evicted = False

    def evict(self, state: WorkloadState) -> None:
        """Mark a workload as evicted. It keeps its quota."""
        self.remove(state)
        state.evicted = True
        insort(self.evicted, state, key=_RANK)


def eligible_victims(
    states: list[WorkloadState], preemptor: WorkloadState, policy: PreemptionPolicy, needs: Collection[FlavorResource]
) -> Iterator[WorkloadState]:
    """Yield the workloads that a policy allows to preempt and that hold a needed resource, in the given order."""
    if policy is PreemptionPolicy.NEVER:
        return
    priority, created = preemptor.workload.priority, preemptor.workload.created
    newer_too = policy is PreemptionPolicy.LOWER_OR_NEWER_EQUAL_PRIORITY
    every = policy is PreemptionPolicy.ANY
    for state in states:
        if not every and state.rank[0] >= priority:
            if state.rank[0] > priority or not newer_too:
                return
            if state.workload.created <= created:
                continue
        if not state.requests.keys().isdisjoint(needs):
            yield state
