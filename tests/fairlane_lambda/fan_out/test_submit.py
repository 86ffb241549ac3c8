"""Submission of manifests: pace, stop, a Region that is down, functions and executions at once."""

from functools import partial
from random import Random
from typing import Any
from unittest import mock

import pytest

from fairlane_lambda.fan_out.clock import Clock
from fairlane_lambda.fan_out.lease import Run
from fairlane_lambda.fan_out.submit import handler
from fairlane_lambda.fan_out.submit.batch import SubmitError
from fairlane_lambda.fan_out.submit.parts import Part

from .fake_batch import Rules
from .simulation import FunctionRun
from .world import REGIONS, Faults, World, manifest_lines

ONE = REGIONS[:1]
HOUR = 3600 * 1000


def most_in_a_second(times: list[int]) -> int:
    return max(sum(time <= other < time + 1_000 for other in times) for time in times)


def test_five_a_second_with_three_calls_a_line() -> None:
    world = World(call_ms=250, write_ms=15, jitter=False)
    events = world.plan("drives", manifest_lines(1_200))
    world.run(events)
    assert world.problems("drives", events) == []
    assert world.calls.total() <= 3.2 * 1_200
    assert 60 <= world.seconds() <= 63
    assert {most_in_a_second(batch.submissions) for batch in world.batches.values()} == {5}


def test_an_empty_part_that_has_lines_fails() -> None:
    world = World()
    [event] = world.plan("drives", manifest_lines(1, ONE))
    world.s3.objects[event["part"]] = b""
    with pytest.raises(SubmitError, match="the part is empty, but it has 1 lines"):
        world.simulation.run([partial(world.invoke, event)])


def test_two_manifests_share_the_pace() -> None:
    world = World(call_ms=250, write_ms=15, jitter=False)
    names = ("drives", "nights")
    events = {name: world.plan(name, manifest_lines(200, ONE, name)) for name in names}
    world.run([event for name in names for event in events[name]])
    assert [world.problems(name, events[name]) for name in names] == [[], []]
    submissions = world.batches[ONE[0]].submissions
    assert (len(submissions), most_in_a_second(submissions)) == (400, 5)
    assert world.seconds() <= 90


def test_throttled_calls_move_the_clock() -> None:
    """Another program uses two of the five submissions a second."""
    world = World({ONE[0]: Rules(per_second=3)}, call_ms=250, write_ms=15)
    events = world.plan("drives", manifest_lines(300, ONE))
    world.run(events)
    assert world.problems("drives", events) == []
    assert 0 < world.batches[ONE[0]].throttled < 100
    assert world.seconds() < 200


def test_function_that_outlives_its_retry() -> None:
    world = World(call_ms=250, write_ms=15)
    events = world.plan("drives", manifest_lines(200))
    answers = []

    def retry(event: dict[str, Any]) -> None:
        world.simulation.sleep_until(world.started_at + 3_000)
        answers.append(world.invoke(event))
        world.execution(event)()

    outlived = [partial(world.invoke, dict(event)) for event in events]
    world.simulation.run([*outlived, *(partial(retry, event) for event in events)])
    assert {(answer["status"], answer["offset"]) for answer in answers} == {("MORE", 0)}
    assert world.problems("drives", events) == []
    assert world.calls["submit_service_job"] == 200


def test_killed_function_leaves_its_lease() -> None:
    world = World(faults=Faults(kill_before=100), call_ms=250, write_ms=15)
    events = world.plan("drives", manifest_lines(50, ONE))
    world.run(events)
    assert world.problems("drives", events) == []
    assert 960 < world.seconds() < 1_100


def test_two_executions_at_once() -> None:
    world = World(call_ms=250, write_ms=15)
    events = world.plan("drives", manifest_lines(200))
    world.run([*events, *map(dict, events)])
    assert world.problems("drives", events) == []
    assert world.calls["submit_service_job"] == 200


def test_region_down_for_ten_minutes() -> None:
    down = REGIONS[2]
    world = World({down: Rules(down=(4_000, 604_000), token_ms=0)}, call_ms=250, write_ms=15)
    events = world.plan("drives", manifest_lines(400))
    ends = {}

    def end(event: dict[str, Any]) -> None:
        world.execution(event)()
        ends[event["region"]] = world.seconds()

    world.simulation.run([partial(end, event) for event in events])
    assert world.problems("drives", events) == []
    assert 604 < ends.pop(down) < 780
    assert max(ends.values()) < 25
    assert world.calls["submit_service_job"] < 480


