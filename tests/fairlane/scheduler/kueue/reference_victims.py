"""Victims of a preemption in the reference."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from fairlane.scheduler.kueue import (
    ClusterQueue,
    FlavorResource,
    PreemptionPolicy,
    PreemptionStrategy,
    Reason,
    Workload,
)
from tests.fairlane.scheduler.kueue.reference_view import Amounts, View, total

Victim: TypeAlias = tuple[Workload, Reason]


@dataclass
class VictimSearch:
    """Search for the workloads to evict, so that requests of a workload fit."""

    view: View
    workload: Workload
    needs: set[FlavorResource]
    requests: Amounts
    times: dict[str, float]
    evicted: set[str]

    @property
    def own(self) -> str:
        """Name of the queue of the preemptor."""
        return self.workload.queue

    @property
    def queue(self) -> ClusterQueue:
        """Queue of the preemptor."""
        return self.view.queues[self.own]

    def order(self, each: Workload) -> tuple[object, ...]:
        """Return the place of a victim."""
        name = each.workload_name
        return name not in self.evicted, each.queue == self.own, each.priority, -self.times[name], name

    def allowed(self, each: Workload) -> bool:
        """Return True if the policies allow to evict a workload, and it holds what is needed."""
        if not self.needs & total(each).keys():
            return False
        policy = self.queue.within_queue
        if each.queue != self.own:
            policy = self.queue.reclaim_within_cohort
            if each.queue not in self.view.cohort(self.own) or not self.view.borrows(each.queue, self.needs):
                return False
        if policy is PreemptionPolicy.LOWER_OR_NEWER_EQUAL_PRIORITY and each.priority == self.workload.priority:
            return each.created > self.workload.created
        if policy in (PreemptionPolicy.ANY, PreemptionPolicy.NEVER):
            return policy is PreemptionPolicy.ANY
        return each.priority < self.workload.priority

    def candidates(self) -> list[Workload]:
        """Return the workloads that may be evicted, in their order."""
        return sorted(filter(self.allowed, self.view.held), key=self.order)

    def fits_without(self, found: list[Workload], *, borrowing: bool = True) -> bool:
        """Return True if the requests fit without some workloads."""
        return self.view.without(found).fits(self.own, self.requests, borrowing=borrowing)

    def fill_back(self, found: list[Workload], *, borrowing: bool) -> list[Workload]:
        """Return the victims without those that are not necessary."""
        for index in range(len(found) - 2, -1, -1):
            if self.fits_without(found[:index] + found[index + 1 :], borrowing=borrowing):
                found = [*found[:index], found[-1], *found[index + 1 : -1]]
        return found

    def classic(self) -> list[Victim]:
        """Return the victims without fair sharing."""
        view, own, rule = self.view, self.own, self.queue.borrow_within_cohort
        forbidden = rule is None or rule.policy is PreemptionPolicy.NEVER
        within = not any(view.exceeds(own, key, amount) for key, amount in self.requests.items())

        def reason(each: Workload) -> tuple[Reason, bool]:
            """Return the reason, and True if the workload may be evicted in order to borrow."""
            if each.queue == own:
                return Reason.IN_CLUSTER_QUEUE, True
            if within:
                return Reason.IN_COHORT_RECLAMATION, True
            limit = rule.max_priority_threshold if rule else None
            if forbidden or each.priority >= self.workload.priority or (limit is not None and each.priority > limit):
                return Reason.IN_COHORT_RECLAMATION, False
            return Reason.IN_COHORT_RECLAIM_WHILE_BORROWING, True

        under = all(view.used(own, key) < view.nominal(own, key) for key in self.needs)
        candidates = self.candidates()
        attempts: tuple[bool, ...] = (True, False)
        if all(each.queue == own for each in candidates) or (forbidden and not under):
            attempts = (True,)
        elif forbidden and not within:
            attempts = (False, True)
        for borrowing in attempts:
            found: list[Workload] = []
            for each in candidates:
                still_borrows = view.without(found).borrows(each.queue, self.needs)
                if each.queue != own and not (still_borrows and (reason(each)[1] or not borrowing)):
                    continue
                found.append(each)
                if self.fits_without(found, borrowing=borrowing):
                    return [(victim, reason(victim)[0]) for victim in self.fill_back(found, borrowing=borrowing)]
        return []

    def fair(self, strategies: Sequence[PreemptionStrategy]) -> list[Victim]:
        """Return the victims with fair sharing."""
        own, full = self.own, self.view.plus(self.own, self.requests)
        within = not full.borrows(own, self.needs)
        final = strategies[0] is PreemptionStrategy.LESS_THAN_OR_EQUAL_TO_FINAL_SHARE
        found: list[Workload] = []
        reasons: dict[str, Reason] = {}
        retry: list[Workload] = []

        def take(each: Workload, why: Reason) -> bool:
            found.append(each)
            reasons[each.workload_name] = why
            return self.fits_without(found)

        lists, fits = by_queue(self.candidates()), False
        while not fits and (name := self.largest(full.without(found), lists)):
            if name == own or within:
                why = Reason.IN_CLUSTER_QUEUE if name == own else Reason.IN_COHORT_RECLAMATION
                fits = take(lists[name].pop(0), why)
                continue
            now = full.without(found)
            while lists[name]:
                each = lists[name].pop(0)
                if now.share(own) <= now.without([each]).share(name) if final else now.share(own) < now.share(name):
                    fits = take(each, Reason.IN_COHORT_FAIR_SHARING)
                    break
                retry.append(each)
        lists = by_queue(retry if len(strategies) > 1 else [])
        while not fits and (name := self.largest(full.without(found), lists)):
            now = full.without(found)
            if now.share(own) < now.share(name):
                fits = take(lists[name][0], Reason.IN_COHORT_FAIR_SHARING)
            lists[name] = []
        return [(each, reasons[each.workload_name]) for each in self.fill_back(found, borrowing=True)] if fits else []

    def largest(self, view: View, lists: dict[str, list[Workload]]) -> str | None:
        """Return the queue of the largest share that has a candidate, and borrows or is the preemptor's."""
        found = [
            name
            for name, states in lists.items()
            if states and (name == self.own or any(view.exceeds(name, key) for key in view.queues[name].nominal))
        ]
        top = max((view.share(name) for name in found), default=None)
        tied = [name for name in found if view.share(name) == top]
        return min(tied, key=lambda name: self.order(lists[name][0]), default=None)


def by_queue(workloads: Sequence[Workload]) -> dict[str, list[Workload]]:
    """Return workloads by their queue."""
    lists: dict[str, list[Workload]] = {}
    for each in workloads:
        lists.setdefault(each.queue, []).append(each)
    return lists
