"""Calls of an engine in small cases."""

import pytest

from fairlane import FairShare, Fifo, QuotaManagement, QuotaShare, Sharing
from fairlane.scheduler import Engine, JobState, Outcome, Strategies, Submission, Terms, Wait, WaitReason
from fairlane.scheduler.engine import KEPT_SECONDS
from fairlane.scheduling import State
from tests.fairlane.scheduler.online import QUEUE, Runs, build_engine

UNIT = "ml.p5.48xlarge"


def test_jobs_that_are_submitted_between_two_passes_compete() -> None:
    runs = Runs()
    engine = build_engine(FairShare({"MIDPRI": 1, "LOWPRI": 5}), 1, runs, pass_seconds=10)
    engine.advance(1)
    low = engine.submit(Submission(queue=QUEUE, share="LOWPRI"))
    engine.advance(5)
    mid = engine.submit(Submission(queue=QUEUE, share="MIDPRI"))
    engine.advance(10)
    assert not runs.starts
    assert engine.advance(11) is None, "nothing is new"
    assert runs.starts == {mid: 10}
    engine.finish(mid, Outcome.SUCCEEDED, at=13)
    engine.advance(21)
    assert runs.starts == {low: 20}


def test_jobs_of_the_current_second_compete_with_each_other() -> None:
    runs = Runs()
    engine = build_engine(FairShare({"MIDPRI": 1, "LOWPRI": 5}), 1, runs)
    first = engine.submit(Submission(queue=QUEUE, share="LOWPRI", run=60))
    assert engine.advance(60) == 60, "a pass is due"
    assert engine.state(first) == JobState.SUCCEEDED
    low = engine.submit(Submission(queue=QUEUE, share="LOWPRI", run=60))
    mid = engine.submit(Submission(queue=QUEUE, share="MIDPRI", run=60))
    engine.advance(60, complete=True)
    assert (engine.state(low), engine.state(mid)) == (JobState.WAITING, JobState.RUNNING)


def test_capacity_that_becomes_free_in_one_second_goes_to_the_share_with_less_use() -> None:
    runs = Runs()
    engine = build_engine(FairShare({"a": 1, "b": 1}), 4, runs)
    first = [engine.submit(Submission(queue=QUEUE, share="a", run=60)) for _ in range(8)]
    engine.advance(1)
    second = [engine.submit(Submission(queue=QUEUE, share="b", run=60)) for _ in range(8)]
    engine.advance()
    assert [runs.runs[job][0][0] for job in first] == [0] * 4 + [120] * 4
    assert [runs.runs[job][0][0] for job in second] == [60] * 4 + [180] * 4


def test_time_does_not_move_back() -> None:
    engine = build_engine(Fifo(), 1)
    engine.advance(10)
    with pytest.raises(ValueError, match="the engine is at second 10, got 9"):
        engine.advance(9)
    with pytest.raises(ValueError, match="got second 9 after 10"):
        engine.submit(Submission(queue=QUEUE, submit=9))
    job = engine.submit(Submission(queue=QUEUE))
    engine.advance(11)
    with pytest.raises(ValueError, match="cannot end at second 10: the engine is at second 11"):
        engine.finish(job, Outcome.SUCCEEDED, at=10)


@pytest.mark.parametrize(
    ("outcome", "attempts", "state", "waits"),
    [
        (Outcome.SUCCEEDED, 3, JobState.SUCCEEDED, False),
        (Outcome.FAILED, 1, JobState.FAILED, False),
        (Outcome.FAILED, 2, JobState.RUNNING, True),
        (Outcome.REFUSED, 3, JobState.FAILED, False),
    ],
)
def test_a_failed_run_is_retried_while_attempts_are_left(
    outcome: Outcome, attempts: int, state: JobState, waits: bool
) -> None:
    runs = Runs()
    engine = build_engine(Fifo(), 1, runs)
    job = engine.submit(Submission(queue=QUEUE, terms=Terms(attempts=attempts)))
    other = engine.submit(Submission(queue=QUEUE))
    engine.advance(10)
    engine.finish(job, outcome)
    engine.advance(20)
    assert engine.state(job) == state
    assert runs.outcomes[job] == [outcome]
    assert engine.state(other) == (JobState.WAITING if waits else JobState.RUNNING), "a retried job is first"


