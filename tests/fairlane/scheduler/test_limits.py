"""Limits that change while jobs run, and capacity that is reserved, in small cases."""

from collections.abc import Callable
from typing import Any

import pytest

from fairlane import FairShare, Fifo, QuotaManagement, QuotaShare, Sharing
from fairlane.scheduler import (
    Engine,
    Job,
    JobState,
    Outcome,
    Strategies,
    Submission,
    Terms,
    Trace,
    Wait,
    WaitReason,
)
from fairlane.scheduler.engine import KEPT_SECONDS
from fairlane.scheduling import SchedulingPolicy, State
from tests.fairlane.scheduler.online import QUEUE, Runs, build_engine

UNIT = "ml.p5.48xlarge"


def test_a_retried_job_above_a_lowered_limit_blocks_no_other_job() -> None:
    engine = build_engine(Fifo(), 4)
    large = engine.submit(Submission(queue=QUEUE, instances=4, terms=Terms(attempts=2)))
    small = engine.submit(Submission(queue=QUEUE))
    engine.advance(10)
    engine.set_environment("environment", 2)
    assert engine.state(large) == JobState.RUNNING, "a lower limit stops no job"
    engine.finish(large, Outcome.FAILED)
    engine.advance(11)
    assert engine.wait(large) == Wait(WaitReason.ENVIRONMENT_LIMIT)
    assert engine.state(small) == JobState.RUNNING
    engine.set_environment("environment", 5)
    engine.advance(12)
    assert engine.state(large) == JobState.RUNNING


def test_a_lowered_quota_makes_own_jobs_preemptible() -> None:
    def quotas(own: int) -> QuotaManagement:
        return QuotaManagement(
            QuotaShare(name="a", capacity={UNIT: own}, sharing=Sharing.RESERVE),
            QuotaShare(name="b", capacity={UNIT: 4 - own}, sharing=Sharing.RESERVE),
        )

    runs = Runs()
    engine = build_engine(quotas(3), {UNIT: 4}, runs)
    first, second, third = (engine.submit(Submission(queue=QUEUE, share="a")) for _ in range(3))
    engine.advance(10)
    engine.set_queue(QUEUE, quotas(1), ["environment"])
    engine.advance(20)
    assert not runs.preempted_by, "no job needs the capacity"
    owner = engine.submit(Submission(queue=QUEUE, share="b", instances=3))
    engine.advance(100)
    assert runs.preempted_by == [(20, third, owner), (20, second, owner)]
    assert runs.starts == {first: 0, owner: 40}


def test_a_share_is_no_longer_active_when_its_only_waiting_job_is_withdrawn() -> None:
    policy = FairShare({"a": 1, "b": 1}, compute_reservation=50)
    engine = build_engine(policy, 4, strategies=Strategies(head_of_line="skip"))
    for _ in range(2):
        engine.submit(Submission(queue=QUEUE, share="a"))
    large = engine.submit(Submission(queue=QUEUE, share="b", instances=4))
    engine.advance(10)
    engine.withdraw(large)
    third = engine.submit(Submission(queue=QUEUE, share="a"))
    engine.advance(11)
    assert engine.wait(third) == Wait(WaitReason.RESERVATION), "half is reserved for one active share"


def test_the_capacity_of_a_stopped_run_is_reserved_while_others_still_stop() -> None:
    policy = QuotaManagement(
        QuotaShare(name="a", capacity={UNIT: 1}, sharing=Sharing.LEND_AND_BORROW),
        QuotaShare(name="b", capacity={UNIT: 3}, sharing=Sharing.LEND_AND_BORROW),
    )
    engine = build_engine(policy, {UNIT: 4}, external_stops=True)
    jobs = [engine.submit(Submission(queue=QUEUE, share="a")) for _ in range(4)]
    engine.advance(10)
    owner = engine.submit(Submission(queue=QUEUE, share="b", instances=2))
    engine.advance(20)
    engine.finish(jobs[3], Outcome.FAILED)
    other = engine.submit(Submission(queue=QUEUE, share="b"))
    engine.advance(30)
    assert engine.wait(owner) == engine.wait(other) == Wait(WaitReason.STOPS)
    engine.finish(jobs[2], Outcome.FAILED)
    engine.advance(40)
    assert (engine.state(owner), engine.state(other)) == (JobState.RUNNING, JobState.WAITING)


