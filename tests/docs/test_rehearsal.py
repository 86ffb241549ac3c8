"""Commands, options and outputs on the page of rehearsals."""

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import MISSING, fields
from operator import eq, gt, lt
from pathlib import Path
from typing import Any

import pytest

from fairlane import ConfigurationError
from fairlane.cli import main
from fairlane.rehearsal import Load, read_trace
from fairlane.rehearsal.hyperpod.cluster_trace import CLUSTER_COLUMNS
from fairlane.rehearsal.traces.reader import COLUMNS
from tests.support import REPOSITORY

PAGE = (REPOSITORY / "docs" / "rehearsal.md").read_text()


def section(heading: str) -> str:
    return re.split(r"^#+ ", PAGE.split(f"# {heading}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]


def lookup(value: Any, keys: str) -> Any:
    for key in re.findall(r"[\w-]+", keys):
        value = value[key]
    return value


def blocks(heading: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", section(heading), re.DOTALL)


def steps(block: str) -> Iterator[tuple[list[str], str]]:
    """Yield each command and its output."""
    for step in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, _, printed = re.sub(r"\\\n", " ", step).partition("\n")
        yield shlex.split(command), printed


@pytest.fixture(autouse=True)
def example_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("environments").symlink_to(REPOSITORY / "environments")


def test_the_first_run_has_the_documented_output(capsys: pytest.CaptureFixture[str]) -> None:
    (block,) = blocks("First run", "console")
    (_, *commands) = steps(block)  # the first command installs Fairlane
    assert [command[:2] for command, _ in commands] == [["fairlane", "trace"], ["fairlane", "rehearse"]]
    for (_, *arguments), printed in commands:
        assert main(arguments) == 0
        assert [line.rstrip() for line in capsys.readouterr().out.splitlines()] == printed.splitlines()
    assert Path("report.html").exists()


def test_the_page_lists_all_options(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["rehearse", "--help"])
    options = set(re.findall(r"(--[a-z-]+)", capsys.readouterr().out)) - {"--help", "--queue", "--cluster", "--trace"}
    assert set(re.findall(r"^\| `(--[a-z-]+)", section("First run"), re.MULTILINE)) == options


def test_the_page_lists_all_columns() -> None:
    rows = re.findall(r"^\| (`.*?) \|", section("Traces"), re.MULTILINE)
    assert {name for row in rows for name in re.findall(r"`(\w+)`", row)} == COLUMNS


def test_the_trace_on_the_page_is_valid() -> None:
    (text,) = blocks("Traces", "csv")
    Path("jobs.csv").write_text(text)
    trace = read_trace("jobs.csv")
    assert [(job.share, job.checkpoint) for job in trace] == [("ProdExp1", 1800), ("ProdExp2", None)]
    assert list(trace.advice) == []


def test_the_page_shows_the_actual_error() -> None:
    lines = ["submit,run,instances", *["0,1,1"] * 8]
    lines[1], lines[6], lines[8] = "0,4h,1", "-60,1,1", "0,1,"
    Path("jobs.csv").write_text("\n".join(lines))
    with pytest.raises(ConfigurationError) as raised:
        read_trace("jobs.csv")
    assert blocks("Traces", "text") == [f"{raised.value}\n"]


def test_the_page_lists_all_fields_of_a_load() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (\S*) ?\|", section("Generated traces"), re.MULTILINE)
    plain = ("", None, MISSING)
    assert rows == [(field.name, "" if field.default in plain else str(field.default)) for field in fields(Load)]


def test_the_example_with_ec2_instances_runs() -> None:
    (block,) = blocks("EC2 instances", "python")
    exec(block, {})


@pytest.mark.parametrize(("instances", "passes"), [(1, [True, True, True]), (101, [False, True, True])])
def test_the_conditions_for_ci_can_be_evaluated(instances: int, passes: list[bool]) -> None:
    Path("jobs.csv").write_text(f"submit,share,instances,run\n0,ProdExp1,{instances},60\n")
    arguments = ["rehearse", "environments/example.yaml", "--queue", "training-p4", "--trace", "jobs.csv"]
    assert main([*arguments, "--json", "result.json"]) == 0
    (block,) = blocks("Rehearsals in CI", "console")
    ((path, conditions),) = re.findall(r"jq -e '(.*?) \| (.*?)'", block)
    share = lookup(json.loads(Path("result.json").read_text()), path)
    compare = {"==": eq, ">": gt, "<": lt}
    parsed = [condition.split() for condition in conditions.split(" and ")]
    checks = [(lookup(share, key), compare[operator], int(number)) for key, operator, number in parsed]
    assert [
        holds(-1 if value is None else value, number) for value, holds, number in checks
    ] == passes  # null is the smallest value in jq


def test_the_cluster_is_rehearsed_with_the_documented_output(capsys: pytest.CaptureFixture[str]) -> None:
    (text,) = blocks("HyperPod clusters and elastic jobs", "csv")
    Path("night.csv").write_text(text)
    (block,) = blocks("HyperPod clusters and elastic jobs", "console")
    (((_, *arguments), printed),) = steps(block)
    assert main(arguments) == 0
    assert [line.rstrip() for line in capsys.readouterr().out.splitlines()] == printed.splitlines()


def test_the_page_lists_all_columns_of_clusters() -> None:
    rows = re.findall(r"^\| (`.*?) \|", section("HyperPod clusters and elastic jobs"), re.MULTILINE)
    assert {name for row in rows for name in re.findall(r"`(\w+)`", row)} == CLUSTER_COLUMNS


def test_the_example_with_an_elastic_job_runs() -> None:
    (block,) = blocks("HyperPod clusters and elastic jobs", "python")
    exec(block, {})
