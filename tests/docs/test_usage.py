"""Examples of the page on use and cost by share."""

import re
from pathlib import Path

import pytest

from fairlane.cli import main
from tests.fairlane.cli.test_usage import record
from tests.fairlane_client.usage.test_sources import FILE, write_archive
from tests.support import REPOSITORY

PAGE = (REPOSITORY / "docs" / "usage-and-cost-by-share.md").read_text()


@pytest.fixture(autouse=True)
def _archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("environments").mkdir()
    Path("environments/team.yaml").write_text(FILE)
    jobs = (record(1, "a", 4, 0, 10), record(2, "b", 6, 0, 5, 20), record(3, "guest", 1, 20, 30))
    write_archive(Path("archive"), *jobs)


def test_the_table_is_that_of_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    period = ["--from", "2026-03-01", "--to", "2026-03-03", "--archive", "archive"]
    assert main(["usage", "--queue", "training", "-c", "environment=team", *period]) == 0
    shown = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    (block,) = re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL)
    lines = [line for line in block.splitlines() if line]
    assert lines == [line for line in shown if line][: len(lines)]


def test_the_python_example_prints_the_use_of_each_share(capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = re.findall(r"```py\n(.*?)```", PAGE, re.DOTALL)
    exec(compile(code, "example", "exec"), {})
    assert capsys.readouterr().out.splitlines() == [
        "a 40.0 instance-hours used",
        "b 120.0 instance-hours used",
        "guest 10.0 instance-hours used",
    ]
