"""Reference for the model of Kueue: slow and plain. It computes all usage anew from the workloads that hold quota.

It runs the tournament of fair sharing again after each head, and keeps the workloads of a queue in a plain list.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from fairlane.scheduler.kueue import (
    ClusterQueue,
    Decision,
    Entry,
    FlavorResource,
    PreemptionPolicy,
    PreemptionStrategy,
    QueueingStrategy,
    Target,
    Workload,
)
from tests.fairlane.scheduler.kueue.reference_victims import Victim, VictimSearch
from tests.fairlane.scheduler.kueue.reference_view import Amounts, View, order, shape


@dataclass
class Plan:
    """Answer to a head before the cycle starts."""

    workload: Workload
    mode: str = "fit"
    borrows: bool = False
    usage: Amounts = field(default_factory=dict)
    targets: list[Victim] = field(default_factory=list)


class Reference:
    """Plain scheduler with the calls of the model."""

    def __init__(self, queues: Sequence[ClusterQueue], fair_sharing: Sequence[PreemptionStrategy] | None) -> None:
        self.queues = {queue.queue_name: queue for queue in queues}
        self.strategies = fair_sharing
        self.held: dict[str, tuple[Workload, float]] = {}
        self.evicted: set[str] = set()
        self.pending: dict[str, Workload] = {}
        self.parked: set[str] = set()
        self.gates: dict[str, list[object]] = {name: [] for name in self.queues}
        self.preemptors: dict[str, str] = {}

    @property
    def view(self) -> View:
        """Usage now."""
        return View(self.queues, tuple(workload for workload, _ in self.held.values()))

    def add(self, workload: Workload) -> None:
        """Add a workload that waits, or that holds quota."""
        name = workload.workload_name
        if workload.reserved_at is not None:
            self.held[name] = workload, workload.reserved_at
            return
        self.pending[name] = workload
        if shape(workload) in self.gates[workload.queue]:
            self.parked.add(name)

    def set_queue(self, queue: ClusterQueue) -> None:
        """Change a queue."""
        self.unpark(queue.queue_name)
        self.queues[queue.queue_name] = queue
        self.unpark(queue.queue_name)

    def remove(self, name: str) -> None:
        """Remove a workload."""
        if name in self.held:
            self.unpark(self.held.pop(name)[0].queue)
            self.evicted.discard(name)
        else:
            self.take(self.pending[name])

    def release(self, name: str) -> None:
        """Let an evicted workload wait again."""
        workload, _ = self.held.pop(name)
        self.evicted.discard(name)
        self.unpark(workload.queue)
        self.pending[name] = workload

    def take(self, workload: Workload) -> None:
        """Take a workload out of its queue."""
        del self.pending[workload.workload_name]
        self.parked.discard(workload.workload_name)
        if self.preemptors.get(workload.queue) == workload.workload_name:
            del self.preemptors[workload.queue]

    def unpark(self, queue: str) -> None:
        """Let all workloads of a cohort be tried again."""
        for name in self.view.cohort(queue) or [queue]:
            self.gates[name] = []
            self.parked -= {each for each, workload in self.pending.items() if workload.queue == name}

    def waiting(self, queue: str) -> list[Workload]:
        """Return the workloads that are tried, in their order."""
        found = [
            each for each in self.pending.values() if each.queue == queue and each.workload_name not in self.parked
        ]
        return sorted(found, key=lambda each: (each.workload_name != self.preemptors.get(queue), order(each)))

    def cycle(self, now: float) -> tuple[list[Entry], list[str]]:
        """Run a cycle, and return its entries and the newly evicted workloads."""
        plans = [self.plan(heads[0]) for queue in self.queues if (heads := self.waiting(queue))]
        view, victims, entries, evicted = self.view, list[Workload](), list[Entry](), list[str]()
        while plans:
            plan = min(plans, key=self.place(view))
            plans.remove(plan)
            workload, queue = plan.workload, self.queues[plan.workload.queue]
            found = [target for target, _ in plan.targets]
            if plan.mode == "none":
                decision = Decision.NO_FIT
            elif plan.mode == "preempt" and not found:
                decision = Decision.NO_CANDIDATES
                if queue.reclaim_within_cohort is not PreemptionPolicy.ANY:
                    view = view.plus(workload.queue, self.reservation(view, plan))
            elif any(each in victims for each in found):
                decision = Decision.SKIP_OVERLAP
            elif not view.without([*victims, *found]).fits(workload.queue, plan.usage):
                decision = Decision.SKIP_NO_LONGER_FITS
            else:
                decision = Decision.PREEMPT if plan.mode == "preempt" else Decision.ADMIT
                view = view.plus(workload.queue, plan.usage)
                victims += found
            entries.append(
                Entry(
                    workload=workload.workload_name,
                    decision=decision,
                    borrows=plan.borrows,
                    targets=tuple(Target(workload=each.workload_name, reason=why) for each, why in plan.targets),
                )
            )
            evicted += self.carry_out(workload, decision, found, now)
        return entries, evicted

    def carry_out(self, workload: Workload, decision: Decision, found: list[Workload], now: float) -> Iterator[str]:
        """Change the queues by a decision, and yield the newly evicted workloads."""
        queue = workload.queue
        best_effort = self.queues[queue].strategy is QueueingStrategy.BEST_EFFORT_FIFO
        if decision is Decision.ADMIT:
            self.take(workload)
            self.held[workload.workload_name] = workload, now
        elif decision is Decision.PREEMPT:
            self.preemptors.pop(queue, None)
            if best_effort:
                self.preemptors[queue] = workload.workload_name
            for each in found:
                if each.workload_name not in self.evicted:
                    self.evicted.add(each.workload_name)
                    yield each.workload_name
        elif decision in (Decision.NO_FIT, Decision.NO_CANDIDATES) and best_effort:
            self.gates[queue].append(shape(workload))
            alike = [each for each in self.pending.values() if each.queue == queue and shape(each) == shape(workload)]
            self.parked |= {each.workload_name for each in alike}

    def place(self, view: View) -> Callable[[Plan], tuple[object, ...]]:
        """Return the order of the heads: by borrowing, share, priority and creation."""

        def classic(plan: Plan) -> tuple[object, ...]:
            return plan.borrows, order(plan.workload)

        def fair(plan: Plan) -> tuple[object, ...]:
            queue = self.queues[plan.workload.queue]
            after = view.plus(queue.queue_name, plan.usage)
            in_cohort = bool(queue.cohort)
            borrowed = [key for key in queue.nominal if in_cohort and after.exceeds(queue.queue_name, key)]
            return (
                any(plan.usage.get(key, 0) > 0 for key in borrowed),
                after.share(queue.queue_name),
                order(plan.workload),
            )

        return classic if self.strategies is None else fair

    @staticmethod
    def reservation(view: View, plan: Plan) -> Amounts:
        """Return what a head without victims reserves."""
        queue = view.queues[plan.workload.queue]
        amounts = {}
        for key, amount in plan.usage.items():
            room = queue.nominal[key] - view.used(queue.queue_name, key)
            limit = (queue.borrowing_limits or {}).get(key)
            if plan.borrows:
                amounts[key] = amount if limit is None else max(0, min(amount, room + limit))
            else:
                amounts[key] = max(0, min(amount, room))
        return amounts

    def plan(self, workload: Workload) -> Plan:
        """Try a head alone."""
        view, queue, plan = self.view, self.queues[workload.queue], Plan(workload)
        rule = queue.borrow_within_cohort
        may_borrow = (rule is not None and rule.policy is not PreemptionPolicy.NEVER) or (
            self.strategies is not None and queue.reclaim_within_cohort is not PreemptionPolicy.NEVER
        )
        name, needs = queue.queue_name, set[FlavorResource]()
        for pods in workload.pod_sets:
            borrows, amounts = False, {key: pods.count * amount for key, amount in pods.requests.items()}
            for key, amount in amounts.items():
                if not amount:
                    continue
                value = plan.usage.get(key, 0) + amount
                fits = value <= view.available(name, key)
                if (
                    key not in queue.nominal
                    or value > view.available(name, key, empty=True)
                    or not (fits or value <= queue.nominal[key] or may_borrow)
                ):
                    plan.mode = "none"
                    return plan
                after = view
                if not fits:
                    plan.mode = "preempt"
                    needs.add(key)
                    found = self.victims(view, workload, {key}, {key: value})
                    after = view.without([each for each, _ in found])
                borrows |= bool(queue.cohort) and after.exceeds(name, key, value)
            plan.borrows |= borrows
            for key, amount in amounts.items():
                if amount:
                    plan.usage[key] = plan.usage.get(key, 0) + amount
        if plan.mode == "preempt":
            plan.targets = self.victims(view, workload, needs, plan.usage)
        return plan

    def victims(self, view: View, workload: Workload, needs: set[FlavorResource], requests: Amounts) -> list[Victim]:
        """Return the workloads to evict."""
        times = {name: time for name, (_, time) in self.held.items()}
        search = VictimSearch(view, workload, needs, requests, times, self.evicted)
        return search.classic() if self.strategies is None else search.fair(self.strategies)
