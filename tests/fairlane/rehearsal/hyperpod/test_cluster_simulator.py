"""Results of rehearsals of HyperPod clusters, in cases that can be computed by hand."""

from dataclasses import replace
from typing import Any

import pytest

from fairlane.errors import ConfigurationError
from fairlane.hyperpod import Cap, Sharing
from fairlane.rehearsal.hyperpod import ClusterTrace, cluster_charts, rehearse_cluster
from fairlane.rehearsal.report.charts import Window
from tests.fairlane.hyperpod.governance import EVEN, P5, team

from .clusters import HOUR, NIGHT, cluster, elastic, job, one_team, rehearse

DAY_OF_INFERENCE = job("inference", instances=12, submit=10 * HOUR, run=14 * HOUR, priority_class="inference")
SERVICE = job("inference", instances=4, run=24 * HOUR, priority_class="inference")
PRETRAINING = job("pretraining", instances=12, run=24 * HOUR, priority_class="training")


def test_a_job_runs_when_it_fits_and_waits_when_not() -> None:
    result = rehearse(one_team(), job(instances=3), job(instances=2, submit=60))
    first, second = result.outcomes
    assert (first.first_start, first.end, first.waited) == (0, HOUR, 0)
    assert (second.first_start, second.end, second.waited) == (HOUR, 2 * HOUR, HOUR - 60)
    assert result.span == (0, 2 * HOUR)
    assert result.capacity == 32
    assert result.idle == 32 * 2 * HOUR - 24 * HOUR - 16 * HOUR
    assert result.total.wait.max == HOUR - 60


def test_a_job_grows_into_idle_gpus_at_night_and_gives_them_back_by_day() -> None:
    llama = elastic(4, 8, 12, 16, run=72 * HOUR, tokens_per_second={4: 8000, 16: 28_000}, name="llama")
    result = rehearse(cluster(), SERVICE, PRETRAINING, llama, DAY_OF_INFERENCE)
    outcome = result.outcomes[2]
    grown, shrunk = 60 + 60, 10 * HOUR + 60  # timeout and checkpoint; checkpoint
    assert outcome.sizes[:3] == ((0, 4), (grown, 16), (shrunk, 4))  # 32, 128 and 32 GPUs
    assert outcome.lost == 0
    assert (outcome.moves, outcome.preemptions) == (3, 3)  # the third move is after the day
    night = (10 * HOUR - grown - 120) * 28_000
    assert outcome.tokens == 72 * HOUR * 8000 > night
    assert result.outcomes[3].waited == 60
    assert result.teams["research"].borrowed == result.teams["inference"].lent + result.teams["pretraining"].lent


def test_an_urgent_job_takes_back_eight_gpus_and_the_rest_goes_on() -> None:
    research = team("research", count=4, sharing=Sharing.DONT_LEND)
    urgent = job(instances=1, submit=HOUR, run=HOUR, priority_class="inference")
    for llama in (
        elastic(1, 2, 3, 4, run=8 * HOUR, priority_class="training", instances=1),
        elastic(1, 2, 3, 4, run=8 * HOUR, parts=True),
    ):
        result = rehearse(cluster(research, count=4), llama, urgent)
        large, small = result.outcomes
        assert large.sizes[1] == (120, 4)
        assert large.sizes[2] == (HOUR + 60, 3)  # 24 of 32 GPUs go on
        assert large.preemptions == 1
        assert large.lost == 0
        assert (small.first_start, small.end) == (HOUR + 60, 2 * HOUR + 60)
        assert large.sizes[3][1] == 4


def test_a_static_job_gives_back_everything() -> None:
    research = team("research", count=4)
    urgent = job(instances=1, submit=HOUR, run=HOUR, priority_class="inference")
    large, small = rehearse(
        cluster(research, count=4), job(instances=4, run=2 * HOUR, checkpoint=1000, priority_class="training"), urgent
    ).outcomes
    assert large.sizes == ((0, 4), (HOUR + 20, 0), (2 * HOUR + 20, 4), (large.end, 0))
    assert large.lost == (HOUR - 3000) * 32
    assert large.end == 2 * HOUR + 20 + 2 * HOUR - 3000
    assert small.waited == 20


