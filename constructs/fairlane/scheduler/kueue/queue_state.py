"""Quota accounting of a queue and of its cohort, and the dominant share of fair sharing."""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from fairlane.scheduler.kueue.objects import ClusterQueue, FlavorResource
from fairlane.scheduler.kueue.waiting_line import WaitingLine
from fairlane.scheduler.kueue.workload_state import Amounts, HeldWorkloads, WorkloadState

Share: TypeAlias = tuple[bool, float]
"""Weighted dominant share: True and the share without weight if a queue of weight zero borrows, else False and the
share by weight. The share is 1,000 times what is borrowed of a resource, by what the cohort can lend of it."""


class Standing(NamedTuple):
    """Position of a queue in its cohort.

    Attributes:
        share: Weighted dominant share.
        borrowed: Resources of which the queue holds more than its quota.
    """

    share: Share
    borrowed: Sequence[FlavorResource]


IN_NO_DEBT = Standing((False, 0.0), ())


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

    __slots__ = (
        "_standing",
        "ceiling",
        "cohort",
        "held",
        "kept",
        "limits",
        "line",
        "nominal",
        "spec",
        "usage",
        "weight",
    )

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
        self._standing: Standing | None = None
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
        self._standing = None
        for key, amount in amounts.items():
            used = self.usage.get(key, 0)
            self.usage[key] = used + amount
            if self.cohort is not None:
                shared = amount - max(0, self.kept.get(key, 0) - used)
                if shared > 0:
                    self.cohort.usage[key] = self.cohort.usage.get(key, 0) + shared

    def subtract(self, amounts: Mapping[FlavorResource, int]) -> None:
        """Count amounts as free."""
        self._standing = None
        for key, amount in amounts.items():
            used = self.usage[key]
            self.usage[key] = used - amount
            if self.cohort is not None:
                shared = min(amount, used - self.kept.get(key, 0))
                if shared > 0:
                    self.cohort.usage[key] -= shared

    def hold(self, state: WorkloadState, now: float) -> None:
        """Give quota to a workload at a time."""
        self.add(state.requests)
        self.held.add(state, now)

    def free(self, state: WorkloadState) -> None:
        """Take the quota of a workload back."""
        self.held.remove(state)
        self.subtract(state.requests)

    def available(self, key: FlavorResource) -> int:
        """Return what the queue can take now, by its own quota and by borrowing."""
        nominal, used = self.nominal.get(key, 0), self.usage.get(key, 0)
        if self.cohort is None:
            free = nominal - used
        else:
            kept = self.kept.get(key, 0)
            free = self.cohort.quota.get(key, 0) - self.cohort.usage.get(key, 0)
            limit = self.limits.get(key)
            if limit is not None:
                free = min(free, nominal + limit - max(kept, used))
            if used < kept:
                free += kept - used
        return max(0, free)

    def fits(self, amounts: Mapping[FlavorResource, int], *, borrowing: bool = True) -> bool:
        """Return True if amounts are available. Without borrowing they must be within the quota, too."""
        for key, amount in amounts.items():
            if amount > self.available(key) or (not borrowing and self.exceeds_nominal(key, amount)):
                return False
        return True

    def exceeds_nominal(self, key: FlavorResource, amount: int = 0) -> bool:
        """Return True if the usage and an amount are more than the quota of the queue."""
        return self.usage.get(key, 0) + amount > self.nominal.get(key, 0)

    def borrows_any(self, keys: Collection[FlavorResource]) -> bool:
        """Return True if the queue borrows any of some resources."""
        return any(self.usage.get(key, 0) > self.nominal.get(key, 0) for key in keys)

    @property
    def standing(self) -> Standing:
        """Standing with what the queue holds now."""
        if self._standing is None:
            self._standing = self.standing_with({})
        return self._standing

    def standing_with(self, extra: Mapping[FlavorResource, int]) -> Standing:
        """Return the standing of the queue as if it held extra amounts. Negative ones are taken away."""
        if self.cohort is None:
            return IN_NO_DEBT
        by_resource: dict[str, int] = {}
        borrowed = []
        for key, nominal in self.nominal.items():
            over = self.usage[key] + extra.get(key, 0) - nominal
            if over > 0:
                borrowed.append(key)
                by_resource[key.resource] = by_resource.get(key.resource, 0) + over
        if not borrowed:
            return IN_NO_DEBT
        ratio, lendable = 0.0, self.cohort.lendable
        for resource, over in by_resource.items():
            if lendable[resource] > 0:
                ratio = max(ratio, over * 1000 / lendable[resource])
        if ratio and not self.weight:
            return Standing((True, ratio), borrowed)
        return Standing((False, ratio / self.weight if ratio else 0.0), borrowed)
