"""Submission of manifests: pace, stop, refusals, a Region that is down, functions and executions at once."""

import json
from functools import partial
from random import Random
from typing import Any
from unittest import mock

import pytest

from fairlane_lambda.fan_out.ledger import Attempt, key_of
from fairlane_lambda.fan_out.submit import handler

from .fake_batch import Rules, failure
from .simulation import FunctionRun
from .world import QUEUE, REGIONS, Faults, World, manifest_lines, planned_line

ONE = REGIONS[:1]
HOUR = 3600 * 1000


def states(world: World, manifest: str = "drives") -> dict[str, str]:
    return {item["id"]: item["state"] for item in world.ledger.lines(manifest)}


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


def test_refused_line_keeps_its_code() -> None:
    world = World({ONE[0]: Rules(refused="p9.large")})
    lines = [*manifest_lines(5, ONE), planned_line("bad", ONE[0], "drives", instance="p9.large")]
    events = world.plan("drives", lines)
    world.run(events)
    assert states(world) == {**{f"drives-{index}": "SUBMITTED" for index in range(5)}, "bad": "REFUSED"}
    (reason,) = (item["status_reason"] for item in world.ledger.lines("drives") if item["id"] == "bad")
    assert reason == "ClientException"
    world.run(world.plan("drives", lines_of(world, events)))
    assert world.calls["submit_service_job"] == 6


