"""Victims of a preemption without fair sharing, and what both rules have in common."""

from collections.abc import Collection, Iterator
from functools import cached_property
from heapq import merge
from operator import attrgetter
from typing import TypeAlias

from fairlane.scheduler.kueue.objects import FlavorResource, PreemptionPolicy, Reason
from fairlane.scheduler.kueue.queue_state import QueueState
from fairlane.scheduler.kueue.workload_state import Amounts, WorkloadState, eligible_victims

Victim: TypeAlias = tuple[WorkloadState, QueueState, Reason]


def can_borrow_by_preemption(queue: QueueState) -> bool:
    """Return True if a workload that goes above the quota may preempt in other queues."""
    rule = queue.spec.borrow_within_cohort
    return rule is not None and rule.policy is not PreemptionPolicy.NEVER


def restore(victims: Collection[Victim]) -> None:
    """Give back the quota that a simulation took from victims."""
    for state, queue, _ in victims:
        queue.add(state.requests)


def fill_back(queue: QueueState, requests: Amounts, victims: list[Victim], *, borrowing: bool) -> None:
    """Spare the victims without which the workload fits too, from the last but one to the first."""
    for index in range(len(victims) - 2, -1, -1):
        state, owner, _ = victims[index]
        owner.add(state.requests)
        if queue.fits(requests, borrowing=borrowing):
            victims[index] = victims[-1]
            del victims[-1]
        else:
            owner.subtract(state.requests)


def find_victims(
    queue: QueueState, preemptor: WorkloadState, needs: Collection[FlavorResource], requests: Amounts
) -> list[Victim]:
    """Return the workloads to evict so that requests fit, or none if that is not possible.

    Args:
        queue: Queue of the preemptor.
        preemptor: Workload that does not fit.
        needs: Resources that do not fit.
        requests: Requests that must fit.
    """
    search = _Search(queue, preemptor, needs, requests)
    if search.is_futile():
        return []
    for borrowing in search.attempts():
        victims: list[Victim] = []
        for victim in search.candidates(borrowing=borrowing):
            victims.append(victim)
            state, owner, _ = victim
            owner.subtract(state.requests)
            if queue.fits(requests, borrowing=borrowing):
                fill_back(queue, requests, victims, borrowing=borrowing)
                restore(victims)
                return victims
        restore(victims)
    return []


class _Search:
    """Search for victims without fair sharing.

    A workload within the quota of its queue takes back what others borrow. One above it takes from lower priorities
    only, and only if `borrow_within_cohort` allows that.
    """

    def __init__(
        self, queue: QueueState, preemptor: WorkloadState, needs: Collection[FlavorResource], requests: Amounts
    ) -> None:
        self.queue = queue
        self.preemptor = preemptor
        self.needs = needs
        self.requests = requests
        self.within_nominal = not any(queue.exceeds_nominal(key, amount) for key, amount in requests.items())
        self.may_borrow = can_borrow_by_preemption(queue)

    @cached_property
    def others(self) -> list[QueueState]:
        """Other queues that borrow what is needed. Empty without a cohort or a policy to reclaim."""
        queue = self.queue
        if queue.cohort is None or queue.spec.reclaim_within_cohort is PreemptionPolicy.NEVER:
            return []
        return [other for other in queue.cohort.queues if other is not queue and other.borrows_any(self.needs)]

    def is_futile(self) -> bool:
        """Return True if the requests are above the quota, and the same queue has no candidates."""
        return not (self.within_nominal or self.may_borrow) and next(self._own(), None) is None

    def attempts(self) -> tuple[bool, ...]:
        """Return the attempts in their order: True may borrow, False may evict more workloads of other queues."""
        queue = self.queue
        under_nominal = all(queue.usage[key] < queue.nominal[key] for key in self.needs)
        if self.within_nominal or not (under_nominal or self.may_borrow) or not self._own_victims_suffice():
            return (True,)
        if all(next(self._ordered_others(evicted=flag), None) is None for flag in (True, False)):
            return (True,)
        return (True, False) if self.may_borrow else (False, True)

    def candidates(self, *, borrowing: bool) -> Iterator[Victim]:
        """Yield the candidates: evicted ones, then other queues, then the same queue."""
        queue = self.queue
        policy = queue.spec.within_queue
        others_help = self.within_nominal or self.may_borrow or not borrowing
        for evicted in (True, False):
            for state, owner in self._ordered_others(evicted=evicted) if others_help else ():
                reason = self._reason(state)
                if owner.borrows_any(self.needs) and not (borrowing and reason is None):
                    yield state, owner, reason or Reason.IN_COHORT_RECLAMATION
            own = queue.held.evicted if evicted else queue.held.running
            for state in eligible_victims(own, self.preemptor, policy, self.needs):
                yield state, queue, Reason.IN_CLUSTER_QUEUE

    def _own(self) -> Iterator[WorkloadState]:
        """Yield the candidates of the same queue, evicted ones first."""
        held, policy = self.queue.held, self.queue.spec.within_queue
        for states in (held.evicted, held.running):
            yield from eligible_victims(states, self.preemptor, policy, self.needs)

    def _own_victims_suffice(self) -> bool:
        """Return True if the requests are within the quota without all victims of the same queue."""
        queue = self.queue
        excess = {key: queue.usage[key] + amount - queue.nominal[key] for key, amount in self.requests.items()}
        for state in self._own():
            for key, amount in state.requests.items():
                if key in excess:
                    excess[key] -= amount
        return all(amount <= 0 for amount in excess.values())

    def _reason(self, state: WorkloadState) -> Reason | None:
        """Return the reason to evict a workload of another queue, or None if that must not serve to borrow."""
        if self.within_nominal:
            return Reason.IN_COHORT_RECLAMATION
        rule = self.queue.spec.borrow_within_cohort
        if rule is None or not self.may_borrow:
            return None
        priority, limit = state.workload.priority, rule.max_priority_threshold
        if priority >= self.preemptor.workload.priority or (limit is not None and priority > limit):
            return None
        return Reason.IN_COHORT_RECLAIM_WHILE_BORROWING

    def _ordered_others(self, *, evicted: bool) -> Iterator[tuple[WorkloadState, QueueState]]:
        policy = self.queue.spec.reclaim_within_cohort
        owners = {other.spec.queue_name: other for other in self.others}
        by_queue = [
            eligible_victims(other.held.evicted if evicted else other.held.running, self.preemptor, policy, self.needs)
            for other in self.others
        ]
        for state in merge(*by_queue, key=attrgetter("rank")):
            yield state, owners[state.workload.queue]
