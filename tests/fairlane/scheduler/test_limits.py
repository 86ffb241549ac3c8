"""Limits that change while jobs run, and capacity that is reserved, in small cases."""

from fairlane import FairShare, Fifo, QuotaManagement, QuotaShare, Sharing
from fairlane.scheduler import JobState, Outcome, Strategies, Submission, Terms, Wait, WaitReason
from fairlane.scheduler.engine import KEPT_SECONDS
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
