"""Searches for policies on traces with a known best one, and their comparison on jobs that they did not see."""

import json
import math
import re
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlane import ConfigurationError, FairShare, Fifo, QuotaManagement, QuotaShare, Sharing
from fairlane.rehearsal import Job, Load, Rehearsal, Trace, generate, hours, rehearse
from fairlane.rehearsal.recommend import OBJECTIVES, Constraint, Range, Recommendation, recommend
from fairlane.rehearsal.recommend.chance import measure_chance
from fairlane.rehearsal.recommend.checks import split
from fairlane.rehearsal.recommend.report import answer, render_page, rows, to_json
from fairlane.rehearsal.recommend.resampling import block_seconds, resampled
from fairlane.rehearsal.recommend.search import divide
from fairlane.scheduling import SchedulingPolicy

P4 = "ml.p4d.24xlarge"
WEEK = 7 * 86_400


def trace(**loads: Load) -> Trace:
    return generate(1, days=28, shares=loads)


BUSY = Load(jobs_per_day=60, instances=2, run=hours(4), spread=0.5, weekend=1)
RARE = Load(jobs_per_day=8, instances=2, run=hours(2), spread=0.5, weekend=1)
TWO = trace(a=BUSY, b=RARE)


def found(policy: SchedulingPolicy, jobs: Trace = TWO, **options: Any) -> Recommendation:
    settings: dict[str, Any] = {"capacity": 24, "trials": 8, "seconds": 1e6, "bootstrap": 4, "seed": 1}
    return recommend(policy, jobs, **settings | options)


def quotas(**numbers: int) -> QuotaManagement:
    return QuotaManagement(
        *(QuotaShare(name=name, capacity={P4: number}, sharing=Sharing.RESERVE) for name, number in numbers.items())
    )


def test_wrong_weights_are_found_and_better_ones_recommended() -> None:
    """A share with few jobs has hardly any weight, so that its jobs wait for all others."""
    recommendation = found(FairShare({"a": 1, "b": 500}))
    assert recommendation.is_better
    policy = recommendation.found.policy
    assert isinstance(policy, FairShare)
    assert policy.weight_factors["b"] / policy.weight_factors["a"] < 50
    comparison = recommendation.held_out["worst-p95"]
    assert comparison.found < comparison.given
    assert comparison.traces == 4
    assert comparison.better > 9 * comparison.worse
    _, held_out = split(TWO, 0.5)
    for each, number in ((recommendation.given.policy, comparison.given), (policy, comparison.found)):
        assert OBJECTIVES["worst-p95"](rehearse(each, held_out, capacity=24)) == number


def equal_shares(seed: int) -> Trace:
    """Return jobs of two shares with the same load, for which equal weights are best."""
    load = Load(jobs_per_day=34, instances=2, run=hours(4), spread=0.5, weekend=1)
    return generate(seed, days=28, shares={"a": load, "b": load})


@pytest.mark.parametrize("weights", [{"a": 1, "b": 20}, {"a": 20, "b": 1}])
def test_equal_shares_get_equal_weights(weights: dict[str, float]) -> None:
    recommendation = found(FairShare(weights), equal_shares(2), trials=12, bootstrap=4)
    assert recommendation.is_better
    policy = recommendation.found.policy
    assert isinstance(policy, FairShare)
    assert 0.5 < policy.weight_factors["a"] / policy.weight_factors["b"] < 2


@pytest.mark.parametrize(("seed", "bootstrap"), [(3, 0), (4, 4)])
def test_a_policy_that_is_best_by_chance_is_not_recommended(seed: int, bootstrap: int) -> None:
    """The given weights are the best ones. Others are better on the first part, and then worse or seldom better."""
    recommendation = found(FairShare({"a": 1, "b": 1}), equal_shares(seed), trials=25, bootstrap=bootstrap, seed=seed)
    assert recommendation.found is not recommendation.given
    assert recommendation.found.measures["worst-p95"] < recommendation.given.measures["worst-p95"]
    comparison = recommendation.held_out["worst-p95"]
    assert (comparison.found < comparison.given) == (bootstrap > 0)
    assert not recommendation.is_better
    assert answer(recommendation).startswith(
        "No better than what you have: on jobs that the search did not see, the p95 wait of the share that waits longest"
    )


def test_wrong_quotas_are_found_and_better_ones_recommended() -> None:
    """The busy share owns 4 of 24 instances and borrows none."""
    recommendation = found(quotas(a=4, b=20), capacity={P4: 24}, objective="mean-wait")
    assert recommendation.is_better
    policy = recommendation.found.policy
    assert isinstance(policy, QuotaManagement)
    assert sum(share.capacity[P4] for share in policy.shares) == 24


