"""Lines that AWS Batch refuses, whose answer gets lost or whose claim is old, array jobs, and failing calls."""

import json
from typing import Any
from unittest import mock

import pytest

from fairlane_lambda.fan_out.ledger import Attempt, key_of

from .fake_batch import Rules, failure
from .world import QUEUE, REGIONS, Faults, World, manifest_lines, planned_line

ONE = REGIONS[:1]
HOUR = 3600 * 1000


def test_refused_line_keeps_its_code() -> None:
    world = World({ONE[0]: Rules(refused="p9.large")})
    lines = [*manifest_lines(5, ONE), planned_line("bad", ONE[0], "drives", instance="p9.large")]
    events = world.plan("drives", lines)
    world.run(events)
    assert world.states() == {**{f"drives-{index}": "SUBMITTED" for index in range(5)}, "bad": "REFUSED"}
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
    assert world.states() == {"bad": "REFUSED"}
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
    assert len(world.states()) == 60
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
    assert world.states() == {"old": state}
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
    assert set(world.states().values()) == {"RUNNABLE"}
    assert world.calls["submit_service_job"] == 8


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
