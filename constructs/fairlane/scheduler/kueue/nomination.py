"""Answer to the head of a queue before the heads of other queues are known: fit, preemption or neither."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import TypeAlias

from fairlane.scheduler.kueue.objects import FlavorResource, PreemptionPolicy, Target
from fairlane.scheduler.kueue.preemption import Victim, can_borrow_by_preemption, restore
from fairlane.scheduler.kueue.queue_state import QueueState, Share
from fairlane.scheduler.kueue.workload_state import Amounts, WorkloadState

VictimFinder: TypeAlias = Callable[[QueueState, WorkloadState, Collection[FlavorResource], Amounts], list[Victim]]


@dataclass(slots=True, kw_only=True)
class Nomination:
    """Head of a queue in a cycle.

    Attributes:
        queue: Queue.
        state: Workload.
        usage: Requests that the queue can hold. Without those of pod sets that never fit, and of pod sets behind them.
        fits: False if a pod set does not fit, and preemption is not allowed.
        borrows: True if the workload would borrow.
        preempts: True if the workload needs a preemption.
        victims: Workloads to evict.
    """

    queue: QueueState
    state: WorkloadState
    usage: Amounts = field(default_factory=dict)
    fits: bool = True
    borrows: bool = False
    preempts: bool = False
    victims: list[Victim] = field(default_factory=list)

    def targets(self) -> tuple[Target, ...]:
        """Return the workloads to evict, with the reasons."""
        return tuple(Target(workload=state.workload_name, reason=reason) for state, _, reason in self.victims)

    def classic_order(self) -> tuple[bool, tuple[int, float, str]]:
        """Place in the cycle without fair sharing."""
        return self.borrows, self.state.order

    def fair_order(self) -> tuple[bool, Share, tuple[int, float, str]]:
        """Place in the cycle with fair sharing, by the share of the queue with this workload.

        Kueue compares the heads again after each one. As cohorts are flat here, the share of a queue depends on
        nothing but its own usage, and the order stays the same.
        """
        share, borrowed = self.queue.standing_with(self.usage)
        return any(key in self.usage for key in borrowed), share, self.state.order

    def reservation(self) -> Amounts:
        """Return what a workload without victims keeps from the heads behind it, up to the borrowing limits."""
        if not self.borrows:
            return self.usage
        queue = self.queue
        rooms = {
            key: queue.nominal[key] + limit - queue.usage[key]
            for key, limit in queue.limits.items()
            if key in self.usage
        }
        return {key: max(0, min(amount, rooms.get(key, amount))) for key, amount in self.usage.items()}


def nominate(queue: QueueState, state: WorkloadState, find: VictimFinder, *, fair: bool) -> Nomination:
    """Try the head of a queue. The usage of all queues is unchanged afterwards."""
    nomination = Nomination(queue=queue, state=state)
    may_borrow = can_borrow_by_preemption(queue) or (
        fair and queue.spec.reclaim_within_cohort is not PreemptionPolicy.NEVER
    )
    needs: list[FlavorResource] = []
    victims: list[Victim] = []
    for pods in state.pods:
        borrows = False
        for key, amount in pods.items():
            value = nomination.usage.get(key, 0) + amount
            if value > queue.ceiling.get(key, -1):
                nomination.fits = False
                break
            if value <= queue.available(key):
                borrows = borrows or _borrows(queue, key, value)
                continue
            if value > queue.nominal[key] and not may_borrow:
                nomination.fits = False
                break
            victims = find(queue, state, (key,), {key: value})
            borrows = borrows or _borrows_without(queue, key, value, victims)
            if key not in needs:
                needs.append(key)
        if not nomination.fits:
            return nomination
        nomination.borrows = nomination.borrows or borrows
        for key, amount in pods.items():
            nomination.usage[key] = nomination.usage.get(key, 0) + amount
    if needs:
        nomination.preempts = True
        only = len(needs) == 1 and len(nomination.usage) == 1
        nomination.victims = victims if only else find(queue, state, needs, nomination.usage)
    return nomination


def _borrows(queue: QueueState, key: FlavorResource, value: int) -> bool:
    return queue.cohort is not None and queue.exceeds_nominal(key, value)


def _borrows_without(queue: QueueState, key: FlavorResource, value: int, victims: list[Victim]) -> bool:
    """Return True if a request needs more than the quota even without the victims."""
    for state, owner, _ in victims:
        owner.subtract(state.requests)
    borrows = _borrows(queue, key, value)
    restore(victims)
    return borrows