def test_a_run_keeps_its_timeout_when_older_jobs_are_forgotten() -> None:
    runs = Runs()
    engine = build_engine(Fifo(), 2, runs)
    short = engine.submit(Submission(queue=QUEUE, run=10))
    long = engine.submit(Submission(queue=QUEUE, terms=Terms(timeout=2 * KEPT_SECONDS)))
    engine.advance(KEPT_SECONDS + 20)
    assert engine.forget(engine.now - KEPT_SECONDS) == [short]
    engine.advance()
    assert runs.outcomes[long] == [Outcome.TIMED_OUT]
    assert runs.runs[long] == [(0, 2 * KEPT_SECONDS, False)]


def blocking_engine(policy: SchedulingPolicy, **options: Any) -> Engine:
    engine = Engine(strategies=Strategies(unrunnable="block"))
    engine.set_environment("environment", 4)
    engine.set_queue(QUEUE, policy, ["environment"], **options)
    return engine


@pytest.mark.parametrize("policy", [Fifo(), FairShare({})])
def test_a_job_that_can_never_run_blocks_until_it_is_withdrawn_or_the_limit_is_raised(policy: SchedulingPolicy) -> None:
    changes: list[Callable[[Engine], None]] = [
        lambda engine: engine.withdraw(0),
        lambda engine: engine.set_environment("environment", 10),
    ]
    for unblock in changes:
        engine = blocking_engine(policy)
        large = engine.submit(Submission(queue=QUEUE, share="a", instances=9))
        small = engine.submit(Submission(queue=QUEUE, share="a"))
        engine.advance(10)
        assert engine.wait(large) == Wait(WaitReason.ENVIRONMENT_LIMIT)
        assert engine.wait(small) == Wait(WaitReason.BEHIND, large)
        assert engine.front(QUEUE, 5) == [small]
        assert engine.over_limit() == [large]
        unblock(engine)
        engine.advance(20)
        assert engine.state(small) == JobState.RUNNING
        assert engine.over_limit() == []


@pytest.mark.parametrize("policy", [Fifo(), FairShare({})])
def test_a_time_limit_ends_a_job_that_blocks_a_queue(policy: SchedulingPolicy) -> None:
    engine = blocking_engine(policy, time_limits={WaitReason.ENVIRONMENT_LIMIT: 600, WaitReason.QUOTA_LIMIT: 5})
    first = engine.submit(Submission(queue=QUEUE, share="a", run=50))
    large = engine.submit(Submission(queue=QUEUE, share="a", instances=9, submit=20))
    small = engine.submit(Submission(queue=QUEUE, share="a", submit=30, run=5))
    engine.advance(60)
    assert engine.forget(55) == [first]
    engine.advance(620)
    assert (engine.state(large), engine.state(small)) == (JobState.WAITING, JobState.WAITING)
    engine.advance(621)
    assert (engine.state(large), engine.state(small)) == (JobState.FAILED, JobState.RUNNING)
    assert engine.advance() is None
    assert engine.forget(2000) == [large, small]


@pytest.mark.parametrize("unrunnable", ["pass", "block"])
def test_a_lowered_limit_cancels_a_job_for_which_others_stop(unrunnable: Any) -> None:
    policy = QuotaManagement(
        QuotaShare(name="a", capacity={UNIT: 1}, sharing=Sharing.LEND_AND_BORROW),
        QuotaShare(name="b", capacity={UNIT: 3}, sharing=Sharing.LEND_AND_BORROW),
    )
    engine = build_engine(policy, {UNIT: 4}, strategies=Strategies(unrunnable=unrunnable))
    for _ in range(4):
        engine.submit(Submission(queue=QUEUE, share="a", run=500))
    engine.advance(10)
    owner = engine.submit(Submission(queue=QUEUE, share="b", instances=3))
    engine.advance(20)
    assert engine.wait(owner) == Wait(WaitReason.STOPS)
    engine.set_environment("environment", {UNIT: 2})
    engine.advance(100)
    assert engine.state(owner) == JobState.WAITING
    assert engine.over_limit() == [owner]
    engine.set_environment("environment", {UNIT: 4})
    engine.advance(200)
    assert engine.state(owner) == JobState.RUNNING