def test_a_checkpoint_that_takes_too_long_loses_the_work() -> None:
    llama = elastic(1, 2, checkpoint_seconds=700, run=8 * HOUR, restart_seconds=0)
    outcome = rehearse(one_team(2), llama).outcomes[0]
    assert outcome.sizes[1] == (60 + 600, 2)
    assert outcome.lost == 60 * 8
    assert outcome.moving == 600 * 8
    periodic = elastic(1, 2, checkpoint_seconds=700, run=8 * HOUR, restart_seconds=0, checkpoint=25)
    assert rehearse(one_team(2), periodic).outcomes[0].lost == 10 * 8


def test_the_speed_follows_the_size() -> None:
    times: dict[str, Any] = {"checkpoint_seconds": 0, "restart_seconds": 0, "scaling_timeout_seconds": 0}
    assert rehearse(one_team(4), elastic(1, 4, **times)).outcomes[0].end == HOUR / 4
    tokens = elastic(1, 2, 4, run=1000, tokens_per_second={1: 2000, 4: 5000}, **times)
    outcome = rehearse(one_team(4), tokens).outcomes[0]
    assert (outcome.end, outcome.tokens) == (400, 2_000_000)
    assert rehearse(one_team(3), tokens).outcomes[0].end == 667  # 3,000 tokens per second at size 2


def test_the_snooze_damps_moves() -> None:
    def moves(snooze: int) -> int:
        short = [job(instances=1, submit=300 * n, run=100, priority_class="inference") for n in range(1, 30)]
        llama = elastic(1, 2, 3, 4, run=16 * HOUR, scale_up_snooze_seconds=snooze)
        return rehearse(cluster(team("research"), count=4), llama, *short).outcomes[0].moves

    assert moves(0) > 20
    assert moves(3600) < 10


def test_jobs_that_never_run_have_a_reason() -> None:
    capped = team("research", count=4, borrow_limit=300, cap=Cap(instances={P5: 8}))
    other = team("other", count=4, sharing=Sharing.DONT_LEND)
    result = rehearse(
        cluster(capped, other),
        job(instances=9, name="large"),
        job("other", instances=5),
        job(instances=8),
        elastic(8, 16),
    )
    first, second, third, fourth = result.outcomes
    assert first.state == second.state == "never runs"
    assert first.reason == (
        "it needs 9 instances of ml.p5.48xlarge; nvidia.com/gpu is refused above 64: the cap of the team"
    )
    assert "sharing DontLend neither lends nor borrows" in second.reason
    assert (third.state, third.waited) == ("finished", 0)
    assert fourth.state == "finished"
    assert {size for _, size in fourth.sizes} == {8, 0}  # the cap ends at 8
    assert result.total.never_ran == 2
    assert result.advice[0].startswith("jobs that never run: 2; the first is large of team research: it needs 9")
    assert result.total.wait.max == fourth.waited, "waits are those of the jobs that started"


def test_fair_sharing_divides_idle_gpus_by_weight() -> None:
    weights = (team("a", count=1, borrow_limit=1000, weight=30), team("b", count=1, borrow_limit=1000, weight=10))
    jobs = [elastic(*range(1, 10), team=name, run=100 * HOUR, restart_seconds=0) for name in ("a", "b")]
    result = rehearse(cluster(*weights, count=10), *jobs)
    assert [result.size_of(row).value_at(HOUR) for row in (0, 1)] == [7, 3]


def test_static_jobs_of_a_comparison_keep_their_first_size() -> None:
    llama = elastic(4, 8, 12, 16, run=20 * HOUR, instances=8, tokens_per_second={4: 8000, 16: 28_000})
    trace = ClusterTrace.of([SERVICE, llama, elastic(2, 4, team="pretraining", parts=True)])
    result = rehearse_cluster(cluster(), trace.static())
    assert [{size for _, size in outcome.sizes} - {0} for outcome in result.outcomes] == [{4}, {8}, {2}]
    assert result.outcomes[1].tokens == pytest.approx(20 * HOUR * (8000 + 20_000 / 3))
    assert result.total.moves == result.total.elastic_jobs == 0


