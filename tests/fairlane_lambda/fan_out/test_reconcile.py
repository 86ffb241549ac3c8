"""Numbers of lines, questions to AWS Batch and objects of the table `outcomes`."""

from contextlib import suppress
from random import Random
from typing import Any

import pytest

from fairlane_lambda.fan_out.ledger import key_of
from fairlane_lambda.fan_out.reconcile.handler import ReconcileError

from .job_histories import MANIFEST, START, Life, live_array
from .outcome_world import DAY, HOUR, MINUTE, World
from .test_outcomes import ended_life

EAST, WEST = "us-east-1", "us-west-2"
NAMES = {
    "waiting": "FanOutLinesWaiting",
    "submitted": "FanOutLinesSubmitted",
    "running": "FanOutLinesRunning",
    "done": "FanOutLinesDone",
    "failed": "FanOutLinesFailed",
    "age": "FanOutOldestUnsubmittedAge",
}


def life(number: int, region: str = WEST, kind: str = "service") -> Life:
    return Life(f"{number:032x}", f"job-{number}", kind, region=region)


def shown(values: dict[tuple[str, str | None], float], region: str | None = None) -> dict[str, float]:
    """Return the values of a Region, or of all, without zeros."""
    return {name: value for name, metric in NAMES.items() if (value := values[metric, region])}


def test_a_fan_out_without_manifests_publishes_zeros_for_each_region() -> None:
    values = World().reconcile()
    assert values == {(name, region): 0 for name in NAMES.values() for region in (None, EAST, WEST)}


def test_lines_count_by_region_and_state() -> None:
    world = World()
    states = ["SUBMITTED", "PENDING", "RUNNABLE", "SCHEDULED", "STARTING", "RUNNING", "SUCCEEDED", "FAILED", "REFUSED"]
    for number, state in enumerate(states):
        world.put_line(life(number), state=state)
    world.put_line(life(20, EAST), state="RUNNING")
    world.put_line(life(21, "eu-west-1"), state="RUNNING")
    world.put_manifest()
    values = world.reconcile()
    assert shown(values, WEST) == {"submitted": 4, "running": 2, "done": 1, "failed": 2}
    assert shown(values, EAST) == {"running": 1}
    assert shown(values) == {"submitted": 4, "running": 4, "done": 1, "failed": 2}


def test_lines_that_no_function_claimed_wait_since_the_plan() -> None:
    world = World()
    world.put_manifest(regions={WEST: 5, EAST: 2}, state="SUBMITTING")
    world.put_line(life(1), state="RUNNING")
    world.put_line(life(2), state="SUBMITTING", job_id=None, claimed_at=START + MINUTE)
    world.put_line(life(3, EAST), state="RUNNING", version="v0")
    world.now += 10 * MINUTE
    values = world.reconcile()
    assert shown(values, WEST) == {"waiting": 4, "running": 1, "age": 600}
    assert shown(values, EAST) == {"waiting": 2, "running": 1, "age": 600}
    world.put_manifest(regions={WEST: 5, EAST: 2}, state="SUBMITTED")
    assert shown(world.reconcile(), WEST) == {"waiting": 1, "running": 1, "age": 540}


def test_a_retry_waits_for_its_own_lines_only() -> None:
    world = World()
    for number in range(4):
        world.put_line(life(number), state="FAILED")
    world.put_manifest(regions={WEST: 2}, state="SUBMITTING", created_at=START + HOUR, operation="retry")
    world.now += HOUR + MINUTE
    assert shown(world.reconcile(), WEST) == {"waiting": 2, "failed": 4, "age": 60}
    world.put_line(life(9), id="drive-3", state="RUNNING", claimed_at=START + HOUR + MINUTE)
    assert shown(world.reconcile(), WEST) == {"waiting": 1, "running": 1, "failed": 3, "age": 60}


def test_lines_of_a_stopped_manifest_do_not_wait() -> None:
    world = World()
    world.put_manifest(regions={WEST: 5}, state="SUBMITTING")
    world.put_line(life(1), state="SUBMITTING", job_id=None)
    world.ledger.set_manifest(MANIFEST, stopped=True)
    world.now += HOUR
    assert shown(world.reconcile()) == {}