def test_a_disabled_queue_ranks_no_shares() -> None:
    policy = FairShare({"a": 1, "b": 5})
    engine = Engine()
    engine.set_environment("environment", 2)
    engine.set_queue(QUEUE, policy, ["environment"])
    for share, instances, submit, run in (("b", 1, 0, 10), ("a", 1, 0, 1000), ("a", 2, 20, 10), ("b", 1, 20, 10)):
        engine.submit(Submission(queue=QUEUE, share=share, instances=instances, submit=submit, run=run))
    engine.advance(30)
    engine.set_queue(QUEUE, policy, ["environment"], state=State.DISABLED)
    engine.advance(500)
    assert engine.state(3) == JobState.WAITING
    engine.set_queue(QUEUE, policy, ["environment"])
    engine.advance(501)
    assert engine.state(3) == JobState.RUNNING


def test_rankings_end_when_no_share_can_come_first_any_more() -> None:
    engine = build_engine(FairShare({"a": 1, "b": 100}), 2)
    engine.submit(Submission(queue=QUEUE, share="c"))  # its end is unknown
    engine.submit(Submission(queue=QUEUE, share="a", instances=2))
    engine.submit(Submission(queue=QUEUE, share="b", instances=2))
    assert engine.advance() is None


@pytest.mark.parametrize(("limit", "running"), [(0, []), (1, [1])])
def test_a_run_that_is_withdrawn_when_its_capacity_ends_frees_its_capacity_once(limit: int, running: list[int]) -> None:
    runs = Runs()
    engine = build_engine(Fifo(), 2, runs)
    jobs = [engine.submit(Submission(queue=QUEUE, run=100)) for _ in range(4)]
    engine.advance(10)
    engine.withdraw(jobs[0])
    engine.set_environment("environment", limit)
    engine.end_runs_above("environment")
    engine.advance(20)
    assert [job for job in jobs if engine.state(job) == JobState.RUNNING] == running
    assert (Outcome.KILLED in runs.outcomes.get(jobs[1], [])) == (limit == 0)


def test_a_time_limit_starts_again_after_the_job_could_run() -> None:
    limits = {WaitReason.ENVIRONMENT_LIMIT: 600}
    engine = blocking_engine(Fifo(), time_limits=limits)
    engine.submit(Submission(queue=QUEUE, instances=4, run=10_000))
    large = engine.submit(Submission(queue=QUEUE, instances=9))
    engine.advance(300)
    engine.set_environment("environment", 9)
    engine.advance(500)
    engine.set_environment("environment", 4)
    engine.advance(1_099)
    assert engine.state(large) == JobState.WAITING
    engine.advance(1_101)
    assert engine.state(large) == JobState.FAILED


def test_a_job_that_can_run_again_waits_for_its_first_possible_type() -> None:
    other = "ml.g5.xlarge"
    policy = QuotaManagement(QuotaShare(name="a", capacity={UNIT: 2, other: 2}, sharing=Sharing.RESERVE))
    engine = build_engine(policy, {UNIT: 0, other: 2})
    jobs = [
        Job(share="a", submit=0, run=90, instances=2, instance_type=other),
        Job(share="a", submit=0, run=90, instance_type=other),
        Job(share="a", submit=0, run=90, instances=2, instance_types=(other, UNIT)),
    ]
    engine.load(Trace.of(jobs), QUEUE)
    engine.advance(5)
    engine.set_environment("environment", {UNIT: 0, other: 1})
    engine.advance(6)
    engine.set_environment("environment", {UNIT: 2, other: 1})
    engine.advance(7)
    assert [engine.state(job) for job in range(3)] == [JobState.RUNNING, JobState.WAITING, JobState.RUNNING]
