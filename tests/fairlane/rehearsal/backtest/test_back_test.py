"""Back-tests of the output of rehearsals, whose strategies and start-up time are known."""

import re
from array import array
from copy import copy
from dataclasses import replace
from random import Random

import pytest

from fairlane import ConfigurationError, FairShare, Fifo, QuotaManagement, QuotaShare, Sharing
from fairlane.rehearsal import Job, Strategies, Trace, rehearse
from fairlane.rehearsal.backtest import BackTest, Error, back_test
from fairlane.rehearsal.backtest.report import lines
from fairlane.rehearsal.backtest.weeks import WEEK
from fairlane.scheduling import JobStateTimeLimitAction, SchedulingPolicy, TimeLimitReason

MONDAY = 1_767_571_200
POLICIES: dict[str, SchedulingPolicy] = {
    "fifo": Fifo(),
    "fair": FairShare({"a": 1, "b": 3}),
    "quota": QuotaManagement(
        QuotaShare(name="a", capacity={"ml.p4d.24xlarge": 4}, sharing=Sharing.LEND_AND_BORROW),
        QuotaShare(name="b", capacity={"ml.p4d.24xlarge": 4}, sharing=Sharing.LEND_AND_BORROW),
    ),
}


def capacity_of(policy: SchedulingPolicy) -> int | None:
    return None if isinstance(policy, QuotaManagement) else 8


def jobs(seed: int, number: int = 120, start: int = MONDAY) -> list[Job]:
    """Return jobs that use about 110 % of the capacity, so that jobs wait."""
    random = Random(seed)
    submit, found = start, []
    for index in range(number):
        submit += int(random.expovariate(1 / 1300))
        size, run = random.choice([1, 1, 2, 3, 4]), random.randint(600, 9000)
        found.append(
            Job(
                share=random.choice("ab"),
                instances=size,
                submit=submit,
                run=run,
                priority=random.randint(0, 3),
                checkpoint=300,
                name=f"job-{index}",
            )
        )
    return found


def happened(
    policy: SchedulingPolicy, trace: Trace, strategies: Strategies | None = None, start_up_seconds: int = 0
) -> Trace:
    """Return a trace with the times of its rehearsal as real times."""
    longer = copy(trace)
    longer.runs = array("q", (run + start_up_seconds for run in trace.runs))
    rehearsal = rehearse(policy, longer, capacity=capacity_of(policy), strategies=strategies or Strategies())
    last = [outcome.runs[-1] for outcome in rehearsal.outcomes]
    return Trace.of(
        replace(job, started=run.start + start_up_seconds, stopped=run.stop)
        for job, run in zip(trace, last, strict=True)
    )


def compare(kind: str, trace: Trace) -> BackTest:
    return back_test(POLICIES[kind], trace, capacity=capacity_of(POLICIES[kind]))


@pytest.mark.parametrize("kind", POLICIES)
@pytest.mark.parametrize("seed", range(3))
def test_the_output_of_a_rehearsal_has_no_error(kind: str, seed: int) -> None:
    trace = happened(POLICIES[kind], Trace.of(jobs(seed)))
    test = compare(kind, trace)
    assert (test.best.strategies, test.best.start_up_seconds) == (Strategies(), 0)
    assert test.best.score == (0, 0)
    assert [test.total.jobs, *(share.jobs for share in test.shares.values())] == [
        120,
        sum(job.share == trace.share_names[0] for job in trace),
        sum(job.share == trace.share_names[1] for job in trace),
    ]
    for share in (test.total, *test.shares.values()):
        assert share.wait.absolute == share.wait.bias == share.use.absolute == share.use.bias == 0
        assert share.wait.real == share.wait.rehearsed > 0
        assert share.wait.correlation == pytest.approx(1)
        assert share.use.correlation == pytest.approx(1)
    assert test.unexplained == []
    assert sum(week.jobs for week in test.weeks) == 120


