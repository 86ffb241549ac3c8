"""Examples of the page about sweeps, against a simulated account."""

import json
import re
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import boto3
import pytest

import fairlane_run
from fairlane.cli import sweep
from fairlane.environment import load_environment
from fairlane.environment.scheduling import FairShareModel
from fairlane_client.sweeps.space import DISTRIBUTIONS
from fairlane_client.sweeps.stop_rules import STOP_RULES
from fairlane_client.sweeps.sweep_file import KEYS, METHODS, UNUSED, SweepFile
from fairlane_run.objects import Objects
from fairlane_run.settings import Settings
from tests.docs.sweep_pictures import ENDED, progress
from tests.fairlane_client.sweeps.world import BUCKET, World
from tests.support import REPOSITORY

PAGE = (REPOSITORY / "docs" / "sweeps.md").read_text()
SIMULATED = {"gpu-g5": "gpu", "train-one-gpu": "train", "training-p4": "quotas", "ProdExp2": "vision"}
"""Names of the simulated account by name on the page."""
CLIENT, CONTAINER, LOGGING = re.findall(r"```py\n(.*?)```", PAGE, re.DOTALL)
README_CLIENT, README_CONTAINER = re.findall(
    r"```py\n(.*?)```", (REPOSITORY / "README.md").read_text().partition("\n## Sweeps\n")[2], re.DOTALL
)
ARRAY, LOCAL, SERVICE = re.findall(r"```yml\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    world = World()
    monkeypatch.setattr(boto3, "Session", lambda **_: world)
    return world


def simulated(text: str) -> str:
    for name, other in SIMULATED.items():
        text = text.replace(name, other)
    return text


def file(folder: Path, text: str) -> SweepFile:
    (folder / "sweep.yaml").write_text(simulated(text))
    return SweepFile(folder / "sweep.yaml")


def run_client(code: str, world: World) -> None:
    """Run an example whose jobs end when it watches them."""
    code = simulated(code).replace("sweep.watch()", "end_jobs(); sweep.watch()")
    exec(compile(code, "example", "exec"), {"end_jobs": world.end_jobs})


def test_the_example_of_the_readme_prints_the_best_results(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    run_client(README_CLIENT, world)
    assert len(world.submitted()) == 16
    lines = capsys.readouterr().out.strip().splitlines()
    assert lines[0] == "resnet-lr: 16 done, 0 stopped, 0 running, 0 waiting, 0 failed"
    assert [line.split()[:3] for line in lines[2:4]] == [["1", "15", "15"], ["2", "14", "14"]]
    assert len(lines) == 12


def test_the_example_and_its_file_are_the_same_sweep(world: World, tmp_path: Path) -> None:
    run_client(CLIENT, world)
    assert len(world.submitted()) == 48
    load = file(tmp_path, ARRAY)
    from_file = world.sweep(**load.arguments)
    from_file.submit(**load.target)
    assert set(world.submitted().values()) == {1}
    assert len(from_file.leaderboard(10)) == 10


def test_the_file_for_this_computer_fits_the_example_environment(tmp_path: Path) -> None:
    load = file(tmp_path, LOCAL.replace("gpu-g5", "queue"))
    example = load_environment(REPOSITORY / "environments" / "example.yaml")
    definition = load.target["job_definition"]
    assert definition in example.sweeps[load.arguments["store"]].job_definitions
    assert example.job_definitions[definition].queues == ["gpu-g5"]
    assert "training/toy:" in str(example.job_definitions[definition].image)
    scheduling = example.queues["gpu-g5"].scheduling
    assert isinstance(scheduling, FairShareModel)
    assert load.target["share_identifier"] in (scheduling.proportions or {})
    script = (REPOSITORY / "examples" / "toy" / "train.py").read_text()
    assert all(f'"--{name.replace("_", "-")}"' in script for name in load.arguments["space"])


def test_the_file_for_sagemaker_is_submitted(world: World, tmp_path: Path) -> None:
    load = file(tmp_path, SERVICE)
    world.sweep(**load.arguments).submit(**load.target)
    assert len(world.batch.jobs) == load.arguments["parallel"]


class Memory(Objects):
    """Objects in memory."""

    def __init__(self) -> None:
        self.keys: dict[str, bytes] = {}

    def exists(self, key: str) -> bool:
        return key in self.keys

    def put(self, key: str, body: bytes = b"") -> None:
        self.keys[key] = body

    def put_once(self, key: str, body: bytes) -> bool:
        return self.keys.setdefault(key, body) is body


@pytest.mark.parametrize(("code", "steps"), [(CONTAINER, 20), (LOGGING, 20), (README_CONTAINER, 0)])
def test_the_code_in_the_container_writes_a_result(code: str, steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    values = {"bucket": BUCKET, "sweep": "a", "metric": "val_accuracy", "direction": "maximize", "index": 3}
    settings = Settings(values, {}, {"model_name": "resnet18", "learning_rate": 0.1})
    objects = Memory()
    original = fairlane_run.run
    monkeypatch.setattr(fairlane_run, "run", lambda: original(objects, settings))
    names: dict[str, Any] = {
        "run": fairlane_run.run,
        "build": str,
        "train": lambda *model, **parameters: (0.75, 0.5) if model else 0.75,
        "train_epoch": lambda: 0.75,
        "start_logging": lambda **options: lambda metrics, step: None,
    }
    exec(compile(code, "example", "exec"), names)
    assert json.loads(objects.keys["results/sweep=a/3.json"])["value"] == 0.75
    assert sum(key.startswith("progress/") for key in objects.keys) == steps


def test_the_page_lists_all_keys_methods_distributions_and_rules() -> None:
    section = PAGE.partition("## The sweep file")[2].partition("\n## ")[0]
    listed = {
        name for row in re.findall(r"^\| (`.*?) \|", section, re.MULTILINE) for name in re.findall(r"`(.+?)`", row)
    }
    assert listed | set(UNUSED) == set(KEYS)
    assert all(f"`{name}`" in section for name in DISTRIBUTIONS)
    assert all(f"`{name}`" in section for name in METHODS)
    assert all(f"rule: {rule}" in PAGE for rule in STOP_RULES)
    assert all(f"`{key}`" in PAGE.partition("## Coming from W&B")[2] for key in UNUSED)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_picture_shows_the_progress_and_the_leaderboard(scheme: str) -> None:
    picture = (REPOSITORY / "docs" / "images" / f"sweep-progress-{scheme}.svg").read_text()
    shown = re.sub(r"<[^>]*>", "", picture.replace("</clipPath>", "")).replace("\xa0", " ").replace("&#160;", " ")
    for line in progress():
        for row in line.plain.splitlines():
            assert row.split(" ━")[0].strip() in shown, row
    assert "http" not in picture.replace("http://www.w3.org", "").replace("https://www.textualize.io", "")
    assert re.findall(r"and its progress bar: (\d+) of 48", PAGE) == [str(ENDED)]


def test_the_page_lists_all_commands() -> None:
    parser = ArgumentParser()
    commands = parser.add_subparsers()
    sweep.add_to(commands)
    (verbs,) = [action for action in commands.choices["sweep"]._actions if action.choices]
    assert {*re.findall(r"^\| `fairlane sweep (\w+)", PAGE, re.MULTILINE)} == {*(verbs.choices or ())}
