"""Command `fairlane backtest`: table, JSON, page and mistakes."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from fairlane import Fifo
from fairlane.cli import main, rehearse_output
from fairlane.rehearsal import Trace, rehearse, write_trace
from tests.fairlane.rehearsal.backtest.test_back_test import MONDAY, happened, jobs

FILE = """
region: us-east-1
queues:
  training:
    capacity: 8
    instance_type: ml.p4d.24xlarge
    scheduling: {policy: fifo}
  fair:
    capacity: 8
    instance_type: ml.p4d.24xlarge
    scheduling: {policy: fair-share, weight_factors: {a: 1}}
"""
ARGUMENTS = ["backtest", "team.yaml", "--queue", "training", "--trace", "jobs.csv"]


@pytest.fixture(autouse=True)
def team(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("team.yaml").write_text(FILE)


def test_the_table_has_real_and_rehearsed_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    write_trace(happened(Fifo(), Trace.of(jobs(3)), start_up_seconds=420), "jobs.csv")
    assert main(ARGUMENTS) == 0
    out, err = capsys.readouterr()
    rows = [line.split() for line in out.splitlines() if line.strip()]
    assert [row[:2] for row in rows[3:6]] == [["all", "120"], ["b", "64"], ["a", "56"]]
    assert "start-up time that fits best: 7 min" in out
    assert "strategies that fit best: the given ones" in out
    assert "mean absolute error of the waits: 0 s; with the given strategies and no start-up time" in out
    assert "no difference for these jobs: unrunnable=block" in out
    assert "worse: head_of_line=skip" in out
    assert err == ""


def test_the_json_has_the_numbers_of_all_shares_and_weeks() -> None:
    trace = happened(Fifo(), Trace.of(jobs(3)))
    write_trace(Trace.of(replace(job, share=f"team-{row % 12}") for row, job in enumerate(trace)), "jobs.csv")
    assert main([*ARGUMENTS, "--json", "result.json", "--html", "page.html"]) == 0
    result = json.loads(Path("result.json").read_text())
    assert [*result["shares"]] == [f"team-{number}" for number in range(12)]
    assert result["total"]["wait_seconds"]["mean_absolute_error"] == 0
    assert result["best"]["strategies"]["head_of_line"] == "block"
    assert result["alternatives"]["head_of_line=skip"]["wait_seconds"]["mean_absolute_error"] > 0
    assert [(week["start"], week["jobs"], week["explained"]) for week in result["weeks"]] == [(MONDAY, 120, True)]
    page = Path("page.html").read_text()
    assert page.count("<h1>team-") == 10
    assert "10 of 12 shares are shown; JSON has all" in page


@pytest.mark.parametrize(("width", "hidden"), [("80", True), ("110", False)])
def test_a_narrow_terminal_has_fewer_columns_and_whole_words(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, width: str, hidden: bool
) -> None:
    monkeypatch.setattr(rehearse_output, "_FILE_WIDTH", int(width))
    write_trace(happened(Fifo(), Trace.of(jobs(3)), start_up_seconds=420), "jobs.csv")
    assert main(ARGUMENTS) == 0
    out, _ = capsys.readouterr()
    assert max(map(len, out.splitlines())) <= int(width)
    assert {"rehearsed", "error"} <= set(out.splitlines()[1].split())
    assert ("columns that the terminal is too narrow for: Use, correlation" in out) == hidden


def test_bad_rows_are_left_out_and_counted(capsys: pytest.CaptureFixture[str]) -> None:
    write_trace(happened(Fifo(), Trace.of(jobs(3))), "jobs.csv")
    rows = Path("jobs.csv").read_text().splitlines()
    Path("jobs.csv").write_text("\n".join([*rows, rows[1].replace(",", ",x", 2)]))
    assert main(ARGUMENTS) == 1
    assert main([*ARGUMENTS, "--skip-bad-rows"]) == 0
    assert "jobs.csv: 1 of 121 rows are left out" in capsys.readouterr().out


def test_a_week_that_nothing_explains_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    few = Trace.of(replace(job, instances=1) for job in jobs(1, 60))
    short = rehearse(Fifo(), few, capacity=1)
    late = [
        replace(job, started=outcome.runs[-1].start, stopped=outcome.runs[-1].stop)
        for job, outcome in zip(few, short.outcomes, strict=True)
    ]
    write_trace(Trace.of(late), "jobs.csv")
    assert main(ARGUMENTS) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "no strategy explains the week from 2026-01-05: the mean wait of 60 jobs was" in out
    assert "while jobs waited, 12 % of the capacity was in use: AWS may have had no more" in out


def test_a_job_that_the_policy_refuses_is_named_with_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    Path("jobs.csv").write_text("share,submit,run,instances,started,stopped\na,0,60,1,0,60\n,1,60,1,1,61\n")
    assert main(["backtest", "team.yaml", "--queue", "fair", "--trace", "jobs.csv"]) == 1
    assert "line 3, share: jobs without a share identifier cannot run" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["submit,run,instances", "0,60,1"], "trace: missing; use real times, in columns started and stopped"),
        (
            ["submit,run,instances,started,stopped", "9,60,1,5,4"],
            "line 2, started: the job started before its submission: correct started or submit",
        ),
        (["submit,run,instances,started,stopped", "0,60,1,5,"], "line 2, stopped: missing; use a time"),
    ],
)
def test_mistakes_are_named(capsys: pytest.CaptureFixture[str], rows: list[str], message: str) -> None:
    Path("jobs.csv").write_text("\n".join(rows))
    assert main([*ARGUMENTS, "--html", "page.html"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err
    assert not Path("page.html").exists()
