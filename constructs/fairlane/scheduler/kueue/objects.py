"""Queues and workloads of Kueue, as values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import NamedTuple


class FlavorResource(NamedTuple):
    """Resource of a flavor, which is an instance type on HyperPod."""

    flavor: str
    resource: str


class QueueingStrategy(StrEnum):
    """Order of a queue whose head does not fit."""

    STRICT_FIFO = "StrictFIFO"
    """The head blocks the jobs behind it."""
    BEST_EFFORT_FIFO = "BestEffortFIFO"
    """Jobs behind the head are tried."""


class PreemptionPolicy(StrEnum):
    """Workloads that a workload may preempt."""

    NEVER = "Never"
    LOWER_PRIORITY = "LowerPriority"
    LOWER_OR_NEWER_EQUAL_PRIORITY = "LowerOrNewerEqualPriority"
    """In the same queue only."""
    ANY = "Any"
    """In other queues only."""


class PreemptionStrategy(StrEnum):
    """Rule of fair sharing that a preemption of another queue's workload must satisfy."""

    LESS_THAN_OR_EQUAL_TO_FINAL_SHARE = "LessThanOrEqualToFinalShare"
    LESS_THAN_INITIAL_SHARE = "LessThanInitialShare"


@dataclass(frozen=True, slots=True, kw_only=True)
class BorrowWithinCohort:
    """Preemption of other queues by a workload that borrows.

    Args:
        policy: LOWER_PRIORITY, or NEVER. Default: NEVER.
        max_priority_threshold: Largest priority of a victim. Default: below the priority of the preemptor.
    """

    policy: PreemptionPolicy = PreemptionPolicy.NEVER
    max_priority_threshold: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterQueue:
    """Queue with a quota.

    Args:
        queue_name: Name of the queue.
        cohort: Name of the cohort whose queues lend to each other. Empty for none.
        nominal: Quota by flavor and resource, in whole units.
        borrowing_limits: Largest amounts above the quota. Default: no limit.
        lending_limits: Largest amounts that other queues can borrow. Default: no limit.
        weight: Weight of fair sharing, 0 or more. Default: 1.
        strategy: Order of waiting workloads. Default: best effort.
        within_queue: Victims in the same queue. Default: none.
        reclaim_within_cohort: Victims in other queues of the cohort that borrow. Default: none.
        borrow_within_cohort: Victims in other queues for a workload that borrows. Default: none.
    """

    queue_name: str
    cohort: str = ""
    nominal: Mapping[FlavorResource, int]
    borrowing_limits: Mapping[FlavorResource, int] | None = None
    lending_limits: Mapping[FlavorResource, int] | None = None
    weight: Fraction = Fraction(1)
    strategy: QueueingStrategy = QueueingStrategy.BEST_EFFORT_FIFO
    within_queue: PreemptionPolicy = PreemptionPolicy.NEVER
    reclaim_within_cohort: PreemptionPolicy = PreemptionPolicy.NEVER
    borrow_within_cohort: BorrowWithinCohort | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PodSet:
    """Pods of a workload that are alike.

    Args:
        count: Number of pods.
        requests: Requests of one pod by flavor and resource.
    """

    count: int
    requests: Mapping[FlavorResource, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """Pods that are admitted together.

    Args:
        workload_name: Name, unique in all queues. It decides between workloads that are equal in all else.
        queue: Name of the queue.
        pod_sets: Pods. The first one that does not fit keeps all of them waiting.
        priority: Priority. Higher is first. Default: 0.
        created: Second of its creation. Default: 0.
        reserved_at: Second of its admission if it is admitted when it is added. Default: it waits.
    """

    workload_name: str
    queue: str
    pod_sets: Sequence[PodSet]
    priority: int = 0
    created: float = 0
    reserved_at: float | None = None


class Decision(StrEnum):
    """Answer of a cycle to a workload."""

    ADMIT = "admit"
    PREEMPT = "preempt"
    """Victims are evicted. The workload waits until they are gone."""
    NO_CANDIDATES = "noCandidates"
    """A preemption would be necessary, and there is nothing that the workload may preempt."""
    NO_FIT = "noFit"
    SKIP_OVERLAP = "skipOverlap"
    """Another workload of the cycle preempts the same victim."""
    SKIP_NO_LONGER_FITS = "skipNoLongerFits"
    """Another workload of the cycle took the capacity."""


class Reason(StrEnum):
    """Reason of an eviction."""

    IN_CLUSTER_QUEUE = "InClusterQueue"
    IN_COHORT_RECLAMATION = "InCohortReclamation"
    IN_COHORT_FAIR_SHARING = "InCohortFairSharing"
    IN_COHORT_RECLAIM_WHILE_BORROWING = "InCohortReclaimWhileBorrowing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Victim of a preemption.

    Attributes:
        workload: Name of the victim.
        reason: Reason of the eviction.
    """

    workload: str
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Decision of a cycle on one workload.

    Attributes:
        workload: Name of the workload.
        decision: Decision.
        borrows: True if the workload would borrow.
        targets: Victims in their order. With the two SKIP decisions they are a plan that was not carried out.
    """

    workload: str
    decision: Decision
    borrows: bool
    targets: Sequence[Target] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Cycle:
    """Cycle of the scheduler.

    Attributes:
        entries: Decisions, in the order in which the workloads were processed.
        evicted: Names of the workloads that are newly evicted. They hold their quota until `Kueue.release`.
        settled: True if the cycle changed nothing, so that another one would decide the same.
    """

    entries: Sequence[Entry]
    evicted: Sequence[str]
    settled: bool

    @property
    def admitted(self) -> list[str]:
        """Names of the workloads that are admitted."""
        return [entry.workload for entry in self.entries if entry.decision is Decision.ADMIT]
