"""Quota accounting of a queue and of its cohort, and the dominant share of fair sharing."""

from collections.abc import Collection, Mapping
from typing import NamedTuple

from fairlane.scheduler.kueue.objects import ClusterQueue, FlavorResource
from fairlane.scheduler.kueue.waiting_line import WaitingLine
from fairlane.scheduler.kueue.workload_state import Amounts, HeldWorkloads


class Share(NamedTuple):
    """Weighted dominant share. Shares compare as tuples.

    Attributes:
        infinite: True if a queue of weight zero borrows.
        value: 1,000 times what is borrowed by what can be borrowed, by the weight unless the share is infinite.
    """

    infinite: bool
    value: float


NO_SHARE = Share(infinite=False, value=0.0)


class CohortState:
    """Queues that lend to each other.

    Attributes:
        queues: Queues of the cohort.
        quota: What the queues put into the cohort.
        usage: What the queues take from the cohort, their own part included.
        lendable: Quota by resource, over all flavors.
    """

    __slots__ = ("lendable", "queues", "quota", "usage")

    def __init__(self) -> None:
        self.queues: list[QueueState] = []
        self.quota: Amounts = {}
        self.usage: Amounts = {}
        self.lendable: dict[str, int] = {}

    def refresh(self) -> None:
        """Compute the quota and the usage from the queues."""
        self.quota, self.usage, self.lendable = {}, {}, {}
        for queue in self.queues:
            for key, nominal in queue.nominal.items():
                lent = nominal - queue.kept.get(key, 0)
                self.quota[key] = self.quota.get(key, 0) + lent
                self.lendable[key.resource] = self.lendable.get(key.resource, 0) + lent
            for key, used in queue.usage.items():
                self.usage[key] = self.usage.get(key, 0) + max(0, used - queue.kept.get(key, 0))
        for queue in self.queues:
            queue.refresh_ceiling()


class QueueState:
    """Queue with what its workloads hold.

    Attributes:
        spec: Quota and policies.
        cohort: Cohort, or None.
        nominal: Quota of the queue.
        kept: Part of the quota that other queues cannot borrow.
        limits: Borrowing limits.
        ceiling: Largest usage that the queue can ever have.
        usage: What the workloads of the queue hold.
        held: Workloads that hold quota.
        line: Workloads that wait.
    """

    __slots__ = ("ceiling", "cohort", "held", "kept", "limits", "line", "nominal", "spec", "usage", "weight")

    def __init__(self, spec: ClusterQueue, cohort: CohortState | None) -> None:
        self.held = HeldWorkloads()
        self.line = WaitingLine()
        self.usage: Amounts = {}
        self.configure(spec, cohort)

    def configure(self, spec: ClusterQueue, cohort: CohortState | None) -> None:
        """Set the quota, the policies and the cohort. The cohort must be refreshed afterwards."""
        self.spec = spec
        self.cohort = cohort
        self.weight = float(spec.weight)
        self.nominal: Amounts = dict(spec.nominal)
        self.limits: Amounts = dict(spec.borrowing_limits or {})
        self.kept: Amounts = {
            key: max(0, self.nominal.get(key, 0) - limit) for key, limit in (spec.lending_limits or {}).items()
        }
        self.usage = {key: used for key, used in self.usage.items() if used} | {
            key: self.usage.get(key, 0) for key in self.nominal
        }
        self.refresh_ceiling()

    def refresh_ceiling(self) -> None:
        """Compute the ceiling from the quota of the queue and of its cohort."""
        self.ceiling: Amounts = {}
        for key, nominal in self.nominal.items():
            ceiling = nominal
            if self.cohort is not None:
                ceiling = self.kept.get(key, 0) + self.cohort.quota.get(key, 0)
                if key in self.limits:
                    ceiling = min(ceiling, nominal + self.limits[key])
            self.ceiling[key] = ceiling

    def add(self, amounts: Mapping[FlavorResource, int]) -> None:
        """Count amounts as used."""
        for key, amount in amounts.items():
            used = self.usage.get(key, 0)
            self.usage[key] = used + amount
            if self.cohort is not None:
                shared = amount - max(0, self.kept.get(key, 0) - used)
                if shared > 0:
                    self.cohort.usage[key] = self.cohort.usage.get(key, 0) + shared

    def subtract(self, amounts: Mapping[FlavorResource, int]) -> None:
        """Count amounts as free."""
        for key, amount in amounts.items():
            used = self.usage[key]
            self.usage[key] = used - amount
            if self.cohort is not None:
                shared = min(amount, used - self.kept.get(key, 0))
                if shared > 0:
                    self.cohort.usage[key] -= shared

    def available(self, key: FlavorResource) -> int:
        """Return what the queue can take now, by its own quota and by borrowing."""
        nominal, used = self.nominal.get(key, 0), self.usage.get(key, 0)
        if self.cohort is None:
            return max(0, nominal - used)
        kept = self.kept.get(key, 0)
        shared = self.cohort.quota.get(key, 0) - self.cohort.usage.get(key, 0)
        limit = self.limits.get(key)
        if limit is not None:
            shared = min(shared, nominal - kept - max(0, used - kept) + limit)
        return max(0, max(0, kept - used) + shared)

    def fits(self, amounts: Mapping[FlavorResource, int], *, borrowing: bool = True) -> bool:
        """Return True if amounts are available. Without borrowing they must be within the quota, too."""
        return all(
            amount <= self.available(key) and (borrowing or not self.exceeds_nominal(key, amount))
            for key, amount in amounts.items()
        )

    def exceeds_nominal(self, key: FlavorResource, amount: int = 0) -> bool:
        """Return True if the usage and an amount are more than the quota of the queue."""
        return self.usage.get(key, 0) + amount > self.nominal.get(key, 0)

    def borrows_any(self, keys: Collection[FlavorResource]) -> bool:
        """Return True if the queue borrows any of some resources."""
        return any(self.usage.get(key, 0) > self.nominal.get(key, 0) for key in keys)

    def borrowed(self, extra: Mapping[FlavorResource, int] | None = None) -> Amounts:
        """Return what the queue borrows, if it also held an extra amount."""
        if self.cohort is None:
            return {}
        amounts = {}
        for key, nominal in self.nominal.items():
            over = self.usage[key] - nominal
            if extra is not None:
                over += extra.get(key, 0)
            if over > 0:
                amounts[key] = over
        return amounts

    def share(self, borrowed: Mapping[FlavorResource, int]) -> Share:
        """Return the weighted share of the resource that is borrowed most."""
        if not borrowed or self.cohort is None:
            return NO_SHARE
        by_resource: dict[str, int] = {}
        for key, amount in borrowed.items():
            by_resource[key.resource] = by_resource.get(key.resource, 0) + amount
        lendable = self.cohort.lendable
        ratio = max(
            (amount * 1000 / lendable[name] for name, amount in by_resource.items() if lendable[name] > 0), default=0.0
        )
        if not ratio:
            return NO_SHARE
        return Share(infinite=False, value=ratio / self.weight) if self.weight else Share(infinite=True, value=ratio)