def test_each_job_has_its_own_timeout_and_preemptions() -> None:
    policy = QuotaManagement(*(QuotaShare(name=n, capacity={UNIT: 1}, sharing=Sharing.LEND_AND_BORROW) for n in "ab"))
    runs = Runs()
    engine = build_engine(policy, {UNIT: 2}, runs)
    engine.submit(Submission(queue=QUEUE, share="a", run=1000, terms=Terms(timeout=300)))
    borrower = engine.submit(Submission(queue=QUEUE, share="a", run=1000, terms=Terms(preemptions=0)))
    engine.advance(10)
    owner = engine.submit(Submission(queue=QUEUE, share="b", run=1000))
    engine.advance(400)
    assert runs.outcomes == {0: [Outcome.TIMED_OUT], borrower: [Outcome.PREEMPTED]}
    assert engine.state(0) == engine.state(borrower) == JobState.FAILED
    assert runs.starts == {owner: 30}
    assert runs.preempted_by == [(10, borrower, owner)]


def test_the_caller_can_tell_when_preempted_runs_have_stopped() -> None:
    policy = QuotaManagement(
        QuotaShare(name="a", capacity={UNIT: 1}, sharing=Sharing.LEND_AND_BORROW),
        QuotaShare(name="b", capacity={UNIT: 2}, sharing=Sharing.LEND_AND_BORROW),
    )
    runs = Runs()
    engine = build_engine(policy, {UNIT: 3}, runs, external_stops=True)
    jobs = [engine.submit(Submission(queue=QUEUE, share="a")) for _ in range(4)]
    engine.advance(10)
    owner = engine.submit(Submission(queue=QUEUE, share="b", instances=2))
    engine.advance(500)
    assert [job for _, job, _ in runs.preempted_by] == [jobs[2], jobs[1]]
    assert engine.state(owner) == JobState.WAITING
    engine.finish(jobs[2], Outcome.FAILED)
    engine.advance(510)
    assert engine.state(jobs[2]) == JobState.WAITING, "no other job gets the capacity"
    engine.finish(jobs[1], Outcome.SUCCEEDED)
    engine.advance(520)
    assert runs.starts == {jobs[0]: 0, owner: 510}
    assert engine.state(jobs[1]) == JobState.SUCCEEDED


def test_a_new_share_changes_no_other_key() -> None:
    """The keys of the shares are whole numbers with a denominator that only the policy decides."""
    runs = Runs()
    engine = build_engine(FairShare({"a": 0.3, "b": 0.7}), 2, runs)
    for share in "ab":
        engine.submit(Submission(queue=QUEUE, share=share))
    engine.advance(100)
    scheduler = engine._queues[QUEUE].scheduler
    before = [scheduler.lane(name, "").usage.key_at(100) for name in "ab"]  # type: ignore[attr-defined]
    assert before[0] * 7 == before[1] * 3 > 0
    engine.submit(Submission(queue=QUEUE, share="new"))
    engine.advance(100, complete=True)
    assert before == [scheduler.lane(name, "").usage.key_at(100) for name in "ab"]  # type: ignore[attr-defined]


def test_a_name_that_comes_later_does_not_change_earlier_runs() -> None:
    def starts(names: str) -> dict[int, int]:
        runs = Runs()
        engine = build_engine(FairShare({"a": 1, "team-*": 1}), 1, runs)
        for share in ("team-1", "a", "team-1", "a"):
            engine.submit(Submission(queue=QUEUE, share=share, run=10))
        engine.advance(35)
        for name in names:
            engine.submit(Submission(queue=QUEUE, share=f"team-{name}", run=10))
        engine.advance()
        return {job: stops[0][0] for job, stops in runs.runs.items() if job < 4}

    assert starts("") == starts("23456")


