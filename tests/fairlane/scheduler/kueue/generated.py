"""Queues and workloads at random: two cohorts and a queue of its own, two flavors, two resources."""

from collections.abc import Iterator
from fractions import Fraction
from random import Random

from fairlane.scheduler.kueue import (
    BorrowWithinCohort,
    ClusterQueue,
    FlavorResource,
    PodSet,
    PreemptionPolicy,
    PreemptionStrategy,
    QueueingStrategy,
    Workload,
)

FLAVORS = ("p5", "g6")
KEYS = [FlavorResource(flavor, resource) for flavor in FLAVORS for resource in ("gpu", "cpu")]
STRATEGIES = (
    None,
    (PreemptionStrategy.LESS_THAN_OR_EQUAL_TO_FINAL_SHARE, PreemptionStrategy.LESS_THAN_INITIAL_SHARE),
    (PreemptionStrategy.LESS_THAN_OR_EQUAL_TO_FINAL_SHARE,),
    (PreemptionStrategy.LESS_THAN_INITIAL_SHARE,),
)
WITHIN = (
    PreemptionPolicy.NEVER,
    PreemptionPolicy.LOWER_PRIORITY,
    PreemptionPolicy.LOWER_OR_NEWER_EQUAL_PRIORITY,
)
RECLAIM = (PreemptionPolicy.NEVER, PreemptionPolicy.LOWER_PRIORITY, PreemptionPolicy.ANY, PreemptionPolicy.ANY)
COHORTS = ("first", "first", "first", "second", "second", "")


def random_limits(random: Random) -> dict[FlavorResource, int] | None:
    """Return limits of some resources, or none."""
    if random.random() < 0.7:
        return None
    return {key: random.choice((0, 2, 4, 8)) for key in KEYS if random.random() < 0.7}


def random_queue(random: Random, number: int) -> ClusterQueue:
    """Return a queue. Most queues have all flavors and resources."""
    rule = None
    if random.random() < 0.3:
        rule = BorrowWithinCohort(
            policy=PreemptionPolicy.LOWER_PRIORITY, max_priority_threshold=random.choice((None, 0, 50))
        )
    return ClusterQueue(
        queue_name=f"q{number}",
        cohort=COHORTS[number],
        nominal={key: random.choice((0, 4, 8, 8, 12)) for key in KEYS if random.random() < 0.95},
        borrowing_limits=random_limits(random),
        lending_limits=random_limits(random),
        weight=random.choice((Fraction(0), Fraction(1, 2), Fraction(1), Fraction(1), Fraction(3))),
        strategy=random.choice((*QueueingStrategy, QueueingStrategy.BEST_EFFORT_FIFO)),
        within_queue=random.choice(WITHIN),
        reclaim_within_cohort=random.choice(RECLAIM),
        borrow_within_cohort=rule,
    )


def random_queues(random: Random) -> list[ClusterQueue]:
    """Return the queues of two cohorts, and one without a cohort."""
    return [random_queue(random, number) for number in range(len(COHORTS))]


def random_workload(random: Random, number: int) -> Workload:
    """Return a workload of one or two pod sets on one flavor."""
    flavor = random.choice(FLAVORS)
    resources = random.choice((("gpu",), ("gpu", "cpu"), ("cpu", "gpu")))
    pod_sets = [
        PodSet(
            count=random.choice((1, 1, 2)),
            requests={FlavorResource(flavor, resource): random.choice((0, 1, 2, 3, 4)) for resource in resources},
        )
        for _ in range(random.choice((1, 1, 2)))
    ]
    return Workload(
        workload_name=f"w{number:03}",
        queue=f"q{random.randrange(len(COHORTS))}",
        pod_sets=pod_sets,
        priority=random.choice((-10, 0, 0, 50, 100)),
        created=random.randrange(1000),
    )


def random_workloads(random: Random) -> Iterator[Workload]:
    """Yield workloads without end."""
    number = 0
    while True:
        yield random_workload(random, number)
        number += 1