@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [("fifo", "head_of_line", "skip"), ("fair", "decay", "none"), ("quota", "victims", "newest")],
)
def test_the_strategies_that_fit_best_are_found(kind: str, field: str, value: str) -> None:
    strategies = Strategies(**{field: value})  # type: ignore[arg-type]
    trace = happened(POLICIES[kind], Trace.of(jobs(7, 300)), strategies)
    test = compare(kind, trace)
    assert test.given.wait.absolute > 0
    assert test.best.score == (0, 0)
    assert getattr(test.best.strategies, field) == value
    other = f"{field}={getattr(Strategies(), field)}"
    assert test.alternatives[other].wait.absolute > 0
    assert other not in test.fitting
    errors = [trial.score for trial in test.alternatives.values()]
    assert errors == sorted(errors)


@pytest.mark.parametrize("seed", [0, 13])
@pytest.mark.parametrize("reverse", [False, True])
def test_the_fit_ends_when_no_other_strategy_is_better(seed: int, reverse: bool) -> None:
    far = Strategies(head_of_line="skip", victims="newest", share_order="least-used", stop_seconds=120)
    real, start = (Strategies(), far) if reverse else (far, Strategies())
    trace = happened(POLICIES["quota"], Trace.of(jobs(seed, 200)), real)
    test = back_test(POLICIES["quota"], trace, strategies=start)
    assert all(trial.score >= test.best.score for trial in test.alternatives.values())


def test_a_strategy_without_a_value_is_named_as_the_option_of_rehearse() -> None:
    strategies = Strategies(rank_seconds=None)
    test = compare("fair", happened(POLICIES["fair"], Trace.of(jobs(7, 300)), strategies))
    assert "rank_seconds=none" in [*test.alternatives, *re.findall(r"rank_seconds=\w+", "\n".join(lines(test)))]
    assert not any("None" in line for line in lines(test))


def test_the_start_up_time_is_found_and_holds_capacity() -> None:
    trace = happened(POLICIES["fifo"], Trace.of(jobs(3)), start_up_seconds=420)
    test = compare("fifo", trace)
    assert test.best.start_up_seconds == 420
    assert test.best.score == (0, 0)
    assert test.total.use.absolute == 0
    assert test.given.wait.bias < -420  # start-up takes capacity from the jobs that wait, too


def test_a_week_without_capacity_at_aws_is_not_explained() -> None:
    """The second week has 2 of 8 instances, which no strategy explains."""
    first, second = jobs(1, 60), jobs(2, 60, MONDAY + WEEK)
    halves = [Trace.of(replace(job, instances=1) for job in own) for own in (first, second)]
    normal = happened(Fifo(), halves[0])
    short = rehearse(Fifo(), halves[1], capacity=1)
    late = [
        replace(job, started=outcome.runs[-1].start, stopped=outcome.runs[-1].stop)
        for job, outcome in zip(halves[1], short.outcomes, strict=True)
    ]
    test = compare("fifo", Trace.of([*normal, *late]))
    assert [(week.start, week.jobs) for week in test.weeks] == [(MONDAY, 60), (MONDAY + WEEK, 60)]
    (week,) = test.unexplained
    assert week.start == MONDAY + WEEK
    assert week.use == pytest.approx(1 / 8)
    assert week.lacked_capacity
    assert week.rehearsed is not None
    assert week.real > week.rehearsed + 600


def test_jobs_without_real_times_take_part_and_are_not_compared() -> None:
    trace = happened(Fifo(), Trace.of(jobs(5)))
    half = Trace.of(replace(job, started=None, stopped=None) if row % 2 else job for row, job in enumerate(trace))
    test = compare("fifo", half)
    assert test.best.score == (0, 0)
    assert (test.total.jobs, test.total.wait.number) == (60, 60)


