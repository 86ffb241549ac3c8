"""Commands `fairlane environment list` and `fairlane environment show`."""

from pathlib import Path

import pytest

from fairlane.cli import main
from fairlane.environment import environment_names, load_environment
from tests.support import REPOSITORY

BASE = """region: us-east-1
x-fifo: &fifo {policy: fifo}
tags: {version: "1.10"}
queues: {research: {capacity: 8, scheduling: *fifo, priority: 3}}
"""
PROD = 'extends: base.yaml\naccount: "012345678901"\nqueues: {research: {capacity: 32, priority: null}}\n'


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "environments"
    folder.mkdir()
    (folder / "base.yaml").write_text(BASE)
    (folder / "prod.yaml").write_text(PROD)
    return folder


def test_list_prints_the_environments_without_base_files(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "dev.yaml").write_text(PROD)
    assert main(["environment", "list"]) == 0
    assert capsys.readouterr().out == "dev\nprod\n"


def test_show_prints_the_merged_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["environment", "show", "prod"]) == 0
    shown = capsys.readouterr().out
    assert (
        shown
        == """region: us-east-1
tags:
  version: '1.10'
queues:
  research:
    capacity: 32
    scheduling:
      policy: fifo
account: '012345678901'
"""
    )
    (folder / "merged.yaml").write_text(shown)
    assert load_environment(folder / "merged.yaml") == load_environment(folder / "prod.yaml")


def test_show_reports_the_mistakes_of_both_files(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "base.yaml").write_text(BASE.replace("us-east-1", "east"))
    (folder / "prod.yaml").write_text(PROD.replace("32", "0"))
    assert main(["environment", "show", "prod"]) == 1
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.splitlines()[1:] == [
        "  - line 3, queues.research.capacity: got 0, allowed: a whole number of instances, 1 or more",
        "  - base.yaml line 1, region: got 'east', allowed: a Region such as us-east-1",
    ]


def test_show_refuses_the_base_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["environment", "show", "base"]) == 1
    assert "base.yaml is a base file, which environment files extend: use prod" in capsys.readouterr().err


@pytest.mark.parametrize("name", environment_names(REPOSITORY / "environments"))
def test_the_shown_file_loads_to_the_same_environment(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(REPOSITORY)
    assert main(["environment", "show", name]) == 0
    (tmp_path / "fan-outs").symlink_to(REPOSITORY / "environments" / "fan-outs")
    (tmp_path / "shown.yaml").write_text(capsys.readouterr().out)
    expected = load_environment(REPOSITORY / "environments" / f"{name}.yaml")
    assert load_environment(tmp_path / "shown.yaml") == expected