@pytest.mark.parametrize("state", ["FAILED", "SUBMITTED"])
def test_waiting_lines_of_a_settled_manifest_count_until_a_person_acts(state: str) -> None:
    world = World()
    world.put_manifest(regions={WEST: 2}, state=state)
    world.put_line(life(1), state="SUCCEEDED")
    world.put_line(life(2), state="UNKNOWN")
    world.now += 2 * HOUR
    waiting = {"waiting": 1, "age": 7200}
    assert shown(world.reconcile()) == {**waiting, "done": 1}
    reads = world.dynamodb.calls["query"]
    assert shown(world.reconcile()) == {**waiting, "done": 1}
    assert world.dynamodb.calls["query"] == reads + 1, "only the list of the manifests is read"
    world.now = START + 2 * DAY
    assert shown(world.reconcile()) == {"waiting": 1, "age": 2 * 86400}
    world.ledger.set_manifest(MANIFEST, stopped=True)
    assert shown(world.reconcile()) == {}


def test_a_new_plan_of_a_settled_manifest_is_read_at_once() -> None:
    world = World()
    world.put_manifest()
    world.put_line(life(1), state="SUCCEEDED")
    world.now += DAY // 2
    world.reconcile()
    world.put_line(life(2), state="RUNNING", attempted_at=world.now)
    world.put_manifest(created_at=world.now)
    assert shown(world.reconcile()) == {"running": 1, "done": 1}


def test_aws_batch_is_asked_about_lines_without_news_for_an_hour_only() -> None:
    world, quiet, fresh = World(), ended_life(), life(2)
    world.put_manifest()
    world.put_line(quiet, state="RUNNING", updated_at=START)
    world.put_line(fresh, state="RUNNING", updated_at=START + 2)
    world.put_line(life(3), state="SUCCEEDED", updated_at=START)
    world.put_line(life(4), state="UNKNOWN", updated_at=START)
    world.descriptions.lives["job-a"] = quiet
    world.now += HOUR + 1
    world.reconcile()
    assert world.batch.calls == {"describe_service_job": 1}
    assert world.line(quiet.digest)["state"] == "SUCCEEDED"
    assert world.line(fresh.digest)["state"] == "RUNNING"


def test_questions_end_before_those_of_the_next_run() -> None:
    world, lines = World(), [life(1), life(2)]
    world.put_manifest()
    for line in lines:
        world.put_line(line, state="RUNNING", updated_at=START)
        world.descriptions.lives[line.job_id] = line

    def pass_five_minutes(call: str) -> str:
        world.now += 5 * MINUTE
        return ""

    world.now += HOUR + 1
    world.batch.fail = pass_five_minutes
    world.reconcile()
    assert world.batch.calls == {"describe_service_job": 1}


def test_a_running_job_is_asked_about_once_an_hour() -> None:
    world, running = World(), ended_life()
    running.transitions = [one for one in running.transitions if one.detail["status"] != "SUCCEEDED"]
    world.put_manifest()
    world.put_line(running)
    world.descriptions.lives["job-a"] = running
    for _ in range(48):
        world.now += 5 * MINUTE
        world.reconcile()
    assert 3 <= world.batch.calls["describe_service_job"] <= 4


def test_container_jobs_are_asked_about_in_pages_of_a_hundred() -> None:
    world = World()
    parent, *children = live_array(Random(3), "b" * 32, 230)
    world.put_manifest()
    world.put_line(parent)
    for one in (parent, *children):
        world.descriptions.lives[one.job_id] = one
    world.now = max(one.transitions[-1].time for one in (parent, *children)) + HOUR
    world.reconcile()
    assert sorted(world.descriptions.pages) == [31, 100, 100]
    world.reconcile()
    rows = world.rows()
    assert [row["id"] for row in rows] == [f"child-{number}" for number in range(230)]
    assert [row["state"] for row in rows] == [child.description["status"] for child in children]
    assert [row["job_id"] for row in rows] == [child.job_id for child in children]


def test_a_job_that_aws_batch_forgot_is_unknown_after_a_day() -> None:
    world = World()
    world.put_manifest()
    world.put_line(life(1), state="RUNNING")
    world.put_line(life(2, kind="array"), state="RUNNING")
    world.put_line(life(3), state="SUBMITTING", job_id=None)
    for hours in (2, 20):
        world.now = START + hours * HOUR
        world.reconcile()
        assert world.line(life(1).digest)["state"] == "RUNNING"
    world.now = START + 26 * HOUR
    world.reconcile()
    assert [world.line(life(number).digest)["state"] for number in (1, 2, 3)] == ["UNKNOWN", "UNKNOWN", "SUBMITTING"]
    calls = world.batch.calls.total()
    world.now += 5 * MINUTE
    world.reconcile()
    assert world.batch.calls.total() == calls


def test_an_event_between_the_question_and_its_answer_stays() -> None:
    world, one = World(), ended_life()
    world.put_manifest()
    world.put_line(one, state="RUNNING")
    world.now = START + 2 * DAY

    def fail(call: str) -> str:
        world.deliver_lives((one, len(one.transitions) - 1))
        return "ClientException"

    world.batch.fail = fail
    world.reconcile()
    assert world.line(one.digest)["state"] == "SUCCEEDED"


