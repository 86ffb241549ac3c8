"""Ranges of numbers over the strategies, and the choices that change the order of policies."""

import math

import pytest

from fairlane import FairShare, Fifo, QuotaManagement, QuotaShare, Sharing
from fairlane.rehearsal import Rehearsal, rehearse
from fairlane.rehearsal.sensitivity import Choice, Extreme, Flip, Sensitivity, measure_sensitivity
from fairlane.scheduler.job import Job, Trace
from fairlane.scheduler.options import ALTERNATIVES, USED_STRATEGIES, Strategies
from fairlane.scheduling import SchedulingPolicy

UNIT = "ml.p4d.24xlarge"
QUOTAS = QuotaManagement(
    QuotaShare(name="a", capacity={UNIT: 3}, sharing=Sharing.LEND_AND_BORROW),
    QuotaShare(name="b", capacity={UNIT: 2}, sharing=Sharing.LEND),
)


def measure(policies: dict[str, SchedulingPolicy], jobs: list[Job]) -> Sensitivity:
    trace = Trace.of(jobs)

    def rehearse_with(name: str, strategies: Strategies) -> Rehearsal:
        capacity = {UNIT: 5} if isinstance(policies[name], QuotaManagement) else 5
        return rehearse(policies[name], trace, capacity=capacity, strategies=strategies)

    return measure_sensitivity({name: rehearse_with(name, Strategies()) for name in policies}, rehearse_with)


LARGE_FIRST = [
    Job(share="b", submit=0, run=1000, instances=2),
    Job(share="a", submit=1, run=100, instances=4),
    *[Job(share="a", submit=2, run=10) for _ in range(9)],
]


@pytest.mark.parametrize("policy", [Fifo(), FairShare({"a": 1, "b": 1}), QUOTAS])
def test_each_other_choice_of_the_policy_is_rehearsed(policy: SchedulingPolicy) -> None:
    sensitivity = measure({"queue": policy}, LARGE_FIRST)
    expected = {
        (name, value)
        for name in USED_STRATEGIES[type(policy)]
        for value in ALTERNATIVES.get(name, ())
        if value != getattr(Strategies(), name)
    }
    assert set(sensitivity.alternatives) == expected
    assert list(sensitivity.flips()) == [], "one policy has no order"


def test_a_range_names_the_choice_of_its_extremes() -> None:
    sensitivity = measure({"queue": QUOTAS}, LARGE_FIRST)
    lowest, highest = sensitivity.range("queue", "wait_mean")
    assert lowest == Extreme((999 + 3 * 10 + 3 * 20) / 11, Choice("head_of_line", "skip"))
    assert highest == Extreme(sensitivity.base["queue"]["wait_mean"], None)


def test_a_choice_that_changes_the_order_is_named() -> None:
    """With quotas, the large job has to borrow. With FIFO, jobs of all shares wait behind it, but it fits earlier."""
    jobs = [
        Job(share="b", submit=0, run=1000, instances=2),
        Job(share="a", submit=1, run=100, instances=4),
        *[Job(share="a", submit=2, run=2000) for _ in range(2)],
        *[Job(share="b", submit=1050, run=10) for _ in range(2)],
    ]
    sensitivity = measure({"fifo": Fifo(), "quotas": QUOTAS}, jobs)
    base = sensitivity.base
    better, worse = sorted(base, key=lambda name: base[name]["wait_mean"])
    expected = []
    for choice, changed in sensitivity.alternatives.items():
        chosen = {**base, **changed}
        if chosen[better]["wait_mean"] > chosen[worse]["wait_mean"]:
            expected.append(Flip("wait_mean", better, worse, choice))
    found = [flip for flip in sensitivity.flips() if flip.number == "wait_mean"]
    assert found == expected


def test_orders_are_those_of_the_numbers() -> None:
    low, high = {"never_ran": 0, "wait_mean": 1.0, "jain": 0.5}, {"never_ran": 0, "wait_mean": 2.0, "jain": 0.9}
    changed = {
        Choice("head_of_line", "skip"): {"x": high | {"wait_mean": 3.0}},
        Choice("unrunnable", "block"): {"x": low | {"never_ran": 1, "wait_mean": 9.0}},
        Choice("decay", "none"): {"x": {"never_ran": 0, "wait_mean": 2.0}},
    }
    flips = list(Sensitivity({"x": dict(low), "y": dict(high)}, changed).flips())
    assert flips == [Flip("wait_mean", "x", "y", Choice("head_of_line", "skip"))], (
        "numbers with other jobs that never ran, equal numbers and missing numbers have no order"
    )


def test_json_has_no_infinity() -> None:
    never = [Job(share="a", submit=0, run=1, instances=99)]
    ranges = measure({"queue": Fifo()}, never).as_json()["ranges"]["queue"]
    assert ranges["wait_mean"][0]["number"] is None
    assert math.isfinite(ranges["never_ran"][0]["number"])
