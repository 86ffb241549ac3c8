"""Stops and resumptions of manifests, also of clients that die at any call."""

import json
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest

from tests.fairlane_client.fan_out.world import World, jsonl, lines
from tests.fairlane_client.faults import FAULTS, Killed, LostError


def started(folder: Path, number: int = 40, *, seconds: float = 0, kind: str = "service") -> World:
    """Return an account with a manifest of which some lines are submitted."""
    world = World()
    (folder / "drives.jsonl").write_text(jsonl(lines(number, kind=kind)))
    world.open().start(folder / "drives.jsonl")
    world.sleep(seconds)
    return world


def test_a_stop_ends_the_execution_and_terminates_in_fifties(tmp_path: Path) -> None:
    world = started(tmp_path, 500, seconds=200)
    termination = world.open().stop("drives")
    assert (len(termination.jobs), termination.errors, termination.unanswered) == (500, {}, 0)
    assert world.statuses() == {"FAILED": 500}
    assert [batch.bulks for batch in world.batch.values()] == 4 * [[50, 50, 25]]
    record = world.ledger.manifest("drives") or {}
    assert (record["stopped"], record["state"]) == (True, "STOPPED")


def test_a_stop_terminates_what_is_submitted_meanwhile(tmp_path: Path) -> None:
    world = started(tmp_path, 400, seconds=10)
    before = len(world.jobs())
    termination = world.open().stop("drives")
    assert before < len(world.jobs()) < 400
    assert world.statuses() == {"FAILED": len(world.jobs())}
    assert len(termination.jobs) == len(world.jobs())
    assert not world.states.running()
    world.sleep(600)
    assert set(world.statuses()) == {"FAILED"}


def test_a_lease_of_a_dead_function_delays_a_stop_by_a_minute_at_most(tmp_path: Path) -> None:
    world = started(tmp_path, 8, seconds=30)
    world.ledger.table.put({"pk": "drives", "sk": "lease#us-east-1", "until": int(world.now + 900) * 1000})
    start = world.now
    world.open().stop("drives")
    assert 60 <= world.now - start < 70


def test_array_jobs_are_terminated_as_jobs_and_their_children_with_them(tmp_path: Path) -> None:
    world = started(tmp_path, 8, seconds=30, kind="array")
    (item, *_) = world.ledger.lines("drives")
    world.ledger.table.put({**item, "sk": f"{item['sk']}#0", "job_id": f"{item['job_id']}:0", "state": "RUNNING"})
    assert len(world.open().stop("drives").jobs) == 8


def test_jobs_that_are_not_terminated_are_reported_and_tried_again(tmp_path: Path) -> None:
    world = started(tmp_path, 40, seconds=30)
    world.batch["us-west-2"].protected = {"us-west-2-3"}
    world.batch["eu-west-1"].is_denied = True
    termination = world.open().stop("drives")
    assert Counter(termination.errors.values()) == {"ClientException": 1, "AccessDeniedException": 10}
    assert termination.errors["us-west-2", "us-west-2-3"] == "ClientException"
    assert world.statuses() == {"FAILED": 29, "RUNNABLE": 11}
    world.batch["us-west-2"].protected.clear()
    world.batch["eu-west-1"].is_denied = False
    assert not world.open().stop("drives").errors
    assert world.statuses() == {"FAILED": 40}


def test_a_line_without_an_answer_is_reported(tmp_path: Path) -> None:
    world = started(tmp_path, 8, seconds=30)
    (item, *_) = world.ledger.lines("drives")
    del item["job_id"]
    world.ledger.table.put(item | {"state": "SUBMITTING"})
    assert world.open().stop("drives").unanswered == 1


def test_an_execution_of_an_event_is_stopped_and_those_of_other_manifests_run(tmp_path: Path) -> None:
    world = started(tmp_path, 400)
    version = world.objects.write("manifests/Drives.csv", jsonl(lines(4)).encode())
    others = [f'{{"operation":"start","key":"manifests/other-{number}.csv"}}' for number in range(120)]
    for number, state in enumerate([*others, f'{{"key":"manifests/Drives.csv","version":"{version}"}}']):
        world.states.start_execution(stateMachineArn="", name=f"event-{number}", input=state)
    world.service.advance = lambda now: None  # type: ignore[method-assign]
    world.open().stop("drives")
    assert len(world.states.running()) == 120