@pytest.mark.parametrize("code", ["before", "AccessDeniedException"])
def test_a_region_that_does_not_answer_stops_no_other(code: str) -> None:
    world, east, west = World(), Life("c" * 32, "job-c", region=EAST), ended_life()
    world.put_manifest()
    world.put_line(east)
    world.put_line(west)
    world.descriptions.lives["job-a"] = west
    world.now += 2 * DAY
    fails = iter([code])
    world.batch.fail = lambda call: next(fails, "")
    world.reconcile()
    world.reconcile()
    assert world.line(west.digest)["state"] == "SUCCEEDED"
    assert world.logged.startswith("questions to us-")
    assert world.logged.endswith(f" failed: {'ThrottlingException' if code == 'before' else code}\n")


def test_the_row_of_a_line_has_its_gpu_hours_training_job_and_model() -> None:
    world, one = World(), ended_life()
    world.put_manifest()
    world.put_line(one)
    world.deliver_lives((one, len(one.transitions) - 1))
    world.reconcile()
    fields = one.transitions[-1].fields
    (row,) = world.rows()
    assert row == {
        "id": f"drive-{int('a' * 32, 16)}",
        "region": WEST,
        "queue": "training",
        "share": "maps",
        "state": "SUCCEEDED",
        "placement": "only candidate",
        "attempts": fields["attempts"],
        "gpus": 8,
        "job_id": "job-a",
        "job_name": one.name,
        "training_job": fields["training_job"],
        "model": f"s3://models/{fields['training_job']}/model.tar.gz",
        "submitted_at": START / 1000,
        "started_at": fields["started_at"] / 1000,
        "stopped_at": fields["stopped_at"] / 1000,
        "gpu_hours": round(8 * fields["run_seconds"] / 3600, 4),
    }


def test_objects_are_put_only_if_their_rows_changed() -> None:
    world = World()
    world.put_manifest()
    for number, region in enumerate((EAST, WEST)):
        world.put_line(life(number, region), state="RUNNING", updated_at=START)
    world.reconcile()
    assert sorted(world.bucket.objects) == [f"outcomes/manifest=drives/{region}.jsonl.gz" for region in (EAST, WEST)]
    world.reconcile()
    assert world.s3.calls["put_object"] == 2
    world.put_line(life(1, WEST), state="FAILED", updated_at=START + 1)
    world.reconcile()
    assert world.s3.calls["put_object"] == 3


def test_a_failed_manifest_fails_the_run_without_metrics_and_stops_no_other() -> None:
    world = World()
    world.put_manifest()
    world.put_line(ended_life(), state="RUNNING")
    world.ledger.put_manifest("airports", {**(world.ledger.manifest(MANIFEST) or {}), "created_at": START})
    world.descriptions.lives["job-a"] = ended_life()
    world.now += 2 * HOUR
    world.s3.fail = lambda call: "InternalError"
    with pytest.raises(ReconcileError):
        world.reconcile()
    assert world.printed == ""
    assert world.logged == "manifest drives failed: InternalError\n"
    assert world.line("a" * 32)["state"] == "SUCCEEDED", "questions are asked all the same"


def test_every_call_of_a_run_can_fail() -> None:
    def prepared() -> World:
        world = World()
        world.put_manifest(regions={WEST: 3})
        parent, *children = live_array(Random(5), "b" * 32, 3)
        for one in (parent, ended_life()):
            world.put_line(one)
        world.put_line(life(7), state="SUBMITTING", job_id=None)
        for one in (parent, *children, ended_life()):
            world.descriptions.lives[one.job_id] = one
        world.now = START + DAY
        return world

    def finish(world: World) -> dict[Any, Any]:
        for client in (world.dynamodb, world.s3, world.batch, world.sagemaker):
            client.fail = lambda call: ""
        for _ in range(4):
            world.now += 2 * HOUR
            world.reconcile()
        return {key: item["state"] for key, item in world.table.items.items() if "state" in item}

    expected = finish(prepared())
    assert expected[key_of(MANIFEST, "a" * 32)] == {"S": "SUCCEEDED"}
    for name in ("dynamodb", "s3", "batch", "sagemaker"):
        for how in ("before", "after"):
            for number in range(40):
                world = prepared()
                client = getattr(world, name)
                client.fail = lambda call, c=client, n=number, h=how: h if c.calls.total() == n + 1 else ""
                with suppress(Exception):  # the next run goes on
                    world.reconcile()
                assert finish(world) == expected, (name, how, number)
                if client.calls.total() <= number:
                    break
