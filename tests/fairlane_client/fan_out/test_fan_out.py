"""Checks, starts and progress of manifests."""

from pathlib import Path

import pytest

from fairlane.errors import ConfigurationError
from fairlane_client.fan_out import Counts, ExecutionFailed, FanOut
from fairlane_client.sweeps import Clock
from tests.fairlane_client.fan_out.world import REGIONS, World, jsonl, lines


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "Drives.jsonl"
    path.write_text(jsonl(lines(40)))
    return path


def test_a_check_starts_nothing(world: World, file: Path) -> None:
    plan = world.open().check(file)
    assert (plan.manifest, plan.lines, plan.new, plan.unchanged) == ("drives", 40, 40, 0)
    assert plan.regions == dict.fromkeys(REGIONS, 10)
    world.sleep(100)
    assert (world.jobs(), world.ledger.manifest("drives")) == ({}, None)
    assert next(iter(world.objects.latest)) == "uploads/drives.jsonl"


def test_a_start_returns_while_lines_are_submitted(world: World, file: Path) -> None:
    plan = world.open().start(file)
    assert plan.new == 40
    assert 0 <= len(world.jobs()) < 40
    world.sleep(100)
    assert set(world.jobs().values()) == {1}
    assert len(world.jobs()) == 40
    (state,) = world.states.inputs()
    assert state == {
        "operation": "start",
        "manifest": "drives",
        "key": "uploads/drives.jsonl",
        "version": "version-0",
        "resume": True,
    }


def test_a_second_start_skips_lines_with_a_job_and_tells_what_changed(world: World, file: Path) -> None:
    world.open().start(file)
    world.sleep(100)
    edited = [line | {"data": "s3://new/"} if number < 3 else line for number, line in enumerate(lines(38))]
    file.write_text(jsonl(edited))
    plan = world.open().check(file)
    assert (plan.new, plan.changed, plan.unchanged, plan.removed) == (3, 3, 35, 2)
    assert str(plan).splitlines()[:3] == [
        "drives: 38 lines: 3 new, 35 unchanged, 2 removed",
        "3 lines with an earlier job become new jobs: the line or its template was edited",
        "The jobs of removed lines stay as they are",
    ]
    world.open().start(file)
    world.sleep(100)
    assert len(world.jobs()) == 43


def test_an_edited_template_is_named(world: World, file: Path) -> None:
    world.open().start(file)
    world.sleep(100)
    world.service.template = '{"a": 1}'
    plan = world.open().check(file)
    assert plan.is_template_edited
    assert "40 lines with an earlier job become new jobs: the template was edited" in str(plan)


def test_problems_are_one_error(world: World, file: Path) -> None:
    file.write_text(jsonl([*lines(2), *lines(1, region="mars-1", id="x")]))
    for verb in (world.open().check, world.open().start):
        with pytest.raises(ConfigurationError) as caught:
            verb(file)
        assert str(caught.value) == f"{file}: 1 problem\n  - line 3: region: got 'mars-1'"
    assert not world.jobs()


@pytest.mark.parametrize("name", ["drives.txt", "9.csv", "Drives 2.jsonl", f"{'d' * 41}.csv", "jsonl"])
def test_a_file_with_another_name_is_not_uploaded(world: World, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("")
    with pytest.raises(ConfigurationError, match=r"got '.*', allowed: a file <name>\.jsonl or <name>\.csv"):
        world.open().start(tmp_path / name)
    assert not world.objects.latest


def test_the_query_is_the_manifest_without_a_file(world: World) -> None:
    world.service.query_result = jsonl(lines(8)).encode()
    assert world.open().check().lines == 8
    assert not world.jobs()
    plan = world.open().start()
    assert (plan.manifest, plan.new) == ("campaigns", 8)
    world.sleep(30)
    world.sleep(100)
    assert world.open().status("campaigns").total == Counts(submitted=8)
    assert [state["operation"] for state in world.states.inputs()] == ["check", "query"]


def test_an_execution_that_fails_before_the_plan_is_an_error(world: World, file: Path) -> None:
    def fail(seconds: float) -> None:
        for execution in world.states.running():
            execution |= {"status": "FAILED", "error": "Lambda.Unknown"}

    fan_out = FanOut(world.open().place, Clock(lambda: world.now, fail))
    with pytest.raises(ExecutionFailed, match=r"the execution drives-start-\w+ has ended: Lambda.Unknown"):
        fan_out.start(file)


def test_the_status_has_states_places_and_reasons(world: World, file: Path) -> None:
    world.open().start(file)
    world.service.is_open = False
    progress, submitted = world.open().status("drives"), len(world.jobs())
    assert progress.state == "SUBMITTING"
    assert progress.total[:2] == (40 - submitted, submitted)
    world.service.is_open = True
    world.sleep(30)
    assert world.open().status("drives").total.rate == pytest.approx(40 / 60)
    world.set_jobs("RUNNING")
    world.sleep(100)
    world.batch["us-east-1"].jobs["us-east-1-0"]["status"] = "FAILED"
    world.batch["us-west-2"].jobs["us-west-2-0"]["status"] = "SUCCEEDED"
    world.sleep(1)
    progress = world.open().status("drives")
    assert progress.state == "SUBMITTED"
    assert progress.regions == {
        "us-east-1": Counts(running=9, failed=1),
        "us-west-2": Counts(running=9, done=1),
        "eu-west-1": Counts(running=10),
        "eu-central-1": Counts(running=10),
    }
    row = progress.rows[0]
    assert {name: row[name] for name in ("id", "region", "queue", "state", "placement", "job_id")} == {
        "id": "drive-000",
        "region": "us-east-1",
        "queue": "training",
        "state": "FAILED",
        "placement": "the only candidate",
        "job_id": "us-east-1-0",
    }
    assert not progress.is_over


def test_the_only_fan_out_needs_no_name(world: World) -> None:
    assert FanOut.open(session=world).place.name == "campaigns"
    world.parameters.names = [f"campaigns-{number:02}" for number in range(12)]
    with pytest.raises(LookupError, match=r"us-east-1 has the fan-outs campaigns-00, .*, campaigns-11: name one"):
        FanOut.open(session=world)
    world.parameters.names = []
    with pytest.raises(LookupError, match="no fan-out in us-east-1"):
        FanOut.open(session=world)
    with pytest.raises(LookupError, match="no fan-out campaigns in us-east-1: the SSM parameter"):
        FanOut.open("campaigns", session=world)


@pytest.mark.parametrize("verb", ["status", "watch", "stop", "resume", "report"])
def test_an_unknown_manifest_is_a_lookup_error(world: World, verb: str) -> None:
    with pytest.raises(LookupError, match="the fan-out campaigns has no manifest drives"):
        getattr(world.open(), verb)("drives")
