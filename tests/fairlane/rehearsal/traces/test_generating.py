"""Generated traces: reproducible from a seed, with the given rates, run times and sweeps."""

import math
from collections import Counter
from statistics import median
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlane import ConfigurationError
from fairlane.rehearsal import Load, generate
from fairlane.scheduler.job import Job, Trace

HOUR = 3600
DAY = 24 * HOUR
FLAT: dict[str, Any] = {"day": 0, "weekend": 1}


def generated(days: float = 28, seed: int = 1, **load: Any) -> Trace:
    return generate(seed, days=days, shares={"a": Load(**{"jobs_per_day": 100, **load})})


@given(st.integers(0, 2**64))
def test_each_seed_has_its_own_trace(seed: int) -> None:
    shares = {"a": Load(jobs_per_day=20, sweeps_per_day=2), "b": Load(jobs_per_day=5, tail=1.5)}
    trace = generate(seed, days=2, shares=shares)
    assert generate(seed, days=2, shares=dict(reversed(shares.items()))) == trace
    assert generate(seed + 1, days=2, shares=shares) != trace


def test_a_seed_gives_the_same_trace_in_all_releases() -> None:
    first = generated(seed=42).jobs[0]
    assert first == Job(share="a", submit=2054, run=1152, name="a-job-1")


def test_adding_a_share_leaves_the_jobs_of_other_shares_unchanged() -> None:
    alone = generated(seed=7)
    load = {"a": Load(jobs_per_day=100), "b": Load(jobs_per_day=50)}
    assert [job for job in generate(7, days=28, shares=load) if job.share == "a"] == list(alone)


@given(st.integers(0, 1000), st.floats(0.01, 3))
def test_jobs_are_within_the_given_days_and_in_order(seed: int, days: float) -> None:
    submits = [job.submit for job in generated(days, seed, sweeps_per_day=1)]
    assert submits == sorted(submits)
    assert all(0 <= submit < days * DAY for submit in submits)


@pytest.mark.parametrize("options", [{}, {"day": 0}, {"day": 1}], ids=str)
def test_weekdays_have_the_given_number_of_jobs(options: dict[str, Any]) -> None:
    weekdays = [job for job in generated(280, **options) if job.submit // DAY % 7 < 5]
    assert len(weekdays) / 200 == pytest.approx(100, rel=0.03)


def test_arrivals_are_a_poisson_process() -> None:
    """In a Poisson process, the variance of the number of arrivals is equal to its mean."""
    submits = [job.submit for job in generated(280, **FLAT)]
    hours = Counter(submit // HOUR for submit in submits)
    mean = len(submits) / (280 * 24)
    spread = sum((hours[hour] - mean) ** 2 for hour in range(280 * 24)) / (280 * 24)
    assert spread == pytest.approx(mean, rel=0.1)


def test_days_have_busy_and_quiet_hours_and_weekends_are_quiet() -> None:
    submits = [job.submit for job in generated(280, day=0.8, weekend=0.3)]
    days = Counter(submit // DAY % 7 for submit in submits)
    assert (days[5] + days[6]) / 2 == pytest.approx(0.3 * sum(days[day] for day in range(5)) / 5, rel=0.1)
    hours = Counter(submit // HOUR % 24 for submit in submits)
    assert hours[15] == pytest.approx(9 * hours[3], rel=0.35)  # 1.8 to 0.2
    assert max(hours, key=hours.__getitem__) in range(12, 18)


def test_a_sweep_is_many_equal_jobs_at_the_same_time() -> None:
    jobs = generated(jobs_per_day=0, sweeps_per_day=2, sweep_jobs=30, instances=3, checkpoint=600).jobs
    sweeps = Counter(jobs)
    assert set(sweeps.values()) == {30}
    assert 20 < len(sweeps) < 80
    assert {(job.instances, job.checkpoint) for job in jobs} == {(3, 600)}
    assert len({job.run for job in jobs}) == len(sweeps)


def test_run_times_have_a_lognormal_distribution() -> None:
    runs = [job.run for job in generated(280, run=HOUR, spread=1.5)]
    assert median(runs) == pytest.approx(HOUR, rel=0.05)
    logs = [math.log(run) for run in runs]
    mean = sum(logs) / len(logs)
    assert math.sqrt(sum((log - mean) ** 2 for log in logs) / len(logs)) == pytest.approx(1.5, rel=0.03)


def test_run_times_with_a_tail_have_a_pareto_distribution() -> None:
    runs = sorted(job.run for job in generated(280, run=HOUR, tail=1.5))
    assert median(runs) == pytest.approx(HOUR, rel=0.03)
    assert runs[0] == pytest.approx(HOUR / 2 ** (1 / 1.5), rel=0.01)
    for part in (0.1, 0.01):
        beyond = runs[-int(part * len(runs))]
        assert beyond == pytest.approx(runs[0] * part ** (-1 / 1.5), rel=0.2)


def test_without_spread_all_run_times_are_equal() -> None:
    assert {job.run for job in generated(run=500, spread=0)} == {500}


@given(st.integers(0, 100))
def test_run_times_are_between_1_second_and_30_days(seed: int) -> None:
    assert all(1 <= job.run <= 30 * DAY for job in generated(7, seed, run=30, spread=10))
    assert all(1 <= job.run <= 30 * DAY for job in generated(7, seed, tail=0.1))


def test_one_error_lists_all_invalid_values() -> None:
    bad = Load(
        jobs_per_day=-1,
        sweeps_per_day=float("nan"),
        sweep_jobs=0,
        instances=0,
        priority=10_000,
        run=0,
        spread=-1,
        tail=0,
        checkpoint=0,
        day=1.5,
        weekend=-0.1,
    )
    with pytest.raises(ConfigurationError) as raised:
        generate(-1, days=-1, shares={"x": bad})
    fields = [".".join(map(str, problem.field)) for problem in raised.value.problems]
    assert fields == [
        "seed",
        "days",
        *(
            f"shares.x.{name}"
            for name in (
                "jobs_per_day",
                "sweeps_per_day",
                "sweep_jobs",
                "instances",
                "priority",
                "run",
                "spread",
                "tail",
                "checkpoint",
                "day",
                "weekend",
            )
        ),
    ]
    with pytest.raises(ConfigurationError, match="shares: missing; use at least one share"):
        generate(1, days=1, shares={})
