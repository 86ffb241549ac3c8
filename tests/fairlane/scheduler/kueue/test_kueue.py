"""Small cases of the model: shares, limits, heads of queues, changes of queues, and errors."""

from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

from fairlane.scheduler.kueue import (
    ClusterQueue,
    Decision,
    FlavorResource,
    Kueue,
    PodSet,
    PreemptionPolicy,
    PreemptionStrategy,
    QueueingStrategy,
    Workload,
)

GPU, CPU = FlavorResource("p5", "gpu"), FlavorResource("p5", "cpu")
FAIR = (PreemptionStrategy.LESS_THAN_OR_EQUAL_TO_FINAL_SHARE,)


def queue(name: str, gpus: int = 8, **settings: Any) -> ClusterQueue:
    return ClusterQueue(queue_name=name, nominal={GPU: gpus}, **{"cohort": "hyperpod"} | settings)


def workload(name: str, gpus: int, queue: str = "a", **settings: Any) -> Workload:
    return Workload(
        workload_name=name, queue=queue, pod_sets=[PodSet(count=1, requests={GPU: gpus})], **{"created": 1} | settings
    )


def decisions(kueue: Kueue, now: float = 10) -> dict[str, Decision]:
    return {entry.workload: entry.decision for entry in kueue.cycle(now).entries}


def test_the_share_is_that_of_the_resource_that_is_borrowed_most() -> None:
    nominal = {GPU: 8, CPU: 100}
    kueue = Kueue(
        [
            replace(queue("a"), nominal=nominal, weight=Fraction(2)),
            replace(queue("b"), nominal=nominal),
            replace(queue("c"), nominal=nominal, lending_limits={CPU: 0}),
        ],
        fair_sharing=FAIR,
    )
    assert kueue.share("a") == 0
    kueue.add(Workload(workload_name="w", queue="a", pod_sets=[PodSet(count=2, requests={GPU: 5, CPU: 75})]))
    assert decisions(kueue) == {"w": Decision.ADMIT}
    borrowed_gpus, borrowed_cpus = Fraction(2, 24), Fraction(50, 200)
    assert borrowed_cpus > borrowed_gpus
    assert kueue.share("a") == 1000 * borrowed_cpus / 2
    assert kueue.usage("a") == {GPU: 10, CPU: 150}


def test_a_resource_of_two_flavors_counts_as_one() -> None:
    other = FlavorResource("g6", "gpu")
    kueue = Kueue([replace(queue(name), nominal={GPU: 8, other: 8}) for name in "ab"], fair_sharing=FAIR)
    for key in (GPU, other):
        name = f"w-{key.flavor}"
        kueue.add(Workload(workload_name=name, queue="a", pod_sets=[PodSet(count=1, requests={key: 12})]))
        assert decisions(kueue) == {name: Decision.ADMIT}
    assert kueue.share("a") == 1000 * (4 + 4) / 32


def test_a_queue_of_weight_zero_that_borrows_has_an_infinite_share() -> None:
    kueue = Kueue([queue("a", weight=Fraction(0)), queue("b")], fair_sharing=FAIR)
    kueue.add(workload("within", 8, reserved_at=0))
    assert kueue.share("a") == 0
    kueue.add(workload("above", 1, reserved_at=0))
    assert kueue.share("a") == float("inf")


@pytest.mark.parametrize(
    ("gpus", "lent", "limit", "fits"),
    [(12, None, None, True), (12, 4, None, True), (13, 4, None, False), (12, 8, 3, False)],
)
def test_borrowing_ends_at_the_limits(gpus: int, lent: int | None, limit: int | None, fits: bool) -> None:
    kueue = Kueue(
        [
            queue("a", borrowing_limits=None if limit is None else {GPU: limit}),
            queue("b", lending_limits=None if lent is None else {GPU: lent}),
        ]
    )
    kueue.add(workload("w", gpus))
    assert decisions(kueue) == {"w": Decision.ADMIT if fits else Decision.NO_FIT}


def test_a_strict_queue_waits_for_its_head_and_another_does_not() -> None:
    for strategy, tried in ((QueueingStrategy.STRICT_FIFO, ["large"]), (QueueingStrategy.BEST_EFFORT_FIFO, ["small"])):
        kueue = Kueue([queue("a", strategy=strategy)])
        kueue.add(workload("large", 9, priority=1))
        kueue.add(workload("small", 1))
        assert decisions(kueue) == {"large": Decision.NO_FIT}
        assert list(decisions(kueue)) == tried
        assert kueue.parked("a") == (["large"] if tried == ["small"] else [])


def test_all_workloads_of_a_shape_are_parked_until_quota_is_free() -> None:
    kueue = Kueue([queue("a"), queue("b")])
    kueue.add(workload("runs", 16, "b", reserved_at=0))
    for name in ("third", "fourth"):
        kueue.add(workload(name, 4))
    kueue.add(workload("other", 4, priority=-1))
    assert decisions(kueue) == {"fourth": Decision.NO_CANDIDATES}
    kueue.add(workload("fifth", 4))
    assert kueue.parked("a") == ["third", "fourth", "fifth"], "a newcomer of the shape is parked at once"
    assert kueue.waiting("a") == ["other"], "another priority is another shape"
    kueue.remove("runs")
    assert kueue.waiting("a") == ["fifth", "fourth", "third", "other"]
    assert not kueue.parked("a")


