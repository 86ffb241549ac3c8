"""Output and errors of `fairlane sweep`, against a simulated account."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import NoCredentialsError

import fairlane_run
from fairlane.cli import main
from tests.fairlane.cli.unwritable import UNWRITABLE
from tests.fairlane_client.sweeps.world import World

FILE = """\
id: resnet-lr
store: search
queue: gpu
job_definition: train
share_identifier: sweeps
project: vision
method: grid
metric: {name: accuracy, goal: maximize}
parameters:
  x: {values: [1, 2, 3]}
"""
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    world = World()
    monkeypatch.setattr(boto3, "Session", lambda **_: world)
    monkeypatch.chdir(tmp_path)
    Path("sweep.yaml").write_text(FILE)
    return world


@pytest.fixture
def run(world: World, capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*arguments: str) -> tuple[int, str, str]:
        code = main(["sweep", *arguments])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


def test_a_sweep_from_its_file_to_its_leaderboard(run: Run, world: World) -> None:
    assert run("submit", "sweep.yaml") == (
        0,
        "Submitted 3 of 3 points of resnet-lr: fairlane sweep watch search resnet-lr\n",
        "fairlane: not used: project\n",
    )
    world.now += 100
    world.end_jobs(lambda index: None if index == 1 else float(index))
    code, out, error = run("watch", "search", "resnet-lr")
    assert error.startswith("fairlane: 1 point without a result: ")
    assert (code, out.lstrip()) == (0, "resnet-lr: 2 done, 0 stopped, 0 running, 0 waiting, 1 failed\n")
    code, out, _ = run("top", "search", "resnet-lr", "-n", "1")
    assert code == 0
    assert [line.split() for line in out.splitlines()] == [
        ["rank", "index", "accuracy", "state", "seconds"],
        ["1", "2", "2", "SUCCEEDED", "3"],
    ]
    assert run("resume", "search", "resnet-lr") == (0, "Submitted 1 point\n", "")
    assert world.submitted() == {0: 1, 1: 2, 2: 1}


def test_a_second_submit_submits_nothing(run: Run, world: World) -> None:
    assert run("submit", "sweep.yaml")[0] == run("submit", "sweep.yaml")[0] == 0
    assert set(world.submitted().values()) == {1}


def test_stop(run: Run, world: World) -> None:
    run("submit", "sweep.yaml")
    world.now += 100
    code, out, _ = run("stop", "search", "resnet-lr")
    assert (code, out.startswith("Stopped resnet-lr: fairlane sweep resume search resnet-lr")) == (0, True)
    assert [job["status"] for job in world.batch.jobs] == ["FAILED"]


def test_mistakes_of_the_file_are_listed_with_code_2_and_nothing_is_submitted(run: Run, world: World) -> None:
    Path("sweep.yaml").write_text(FILE.replace("accuracy", "a b") + "command: [python3]\n")
    code, out, err = run("submit", "sweep.yaml")
    assert (code, out) == (2, "")
    assert err.splitlines() == [
        "sweep.yaml: 2 problems",
        "  - line 8, metric.name: got 'a b', allowed: a name of letters, digits and underscores",
        "  - line 11, command: the job definition holds the command: remove the key",
    ]
    assert world.calls == []


def test_mistakes_that_show_in_the_account_have_lines_of_the_file(run: Run, world: World) -> None:
    Path("sweep.yaml").write_text(FILE.replace("queue: gpu", "queue: gpus"))
    code, _, err = run("submit", "sweep.yaml")
    assert code == 2
    assert "sweep.yaml: 1 problem\n  - line 3, queue: got 'gpus', allowed: a queue of this account" in err
    assert not world.s3.objects


def test_an_id_of_another_sweep_is_named_at_its_line(run: Run) -> None:
    run("submit", "sweep.yaml")
    Path("sweep.yaml").write_text(FILE.replace("[1, 2, 3]", "[1, 2]"))
    code, _, err = run("submit", "sweep.yaml")
    assert code == 2
    assert "line 1, id: the store search has a sweep of this id with another space" in err


@pytest.mark.parametrize("command", ["resume", "watch", "top", "stop", "report"])
def test_an_unknown_sweep_or_store_is_one_sentence(run: Run, command: str) -> None:
    assert run(command, "search", "other") == (1, "", "fairlane: the store search has no sweep other\n")
    sentence = "no sweep store nowhere in us-east-1: the SSM parameter /fairlane/sweep-store/nowhere is absent"
    assert run(command, "nowhere", "other") == (1, "", f"fairlane: {sentence}\n")


def test_answers_of_aws_are_one_sentence(run: Run, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    run("submit", "sweep.yaml")
    world.denied = {"list_objects_v2"}
    code, out, err = run("top", "search", "resnet-lr")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "AccessDenied" in err

    def no_credentials(name: str, **options: Any) -> Any:
        raise NoCredentialsError

    monkeypatch.setattr(world, "client", no_credentials)
    assert run("top", "search", "resnet-lr") == (1, "", "fairlane: Unable to locate credentials\n")


@pytest.mark.parametrize(("module", "extra"), [("boto3", "client"), ("jinja2", "report"), ("rich.console", "client")])
def test_a_missing_extra_is_one_sentence(run: Run, module: str, extra: str, monkeypatch: pytest.MonkeyPatch) -> None:
    run("submit", "sweep.yaml")
    for name in ("fairlane_client.sweeps.report", "fairlane._charts.page"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, module, None)
    code, out, err = run("watch" if extra == "client" else "report", "search", "resnet-lr")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert f"fairlane[{extra}]" in err


def test_errors_of_the_program_itself_are_not_hidden(run: Run, world: World) -> None:
    run("submit", "sweep.yaml")
    world.s3.write("sweeps/resnet-lr/sweep.json", b"{}")
    with pytest.raises(KeyError):
        run("top", "search", "resnet-lr")


@pytest.mark.parametrize("number", ["0", "-1", "many", "1.5"])
def test_the_number_of_results(run: Run, number: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        run("top", "search", "resnet-lr", f"--number={number}")
    assert caught.value.code == 2
    assert f"got '{number}', allowed: a whole number, 1 or more" in capsys.readouterr().err


def test_vendor_copies_the_package_once(run: Run) -> None:
    Path("image").mkdir()
    assert run("vendor", "image") == (0, f"Copied {Path('image', 'fairlane_run')}\n", "")
    source = Path(fairlane_run.__file__).parent
    names = {path.name for path in source.iterdir() if path.name != "__pycache__"}
    assert {path.name for path in Path("image/fairlane_run").iterdir()} == names | {"VENDORED"}
    assert Path("image/fairlane_run/run.py").read_bytes() == (source / "run.py").read_bytes()
    assert run("vendor", "image")[1] == f"{Path('image', 'fairlane_run')} is up to date\n"


def test_vendor_replaces_a_copy_of_another_version(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("old/fairlane_run").mkdir(parents=True)
    Path("old/fairlane_run/__init__.py").write_text("version = 0\n")
    Path("old/fairlane_run/gone.py").write_text("")
    Path("image").mkdir()
    with monkeypatch.context() as patch:
        patch.setattr(fairlane_run, "__file__", str(Path("old/fairlane_run/__init__.py").resolve()))
        run("vendor", "image")
    assert Path("image/fairlane_run/gone.py").exists()
    assert run("vendor", "image")[1].startswith("Copied ")
    assert not Path("image/fairlane_run/gone.py").exists()


@pytest.mark.parametrize("edit", ["edited", "foreign", "file"])
def test_vendor_refuses_to_replace_what_is_no_copy(run: Run, edit: str) -> None:
    Path("image").mkdir()
    if edit == "edited":
        run("vendor", "image")
        Path("image/fairlane_run/run.py").write_text("print('mine')\n")
    elif edit == "foreign":
        Path("image/fairlane_run").mkdir()
        Path("image/fairlane_run/__init__.py").write_text("mine = 1\n")
    else:
        Path("image/fairlane_run").write_text("mine\n")
    before = {path: path.read_bytes() for path in Path("image").rglob("*") if path.is_file()}
    code, out, err = run("vendor", "image")
    assert (code, out) == (2, "")
    assert "it is no unedited copy of the package: move it away" in err
    assert {path: path.read_bytes() for path in Path("image").rglob("*") if path.is_file()} == before


def test_vendor_requires_a_directory(run: Run) -> None:
    assert run("vendor", "image") == (2, "", "image: 1 problem\n  - the directory does not exist\n")


def test_the_report_is_written(run: Run, world: World) -> None:
    run("submit", "sweep.yaml")
    for index in range(3):
        world.put_result(index, index / 4, point=f'{{"x":{index + 1}}}', started_at=1_772_625_600.0, step=20)
    assert run("report", "search", "resnet-lr") == (0, "Wrote sweep.html\n", "")
    html = Path("sweep.html").read_text()
    assert "<title>Sweep resnet-lr</title>" in html
    assert "maximize accuracy; grid" in html
    assert "Runs by step" not in html


@pytest.mark.parametrize(("output", "problem"), UNWRITABLE)
def test_a_report_that_cannot_be_written_names_the_file(run: Run, output: str, problem: str) -> None:
    run("submit", "sweep.yaml")
    error = f"{output}: 1 problem\n  - {problem}\n"
    assert run("report", "search", "resnet-lr", "--output", output) == (2, "", error)


def test_the_report_has_the_runs_that_run_at_each_rung(run: Run, world: World) -> None:
    Path("sweep.yaml").write_text(f"{FILE}stop: {{rule: successive-halving}}\n")
    run("submit", "sweep.yaml")
    world.now += 100
    (job,) = world.batch.jobs
    world.batch.start(job, lines=2)
    for key in ("1/0=0.5", "4/0=0.75", "1/1=0.25", "1/2=0.25", "4/x", "completed/1"):
        world.s3.write(f"progress/sweep=resnet-lr/{key}", b"")
    assert run("report", "search", "resnet-lr") == (0, "Wrote sweep.html\n", "")
    html = Path("sweep.html").read_text()
    assert "<tr><td>1</td><td>2</td><td>1</td><td>0</td><td></td></tr>" in html
    assert "<tr><td>4</td><td>1</td><td>1</td><td>0</td><td></td></tr>" in html
