"""The front of a queue, and the reasons why jobs wait."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlane import FairShare, Fifo, QuotaManagement, QuotaShare, Sharing
from fairlane.scheduler import Engine, Outcome, Strategies, Submission, Terms, Wait, WaitReason
from fairlane.scheduling import State
from tests.fairlane.rehearsal.test_properties import random_case
from tests.fairlane.scheduler.online import QUEUE, Runs, build_engine, submission

UNIT = "ml.p5.48xlarge"
CHANCE = st.randoms(use_true_random=True)


class Chosen(Runs):
    """Listener that notes the jobs that a pass starts, or for which it preempts others."""

    def __init__(self) -> None:
        super().__init__()
        self.chosen: dict[int, None] = {}

    def started(self, job: int, now: int) -> None:
        super().started(job, now)
        self.chosen[job] = None

    def preempting(self, job: int, by: int, now: int) -> None:
        super().preempting(job, by, now)
        self.chosen[by] = None


@pytest.mark.parametrize("examples", [25, pytest.param(75, marks=pytest.mark.slow)])
def test_the_front_is_what_the_next_pass_starts(examples: int) -> None:
    @given(CHANCE)
    @settings(max_examples=examples)
    def check(chance: Random) -> None:
        policy, trace, options = random_case(chance)
        strategies = options.get("strategies", Strategies())
        chosen = Chosen()
        engine = build_engine(policy, options["capacity"], chosen, strategies=strategies)
        terms = Terms(preemptions=strategies.retries_before_termination)
        for job in trace:
            engine.advance(job.submit)
            engine.submit(submission(job, terms=terms))
            if chance.random() < 0.3:
                assert_front_is_right(engine, chosen)
        for _ in range(5):
            engine.advance(engine.now + chance.randint(1, 50))
            assert_front_is_right(engine, chosen)

    check()


def assert_front_is_right(engine: Engine, chosen: Chosen) -> None:
    waiting = {job for job in range(len(engine.jobs)) if engine.state(job) == "WAITING"}
    never = {job for job in waiting if job in engine.record.unrunnable}
    front = engine.front(QUEUE, 1000)
    reasons = {job: engine.wait(job) for job in waiting}
    assert set(front) == waiting - never
    assert engine.front(QUEUE, 2) == front[:2]
    chosen.chosen.clear()
    engine.advance(engine.now, complete=True)
    starts = [job for job in chosen.chosen if job in waiting]  # without jobs that were preempted in the same pass
    assert front[: len(starts)] == starts
    assert {job for job, wait in reasons.items() if wait is None} == set(starts)


def test_a_job_waits_behind_the_first_job_of_a_fifo_queue() -> None:
    engine = build_engine(Fifo(), 4)
    for instances in (3, 2, 1, 5):
        engine.submit(Submission(queue=QUEUE, instances=instances, run=100))
    engine.advance(10)
    assert engine.front(QUEUE, 10) == [1, 2]
    assert [engine.wait(job) for job in range(4)] == [
        None,
        Wait(WaitReason.CAPACITY),
        Wait(WaitReason.BEHIND, 1),
        Wait(WaitReason.ENVIRONMENT_LIMIT),
    ]
    engine.set_environment("environment", 5)
    assert engine.wait(1) is None, "the limit was raised"
    assert engine.wait(3) == Wait(WaitReason.BEHIND, 2)
    engine.set_queue(QUEUE, Fifo(), ["environment"], state=State.DISABLED)
    assert engine.wait(1) == Wait(WaitReason.DISABLED)


def test_a_job_waits_for_a_compute_reservation() -> None:
    engine = build_engine(FairShare({"a": 1, "b": 1}, compute_reservation=50), 4)
    for share in ("a", "a", "a"):
        engine.submit(Submission(queue=QUEUE, share=share, run=100))
    engine.advance(10)
    assert engine.wait(2) == Wait(WaitReason.RESERVATION)
    engine.submit(Submission(queue=QUEUE, share="b", run=100))
    assert engine.front(QUEUE, 1) == [3]


def test_a_job_waits_for_quota_stops_or_capacity() -> None:
    policy = QuotaManagement(
        QuotaShare(name="a", capacity={UNIT: 2}, sharing=Sharing.LEND, in_share_preemption=True),
        QuotaShare(name="b", capacity={UNIT: 2}, sharing=Sharing.LEND_AND_BORROW, borrow_limit=50),
        QuotaShare(name="c", capacity={UNIT: 1}, sharing=Sharing.RESERVE, state=State.DISABLED),
    )
    engine = build_engine(policy, {UNIT: 5})

    def submit(share: str, instances: int, priority: int = 0) -> int:
        return engine.submit(Submission(queue=QUEUE, share=share, instances=instances, priority=priority, run=1000))

    first, second = submit("a", 2), submit("a", 1)
    too_large, disabled = submit("b", 4), submit("c", 1)
    unknown_type = engine.submit(Submission(queue=QUEUE, share="a", instance_type="ml.g5.xlarge", run=10))
    engine.advance(10)
    assert engine.wait(first) is None
    assert engine.wait(second) == Wait(WaitReason.QUOTA)
    assert engine.wait(too_large) == Wait(WaitReason.QUOTA_LIMIT)
    assert engine.wait(disabled) == Wait(WaitReason.DISABLED)
    assert engine.wait(unknown_type) == Wait(WaitReason.ENVIRONMENT_LIMIT)
    urgent = submit("a", 2, priority=5)
    engine.advance(11)
    assert engine.wait(urgent) == Wait(WaitReason.STOPS)
    assert engine.front(QUEUE, 1) == [urgent]
    assert engine.state(first) == "RUNNING", "the run holds its capacity while it stops"
    engine.advance(30)
    assert (engine.state(first), engine.state(urgent)) == ("WAITING", "WAITING")
    engine.advance(31)
    assert engine.state(urgent) == "RUNNING"


def test_a_look_at_the_front_changes_nothing() -> None:
    runs = Runs()
    engine = build_engine(FairShare({"a": 1, "b": 1}), 2, runs)
    for share in "aaabbb":
        engine.submit(Submission(queue=QUEUE, share=share))
    assert engine.front(QUEUE, 4) == [0, 3, 1, 4]
    assert not runs.starts
    engine.advance(1)
    assert set(runs.starts) == {0, 3}
    engine.finish(0, Outcome.SUCCEEDED)
    assert engine.front(QUEUE, 1) == [1]
    assert set(runs.starts) == {0, 3}


def test_the_fronts_of_several_queues_are_those_of_each_queue() -> None:
    engine = build_engine(FairShare({"a": 1, "b": 1}), 3)
    engine.set_queue("other", Fifo(), ["environment"])
    for number, share in enumerate("aabbab"):
        engine.submit(Submission(queue=QUEUE, share=share, instances=1 + number % 2))
        engine.submit(Submission(queue="other", instances=2))
    for second in (0, 1, 5):
        engine.advance(second)
        fronts = engine.fronts([QUEUE, "other"], 4)
        assert fronts == {queue: engine.front(queue, 4) for queue in (QUEUE, "other")}
        assert all(fronts.values())
