"""Victims of a preemption with fair sharing: the queue of the largest share gives first."""

from collections.abc import Collection, Iterator, Sequence
from itertools import chain

from fairlane.scheduler.kueue.objects import FlavorResource, PreemptionPolicy, PreemptionStrategy, Reason
from fairlane.scheduler.kueue.preemption import Victim, fill_back, restore
from fairlane.scheduler.kueue.queue_state import QueueState, Share, Standing
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
    """Candidates of a queue in their order.

    Attributes:
        queue: Queue.
        first: Next candidate, or None.
        standing: Standing of the queue, with the preemptor if it is the queue of the preemptor.
    """

    __slots__ = ("_rest", "first", "queue", "standing")

    def __init__(self, queue: QueueState, states: Iterator[WorkloadState], standing: Standing) -> None:
        self.queue = queue
        self.standing = standing
        self._rest = states
        self.first = next(states, None)

    def pop(self) -> WorkloadState:
        """Return the next candidate, and go on to the one behind it."""
        state = self.first
        assert state is not None
        self.first = next(self._rest, None)
        return state

    def take_rest(self) -> Iterator[WorkloadState]:
        """Return all candidates that are left, and keep none."""
        first, self.first = self.first, None
        return self._rest if first is None else chain((first,), self._rest)

    def order(self, own: QueueState) -> tuple[bool, bool, tuple[int, float, str]]:
        """Return the place of the next candidate among those of other queues."""
        state = self.first
        assert state is not None
        return not state.evicted, self.queue is own, state.rank


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
        self.rejected: dict[str, tuple[QueueState, Iterator[WorkloadState]]] = {}
        self.own_standing = queue.standing_with(requests)
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
                self._skip_rejected(candidates, strategy)
            if candidates.first is not None and self._evict(candidates, reason):
                return True
        return False

    def run_on_rejected(self) -> bool:
        """Evict one workload more of each queue whose share is above the share of the preemptor."""
        queues = [_Candidates(queue, states, queue.standing) for queue, states in self.rejected.values()]
        for candidates in self._largest_shares(queues):
            if self.own_standing.share >= candidates.standing.share:
                return False
            if self._evict(candidates, Reason.IN_COHORT_FAIR_SHARING):
                return True
            candidates.take_rest()
        return False

    def _evict(self, candidates: _Candidates, reason: Reason) -> bool:
        """Take out the next candidate, and return True if the requests fit then."""
        state, queue = candidates.pop(), candidates.queue
        queue.subtract(state.requests)
        if queue is self.queue:
            self.own_standing = candidates.standing = queue.standing_with(self.requests)
        else:
            candidates.standing = queue.standing
        self.victims.append((state, queue, reason))
        return self.queue.fits(self.requests)

    def _skip_rejected(self, candidates: _Candidates, strategy: PreemptionStrategy) -> None:
        """Go on to the first candidate of a queue that the strategy allows to evict."""
        own_share, queue = self.own_standing.share, candidates.queue
        initial = strategy is PreemptionStrategy.LESS_THAN_INITIAL_SHARE
        if initial and own_share < candidates.standing.share:
            return
        rejected: Iterator[WorkloadState]
        if initial or own_share > candidates.standing.share:
            rejected = candidates.take_rest()
        else:
            states, shapes = [], set()
            while (state := candidates.first) is not None:
                if state.shape not in shapes and own_share <= self._share_without(queue, state):
                    break
                shapes.add(state.shape)
                states.append(candidates.pop())
            rejected = iter(states)
        _, earlier = self.rejected.get(queue.spec.queue_name, (queue, iter(())))
        self.rejected[queue.spec.queue_name] = queue, chain(earlier, rejected)

    @staticmethod
    def _share_without(queue: QueueState, state: WorkloadState) -> Share:
        return queue.standing_with({key: -amount for key, amount in state.requests.items()}).share

    def _candidates(self) -> list[_Candidates]:
        """Return the queues with candidates. No strategy takes from a smaller share than that of the preemptor."""
        queue, spec = self.queue, self.queue.spec
        own = _Candidates(queue, self._eligible(queue, spec.within_queue), self.own_standing)
        if queue.cohort is None or spec.reclaim_within_cohort is PreemptionPolicy.NEVER:
            return [own]
        others = [other for other in queue.cohort.queues if other is not queue and other.borrows_any(self.needs)]
        if own.first is None and not self.within_nominal:
            others = [other for other in others if other.standing.share >= self.own_standing.share]
        return [own] + [
            _Candidates(other, self._eligible(other, spec.reclaim_within_cohort), other.standing) for other in others
        ]

    def _eligible(self, queue: QueueState, policy: PreemptionPolicy) -> Iterator[WorkloadState]:
        return chain.from_iterable(
            eligible_victims(states, self.preemptor, policy, self.needs)
            for states in (queue.held.evicted, queue.held.running)
        )

    def _largest_shares(self, queues: list[_Candidates]) -> Iterator[_Candidates]:
        """Yield the queue of the largest share again and again, until no queue has a candidate and borrows."""
        own = self.queue
        while True:
            largest: _Candidates | None = None
            for each in queues:
                if each.first is None or not (each.standing.borrowed or each.queue is own):
                    continue
                if (
                    largest is None
                    or each.standing.share > largest.standing.share
                    or (each.standing.share == largest.standing.share and each.order(own) < largest.order(own))
                ):
                    largest = each
            if largest is None:
                return
            yield largest
