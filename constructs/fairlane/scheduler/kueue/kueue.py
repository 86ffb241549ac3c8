"""Model of the scheduler of Kueue 0.19.2: admission, fair sharing and preemption, cycle by cycle."""

from collections.abc import Collection, Mapping, Sequence

from fairlane.scheduler.kueue.cycle_decisions import CycleDecisions
from fairlane.scheduler.kueue.fair_preemption import find_fair_victims
from fairlane.scheduler.kueue.nomination import Nomination, nominate
from fairlane.scheduler.kueue.objects import ClusterQueue, Cycle, FlavorResource, PreemptionStrategy, Workload
from fairlane.scheduler.kueue.preemption import Victim, find_victims
from fairlane.scheduler.kueue.queue_state import CohortState, QueueState
from fairlane.scheduler.kueue.workload_state import Amounts, WorkloadState


class Kueue:
    """Queues with their workloads. The caller starts each cycle and states its time.

    Args:
        queues: Queues with their quotas.
        fair_sharing: Rules of preemption with fair sharing, in their order. Default: None, without fair sharing.
    """

    def __init__(
        self, queues: Sequence[ClusterQueue], *, fair_sharing: Sequence[PreemptionStrategy] | None = None
    ) -> None:
        self._strategies = fair_sharing
        self._queues: dict[str, QueueState] = {}
        self._cohorts: dict[str, CohortState] = {}
        self._workloads: dict[str, WorkloadState] = {}
        self._shapes: dict[object, int] = {}
        self._nominations: dict[str, tuple[int, Nomination]] = {}
        self._arrivals = 0
        self._changes = 0
        for queue in queues:
            self.set_queue(queue)

    def set_queue(self, queue: ClusterQueue) -> None:
        """Add a queue, or change its quota and policy. Workloads that run go on."""
        cohort = self._cohorts.setdefault(queue.cohort, CohortState()) if queue.cohort else None
        state = self._queues.get(queue.queue_name)
        if state is None:
            state = self._queues[queue.queue_name] = QueueState(queue, cohort)
        else:
            self._leave_cohort(state)
            state.configure(queue, cohort)
        if cohort is not None:
            cohort.queues.append(state)
            cohort.refresh()
        self._unpark(state)

    def remove_queue(self, queue_name: str) -> None:
        """Remove a queue and all its workloads.

        Raises:
            KeyError: If the queue does not exist.
        """
        queue = self._queues.pop(queue_name)
        self._nominations.pop(queue_name, None)
        self._workloads = {name: state for name, state in self._workloads.items() if state.workload.queue != queue_name}
        self._leave_cohort(queue)

    def add(self, workload: Workload) -> None:
        """Add a workload.

        Raises:
            KeyError: If the queue does not exist.
            ValueError: If a workload of this name exists.
        """
        queue = self._queues[workload.queue]
        if workload.workload_name in self._workloads:
            raise ValueError(f"workload {workload.workload_name!r} exists")
        pods = [
            {key: pod_set.count * amount for key, amount in pod_set.requests.items() if pod_set.count * amount}
            for pod_set in workload.pod_sets
        ]
        shape = (
            workload.priority,
            tuple((pod_set.count, frozenset(pod_set.requests.items())) for pod_set in workload.pod_sets),
        )
        number = self._shapes.setdefault(shape, len(self._shapes))
        state = WorkloadState(workload, shape=number, sequence=self._arrivals, pods=pods)
        self._arrivals += 1
        self._workloads[workload.workload_name] = state
        if workload.reserved_at is None:
            queue.line.push(state)
        else:
            self._changes += 1
            queue.hold(state, workload.reserved_at)

    def remove(self, workload_name: str) -> None:
        """Remove a workload that has finished or is no longer wanted. Its quota is free.

        Raises:
            KeyError: If the workload does not exist.
        """
        state = self._workloads.pop(workload_name)
        queue = self._queues[state.workload.queue]
        if state.waits:
            queue.line.discard(state)
        else:
            self._free(queue, state)

    def release(self, workload_name: str) -> None:
        """Free the quota of an evicted workload, whose pods have stopped. The workload waits again.

        Raises:
            KeyError: If the workload does not exist.
            ValueError: If the workload is not evicted.
        """
        state = self._workloads[workload_name]
        if not state.evicted:
            raise ValueError(f"workload {workload_name!r} is not evicted")
        queue = self._queues[state.workload.queue]
        self._free(queue, state)
        queue.line.push(state)

    def cycle(self, now: float) -> Cycle:
        """Run one cycle at a time in seconds, and return its decisions. Without heads the cycle has no entries."""
        heads = [(queue, head) for queue in self._queues.values() if (head := queue.line.head()) is not None]
        if not heads:
            return Cycle(entries=(), evicted=(), settled=True)
        nominations = [self._nominate(queue, head) for queue, head in heads]
        decisions = CycleDecisions(now)
        for nomination in self._ordered(nominations):
            decisions.decide(nomination)
        cycle = decisions.finish()
        if decisions.changed:
            self._changes += 1
        return cycle

    def admitted(self) -> list[str]:
        """Return the names of the workloads that hold quota, including evicted ones."""
        return [name for name, state in self._workloads.items() if not state.waits]

    def waiting(self, queue_name: str) -> list[str]:
        """Return the names of the workloads that wait in a queue, in the order in which they are tried."""
        return [state.workload_name for state in self._queues[queue_name].line.waiting()]

    def parked(self, queue_name: str) -> list[str]:
        """Return the names of the workloads that wait for a change of the cohort, in the order of their arrival."""
        return [state.workload_name for state in self._queues[queue_name].line.parked()]

    def usage(self, queue_name: str) -> Mapping[FlavorResource, int]:
        """Return what the admitted workloads of a queue hold."""
        return dict(self._queues[queue_name].usage)

    def share(self, queue_name: str) -> float:
        """Return the weighted dominant share of a queue: 1,000 times what it borrows of the cohort, by its weight."""
        infinite, share = self._queues[queue_name].standing.share
        return float("inf") if infinite else share

    def _nominate(self, queue: QueueState, head: WorkloadState) -> Nomination:
        """Try a head, unless nothing has changed since it was tried."""
        known = self._nominations.get(queue.spec.queue_name)
        if known is not None and known[0] == self._changes and known[1].state is head:
            return known[1]
        nomination = nominate(queue, head, self._find, fair=self._strategies is not None)
        self._nominations[queue.spec.queue_name] = self._changes, nomination
        return nomination

    def _find(
        self, queue: QueueState, state: WorkloadState, needs: Collection[FlavorResource], requests: Amounts
    ) -> list[Victim]:
        if self._strategies is None:
            return find_victims(queue, state, needs, requests)
        return find_fair_victims(queue, state, needs, requests, self._strategies)

    def _ordered(self, nominations: list[Nomination]) -> list[Nomination]:
        if len(nominations) == 1:
            return nominations
        if self._strategies is None:
            return sorted(nominations, key=Nomination.classic_order)
        return sorted(nominations, key=Nomination.fair_order)

    def _free(self, queue: QueueState, state: WorkloadState) -> None:
        queue.free(state)
        self._unpark(queue)

    def _leave_cohort(self, queue: QueueState) -> None:
        if queue.cohort is not None:
            queue.cohort.queues.remove(queue)
            queue.cohort.refresh()
            self._unpark(queue)

    def _unpark(self, queue: QueueState) -> None:
        self._changes += 1
        queue.line.unpark()
        for other in queue.cohort.queues if queue.cohort is not None else ():
            other.line.unpark()
