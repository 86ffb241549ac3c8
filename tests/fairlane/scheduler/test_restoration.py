"""Engines in the state of a queue that has been running."""

import pytest

from fairlane.scheduler import Engine, JobState, RestoredJob, Submission, restore
from fairlane.scheduling import FairShare, Fifo, SchedulingPolicy


def engine_of(policy: SchedulingPolicy, capacity: int = 4) -> Engine:
    engine = Engine()
    engine.set_environment("environment", capacity)
    engine.set_queue("queue", policy, ["environment"])
    return engine


def job(
    submit: int, *, start: int | None = None, stop: int | None = None, share: str = "", size: int = 4
) -> RestoredJob:
    return RestoredJob(
        job=Submission(queue="queue", share=share, instances=size, submit=submit), start=start, stop=stop
    )


def starts(engine: Engine) -> dict[int, int]:
    return dict(zip(engine.record.rows, engine.record.starts, strict=True))


def test_a_waiting_job_starts_when_the_run_before_it_ends() -> None:
    engine = engine_of(Fifo())
    first, second, third = restore(engine, [job(0, start=10), job(20), job(30)], 100)
    assert (engine.now, engine.state(first), engine.state(second)) == (100, JobState.RUNNING, JobState.WAITING)
    engine.set_run(first, 200)
    engine.set_run(second, 50)
    engine.set_run(third, 50)
    engine.advance()
    assert starts(engine) == {first: 10, second: 210, third: 260}


def test_a_run_time_that_has_passed_ends_the_run_now() -> None:
    engine = engine_of(Fifo())
    first, second = restore(engine, [job(0, start=10), job(20)], 100)
    engine.set_run(first, 5)
    engine.advance(200)
    assert starts(engine)[second] == 100


def test_runs_above_a_lowered_limit_hold_their_capacity() -> None:
    engine = engine_of(Fifo(), capacity=2)
    first, second = restore(engine, [job(0, start=10), job(20, size=2)], 100)
    engine.advance(300)
    assert engine.state(second) is JobState.WAITING
    engine.set_run(first, 400)
    engine.advance(500)
    assert starts(engine)[second] == 410


def test_past_use_decides_whose_turn_it_is() -> None:
    engine = engine_of(FairShare({"a": 1.0, "b": 1.0}, 3600))
    past = [job(0, start=0, stop=900, share="a"), job(1, start=900, share="b", size=2)]
    *_, of_a, of_b = restore(engine, [*past, job(950, share="a", size=2), job(960, share="b", size=2)], 1000)
    engine.advance(1100)
    assert of_b in starts(engine)
    assert of_a not in starts(engine)


@pytest.mark.parametrize(
    "jobs",
    [
        [job(50), job(20)],
        [job(50, start=40)],
        [job(50, start=60, stop=55)],
        [job(50, start=60, stop=60)],
        [job(50, stop=60)],
        [job(101)],
        [job(50, start=60, stop=101)],
    ],
)
def test_seconds_out_of_order_are_refused(jobs: list[RestoredJob]) -> None:
    with pytest.raises(ValueError, match="order of time"):
        restore(engine_of(Fifo()), jobs, 100)


def test_only_a_new_engine_is_restored() -> None:
    engine = engine_of(Fifo())
    engine.submit(Submission(queue="queue"))
    with pytest.raises(ValueError, match="new engine"):
        restore(engine, [], 100)