def test_the_time_limits_of_the_queue_end_jobs_that_blocked_others() -> None:
    limit = JobStateTimeLimitAction(reason=TimeLimitReason.SERVICE_ENVIRONMENT_MAX_RESOURCE, max_time_seconds=600)
    jobs = [Job(submit=second, run=1, started=second, stopped=second + 1) for second in range(5)]
    jobs.append(Job(submit=10, run=1, instances=9))
    jobs += [Job(submit=second, run=50, started=610, stopped=660) for second in (11, 12, 13)]
    trace = Trace.of(jobs)
    test = back_test(Fifo(), trace, capacity=4, time_limit_actions=[limit])
    assert (test.best.strategies, test.best.wait.absolute) == (Strategies(unrunnable="block"), 0)


def test_jobs_that_never_run_in_the_rehearsal_are_counted() -> None:
    trace = happened(Fifo(), Trace.of(jobs(5)))
    large = Job(instances=9, submit=MONDAY, run=60, started=MONDAY, stopped=MONDAY + 60)
    test = compare("fifo", Trace.of([*trace, large]))
    assert (test.total.jobs, test.total.never_ran, test.total.wait.number) == (121, 1, 120)


def test_weeks_compare_the_jobs_that_run_in_the_rehearsal() -> None:
    """A large job that waited long and never runs in the rehearsal says nothing about the week's other jobs."""
    large = Job(instances=9, submit=MONDAY, run=60, started=MONDAY + 40_000, stopped=MONDAY + 40_060)
    small = Job(submit=MONDAY, run=60, started=MONDAY + 5, stopped=MONDAY + 65)
    (week,) = compare("fifo", Trace.of([large, small])).weeks
    assert (week.jobs, week.real, week.rehearsed, week.is_explained) == (2, 5, 5, True)
    (alone,) = compare("fifo", Trace.of([large])).weeks
    assert (alone.real, alone.rehearsed, alone.is_explained) == (40_000, None, False)


def test_a_strategy_with_which_more_jobs_never_run_is_named_with_their_number() -> None:
    large = Job(instances=9, submit=MONDAY, run=60, started=MONDAY, stopped=MONDAY + 60)
    small = [Job(submit=MONDAY + row, run=60, started=MONDAY + row, stopped=MONDAY + row + 60) for row in (1, 2)]
    text = "\n".join(lines(compare("fifo", Trace.of([large, *small]))))
    assert "worse: unrunnable=block (0 s, 3 jobs never run)" in text


def test_a_list_of_jobs_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"trace: got \[Job\(.*, allowed: a Trace object"):
        back_test(Fifo(), [Job(submit=0, run=1)], capacity=1)  # type: ignore[arg-type]


def test_a_trace_without_real_times_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="real times, in columns started and stopped"):
        compare("fifo", Trace.of(jobs(1)))
    with pytest.raises(ConfigurationError, match=r"trace\[0\]\.stopped"):
        compare("fifo", Trace.of([Job(submit=5, run=1, started=7, stopped=6)]))
    with pytest.raises(ConfigurationError, match="strategies"):
        back_test(
            Fifo(),
            happened(Fifo(), Trace.of(jobs(1, 3))),
            capacity=8,
            strategies=Strategies(decay="maybe"),  # type: ignore[arg-type]
        )


def test_times_from_another_origin_make_weeks_from_the_first_submission() -> None:
    moved = [replace(job, submit=job.submit - MONDAY + 5000) for job in jobs(5)]
    test = compare("fifo", happened(Fifo(), Trace.of(moved)))
    assert test.weeks[0].start == moved[0].submit


def test_an_error_is_made_of_means() -> None:
    error = Error.of([0, 10, 20], [5, 10, 6])
    assert (error.number, error.real, error.rehearsed, error.bias) == (3, 10, 7, -3)
    assert error.absolute == pytest.approx(19 / 3)
    assert error.correlation == pytest.approx(0.1889822)
    assert Error.of([], []) == Error(number=0, real=0, rehearsed=0, absolute=0, correlation=None)
    assert Error.of([1, 1], [2, 3]).correlation is None
    assert Error.of([0.1] * 3, [1, 2, 3]).correlation is None