def test_where_all_policies_are_alike_none_is_recommended() -> None:
    few = trace(a=Load(jobs_per_day=2, instances=1, run=600), b=Load(jobs_per_day=2, instances=1, run=600))
    recommendation = found(FairShare({"a": 1, "b": 1}), few)
    assert not recommendation.is_better
    assert recommendation.found is recommendation.given
    assert recommendation.held_out["worst-p95"].better == recommendation.held_out["worst-p95"].worse == 0


def test_the_same_seed_finds_the_same() -> None:
    first, second = (found(FairShare({"a": 1, "b": 9}), trials=3, bootstrap=2) for _ in range(2))
    assert first == second
    assert len(first.candidates) == 4
    assert found(FairShare({"a": 1, "b": 9}), trials=3, bootstrap=2, seed=2) != first


def test_a_policy_under_which_jobs_never_run_is_not_found() -> None:
    jobs = Trace.of([*trace(a=RARE), *trace(b=Load(jobs_per_day=6, instances=12, run=hours(2)))])
    recommendation = found(quotas(a=8, b=16), jobs, capacity={P4: 24}, trials=15, bootstrap=0)
    assert recommendation.found.never_ran == 0
    assert any(candidate.never_ran for candidate in recommendation.candidates)
    assert all(candidate.never_ran == 0 for candidate in recommendation.frontier)


def test_constraints_hold_or_are_named() -> None:
    slow = Constraint.parse("a.p95<1s")
    recommendation = found(FairShare({"a": 1, "b": 500}), constraints=[slow], trials=5, bootstrap=2)
    assert recommendation.broken == [slow]
    assert not recommendation.is_better
    assert recommendation.frontier == []
    fast = Constraint.parse("b.p95<9d")
    kept = found(FairShare({"a": 1, "b": 500}), constraints=[fast], trials=5, bootstrap=2)
    assert kept.broken == []
    assert kept.found.excess == 0


def test_a_share_keeps_its_minimum() -> None:
    recommendation = found(quotas(a=4, b=20), capacity={P4: 24}, keep={"b": 15}, trials=10, bootstrap=0)
    for candidate in recommendation.candidates:
        assert isinstance(candidate.policy, QuotaManagement)
        assert {share.name: share.capacity[P4] >= 15 for share in candidate.policy.shares}["b"]
    assert recommendation.held_out["mean-wait"].given_range is None


def test_no_policy_of_the_frontier_is_beaten_in_both_measures() -> None:
    recommendation = found(quotas(a=12, b=12), capacity={P4: 24}, trials=12, bootstrap=0)
    points = [(each.measures["mean-wait"], each.measures["lost-gpu-hours"]) for each in recommendation.candidates]
    best = {
        point
        for point in points
        if not any(other != point and other[0] <= point[0] and other[1] <= point[1] for other in points)
    }
    frontier = recommendation.frontier
    assert {(each.measures["mean-wait"], each.measures["lost-gpu-hours"]) for each in frontier} == best


def test_no_policy_is_recommended_that_breaks_a_constraint_on_the_first_part() -> None:
    quiet = [Job(share=share, submit=29 * 86_400 + 7200 * row, run=60) for row in range(300) for share in "ab"]
    slow = Constraint.parse("a.p95<1s")
    jobs = Trace.of([*TWO, *quiet])
    recommendation = found(FairShare({"a": 1, "b": 500}), jobs, constraints=[slow], trials=5, hold_out=0.4, bootstrap=0)
    assert recommendation.broken == []
    assert recommendation.found is recommendation.given
    assert not recommendation.is_better
    assert answer(recommendation) == (
        "No better than what you have: on the first part of the trace, none of 6 policies keeps a.p95<1s."
    )


def test_a_policy_that_breaks_a_constraint_later_is_not_recommended() -> None:
    """The jobs that the search sees wait less than four days, and a burst of later ones does not."""
    burst = [Job(share="a", submit=26 * 86_400, run=86_400, instances=2) for _ in range(60)]
    limit = Constraint.parse("a.max<4d")
    jobs = Trace.of([*TWO, *burst])
    recommendation = found(FairShare({"a": 1, "b": 500}), jobs, constraints=[limit], trials=8, bootstrap=0)
    comparison = recommendation.held_out["worst-p95"]
    assert comparison.found < comparison.given
    assert recommendation.found.excess == 0
    assert recommendation.broken == [limit]
    assert not recommendation.is_better
    assert answer(recommendation) == (
        "No better than what you have: on jobs that the search did not see, the best of 9 policies breaks a.max<4d."
    )