def test_a_query_that_runs_is_stopped_before_there_is_a_record() -> None:
    world = World()
    world.states.start_execution(stateMachineArn="", name="daily", input='{"operation":"query"}')
    assert not world.open().stop("campaigns").jobs
    assert not world.states.running()


def test_a_stopped_manifest_goes_on_with_the_same_version(tmp_path: Path) -> None:
    world = started(tmp_path, 400)
    world.open().stop("drives")
    (tmp_path / "drives.jsonl").write_text(jsonl(lines(1)))
    world.open().check(tmp_path / "drives.jsonl")
    stopped = len(world.jobs())
    assert world.open().resume("drives") == 0
    world.sleep(600)
    assert len(world.jobs()) == 400
    assert set(world.jobs().values()) == {1}
    assert world.statuses() == {"FAILED": stopped, "RUNNABLE": 400 - stopped}


def test_a_doubled_event_does_not_undo_a_stop(tmp_path: Path) -> None:
    world = started(tmp_path, 400)
    world.open().stop("drives")
    world.sleep(60)
    (state, *_) = world.states.inputs()
    number = len(world.jobs())
    event = {"operation": "start", **{name: state[name] for name in ("manifest", "key", "version")}}
    world.states.start_execution(stateMachineArn="", name="doubled", input=json.dumps(event))
    world.sleep(600)
    assert (world.ledger.manifest("drives") or {})["stopped"]
    assert len(world.jobs()) == number
    world.open().resume("drives")
    world.sleep(600)
    assert len(world.jobs()) == 400


def test_failures_get_a_further_job_and_lines_without_a_job_go_on(tmp_path: Path) -> None:
    world = started(tmp_path, 400)
    world.open().stop("drives")
    world.sleep(10)
    stopped = len(world.jobs())
    assert world.open().resume("drives", retry_failed=True) == stopped
    world.sleep(600)
    assert world.statuses() == {"FAILED": stopped, "RUNNABLE": 400}
    progress = world.open().status("drives")
    assert progress.total[:5] == (0, 400, 0, 0, 0)
    assert world.open().resume("drives", retry_failed=True) == 0


def test_a_second_resume_follows_the_first(tmp_path: Path) -> None:
    world = started(tmp_path, 400)
    world.open().stop("drives")
    world.open().resume("drives")
    number = len(world.states.executions)
    world.open().resume("drives")
    assert len(world.states.executions) == number


def calls_of(verb: str, folder: Path) -> int:
    """Return the number of calls of a verb without a fault."""
    world = prepared(verb, folder)
    run(world, verb)
    return len(world.calls)


def prepared(verb: str, folder: Path) -> World:
    """Return an account with a manifest that runs, or that was stopped."""
    world = started(folder, 80)
    if verb == "resume":
        world.open().stop("drives")
        world.sleep(10)
    world.calls.clear()
    return world


def run(world: World, verb: str) -> None:
    if verb == "stop":
        world.open().stop("drives")
    else:
        world.open().resume("drives", retry_failed=True)


@pytest.mark.parametrize(
    ("verb", "fault"),
    [
        ("stop", "before"),
        ("resume", "lost"),
        *(
            pytest.param(verb, fault, marks=pytest.mark.slow)
            for verb in ("stop", "resume")
            for fault in FAULTS
            if (verb, fault) not in {("stop", "before"), ("resume", "lost")}
        ),
    ],
)
def test_a_client_that_dies_at_any_call_can_be_run_again(verb: str, fault: str, tmp_path: Path) -> None:
    number = calls_of(verb, tmp_path)
    assert number > 12
    for call in range(1, number + 1):
        world = prepared(verb, tmp_path)
        world.fault = (call, fault)
        with suppress(Killed, LostError):
            run(world, verb)
        world.fault = None
        run(world, verb)
        world.sleep(600)
        assert set(world.jobs().values()) == {1}, call
        if verb == "stop":
            assert set(world.statuses()) == {"FAILED"}, call
            assert not world.states.running(), call
            assert (world.ledger.manifest("drives") or {})["stopped"], call
        else:
            assert world.statuses()["RUNNABLE"] == 80, call
