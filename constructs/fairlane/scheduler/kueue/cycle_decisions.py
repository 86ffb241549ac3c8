"""Decisions of one cycle, head by head, each after those before it."""

from fairlane.scheduler.kueue.nomination import Nomination
from fairlane.scheduler.kueue.objects import Cycle, Decision, Entry, PreemptionPolicy, QueueingStrategy
from fairlane.scheduler.kueue.preemption import Victim, restore
from fairlane.scheduler.kueue.queue_state import QueueState
from fairlane.scheduler.kueue.workload_state import Amounts


class CycleDecisions:
    """Decisions of a cycle, carried out at once.

    A head that waits for its victims reserves its requests until the end of the cycle, so that no head behind it
    takes them.

    Attributes:
        changed: True if a workload was admitted or evicted.
    """

    def __init__(self, now: float) -> None:
        self.changed = False
        self._now = now
        self._parks = False
        self._entries: list[Entry] = []
        self._evicted: list[str] = []
        self._preempted: dict[str, Victim] = {}
        self._reserved: list[tuple[QueueState, Amounts]] = []

    def decide(self, nomination: Nomination) -> None:
        """Decide on the next head."""
        decision = self._decision(nomination)
        if decision is Decision.ADMIT:
            self._admit(nomination)
        elif decision is Decision.PREEMPT:
            self._preempt(nomination)
        elif decision in (Decision.NO_FIT, Decision.NO_CANDIDATES):
            self._turn_away(nomination)
        self._entries.append(
            Entry(
                workload=nomination.state.workload_name,
                decision=decision,
                borrows=nomination.borrows,
                targets=nomination.targets(),
            )
        )

    def finish(self) -> Cycle:
        """End the reservations, and return the cycle."""
        for queue, amounts in self._reserved:
            queue.subtract(amounts)
        return Cycle(
            entries=tuple(self._entries), evicted=tuple(self._evicted), settled=not (self.changed or self._parks)
        )

    def _decision(self, nomination: Nomination) -> Decision:
        if not nomination.fits:
            return Decision.NO_FIT
        if nomination.preempts and not nomination.victims:
            return Decision.NO_CANDIDATES
        if any(state.workload_name in self._preempted for state, _, _ in nomination.victims):
            return Decision.SKIP_OVERLAP
        gone = [*self._preempted.values(), *nomination.victims]
        for state, owner, _ in gone:
            owner.subtract(state.requests)
        fits = nomination.queue.fits(nomination.usage)
        restore(gone)
        if not fits:
            return Decision.SKIP_NO_LONGER_FITS
        return Decision.PREEMPT if nomination.preempts else Decision.ADMIT

    def _admit(self, nomination: Nomination) -> None:
        self.changed = True
        nomination.queue.line.discard(nomination.state)
        nomination.queue.hold(nomination.state, self._now)

    def _preempt(self, nomination: Nomination) -> None:
        """Evict the victims. In a best-effort queue the workload stays the head until it is admitted."""
        queue = nomination.queue
        best_effort = queue.spec.strategy is QueueingStrategy.BEST_EFFORT_FIFO
        queue.line.preemptor = nomination.state if best_effort else None
        self._reserve(queue, nomination.usage)
        for victim in nomination.victims:
            state, owner, _ = victim
            self._preempted[state.workload_name] = victim
            if not state.evicted:
                self.changed = True
                owner.held.evict(state)
                self._evicted.append(state.workload_name)

    def _turn_away(self, nomination: Nomination) -> None:
        """Park the shape of a head in a best-effort queue.

        Quota that the queue cannot reclaim at will stays reserved for the head.
        """
        queue = nomination.queue
        if nomination.fits and queue.spec.reclaim_within_cohort is not PreemptionPolicy.ANY:
            self._reserve(queue, nomination.reservation())
        if queue.spec.strategy is QueueingStrategy.BEST_EFFORT_FIFO:
            self._parks = True
            queue.line.park(nomination.state.shape)

    def _reserve(self, queue: QueueState, amounts: Amounts) -> None:
        queue.add(amounts)
        self._reserved.append((queue, amounts))