def test_a_policy_under_which_later_jobs_never_run_is_not_recommended() -> None:
    """The jobs that the search sees are small, and a later one needs all instances of its share."""
    large = Job(share="b", submit=TWO.submits[-1], run=60, instances=20)
    recommendation = found(
        quotas(a=4, b=20), Trace.of([*TWO, large]), capacity={P4: 24}, objective="mean-wait", bootstrap=0, trials=20
    )
    assert (recommendation.never_ran.given, recommendation.never_ran.found) == (0, 1)
    assert recommendation.held_out["mean-wait"].found < recommendation.held_out["mean-wait"].given
    assert not recommendation.is_better
    assert answer(recommendation) == (
        "No better than what you have: 1 more of the jobs that the search did not see can never run under the best of "
        "21 policies."
    )


def test_resampled_traces_without_jobs_of_a_share_do_not_count_for_its_waits() -> None:
    always = [Job(share="a", submit=3600 * hour, run=5400) for hour in range(24 * 16)]
    once = [Job(share="b", submit=86_400 * 10 + 60 * row, run=60) for row in range(20)]
    recommendation = found(FairShare({"a": 1, "b": 1}), Trace.of([*always, *once]), capacity=1, trials=1, bootstrap=40)
    assert recommendation.waits["a"].traces == 40
    assert 0 < recommendation.waits["b"].traces < 40
    waits = recommendation.waits["b"].given_range
    assert waits
    assert waits.low > 0


def test_resampled_traces_without_jobs_do_not_count() -> None:
    jobs = Trace.of(Job(submit=time, run=3600) for time in (0, 0, 10**6, 10**6))
    one = rehearse(Fifo(), jobs, capacity=1)
    chance = measure_chance(
        {"one": one}, lambda name, drawn: rehearse(Fifo(), drawn, capacity=1), jobs, number=50, seed=1
    )
    comparison = chance["mean-wait"]["one"]
    assert 0 < comparison.traces < 50
    assert comparison.found_range == Range(1800, 1800)


def test_a_policy_is_not_better_where_more_jobs_never_run() -> None:
    """With 9 of 10 instances for the small jobs, the large job of each day never runs, and nothing waits."""
    jobs = [Job(share="a", submit=86_400 * day, run=3600, instances=6) for day in range(28)]
    jobs += [Job(share="b", submit=86_400 * day + 60 * row, run=3600) for day in range(28) for row in range(12)]
    policies = {"given": quotas(a=6, b=4), "small": quotas(a=1, b=9), "same": quotas(a=6, b=4)}

    def run(name: str, drawn: Trace) -> Rehearsal:
        return rehearse(policies[name], drawn, capacity={P4: 10})

    whole = Trace.of(jobs)
    chance = measure_chance({name: run(name, whole) for name in policies}, run, whole, number=5)
    waits = chance["mean-wait"]["small"]
    assert waits.found < waits.given
    assert (waits.better, waits.worse, waits.traces) == (0, 5, 5)
    assert chance["never-ran"]["small"].found == 28
    assert (chance["never-ran"]["small"].better, chance["never-ran"]["small"].worse) == (0, 5)
    assert (chance["mean-wait"]["same"].better, chance["mean-wait"]["same"].worse) == (0, 0)
    backwards = measure_chance({name: run(name, whole) for name in ["small", "given"]}, run, whole, number=5)
    assert (backwards["mean-wait"]["given"].better, backwards["mean-wait"]["given"].worse) == (0, 5)


@pytest.mark.parametrize("bootstrap", [0, 4])
def test_numbers_of_jobs_that_never_run_are_written(bootstrap: int) -> None:
    jobs = Trace.of(Job(share="a", submit=86_400 * day, run=60, instances=30) for day in range(8))
    recommendation = found(FairShare({"a": 1}), jobs, trials=2, bootstrap=bootstrap)
    assert recommendation.held_out["slowdown"].given == math.inf
    written = json.loads(json.dumps(to_json(recommendation), allow_nan=False))
    assert written["held_out"]["mean-wait"]["given"] is None
    assert written["never_ran"]["found"] == 4
    assert [row[1] for row in rows(recommendation)][:4] == ["forever", "forever", "forever", "0.0"]
    assert ["jobs that never run", "4"] in [row[:2] for row in rows(recommendation)]
    assert "jobs that never run" not in [row[0] for row in rows(found(FairShare({"a": 1}), trials=1, bootstrap=0))]
    figures = re.search("const figures = (.*);\n", render_page(recommendation, title="none"))
    assert figures
    assert not {"Infinity", "NaN"} & set(re.findall(r"\w+", figures[1]))
    assert not recommendation.is_better