def test_a_job_is_placed_on_the_first_environment_with_room() -> None:
    runs = Runs()
    engine = Engine(listener=runs)
    engine.set_environment("first", 2)
    engine.set_environment("second", 4)
    engine.set_queue("both", Fifo(), ["first", "second"])
    engine.set_queue("second only", Fifo(), ["second"], priority=2)
    large = engine.submit(Submission(queue="both", instances=3))
    small = engine.submit(Submission(queue="both", instances=2))
    first = engine.submit(Submission(queue="second only", instances=1))
    engine.advance(1)
    assert set(runs.starts) == {first, large, small}, "the small job is on the first environment"
    engine.finish(small, Outcome.SUCCEEDED)
    waiting = engine.submit(Submission(queue="second only", instances=1))
    engine.advance(2)
    assert engine.wait(waiting) == Wait(WaitReason.CAPACITY)
    impossible = engine.submit(Submission(queue="both", instances=5))
    assert engine.wait(impossible) == Wait(WaitReason.ENVIRONMENT_LIMIT)
    engine.set_environment("second", 4, State.DISABLED)
    engine.finish(first, Outcome.SUCCEEDED)
    engine.advance(3)
    assert engine.wait(waiting) == Wait(WaitReason.DISABLED)


def test_a_removed_queue_stops_its_jobs() -> None:
    runs = Runs()
    engine = build_engine(Fifo(), 1, runs)
    jobs = [engine.submit(Submission(queue=QUEUE)) for _ in range(2)]
    engine.advance(5)
    engine.remove_queue(QUEUE)
    engine.advance(6)
    assert [engine.state(job) for job in jobs] == [JobState.FAILED] * 2
    assert runs.outcomes == {jobs[0]: [Outcome.WITHDRAWN]}


def test_the_kind_of_a_policy_does_not_change() -> None:
    engine = build_engine(Fifo(), 1)
    with pytest.raises(ValueError, match="the policy of queue queue is Fifo, and its kind cannot change"):
        engine.set_queue(QUEUE, FairShare({}), ["environment"])


@pytest.mark.parametrize("policy", ["fifo", "fair", "quotas"])
def test_forgotten_jobs_change_nothing(policy: str) -> None:
    """An engine that forgets ended jobs every day runs the other jobs in the same way."""
    share = QuotaShare(name="a", capacity={UNIT: 2}, sharing=Sharing.LEND_AND_BORROW, in_share_preemption=True)
    other = QuotaShare(name="b", capacity={UNIT: 1}, sharing=Sharing.LEND_AND_BORROW)
    policies = {"fifo": Fifo(), "fair": FairShare({"a": 1, "b": 2}), "quotas": QuotaManagement(share, other)}

    def drive(*, forget: bool) -> tuple[dict[int, list[tuple[int, int, bool]]], int]:
        runs = Runs()
        capacity = {UNIT: 3} if policy == "quotas" else 3
        engine = runs.engine = build_engine(policies[policy], capacity, runs, strategies=Strategies(stop_seconds=5000))
        never = engine.submit(Submission(queue=QUEUE, share="a", instances=9))
        forgotten: list[int] = []
        for number in range(400):
            engine.advance(number * 20_000)
            priority = number * 7 % 5
            run = None if number % 10 == 0 else 3000 + number * 37 % 15000
            job = engine.submit(
                Submission(queue=QUEUE, share="ab"[number % 2], priority=priority, run=run, instances=1 + number % 3)
            )
            if run is None:
                runs.run_times[job] = 9000
            if number % 11 == 0:
                engine.withdraw(job - number % 3)
            if number % 7 == 0:
                engine.reprioritize(job, 4)
            if forget and number % 12 == 0:
                forgotten += engine.forget(engine.now - KEPT_SECONDS)
        if forget:
            assert len(set(forgotten)) == len(forgotten) > 100
            assert len(engine.jobs) == 401 - len(forgotten)
            assert engine.state(never) == JobState.WAITING
            with pytest.raises(KeyError):
                engine.state(forgotten[0])
        engine.advance()
        return runs.runs, len(engine.jobs)

    runs, jobs = drive(forget=True)
    expected, all_jobs = drive(forget=False)
    assert runs == expected
    assert jobs < all_jobs
