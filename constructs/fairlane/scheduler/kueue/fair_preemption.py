"""Victims of a preemption with fair sharing: the queue of the largest share gives first."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import chain

from fairlane.scheduler.kueue.objects import FlavorResource, PreemptionPolicy, PreemptionStrategy, Reason
from fairlane.scheduler.kueue.preemption import Victim, fill_back, restore
from fairlane.scheduler.kueue.queue_state import QueueState, Share
from fairlane.scheduler.kueue.workload_state import Amounts, WorkloadState, eligible_victims


def find_fair_victims(
    queue: QueueState,
    preemptor: WorkloadState,
    needs: Collection[FlavorResource],
    requests: Amounts,
    strategies: Sequence[PreemptionStrategy],
) -> list[Victim]:
    """Return the workloads to evict so that requests fit, or none if that is not possible.

    Args:
        queue: Queue of the preemptor.
        preemptor: Workload that does not fit.
        needs: Resources that do not fit.
        requests: Requests that must fit.
        strategies: Rules for workloads of other queues, in their order.
    """
    search = _FairSearch(queue, preemptor, needs, requests)
    fits = search.run(strategies[0]) or (len(strategies) > 1 and search.run_on_rejected())
    if fits:
        fill_back(queue, requests, search.victims, borrowing=True)
    restore(search.victims)
    return search.victims if fits else []


class _Candidates:
    """Candidates of a queue in their order, and the share of the queue."""

    __slots__ = ("_rest", "borrows", "first", "queue", "share")

    def __init__(self, queue: QueueState, states: Iterable[WorkloadState]) -> None:
        self.queue = queue
        self._rest = iter(states)
        self.first = next(self._rest, None)

    def pop(self) -> WorkloadState:
        state = self.first
        assert state is not None
        self.first = next(self._rest, None)
        return state

    def refresh(self, extra: Amounts | None = None) -> None:
        borrowed = self.queue.borrowed(extra)
        self.borrows = bool(borrowed)
        self.share = self.queue.share(borrowed)


class _FairSearch:
    """Simulation of a preemption, whose victims are taken out of the usage of their queues."""

    def __init__(
        self, queue: QueueState, preemptor: WorkloadState, needs: Collection[FlavorResource], requests: Amounts
    ) -> None:
        self.queue = queue
        self.preemptor = preemptor
        self.needs = needs
        self.requests = requests
        self.victims: list[Victim] = []
        self.rejected: dict[str, tuple[QueueState, list[WorkloadState]]] = {}
        self.within_nominal = not any(queue.exceeds_nominal(key, requests.get(key, 0)) for key in needs)

    def run(self, strategy: PreemptionStrategy) -> bool:
        """Evict by the first strategy until the requests fit."""
        for candidates in self._largest_shares(self._candidates()):
            if candidates.queue is self.queue:
                reason = Reason.IN_CLUSTER_QUEUE
            elif self.within_nominal:
                reason = Reason.IN_COHORT_RECLAMATION
            else:
                reason = Reason.IN_COHORT_FAIR_SHARING
                if not self._skip_rejected(candidates, strategy):
                    continue
            if self._evict(candidates, reason):
                return True
        return False

    def run_on_rejected(self) -> bool:
        """Evict one workload more of each queue whose share is above the share of the preemptor."""
        queues = [_Candidates(queue, states) for queue, states in self.rejected.values()]
        for candidates in self._largest_shares(queues):
            if self._own_share() < candidates.share and self._evict(candidates, Reason.IN_COHORT_FAIR_SHARING):
                return True
            queues.remove(candidates)
        return False

    def _evict(self, candidates: _Candidates, reason: Reason) -> bool:
        state = candidates.pop()
        candidates.queue.subtract(state.requests)
        candidates.refresh(self.requests if candidates.queue is self.queue else None)
        self.victims.append((state, candidates.queue, reason))
        return self.queue.fits(self.requests)

    def _skip_rejected(self, candidates: _Candidates, strategy: PreemptionStrategy) -> bool:
        """Go to the next candidate of a queue that the strategy allows to evict. Return False if there is none."""
        own_share, queue = self._own_share(), candidates.queue
        while candidates.first is not None:
            if strategy is PreemptionStrategy.LESS_THAN_INITIAL_SHARE:
                allowed = own_share < candidates.share
            else:
                allowed = own_share <= self._share_without(queue, candidates.first)
            if allowed:
                return True
            self.rejected.setdefault(queue.spec.queue_name, (queue, []))[1].append(candidates.pop())
        return False

    def _own_share(self) -> Share:
        return self.queue.share(self.queue.borrowed(self.requests))

    @staticmethod
    def _share_without(queue: QueueState, state: WorkloadState) -> Share:
        return queue.share(queue.borrowed({key: -amount for key, amount in state.requests.items()}))

    def _candidates(self) -> list[_Candidates]:
        queue, spec = self.queue, self.queue.spec
        queues = [_Candidates(queue, self._eligible(queue, spec.within_queue))]
        if queue.cohort is not None and spec.reclaim_within_cohort is not PreemptionPolicy.NEVER:
            queues += [
                _Candidates(other, self._eligible(other, spec.reclaim_within_cohort))
                for other in queue.cohort.queues
                if other is not queue and other.borrows_any(self.needs)
            ]
        return queues

    def _eligible(self, queue: QueueState, policy: PreemptionPolicy) -> Iterator[WorkloadState]:
        return chain.from_iterable(
            eligible_victims(states, self.preemptor, policy, self.needs)
            for states in (queue.held.evicted, queue.held.running)
        )

    def _largest_shares(self, queues: list[_Candidates]) -> Iterator[_Candidates]:
        """Yield the queue of the largest share again and again, until no queue has a candidate and borrows."""
        for candidates in queues:
            candidates.refresh(self.requests if candidates.queue is self.queue else None)
        while True:
            queues[:] = [
                candidates
                for candidates in queues
                if candidates.first is not None and (candidates.borrows or candidates.queue is self.queue)
            ]
            if not queues:
                return
            largest = max(candidates.share for candidates in queues)
            yield min((each for each in queues if each.share == largest), key=self._order)

    def _order(self, candidates: _Candidates) -> tuple[bool, bool, tuple[int, float, str]]:
        state = candidates.first
        assert state is not None
        return not state.evicted, candidates.queue is self.queue, state.rank