def test_the_chart_shows_the_frontier_also_if_the_given_policy_is_much_worse() -> None:
    for policy, is_outside in ((quotas(a=4, b=20), True), (quotas(a=20, b=4), False)):
        result = found(policy, capacity={P4: 24}, trials=8, bootstrap=0, objective="mean-wait")
        page = render_page(result, title="q")
        assert ("much worse policies, also the given one, are outside" in page) == is_outside
        assert "Policies without a better one in both measures" in page


def test_a_policy_without_listed_shares_has_its_decay_searched() -> None:
    recommendation = found(FairShare({}), trials=3, bootstrap=0)
    assert len(recommendation.candidates) == 4


@pytest.mark.parametrize(
    ("jobs", "options", "problem"),
    [
        (Trace.of([*TWO, Job(submit=0, run=0)]), {}, f"trace[{len(TWO)}].run: got 0"),
        ([Job(submit=0, run=1)], {}, "trace: got [Job("),
        (TWO, {"trials": 0}, "trials: got 0, allowed: a whole number, 1 or more"),
        (TWO, {"seed": 2**32}, "seed: got 4294967296, allowed: a whole number, 0 to 4294967295"),
        (TWO, {"hold_out": "half"}, "hold_out: got 'half'"),
        (TWO, {"capacity": None}, "capacity: missing"),
        (TWO, {"constraints": ["a.p95<1h"]}, "constraints[0]: got 'a.p95<1h', allowed: a Constraint"),
        (
            TWO,
            {"constraints": [Constraint(share="a", statistic="p99", seconds=1)]},  # type: ignore[arg-type]
            "constraints.a.statistic: got 'p99', allowed: mean, p50, p95, max",
        ),
        (
            TWO,
            {"constraints": [Constraint.parse("a.p95<0h")]},
            "constraints.a.seconds: got 0.0, allowed: a number above",
        ),
        (TWO, {"keep": {"a": 1.5}}, "keep.a: got 1.5, allowed: a whole number of instances, 1 or more"),
    ],
)
def test_arguments_of_other_kinds_are_refused(jobs: Any, options: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        found(quotas(a=12, b=12), jobs, **{"capacity": {P4: 24}} | options)
    assert any(str(each).startswith(problem) for each in raised.value.problems)


@pytest.mark.parametrize(
    ("policy", "options", "problems"),
    [
        (Fifo(), {}, ["policy: FIFO has no settings to search: use a policy with shares"]),
        (
            FairShare({"a": 1, "b": 1}),
            {"objective": "best", "hold_out": 1, "bootstrap": -1, "seconds": 0, "seed": -1},
            [
                "objective: got 'best', allowed: worst-p95, mean-wait, slowdown, lost-gpu-hours",
                "bootstrap: got -1, allowed: a whole number, 0 to 1000",
                "seconds: got 0, allowed: a number above 0",
                "seed: got -1, allowed: a whole number, 0 to 4294967295",
                "hold_out: got 1, allowed: a number above 0 and below 1",
            ],
        ),
        (
            FairShare({"a": 1}),
            {"objective": "lost-gpu-hours"},
            [
                "objective: fair share preempts no job, so its weights do not change the lost work: use another objective"
            ],
        ),
        (FairShare({"a": 1}), {"keep": {"a": 1}}, ["keep: only quota shares own capacity: remove the minimum"]),
        (
            quotas(a=12, b=12),
            {"capacity": {P4: 24}, "keep": {"c": 1, "a": 30}},
            [
                "keep.c: got 'c', allowed: a quota share of the policy: a, b",
                f"keep: the minimums need 31 of 24 {P4}: keep less",
            ],
        ),
        (
            FairShare({"a": 1}),
            {"constraints": [Constraint.parse("c.mean<1h")]},
            ["constraints.c: got 'c', allowed: a share of the jobs: a, b"],
        ),
    ],
)
def test_all_wrong_arguments_are_named(
    policy: SchedulingPolicy, options: Mapping[str, Any], problems: list[str]
) -> None:
    with pytest.raises(ConfigurationError) as raised:
        found(policy, **options)
    assert [str(problem) for problem in raised.value.problems] == problems


def test_a_part_without_jobs_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="one part of the trace has no jobs"):
        found(FairShare({"a": 1}), Trace.of([Job(share="a", submit=0, run=1)]))


