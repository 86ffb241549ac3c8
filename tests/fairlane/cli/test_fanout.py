"""Output and errors of `fairlane fanout`, against a simulated account."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import NoCredentialsError

from fairlane.cli import main
from fairlane_client.fan_out import fan_out
from fairlane_client.sweeps import Clock
from tests.fairlane.cli.unwritable import UNWRITABLE
from tests.fairlane_client.fan_out.world import World, jsonl, lines

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    world = World()
    monkeypatch.setattr(boto3, "Session", lambda **_: world)
    monkeypatch.setattr(fan_out, "Clock", lambda now: Clock(lambda: world.now, world.sleep))
    monkeypatch.chdir(tmp_path)
    Path("drives.jsonl").write_text(jsonl(lines(8)))
    return world


@pytest.fixture
def no_calls(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each call to AWS fail the test."""
    monkeypatch.setattr(world, "client", lambda *_, **__: pytest.fail("a client was created"))


@pytest.fixture
def run(world: World, capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*arguments: str) -> tuple[int, str, str]:
        code = main(["fanout", *arguments])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


def test_a_manifest_from_its_check_to_its_report(run: Run, world: World) -> None:
    code, out, err = run("check", "drives.jsonl", "--fan-out", "campaigns")
    assert (code, err) == (0, "")
    assert out.splitlines()[:12] == [
        "drives: 8 lines: 8 new, 0 unchanged, 0 removed",
        "",
        "region        new lines",
        "eu-central-1          2",
        "eu-west-1             2",
        "us-east-1             2",
        "us-west-2             2",
        "",
        "line       region        reason",
        "drive-000  us-east-1     the only candidate",
        "drive-001  us-west-2     the only candidate",
        "drive-002  eu-west-1     the only candidate",
    ]
    code, out, err = run("start", "drives.jsonl", "--fan-out", "campaigns")
    assert (code, err) == (0, "")
    assert out.endswith("\n\nStarted: fairlane fanout watch drives --fan-out campaigns\n")
    world.sleep(10)
    world.set_jobs("SUCCEEDED")
    world.batch["eu-west-1"].jobs["eu-west-1-0"]["status"] = "FAILED"
    world.sleep(10)
    code, out, _ = run("watch", "drives")
    assert (code, out.strip()) == (0, "drives: 0 waiting, 0 submitted, 0 running, 7 done, 1 failed")
    code, out, _ = run("status", "drives", "--state", "failed")
    assert code == 0
    assert [line.split() for line in out.splitlines()] == [
        ["drives:", "submission", "submitted"],
        [],
        ["region", "waiting", "submitted", "running", "done", "failed"],
        ["eu-central-1", "0", "0", "0", "2", "0"],
        ["eu-west-1", "0", "0", "0", "1", "1"],
        ["us-east-1", "0", "0", "0", "2", "0"],
        ["us-west-2", "0", "0", "0", "2", "0"],
        [],
        ["line", "region", "queue", "state", "placement", "reason"],
        ["drive-002", "eu-west-1", "training", "FAILED", "the", "only", "candidate"],
    ]
    text = "Resumed drives, 1 failed line again: fairlane fanout watch drives --fan-out campaigns\n"
    assert run("resume", "drives", "--retry-failed") == (0, text, "")
    assert run("report", "drives") == (0, "Wrote fan-out.html\n", "")
    assert "<title>Fan-out drives</title>" in Path("fan-out.html").read_text()


@pytest.mark.parametrize(("output", "problem"), UNWRITABLE)
def test_a_report_that_cannot_be_written_names_the_file(run: Run, output: str, problem: str) -> None:
    run("start", "drives.jsonl")
    error = f"{output}: 1 problem\n  - {problem}\n"
    assert run("report", "drives", "--output", output) == (2, "", error)


def test_stop(run: Run, world: World) -> None:
    run("start", "drives.jsonl")
    world.sleep(10)
    world.batch["us-east-1"].protected = {"us-east-1-1"}
    text = "fairlane: not terminated: us-east-1-1 in us-east-1: ClientException\n"
    assert run("stop", "drives") == (1, "Stopped drives: 7 jobs terminated\n", text)
    world.batch["us-east-1"].protected.clear()
    world.sleep(10)
    assert run("stop", "drives") == (0, "Stopped drives: 1 job terminated\n", "")
    assert run("stop", "drives")[0] == 0
    assert run("resume", "drives")[1].startswith("Resumed drives: fairlane fanout watch")


def test_a_stop_with_a_claimed_line_says_when_to_stop_again(run: Run, world: World) -> None:
    run("start", "drives.jsonl")
    world.sleep(10)
    (item, *_) = world.ledger.lines("drives")
    del item["job_id"]
    world.ledger.table.put(item | {"state": "SUBMITTING"})
    code, _, err = run("stop", "drives")
    text = "fairlane: the jobs of 1 line are not known yet: stop again in two minutes\n"
    assert (code, err) == (1, text)


def test_a_watch_ends_with_the_command_for_lines_without_a_job(run: Run, world: World) -> None:
    run("start", "drives.jsonl")
    record = world.ledger.manifest("drives") or {}
    world.sleep(10)
    world.set_jobs("SUCCEEDED")
    world.sleep(10)
    world.ledger.put_manifest("drives", record | {"state": "FAILED", "regions": record["regions"] | {"us-east-1": 5}})
    out = run("watch", "drives")[1]
    assert out.splitlines()[-2:] == [
        "drives: 3 waiting, 0 submitted, 0 running, 8 done, 0 failed",
        "Submission failed: fairlane fanout resume drives --fan-out campaigns",
    ]


