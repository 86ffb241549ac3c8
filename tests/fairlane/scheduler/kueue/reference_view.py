"""Usage of the queues of the reference, computed anew from the workloads that hold quota."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import TypeAlias

from fairlane.scheduler.kueue import ClusterQueue, FlavorResource, Workload

Amounts: TypeAlias = dict[FlavorResource, int]


def total(workload: Workload) -> Amounts:
    """Return the requests of all pods."""
    amounts: Amounts = {}
    for pods in workload.pod_sets:
        for key, amount in pods.requests.items():
            amounts[key] = amounts.get(key, 0) + pods.count * amount
    return {key: amount for key, amount in amounts.items() if amount}


def order(workload: Workload) -> tuple[int, float, str]:
    """Return the place in the queue."""
    return -workload.priority, workload.created, workload.workload_name


def shape(workload: Workload) -> object:
    """Return what is equal for workloads of which none fits if one does not."""
    return workload.priority, [(pods.count, dict(pods.requests)) for pods in workload.pod_sets]


@dataclass(frozen=True)
class View:
    """Queues with workloads that hold quota, and extra amounts by queue."""

    queues: dict[str, ClusterQueue]
    held: tuple[Workload, ...]
    extra: tuple[tuple[str, Amounts], ...] = ()

    def without(self, workloads: Collection[Workload]) -> "View":
        """Return the view as if workloads held nothing."""
        return View(self.queues, tuple(each for each in self.held if each not in workloads), self.extra)

    def plus(self, queue: str, amounts: Amounts) -> "View":
        """Return the view as if a queue used more."""
        return View(self.queues, self.held, (*self.extra, (queue, amounts)))

    def used(self, queue: str, key: FlavorResource) -> int:
        """Return the usage of a queue."""
        amounts = [total(each) for each in self.held if each.queue == queue]
        amounts += [extra for name, extra in self.extra if name == queue]
        return sum(each.get(key, 0) for each in amounts)

    def nominal(self, queue: str, key: FlavorResource) -> int:
        """Return the quota of a queue."""
        return self.queues[queue].nominal.get(key, 0)

    def kept(self, queue: str, key: FlavorResource) -> int:
        """Return the part of the quota that a queue never lends."""
        limit = (self.queues[queue].lending_limits or {}).get(key)
        return 0 if limit is None else max(0, self.nominal(queue, key) - limit)

    def cohort(self, queue: str) -> list[str]:
        """Return the queues of the cohort of a queue."""
        name = self.queues[queue].cohort
        return [each for each, spec in self.queues.items() if name and spec.cohort == name]

    def available(self, queue: str, key: FlavorResource, *, empty: bool = False) -> int:
        """Return what a queue can take, now or if no workload held quota."""
        nominal, kept = self.nominal(queue, key), self.kept(queue, key)
        used = 0 if empty else self.used(queue, key)
        members = self.cohort(queue)
        if not members:
            return nominal - used if empty else max(0, nominal - used)
        shared = sum(self.nominal(each, key) - self.kept(each, key) for each in members)
        if not empty:
            shared -= sum(max(0, self.used(each, key) - self.kept(each, key)) for each in members)
        limit = (self.queues[queue].borrowing_limits or {}).get(key)
        if limit is not None:
            shared = min(shared, nominal - kept - max(0, used - kept) + limit)
        free = max(0, kept - used) + shared
        return free if empty else max(0, free)

    def exceeds(self, queue: str, key: FlavorResource, amount: int = 0) -> bool:
        """Return True if the usage and an amount are above the quota."""
        return self.used(queue, key) + amount > self.nominal(queue, key)

    def borrows(self, queue: str, keys: Collection[FlavorResource]) -> bool:
        """Return True if a queue borrows any of some resources."""
        return any(self.exceeds(queue, key) for key in keys)

    def fits(self, queue: str, amounts: Amounts, *, borrowing: bool = True) -> bool:
        """Return True if amounts fit."""
        return all(
            amount <= self.available(queue, key) and (borrowing or not self.exceeds(queue, key, amount))
            for key, amount in amounts.items()
        )

    def share(self, queue: str) -> tuple[bool, float]:
        """Return the weighted dominant share. True stands for an infinite one."""
        spec = self.queues[queue]
        members = self.cohort(queue)
        ratio = 0.0
        for resource in {key.resource for key in spec.nominal} if members else ():
            over = sum(
                max(0, self.used(queue, key) - nominal)
                for key, nominal in spec.nominal.items()
                if key.resource == resource
            )
            lendable = sum(
                nominal - self.kept(each, key)
                for each in members
                for key, nominal in self.queues[each].nominal.items()
                if key.resource == resource
            )
            if lendable > 0:
                ratio = max(ratio, over * 1000 / lendable)
        if spec.weight == 0:
            return ratio > 0, ratio
        return False, ratio / float(spec.weight)