def test_stop_and_resume_anywhere() -> None:
    for seed in range(12):
        random = Random(seed)
        world = World(faults=Faults(lost=random.choice([0, 0.1]), random=random), call_ms=250, write_ms=15)
        events = world.plan("drives", manifest_lines(200))
        at = world.simulation.now + random.randrange(12_000)

        def stop(world: World = world, at: int = at) -> None:
            world.simulation.sleep_until(at)
            world.ledger.set_manifest("drives", stopped=True)

        first = [dict(event) for event in events]
        world.run(first, stop)
        assert {event["status"] for event in first} <= {"STOPPED", "DONE"}
        assert at > 3_000 + world.started_at or any(event["status"] == "STOPPED" for event in first)
        assert max(time for batch in world.batches.values() for time in batch.submissions or [at]) < at + 8_000
        world.ledger.set_manifest("drives", stopped=False)
        world.run(events)
        assert world.problems("drives", events) == [], seed
        assert {event["status"] for event in events} == {"DONE"}


def test_stopped_manifest_submits_nothing() -> None:
    world = World()
    events = world.plan("drives", manifest_lines(20))
    world.ledger.set_manifest("drives", stopped=True)
    world.run(events)
    assert world.calls["submit_service_job"] == 0
    assert [event["offset"] for event in events] == [0] * 4


def test_short_functions_go_on_where_they_ended() -> None:
    world = World(call_ms=250, write_ms=15, function_ms=60_000)
    events = world.plan("drives", manifest_lines(500, ONE, parameter="x" * 9_000))
    with mock.patch.object(world.s3, "get_object", wraps=world.s3.get_object) as get:
        world.run(events)
    assert world.problems("drives", events) == []
    assert world.runs == 4
    starts = [int(call.kwargs["Range"].removeprefix("bytes=").split("-")[0]) for call in get.call_args_list]
    assert len([start for start in starts if start == 0]) == 1
    assert len(world.s3.objects[events[0]["part"]]) == events[0]["offset"] > 4_500_000
    assert world.calls.total() <= 3.2 * 500


def test_part_without_last_newline_and_finished_part() -> None:
    world = World()
    events = world.plan("drives", manifest_lines(30, ONE))
    world.s3.objects[events[0]["part"]] = world.s3.objects[events[0]["part"]].rstrip(b"\n")
    world.run(events)
    assert world.problems("drives", events) == []
    world.run(events)
    assert events[0]["status"] == "DONE"
    assert world.calls["submit_service_job"] == 30


def test_entry_of_the_function(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    events = world.plan("drives", manifest_lines(4, ONE))
    run = FunctionRun(world.simulation, world.simulation.now + 900_000)
    monkeypatch.setenv("TABLE", "table")
    monkeypatch.setenv("BUCKET", "bucket")
    monkeypatch.setattr(handler, "Clock", lambda: run)
    monkeypatch.setattr(handler, "_client", {"s3": world.s3, "dynamodb": world.dynamodb}.__getitem__)
    monkeypatch.setattr(handler, "_batch", world.batches.__getitem__)
    context = mock.Mock(aws_request_id="request", get_remaining_time_in_millis=lambda: 900_000)
    answers: list[dict[str, Any]] = []
    world.simulation.run([lambda: answers.append(handler.handler(events[0], context))])
    assert answers[0]["status"] == "DONE"
    assert world.problems("drives", events) == []
    assert {item["owner"].partition("-")[0] for item in world.ledger.lines("drives")} == {"request"}


class FastClock(Clock):
    """Clock with real threads and locks whose sleeps take no time."""

    def __init__(self, start: int) -> None:
        self._now = start

    def now(self) -> int:
        return self._now

    def sleep_until(self, then: int) -> None:
        self._now = max(self._now, then)


def test_real_threads() -> None:
    world = World({ONE[0]: Rules(per_second=1e9, depth=1e9)})
    events = world.plan("drives", manifest_lines(2_000, ONE))
    run = Run("run", world.simulation.now + 900_000, FastClock(world.simulation.now))
    part = Part(world.s3, "bucket", events[0]["part"], 0)
    answer = handler.submit_part(events[0], world.ledger, part, world.batches.__getitem__, run)
    assert answer["status"] == "DONE"
    assert set(world.states().values()) == {"SUBMITTED"}
    assert len(world.batches[ONE[0]].jobs) == 2_000


def test_threads_of_the_clock() -> None:
    clock, results = Clock(), list[int]()
    clock.sleep_until(clock.now() - 1_000)
    clock.together([partial(results.append, number) for number in range(4)])
    assert sorted(results) == [0, 1, 2, 3]
    with clock.lock(), pytest.raises(ZeroDivisionError):
        clock.together([partial(divmod, 1, 0), partial(results.append, 4)])
    assert results[-1] == 4
