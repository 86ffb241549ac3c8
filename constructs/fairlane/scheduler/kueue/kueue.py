"""Model of the scheduler of Kueue 0.19.2: admission, fair sharing and preemption, cycle by cycle."""

from collections.abc import Collection, Mapping, Sequence

from fairlane.scheduler.kueue.fair_preemption import find_fair_victims
from fairlane.scheduler.kueue.nomination import Nomination, nominate
from fairlane.scheduler.kueue.objects import (
    ClusterQueue,
    Cycle,
    Decision,
    Entry,
    FlavorResource,
    PreemptionPolicy,
    PreemptionStrategy,
    QueueingStrategy,
    Workload,
)
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
        self._arrivals = 0
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
            queue.add(state.requests)
            queue.held.add(state, workload.reserved_at)

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
            return Cycle(entries=(), evicted=())
        fair = self._strategies is not None
        nominations = [nominate(queue, head, self._find, fair=fair) for queue, head in heads]
        preempted: dict[str, Victim] = {}
        reserved: list[tuple[QueueState, Amounts]] = []
        evicted: list[str] = []
        entries = []
        for nomination in self._ordered(nominations):
            decision = self._decide(nomination, preempted)
            self._carry_out(nomination, decision, now, reserved)
            if decision is Decision.PREEMPT:
                for victim in nomination.victims:
                    state, owner, _ = preempted[victim[0].workload_name] = victim
                    if not state.evicted:
                        owner.held.evict(state)
                        evicted.append(state.workload_name)
            entries.append(
                Entry(
                    workload=nomination.state.workload_name,
                    decision=decision,
                    borrows=nomination.borrows,
                    targets=nomination.targets(),
                )
            )
        for queue, amounts in reserved:
            queue.subtract(amounts)
        return Cycle(entries=tuple(entries), evicted=tuple(evicted))

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
        queue = self._queues[queue_name]
        share = queue.share(queue.borrowed())
        return float("inf") if share.infinite else share.value

    def _find(
        self, queue: QueueState, state: WorkloadState, needs: Collection[FlavorResource], requests: Amounts
    ) -> list[Victim]:
        if self._strategies is None:
            return find_victims(queue, state, needs, requests)
        return find_fair_victims(queue, state, needs, requests, self._strategies)

    def _ordered(self, nominations: list[Nomination]) -> list[Nomination]:
        if self._strategies is None:
            return sorted(nominations, key=Nomination.classic_order)
        return sorted(nominations, key=Nomination.fair_order)

    def _decide(self, nomination: Nomination, preempted: Mapping[str, Victim]) -> Decision:
        if not nomination.fits:
            return Decision.NO_FIT
        if nomination.preempts and not nomination.victims:
            return Decision.NO_CANDIDATES
        if any(state.workload_name in preempted for state, _, _ in nomination.victims):
            return Decision.SKIP_OVERLAP
        gone = [*preempted.values(), *nomination.victims]
        for state, owner, _ in gone:
            owner.subtract(state.requests)
        fits = nomination.queue.fits(nomination.usage)
        for state, owner, _ in gone:
            owner.add(state.requests)
        if not fits:
            return Decision.SKIP_NO_LONGER_FITS
        return Decision.PREEMPT if nomination.preempts else Decision.ADMIT

    @staticmethod
    def _carry_out(
        nomination: Nomination, decision: Decision, now: float, reserved: list[tuple[QueueState, Amounts]]
    ) -> None:
        queue, state = nomination.queue, nomination.state
        best_effort = queue.spec.strategy is QueueingStrategy.BEST_EFFORT_FIFO
        if decision is Decision.ADMIT:
            queue.line.discard(state)
            queue.add(state.requests)
            queue.held.add(state, now)
        elif decision is Decision.PREEMPT:
            queue.line.preemptor = state if best_effort else None
            queue.add(nomination.usage)
            reserved.append((queue, nomination.usage))
        elif decision in (Decision.NO_FIT, Decision.NO_CANDIDATES):
            if decision is Decision.NO_CANDIDATES and queue.spec.reclaim_within_cohort is not PreemptionPolicy.ANY:
                amounts = nomination.reservation()
                queue.add(amounts)
                reserved.append((queue, amounts))
            if best_effort:
                queue.line.park(state.shape)

    def _free(self, queue: QueueState, state: WorkloadState) -> None:
        queue.held.remove(state)
        queue.subtract(state.requests)
        self._unpark(queue)

    def _leave_cohort(self, queue: QueueState) -> None:
        if queue.cohort is not None:
            queue.cohort.queues.remove(queue)
            queue.cohort.refresh()
            self._unpark(queue)

    @staticmethod
    def _unpark(queue: QueueState) -> None:
        queue.line.unpark()
        for other in queue.cohort.queues if queue.cohort is not None else ():
            other.line.unpark()