def test_a_preemptor_stays_the_head_while_its_victim_stops() -> None:
    kueue = Kueue([queue("a", within_queue=PreemptionPolicy.LOWER_PRIORITY)])
    kueue.add(workload("victim", 8, reserved_at=0))
    kueue.add(workload("preemptor", 8, priority=1))
    cycle = kueue.cycle(10)
    assert cycle.evicted == ("victim",)
    assert not cycle.settled
    kueue.add(workload("urgent", 8, priority=2))
    assert kueue.waiting("a") == ["preemptor", "urgent"]
    cycle = kueue.cycle(11)
    assert [entry.decision for entry in cycle.entries] == [Decision.PREEMPT]
    assert (cycle.evicted, cycle.settled) == ((), True), "the victim is evicted once"
    assert kueue.admitted() == ["victim"], "it holds its quota until it has stopped"
    kueue.release("victim")
    assert kueue.cycle(12).admitted == ["preemptor"]
    assert kueue.waiting("a") == ["urgent", "victim"]


def test_a_strict_queue_tries_a_higher_priority_before_its_preemptor() -> None:
    strict = QueueingStrategy.STRICT_FIFO
    kueue = Kueue([queue("a", within_queue=PreemptionPolicy.LOWER_PRIORITY, strategy=strict)])
    kueue.add(workload("victim", 8, reserved_at=0))
    kueue.add(workload("preemptor", 8, priority=1))
    assert decisions(kueue) == {"preemptor": Decision.PREEMPT}
    kueue.add(workload("urgent", 8, priority=2))
    assert kueue.waiting("a") == ["urgent", "preemptor"]


def test_a_workload_of_equal_priority_and_creation_is_no_victim() -> None:
    kueue = Kueue([queue("a", within_queue=PreemptionPolicy.LOWER_OR_NEWER_EQUAL_PRIORITY)])
    kueue.add(workload("runs", 8, created=5, reserved_at=6))
    kueue.add(workload("equal", 8, created=5))
    assert decisions(kueue) == {"equal": Decision.NO_CANDIDATES}
    kueue.add(workload("older", 8, created=4, priority=0))
    assert kueue.parked("a") == ["equal", "older"], "workloads of one shape are parked together, older ones too"
    kueue.set_queue(queue("a", within_queue=PreemptionPolicy.LOWER_OR_NEWER_EQUAL_PRIORITY))
    assert decisions(kueue) == {"older": Decision.PREEMPT}


def test_a_lowered_quota_stops_no_workload() -> None:
    kueue = Kueue([queue("a")])
    kueue.add(workload("runs", 8))
    kueue.cycle(10)
    kueue.add(workload("waits", 8))
    kueue.set_queue(queue("a", 4))
    assert kueue.admitted() == ["runs"]
    assert decisions(kueue) == {"waits": Decision.NO_FIT}
    kueue.set_queue(queue("a", 16))
    assert decisions(kueue) == {"waits": Decision.ADMIT}


def test_a_removed_queue_takes_its_quota_and_its_workloads_along() -> None:
    kueue = Kueue([queue("a"), queue("b")])
    kueue.add(workload("runs", 8, "b", reserved_at=0))
    kueue.remove_queue("b")
    assert kueue.admitted() == []
    kueue.add(workload("w", 9))
    assert decisions(kueue) == {"w": Decision.NO_FIT}
    kueue.set_queue(queue("b"))
    assert decisions(kueue) == {"w": Decision.ADMIT}


def test_a_resource_without_quota_never_fits() -> None:
    kueue = Kueue([queue("a"), replace(queue("b"), nominal={GPU: 8, CPU: 100})])
    for name, cpus in (("some", 1), ("zero", 0)):
        kueue.add(Workload(workload_name=name, queue="a", pod_sets=[PodSet(count=1, requests={GPU: 1, CPU: cpus})]))
    assert decisions(kueue) == {"some": Decision.NO_FIT}
    assert decisions(kueue) == {"zero": Decision.ADMIT}


def test_a_cycle_without_heads_is_settled() -> None:
    cycle = Kueue([queue("a")]).cycle(0)
    assert (cycle.entries, cycle.evicted, cycle.settled) == ((), (), True)


def test_unknown_names_are_key_errors() -> None:
    kueue = Kueue([queue("a")])
    for call in (
        kueue.remove,
        kueue.release,
        kueue.remove_queue,
        kueue.waiting,
        kueue.parked,
        kueue.usage,
        kueue.share,
    ):
        with pytest.raises(KeyError, match="nobody"):
            call("nobody")
    with pytest.raises(KeyError, match="nobody"):
        kueue.add(workload("w", 1, "nobody"))


def test_a_second_workload_of_a_name_and_a_release_without_eviction_are_value_errors() -> None:
    kueue = Kueue([queue("a")])
    kueue.add(workload("w", 1))
    with pytest.raises(ValueError, match="workload 'w' exists"):
        kueue.add(workload("w", 2))
    with pytest.raises(ValueError, match="workload 'w' is not evicted"):
        kueue.release("w")