def lines_of(world: World, events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    parts = ((event["region"], world.s3.objects[event["part"]]) for event in events)
    return [{**json.loads(text), "region": region} for region, part in parts for text in part.splitlines()]


def test_refusal_after_a_lost_answer_is_looked_up_first() -> None:
    """A job of the first attempt would be adopted: AWS Batch also refuses the token of a job that exists."""
    world = World({ONE[0]: Rules(down=(0, 500))}, call_ms=250, write_ms=15)
    events = world.plan("drives", [planned_line("bad", ONE[0], "drives", parameter="refuse-me")])
    world.run(events)
    assert states(world) == {"bad": "REFUSED"}
    assert (world.calls["submit_service_job"], world.calls["list_service_jobs"]) == (2, 2)
    assert 160 < world.seconds() < 175


def test_job_of_a_lost_answer_is_adopted() -> None:
    world = World(faults=Faults(lost=1), call_ms=250, write_ms=15)
    events = world.plan("drives", manifest_lines(1, ONE))
    with mock.patch.object(world.faults, "random") as random:
        random.random.side_effect = lambda: 0.0 if world.simulation.now < world.started_at + 60_000 else 1.0
        random.uniform.return_value = 1
        world.run(events)
    assert world.problems("drives", events) == []
    assert (world.calls["submit_service_job"], world.calls["list_service_jobs"]) == (1, 1)
    assert 80 < world.seconds() < 85


def test_denied_access_fails_the_region_and_leaves_no_claim() -> None:
    world = World({ONE[0]: Rules(denied=True)}, call_ms=250, write_ms=15)
    events = world.plan("drives", manifest_lines(80))
    world.run(events)
    assert [event["status"] for event in events] == ["FAILED", "DONE", "DONE", "DONE"]
    assert events[0]["error"] == "AWS Batch denied the submission of a job to queue training-p4: AccessDeniedException"
    assert len(states(world)) == 60
    world.batches[ONE[0]].rules.denied = False
    world.run(events[:1])
    assert world.problems("drives", events) == []


@pytest.mark.parametrize(
    ("age", "has_job", "state"), [(25, False, "UNKNOWN"), (25, True, "SUBMITTED"), (23, False, "SUBMITTED")]
)
def test_claim_that_is_a_day_old(age: int, has_job: bool, state: str) -> None:
    world = World()
    line = planned_line("old", ONE[0], "drives")
    fields = {"id": "old", "kind": "service", "queue": QUEUE, "job_name": line["name"], "region": ONE[0]}
    world.ledger.claim("drives", line["digest"], fields, Attempt("lost", world.simulation.now - age * HOUR))
    if has_job:
        client = world.batches[ONE[0]]
        client.submit_service_job(**line["request"], jobName=line["name"], clientToken=line["digest"])
        client.jobs[0]["createdAt"] -= age * HOUR
    world.run(world.plan("drives", [line]))
    assert states(world) == {"old": state}
    assert world.calls["submit_service_job"] == (state == "SUBMITTED" and not has_job)
    assert len(world.batches[ONE[0]].jobs) == (state == "SUBMITTED")


def test_arrays_have_no_token_and_are_submitted_once() -> None:
    for number in range(1, 70, 3):
        world = World(faults=Faults(kill_after=number))
        events = world.plan("drives", manifest_lines(12, kind="array"))
        world.run(events)
        assert world.problems("drives", events) == [], number
        assert {item["children"] for item in world.ledger.lines("drives")} == {2}
        assert world.calls["submit_service_job"] == world.calls["list_service_jobs"] == 0


def test_event_before_the_answer_counts() -> None:
    world = World(call_ms=250, write_ms=15)
    events = world.plan("drives", manifest_lines(8, ONE))

    def event(job: dict[str, Any]) -> None:
        digest = job["jobName"].rpartition("_")[2]
        values = {"state": "RUNNABLE", "job_id": job["jobId"]}
        expression = "SET #state = :state, #job_id = :job_id"
        assert world.ledger.table.update(key_of("drives", digest), expression, "attribute_exists(#pk)", values).is_done

    world.batches[ONE[0]].on_job = event
    world.run(events)
    assert events[0]["status"] == "DONE"
    assert set(states(world).values()) == {"RUNNABLE"}
    assert world.calls["submit_service_job"] == 8


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


def test_ledger_without_answer_is_asked_again() -> None:
    world = World(call_ms=250, write_ms=15)
    events = world.plan("drives", manifest_lines(40, ONE))
    write = world.dynamodb.put_item

    def fail(**request: Any) -> dict[str, Any]:
        if 2_000 < world.simulation.now - world.started_at < 20_000:
            raise failure("InternalServerError", 500, "", "PutItem")
        return write(**request)

    with mock.patch.object(world.dynamodb, "put_item", fail):
        world.run(events)
    assert world.problems("drives", events) == []
    assert world.runs == 2


def test_refused_call_fails_without_the_message_of_aws() -> None:
    world = World()
    events = world.plan("drives", manifest_lines(1, ONE))
    error = failure("ValidationException", 400, "learning_rate", "PutItem")
    with mock.patch.object(world.dynamodb, "put_item", side_effect=error):
        world.run(events)
    assert events[0]["error"] == "PutItem failed for Region us-east-1: ValidationException"


def test_ledger_contains_no_parameter() -> None:
    world = World({ONE[0]: Rules(refused="fragile")})
    lines = manifest_lines(3, ONE, parameter="secret-value")
    lines.append(planned_line("bad", ONE[0], "drives", parameter="fragile"))
    world.run(world.plan("drives", lines))
    text = repr(world.dynamodb.items)
    assert not [word for word in ("secret-value", "fragile", "parameter", "learning_rate") if word in text]


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


def test_slow_claim_is_renewed() -> None:
    world = World(call_ms=250, write_ms=15)
    events = world.plan("drives", manifest_lines(3, ONE))
    write = world.dynamodb.put_item

    def slow(**request: Any) -> dict[str, Any]:
        answer = write(**request)
        if request["Item"].get("id", {}).get("S") == "drives-1":
            world.simulation.sleep_until(world.simulation.now + 8_000)
        return answer

    with mock.patch.object(world.dynamodb, "put_item", slow):
        world.run(events)
    assert world.problems("drives", events) == []
    assert {item["id"]: item["tries"] for item in world.ledger.lines("drives")} == {
        "drives-0": 1,
        "drives-1": 2,
        "drives-2": 1,
    }