def test_a_static_job_with_a_stated_size_has_the_same_work() -> None:
    llama = elastic(1, 2, 4, run=8 * HOUR, static_instances=4, tokens_per_second={1: 3000, 4: 9000})
    (outcome,) = rehearse_cluster(cluster(), ClusterTrace.of([llama]).static()).outcomes
    assert outcome.sizes == ((0, 4), (8 * HOUR // 3, 0))
    assert outcome.tokens == 8 * HOUR * 3000


def test_only_elastic_jobs_have_a_static_size() -> None:
    fields = [[*each.problems()] for each in (job(static_instances=1), elastic(1, 2, static_instances=3))]
    assert [str(problem) for problems in fields for problem in problems] == [
        "static_instances: only elastic jobs have another size without elasticity: state step or sizes, or remove it",
        "static_instances: got 3, allowed: a size of the job: 1, 2",
    ]


@pytest.mark.parametrize("second", [1, 61, 100, 121, 200, HOUR, HOUR + 30, HOUR + 90, 2 * HOUR])
def test_a_rehearsal_that_ends_earlier_has_the_results_until_then(second: int) -> None:
    jobs = [elastic(1, 2, 3, 4, run=20 * HOUR, tokens_per_second={1: 1, 4: 4}), job(instances=1, submit=HOUR)]
    jobs = [replace(each, priority=number) for number, each in enumerate(jobs)]
    whole = rehearse(one_team(), *jobs)
    part = rehearse(one_team(), *jobs, hours=second / 3600)
    assert part.span == (0, second)
    assert part.total.use.integral([part.span]) == whole.total.use.integral([part.span])
    assert part.total.held.integral([part.span]) == whole.total.held.integral([part.span])
    assert part.total.held.value_at(second) == 0
    (first, *_), restarts = part.outcomes, {HOUR + 60: 3, 60 + 60: 4}
    working = [0] * second
    for start, stop, size in ((0, 60, 1), (240, HOUR, 4), (HOUR + 180, 2 * HOUR, 3)):
        working[start:stop] = [size] * len(working[start:stop])
    assert first.tokens == sum(working)
    assert first.moving == (part.size_of(0).integral([part.span]) - sum(working)) * 8
    assert first.state == "running"
    assert first.moves == sum(start <= second - 1 for start in restarts)
    assert part.advice == ()


def test_a_job_that_waits_at_the_end_waited_until_then() -> None:
    jobs = job(instances=4, run=2 * HOUR), job(instances=1, submit=HOUR // 2), job(instances=5), job(submit=HOUR)
    result = rehearse(one_team(), *jobs, hours=1)
    assert [outcome.state for outcome in result.outcomes] == ["running", "never runs", "waiting"]
    assert [outcome.wait for outcome in result.outcomes] == [0, float("inf"), HOUR // 2]
    assert (result.total.jobs, result.total.never_ran) == (3, 1)
    without = rehearse(one_team(), *jobs[:2], hours=1).total
    assert (without.never_ran, without.wait.max, without.wait.mean) == (0, HOUR // 2, HOUR // 4)


def test_the_work_until_the_end_is_not_above_the_work_of_the_job() -> None:
    tokens = elastic(2, 3, run=100, tokens_per_second={2: 1, 3: 1.5}, scaling_timeout_seconds=0, restart_seconds=0)
    assert rehearse(one_team(3), tokens).outcomes[0].end == 67
    assert rehearse(one_team(3), tokens, hours=67 / 3600).total.tokens == 100


def test_an_elastic_cluster_wastes_less() -> None:
    llama = elastic(4, 8, 12, 16, run=60 * HOUR, tokens_per_second={4: 8000, 16: 28_000})
    trace = ClusterTrace.of([SERVICE, PRETRAINING, llama, DAY_OF_INFERENCE])
    grown, still = rehearse_cluster(cluster(), trace), rehearse_cluster(cluster(), trace.static())
    assert (grown.outcomes[2].end or 0) < (still.outcomes[2].end or 0)
    assert (grown.idle or 0) < (still.idle or 0)
    assert grown.total.tokens == still.total.tokens


def test_all_mistakes_of_a_trace_are_listed() -> None:
    trace = ClusterTrace.of([job("nobody"), job(run=0), elastic(4, 2)])
    with pytest.raises(ConfigurationError) as caught:
        rehearse_cluster(cluster(*NIGHT), trace, stop_seconds=-1)
    assert [problem.field for problem in caught.value.problems] == [
        ("trace", 0, "team"),
        ("trace", 1, "run"),
        ("trace", 2, "sizes"),
        ("stop_seconds",),
    ]
    with pytest.raises(ConfigurationError, match="a trace with jobs"):
        rehearse_cluster(cluster(), ClusterTrace.of([]))


def test_a_circle_of_preemptions_ends() -> None:
    teams = (team("a", count=3, borrow_limit=252, weight=0), team("b", count=4, borrow_limit=244, weight=0))
    result = rehearse(
        cluster(*teams, team("c", count=1, sharing=Sharing.DONT_LEND), count=8, governance=EVEN),
        elastic(
            1,
            2,
            3,
            team="a",
            submit=1255,
            run=1872,
            restart_seconds=67,
            scaling_timeout_seconds=44,
            graceful_shutdown_seconds=83,
        ),
        elastic(
            *(1, 2, 4, 8),
            team="a",
            submit=822,
            run=2525,
            checkpoint_seconds=112,
            restart_seconds=0,
            scaling_timeout_seconds=102,
            graceful_shutdown_seconds=50,
        ),
        job("b", instances=5, submit=1704, run=100),
        job("a", instances=3, submit=1404, run=266),
        elastic(2, team="b", run=1568, checkpoint_seconds=18, restart_seconds=0),
        elastic(6, team="a", run=100, parts=True, checkpoint_seconds=17, restart_seconds=0),
    )
    withdrawn = [outcome for outcome in result.outcomes if outcome.state != "finished"]
    assert [(outcome.state, outcome.preemptions) for outcome in withdrawn] == [("waiting", 1000)]
    assert "Kueue preempted one 1,000 times" in result.advice[0]
    for run in result.runs:
        outcome = result.outcomes[run.row]
        worked = (run.worked - run.lost_work) // run.factor * run.gpus
        used = result.size_of(run.row).integral([result.span]) * run.gpus
        assert used - max(run.rates.values()) * run.gpus <= worked + outcome.lost + outcome.moving <= used
    assert all(team.held.values[-1] == 0 for team in result.teams.values() if team.held.values)


def test_a_rehearsal_can_end_before_the_jobs() -> None:
    llama = elastic(4, 8, 12, 16, run=1000 * HOUR, tokens_per_second={4: 8000, 16: 28_000})
    trace = ClusterTrace.of([SERVICE, PRETRAINING, llama, DAY_OF_INFERENCE, job("research", submit=20 * HOUR)])
    result = rehearse_cluster(cluster(), trace, hours=10)
    assert result.span == (0, 10 * HOUR)
    assert [outcome.state for outcome in result.outcomes] == ["running"] * 3
    moved = 60 + 60 + 120
    assert result.outcomes[2].tokens == (10 * HOUR - moved) * 28_000 + 60 * 8000
    assert result.idle == 120 * 96 * 1
    assert result.total.jobs == 3  # the others are submitted later
    assert result.advice == ()
    still = rehearse_cluster(cluster(), trace.static(), hours=10)
    assert still.idle == 10 * HOUR * 96  # 960 GPU-hours in a night of ten hours
    assert still.total.tokens == 10 * HOUR * 8000


def test_a_team_has_one_color_and_all_rehearsals_have_the_same_time_axis() -> None:
    short, long = (rehearse(cluster(), elastic(4, run=HOUR * hours, name="llama")) for hours in (1, 3))
    window = Window(start=0, end=long.span[1])
    charts = [[chart for chart in cluster_charts(each, window) if chart.figure] for each in (short, long)]
    colors = {
        (series["name"], series["line"]["color"])
        for each in charts
        for chart in each[:2]
        for series in (chart.figure or {})["data"]
    }
    assert len(colors) == 1
    for first, second in zip(*charts, strict=True):
        if first.kind != "waits":
            axes = [(chart.figure or {})["layout"]["xaxis"]["range"] for chart in (first, second)]
            assert axes[0] == axes[1]
