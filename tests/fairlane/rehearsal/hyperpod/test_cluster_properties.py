"""Properties of rehearsals of HyperPod clusters with random teams and jobs."""

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from fairlane.hyperpod import Governance, PriorityClass, Sharing, Team, queue_name
from fairlane.rehearsal.hyperpod import ClusterJob, ClusterRehearsal, ClusterSetup
from fairlane.rehearsal.timeline import sum_timelines
from fairlane.scheduler.kueue import FlavorResource
from tests.fairlane.hyperpod.governance import P5, team

from .clusters import cluster, rehearse

GPU = FlavorResource(P5, "nvidia.com/gpu")
CLASSES = (PriorityClass(class_name="low", weight=10), PriorityClass(class_name="high", weight=90))
NAMES = ("a", "b", "c")


@st.composite
def setups(draw: st.DrawFn) -> ClusterSetup:
    teams = [draw(_team(name)) for name in NAMES[: draw(st.integers(1, 3))]]
    quotas = sum(resource.count or 0 for each in teams for resource in each.quota)
    governance = Governance(
        priority_classes=CLASSES, fair_share=draw(st.booleans()), share_unallocated=draw(st.booleans())
    )
    return cluster(*teams, count=quotas + draw(st.integers(0, 3)), governance=governance)


@st.composite
def _team(draw: st.DrawFn, name: str) -> Team:
    sharing = draw(st.sampled_from(Sharing))
    limit = draw(st.integers(0, 300)) if sharing is Sharing.LEND_AND_BORROW else None
    return team(
        name,
        count=draw(st.integers(1, 5)),
        sharing=sharing,
        borrow_limit=limit,
        weight=draw(st.integers(0, 3)),
        preempt_lower_priority=draw(st.booleans()),
    )


@st.composite
def _job(draw: st.DrawFn, names: tuple[str, ...], largest: int = 6) -> ClusterJob:
    fields: dict[str, Any] = {
        "team": draw(st.sampled_from(names)),
        "submit": draw(st.integers(0, 3000)),
        "run": draw(st.integers(1, 4000)),
        "checkpoint": draw(st.none() | st.integers(1, 300)),
        "restart_seconds": draw(st.integers(0, 90)),
    }
    if draw(st.booleans()):
        return ClusterJob(
            **fields,
            instances=draw(st.integers(1, largest)),
            priority_class=draw(st.sampled_from(("", "low", "high-priority"))),
        )
    sizes = sorted(draw(st.sets(st.integers(1, 8), min_size=1, max_size=5)))
    return ClusterJob(
        **fields,
        sizes=sizes,
        parts=draw(st.booleans()),
        tokens_per_second=draw(st.sampled_from(({}, {sizes[0]: 100.5, sizes[-1]: 1000.25}))),
        checkpoint_seconds=draw(st.integers(0, 120)),
        graceful_shutdown_seconds=draw(st.integers(30, 120)),
        scaling_timeout_seconds=draw(st.integers(0, 120)),
        scale_up_snooze_seconds=draw(st.sampled_from((0, 50, 600))),
    )


@st.composite
def rehearsals(draw: st.DrawFn) -> ClusterRehearsal:
    setup = draw(setups())
    names = tuple(each.team_name for each in setup.teams)
    return rehearse(setup, *draw(st.lists(_job(names), min_size=1, max_size=12)))


@given(rehearsals())
def test_no_team_exceeds_quota_and_borrowing_and_all_together_not_the_cluster(result: ClusterRehearsal) -> None:
    held = {name: result.teams[name].held for name in result.teams}
    queues = {queue.queue_name: queue for queue in result.setup.queues}
    for name, timeline in held.items():
        queue = queues[queue_name(name)]
        assert timeline.peak <= queue.nominal[GPU] + (queue.borrowing_limits or {})[GPU]
        assert all(value >= 0 for value in timeline.values)
        assert [*timeline.values[-1:]] in ([], [0])
    lent_at_most = sum(queue.nominal[GPU] for queue in queues.values())
    assert sum_timelines([*held.values()]).peak <= min(lent_at_most, result.capacity or 0)
    kept = [name for name in held if queues[queue_name(name)].lending_limits is not None]
    others = sum_timelines([held[name] for name in held if name not in kept])
    assert others.peak <= lent_at_most - sum(queues[queue_name(name)].nominal[GPU] for name in kept)


@given(rehearsals())
def test_jobs_use_only_what_kueue_admitted(result: ClusterRehearsal) -> None:
    for each in result.teams.values():
        for second in {*each.use.times, *each.held.times}:
            assert each.use.value_at(second) <= each.held.value_at(second)


@given(rehearsals())
def test_work_is_conserved(result: ClusterRehearsal) -> None:
    for run in result.runs:
        total = run.job.rates()[run.job.first_size] * run.job.run
        if run.end is not None:
            assert Fraction(run.worked - run.lost_work, run.factor) == total
            steps = pairwise(run.steps)
            most = sum((stop - start) * run.rates[size] for (start, size), (stop, _) in steps if size)
            assert run.worked <= most
        assert run.left >= 0


@given(rehearsals())
def test_all_jobs_that_can_run_finish(result: ClusterRehearsal) -> None:
    for outcome in result.outcomes:
        assert outcome.state in {"finished", "never runs"} or outcome.preemptions == 1000


@given(rehearsals())
def test_sizes_are_those_of_the_policy(result: ClusterRehearsal) -> None:
    for job, outcome in zip(result.trace.jobs, result.outcomes, strict=True):
        assert {size for _, size in outcome.sizes} <= {0, *job.policy.sizes}


@given(rehearsals())
def test_the_same_trace_gives_the_same_result(result: ClusterRehearsal) -> None:
    again = rehearse(result.setup, *result.trace.jobs)
    assert again.outcomes == result.outcomes
    assert {name: dict(changes) for name, changes in again.held.items()} == {
        name: dict(changes) for name, changes in result.held.items()
    }


@given(rehearsals())
def test_loans_balance(result: ClusterRehearsal) -> None:
    borrowed = sum(each.borrowed for each in result.teams.values())
    unallocated = len(result.setup.queues) > len(result.setup.teams)
    lent = sum(each.lent for each in result.teams.values())
    assert lent <= borrowed * (1 + 1e-9)
    assert unallocated or abs(lent - borrowed) <= 1e-9 * max(1, borrowed)


@given(setups(), st.data())
def test_the_base_runs_on_while_only_elastic_parts_borrow(setup: ClusterSetup, data: st.DataObject) -> None:
    jobs = []
    for each in setup.teams:
        left = each.quota[0].count or 0
        while left and data.draw(st.booleans()):
            base = data.draw(st.integers(1, left))
            left -= base
            job = data.draw(_job((each.team_name,)))
            if job.is_elastic:
                above = [size for size in job.sizes if size > base]
                jobs.append(replace(job, sizes=(base, *above), parts=True, tokens_per_second={}))
            else:
                jobs.append(replace(job, instances=base))
    if not jobs:
        return
    result = rehearse(setup, *jobs)
    for job, outcome in zip(result.trace.jobs, result.outcomes, strict=True):
        if job.parts:
            assert [size for _, size in outcome.sizes].count(0) == 1
            assert outcome.sizes[-1][1] == 0
