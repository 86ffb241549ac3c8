"""Tests of the queues of a HyperPod cluster."""

from fractions import Fraction

from fairlane.hyperpod import (
    Governance,
    PriorityClass,
    Sharing,
    class_priority,
    cluster_queues,
    fair_sharing,
    queue_name,
    quota_rows,
    whole_units,
)
from fairlane.scheduler.kueue import FlavorResource, PreemptionPolicy, PreemptionStrategy

from .governance import EVEN, P5, group, pool, quota, team

GPU = FlavorResource(P5, "nvidia.com/gpu")
TEAMS = (
    team("inference", count=16, sharing=Sharing.LEND),
    team("pretraining", count=8, borrow_limit=100, weight=70, preempt_lower_priority=False),
    team("research", count=4, borrow_limit=300, weight=30),
    team("secret", count=1, sharing=Sharing.DONT_LEND),
)


def test_quotas_and_limits_of_each_team() -> None:
    queues = {queue.queue_name: queue for queue in cluster_queues(EVEN, TEAMS, [group()])}
    assert {name: queue.nominal[GPU] for name, queue in queues.items()} == {
        queue_name("inference"): 128,
        queue_name("pretraining"): 64,
        queue_name("research"): 32,
        queue_name("secret"): 8,
        "hyperpod-ns-idle-resource-sharing-cq": 24,
    }
    research = queues[queue_name("research")]
    assert research.nominal[FlavorResource(P5, "cpu")] == 4 * 192 * 1000
    assert research.nominal[FlavorResource(P5, "memory")] == 4 * 2048 * 2**30
    assert (research.borrowing_limits or {})[GPU] == 96
    assert research.lending_limits is None
    assert (queues[queue_name("inference")].borrowing_limits or {})[GPU] == 0
    assert queues[queue_name("inference")].lending_limits is None
    assert (queues[queue_name("secret")].lending_limits or {})[GPU] == 0
    assert (queues[queue_name("secret")].borrowing_limits or {})[GPU] == 0


def test_the_whole_cluster_and_no_more() -> None:
    for spare in ([], [pool("gpu", max_accelerators=16)]):
        queues = cluster_queues(EVEN, TEAMS, [group()], spare)
        assert sum(queue.nominal[GPU] for queue in queues) == 256 + 16 * len(spare)
    kept = cluster_queues(Governance(share_unallocated=False), TEAMS, [group()])
    assert sum(queue.nominal[GPU] for queue in kept) == 29 * 8
    full = cluster_queues(EVEN, [team(count=32)], [group()])
    assert len(full) == 1


def test_borrowing_is_that_of_the_table_of_quotas() -> None:
    queues = {queue.queue_name: queue for queue in cluster_queues(EVEN, TEAMS, [group()])}
    rows = [row for row in quota_rows(EVEN, TEAMS, [group()]) if row.resource == GPU.resource]
    for row in rows:
        assert (queues[queue_name(row.team_name)].borrowing_limits or {})[GPU] == row.limit


def test_a_part_of_a_device_is_no_device() -> None:
    (queue,) = cluster_queues(EVEN, [team("a", quota(accelerators=3), borrow_limit=50)], [group(0)])
    assert (queue.nominal[GPU], (queue.borrowing_limits or {})[GPU]) == (3, 1)
    assert whole_units("cpu", 1.5) == 1500


def test_policies_and_weights() -> None:
    queues = {queue.queue_name: queue for queue in cluster_queues(EVEN, TEAMS, [group()])}
    pretraining, research = queues[queue_name("pretraining")], queues[queue_name("research")]
    assert pretraining.within_queue is PreemptionPolicy.NEVER
    assert research.within_queue is PreemptionPolicy.LOWER_PRIORITY
    assert {queue.reclaim_within_cohort for queue in (pretraining, research)} == {PreemptionPolicy.ANY}
    assert (pretraining.weight, research.weight) == (Fraction(70), Fraction(30))


def test_fair_sharing_is_that_of_the_cluster() -> None:
    assert fair_sharing(Governance(fair_share=False)) is None
    assert fair_sharing(EVEN) == (
        PreemptionStrategy.LESS_THAN_OR_EQUAL_TO_FINAL_SHARE,
        PreemptionStrategy.LESS_THAN_INITIAL_SHARE,
    )


def test_a_class_has_its_weight_as_priority() -> None:
    governance = Governance(priority_classes=[PriorityClass(class_name="training", weight=50)])
    assert [class_priority(governance, name) for name in ("training", "training-priority", "", None)] == [50, 50, 0, 0]