def test_problems_are_listed_with_code_2_and_nothing_is_submitted(run: Run, world: World) -> None:
    Path("drives.jsonl").write_text(jsonl([*lines(8), *lines(1, region="mars-1")]))
    for verb in ("check", "start"):
        assert run(verb, "drives.jsonl") == (2, "", "drives.jsonl: 1 problem\n  - line 9: region: got 'mars-1'\n")
    assert not world.jobs()
    code, out, err = run("start", "drives.txt")
    assert (code, out) == (2, "")
    assert err.startswith("manifest: 1 problem\n  - got 'drives.txt', allowed: a file <name>.jsonl or <name>.csv")


def test_warnings_and_copies_are_printed(run: Run, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("warned.jsonl").write_text(jsonl(lines(60)))
    write = world.objects.write
    copy = {
        "from": "s3://drives-0/",
        "to": "s3://drives-us/",
        "region": "us-east-1",
        "gigabytes": 1200,
        "dollars": 24.4,
    }

    def with_copies(key: str, body: bytes, version: str = "") -> str:
        return write(
            key, json.dumps(json.loads(body) | {"copies": [copy]}).encode() if "check" in key else body, version
        )

    monkeypatch.setattr(world.objects, "write", with_copies)
    out = run("check", "warned.jsonl")[1]
    assert "copy from       to               region        GB    USD\n" in out
    assert (
        "s3://drives-0/  s3://drives-us/  us-east-1  1,200  24.40\n1 copy before the jobs, for 24.40 USD in all" in out
    )
    assert "and 20 more\n" in out
    assert out.endswith("\nwarning: line 1: data is in eu-west-1, the job runs in us-east-1\n")


@pytest.mark.parametrize("verb", ["status", "watch", "stop", "resume", "report"])
def test_an_unknown_manifest_or_fan_out_is_one_sentence(run: Run, world: World, verb: str) -> None:
    assert run(verb, "other") == (1, "", "fairlane: the fan-out campaigns has no manifest other\n")
    sentence = "no fan-out nowhere in us-east-1: the SSM parameter /fairlane/fan-out/nowhere is absent"
    assert run(verb, "other", "--fan-out", "nowhere") == (1, "", f"fairlane: {sentence}\n")


def test_a_state_is_one_of_the_ledger(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run("status", "drives", "--state", "broken")
    assert "invalid choice: 'broken'" in capsys.readouterr().err


def test_an_empty_name_is_not_the_only_fan_out(run: Run) -> None:
    sentence = "no fan-out '': names have 1 to 24 characters of a-z, 0-9 and -, a letter first"
    assert run("status", "drives", "--fan-out", "") == (1, "", f"fairlane: {sentence}\n")


@pytest.mark.parametrize("verb", ["status", "watch", "stop", "resume", "report"])
@pytest.mark.parametrize(
    ("name", "hint"), [("drives.jsonl", ": drives"), ("Drives", ": drives"), ("2026.csv", ""), ("", "")]
)
def test_a_file_is_no_name_of_a_manifest(run: Run, no_calls: None, verb: str, name: str, hint: str) -> None:
    sentence = f"{name!r} is no name of a manifest: use the name without the ending, in lower case{hint}"
    assert run(verb, name) == (2, "", f"manifest: 1 problem\n  - {sentence}\n")


@pytest.mark.parametrize("verb", ["check", "start"])
def test_a_file_is_checked_before_the_first_call(run: Run, no_calls: None, verb: str) -> None:
    Path("folder.csv").mkdir()
    os.mkfifo("pipe.csv")
    for file, mistake in (
        ("absent.jsonl", "there is no file absent.jsonl"),
        ("absent/drives.jsonl", "there is no file absent/drives.jsonl"),
        ("pipe.csv", "there is no file pipe.csv"),
        ("folder.csv", "folder.csv is a folder"),
        (".", ". is a folder"),
    ):
        sentence = f"{mistake}: write the path of the manifest"
        assert run(verb, file) == (2, "", f"manifest: 1 problem\n  - {sentence}\n")
    code, _, err = run(verb, "drives.txt")
    assert (code, err.partition(",")[0]) == (2, "manifest: 1 problem\n  - got 'drives.txt'")


def test_a_file_that_cannot_be_read_is_one_sentence(run: Run, no_calls: None) -> None:
    file = f"{'a' * 300}/drives.jsonl"
    sentence = f"{file} cannot be read, File name too long: use another file"
    assert run("start", file) == (2, "", f"manifest: 1 problem\n  - {sentence}\n")


def test_answers_of_aws_are_one_sentence(run: Run, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.denied = {"put_object"}
    code, out, err = run("start", "drives.jsonl")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "AccessDenied" in err

    def no_credentials(name: str, **options: Any) -> Any:
        raise NoCredentialsError

    monkeypatch.setattr(world, "client", no_credentials)
    assert run("status", "drives") == (1, "", "fairlane: Unable to locate credentials\n")


@pytest.mark.parametrize(("module", "extra"), [("boto3", "client"), ("jinja2", "report"), ("rich.console", "client")])
def test_a_missing_extra_is_one_sentence(run: Run, module: str, extra: str, monkeypatch: pytest.MonkeyPatch) -> None:
    run("start", "drives.jsonl")
    for name in ("fairlane_client.fan_out.report", "fairlane._charts.page"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, module, None)
    code, out, err = run("watch" if extra == "client" else "report", "drives")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert f"fairlane[{extra}]" in err


def test_errors_of_the_program_itself_are_not_hidden(run: Run, world: World) -> None:
    run("start", "drives.jsonl")
    world.ledger.set_manifest("drives", regions=None)
    with pytest.raises(AttributeError):
        run("status", "drives")