@pytest.mark.parametrize("text", ["prod", "prod.p99<1h", "prod.p95>1h", "prod.p95<1", "prod.p95<-1h", ".p95<1h"])
def test_a_wrong_constraint_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"for example prod\.p95<2h"):
        Constraint.parse(text)


@pytest.mark.parametrize(
    ("text", "seconds", "shown"),
    [
        ("prod.p95<2h", 7200, "prod.p95<2h"),
        ("a-b.mean < 1.5 min", 90, "a-b.mean<90s"),
        ("a.max<2d", 172_800, "a.max<2d"),
        ("team.vision.p50<1234567s", 1_234_567, "team.vision.p50<1234567s"),
    ],
)
def test_a_constraint_is_read_and_shown(text: str, seconds: float, shown: str) -> None:
    constraint = Constraint.parse(text)
    assert (constraint.seconds, str(constraint)) == (seconds, shown)


@given(st.integers(0, 500), st.lists(st.tuples(st.floats(0.01, 1), st.integers(1, 20)), min_size=1, max_size=8))
def test_a_number_is_divided_whole_and_with_minimums(more: int, shares: list[tuple[float, int]]) -> None:
    least = [minimum for _, minimum in shares]
    numbers = divide(sum(least) + more, [part for part, _ in shares], least)
    assert sum(numbers) == sum(least) + more
    total = sum(part for part, _ in shares)
    for number, (part, minimum) in zip(numbers, shares, strict=True):
        assert abs(number - minimum - more * part / total) < 1


@given(st.integers(0, 2**31), st.integers(1, 5))
@settings(max_examples=40)
def test_resampled_traces_have_whole_blocks_at_other_times(seed: int, number: int) -> None:
    jobs = Trace.of(Job(share="a", submit=1000 + 35_000 * index, run=1 + index, name=str(index)) for index in range(80))
    length = block_seconds(jobs)
    assert length == WEEK
    blocks: dict[int, list[str]] = {}
    for job in jobs:
        blocks.setdefault((job.submit - 1000) // WEEK, []).append(job.name)
    drawn = list(resampled(jobs, number, seed))
    assert drawn == list(resampled(jobs, number, seed))
    for other in drawn:
        assert other.submits[-1] <= jobs.submits[-1]
        placed: dict[int, list[str]] = {}
        for job in other:
            placed.setdefault((job.submit - 1000) // WEEK, []).append(job.name)
            source = jobs[int(job.name)]
            assert (job.submit - source.submit) % WEEK == 0
            assert job.run == source.run
        last = placed.pop(4)
        assert all(names in blocks.values() for names in placed.values())
        assert any(last == names[: len(last)] for names in blocks.values())


def test_a_short_last_block_makes_no_idle_time() -> None:
    jobs = Trace.of(Job(share="a", submit=3600 * hour, run=1) for hour in range(24 * 29))
    numbers = [len(other) for other in resampled(jobs, 40, 1)]
    assert set(numbers) == {24 * 29}


def test_blocks_are_the_longest_of_which_there_are_four() -> None:
    def of(span: int) -> int:
        return block_seconds(Trace.of([Job(submit=5, run=1), Job(submit=4 + span, run=1)]))

    assert [of(4 * WEEK), of(4 * WEEK - 1), of(4 * 86_400), of(86_400), of(4 * 3600), of(400)] == [
        WEEK,
        86_400,
        86_400,
        6 * 3600,
        3600,
        100,
    ]


def test_a_range_is_between_the_5th_and_the_95th_percentile() -> None:
    assert Range.of([*range(100, 0, -1)]) == Range(5, 95)
    assert Range.of([3]) == Range(3, 3)
    assert Range.of([3, 1, 2]) == Range(1, 3)


def test_parts_and_resampled_traces_keep_the_dependencies_inside_them() -> None:
    hour = 3600
    jobs = [
        Job(name=f"{number}", submit=number * hour // 2, run=60, after=(f"{number - 1}",) if number else ())
        for number in range(20)
    ]
    trace = Trace.of(jobs)
    for part in (*split(trace, 0.5), *resampled(trace, 5, 1)):
        assert not any(part.problems())
        assert {name for job in part for name in job.after} <= {job.name for job in part}
    first, second = split(trace, 0.5)
    assert (first[1].after, second[0].after, second[1].after) == (("0",), (), (second[0].name,))
    for part in resampled(trace, 3, 2):
        assert all(outcome.state == "succeeded" for outcome in rehearse(Fifo(), part, capacity=20).outcomes)
