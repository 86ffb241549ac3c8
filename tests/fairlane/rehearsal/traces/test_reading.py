"""Traces in files: what each cell becomes, and every mistake with its line."""

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from fairlane import ConfigurationError
from fairlane.rehearsal import read_trace, write_trace
from fairlane.scheduler.job import Job, Trace

ROW = {"submit": 0, "run": 3600, "instances": 2}


def csv(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "jobs.csv"
    path.write_text(text)
    return path


def jsonl(tmp_path: Path, *rows: object) -> Path:
    path = tmp_path / "jobs.jsonl"
    path.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows))
    return path


def table(tmp_path: Path, **columns: list[Any]) -> Path:
    path = tmp_path / "jobs.parquet"
    parquet.write_table(pyarrow.table(columns), path)
    return path


def one(path: Path, **how: Any) -> Job:
    (job,) = read_trace(path, **how).jobs
    return job


def mistakes(path: Path, **how: Any) -> list[str]:
    with pytest.raises(ConfigurationError) as raised:
        read_trace(path, **how)
    assert raised.value.subject.startswith(str(path))
    return [str(problem) for problem in raised.value.problems]


FULL = Job(
    share="prod", priority=7, instances=2, instance_type="ml.p4d.24xlarge", submit=5, run=3600, checkpoint=600, name="a"
)


def test_each_format_says_the_same(tmp_path: Path) -> None:
    row = {name: getattr(FULL, name) for name in Job.__slots__}
    names, values = ",".join(row), ",".join(map(str, row.values()))
    assert one(csv(tmp_path, f"{names}\n{values}\n")) == FULL
    assert one(jsonl(tmp_path, row)) == FULL
    assert one(table(tmp_path, **{name: [value] for name, value in row.items()})) == FULL


def test_what_is_not_said_is_a_jobs_default(tmp_path: Path) -> None:
    job = Job(submit=0, run=3600, instances=2)
    assert one(jsonl(tmp_path, ROW)) == job
    assert one(csv(tmp_path, "submit,run,instances,share,priority,checkpoint,name\n0,3600,2,,,,\n")) == job
    assert one(table(tmp_path, submit=[0], run=[3600], instances=[2], checkpoint=pyarrow.array([None], "int32"))) == job


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        (0, 0),
        ("12.9", 12),
        (1_772_625_600, 1_772_625_600),
        (1_772_625_600_999, 1_772_625_600),
        ("2026-03-04T12:00:00Z", 1_772_625_600),
        ("2026-03-04 12:00", 1_772_625_600),
        ("2026-03-04T13:00:00+01:00", 1_772_625_600),
        ("2026-03-04", 1_772_582_400),
    ],
)
def test_a_time_is_said_in_many_ways(said: object, seconds: int, tmp_path: Path) -> None:
    assert one(csv(tmp_path, f"submit,run,instances\n{said},1,1\n")).submit == seconds
    assert one(jsonl(tmp_path, ROW | {"submit": said})).submit == seconds


def test_times_of_parquet_are_times(tmp_path: Path) -> None:
    noon = datetime(2026, 3, 4, 12)
    zones = [noon, noon.replace(tzinfo=UTC), noon.replace(tzinfo=timezone(timedelta(hours=12)))]
    found = [one(table(tmp_path, submit=[time], run=[1.0], instances=[1])).submit for time in zones]
    assert found == [1_772_625_600, 1_772_625_600, 1_772_625_600 - 12 * 3600]


@pytest.mark.parametrize("zone", [None, "UTC"])
def test_nanoseconds_of_parquet_are_times(zone: str | None, tmp_path: Path) -> None:
    times = pyarrow.array([1_772_625_600_000_000_001], pyarrow.timestamp("ns", zone))
    path = tmp_path / "jobs.parquet"
    parquet.write_table(pyarrow.table({"submit": times, "run": [1], "instances": [1]}), path)
    assert one(path).submit == 1_772_625_600


def test_times_of_parquet_that_no_calendar_has_are_told(tmp_path: Path) -> None:
    times = pyarrow.array([10**15], pyarrow.timestamp("ms"))
    path = tmp_path / "jobs.parquet"
    parquet.write_table(pyarrow.table({"submit": times, "run": [1], "instances": [1]}), path)
    assert "allowed: a file of Parquet" in " ".join(mistakes(path))


@pytest.mark.parametrize(("run", "seconds"), [(0.2, 1), (1, 1), ("3599.5", 3600)])
def test_a_second_that_has_begun_counts(run: object, seconds: int, tmp_path: Path) -> None:
    job = one(jsonl(tmp_path, ROW | {"run": run, "checkpoint": run}))
    assert (job.run, job.checkpoint) == (seconds, seconds)


@pytest.mark.parametrize(
    ("row", "unit", "gpus_per_instance", "size"),
    [
        ({"gpus": 8}, "instances", 8, 1),
        ({"gpus": 9}, "instances", 8, 2),
        ({"gpus": 1}, "instances", 8, 1),
        ({"instances": 3}, "instances", 8, 3),
        ({"instances": 3, "gpus": 24}, "instances", None, 3),
        ({"instances": 3, "gpus": 1}, "gpus", None, 1),
        ({"instances": 3}, "gpus", 4, 12),
    ],
)
def test_gpus_and_instances(row: dict[str, int], unit: str, gpus_per_instance: int, size: int, tmp_path: Path) -> None:
    how = {"unit": unit, "gpus_per_instance": gpus_per_instance}
    assert one(jsonl(tmp_path, {"submit": 0, "run": 1} | row), **how).instances == size
    text = f"submit,run,{','.join(row)}\n0,1,{','.join(map(str, row.values()))}\n"
    assert one(csv(tmp_path, text), **how).instances == size


def test_rows_are_sorted_and_it_is_told(tmp_path: Path) -> None:
    path = jsonl(tmp_path, *({**ROW, "submit": submit, "name": str(row)} for row, submit in enumerate([5, 1, 5, 1])))
    trace = read_trace(path)
    assert [job.name for job in trace.jobs] == ["1", "3", "0", "2"]
    assert list(trace.advice) == [f"{path}: rows are not in the order of submit, and were sorted"]
    assert list(read_trace(jsonl(tmp_path, ROW, ROW)).advice) == []


def test_unknown_columns_are_told(tmp_path: Path) -> None:
    paths = [
        csv(tmp_path, "user,submit,run,instances,Share\nme,0,1,1,a\n"),
        jsonl(tmp_path, ROW, {**ROW, "user": 1}, {**ROW, "Share": "a", "user": 2}),
    ]
    for path in paths:
        assert list(read_trace(path).advice) == [f"{path}: columns that no trace has are ignored: user, Share"]


@pytest.mark.parametrize(
    ("cell", "problem"),
    [
        ({"submit": -1}, "submit: got -1, allowed: seconds, 0 or more, or a time"),
        ({"submit": "1969-12-31"}, "submit: got '1969-12-31', allowed: seconds"),
        ({"submit": "yesterday"}, "submit: got 'yesterday', allowed: seconds"),
        ({"submit": ""}, "submit: missing"),
        ({"submit": "nan"}, "submit: got 'nan', allowed: seconds"),
        ({"submit": 10**400}, "submit: got 1000"),
        ({"submit": True}, "submit: got True"),
        ({"submit": None}, "submit: missing"),
        ({"run": 0}, "run: got 0, allowed: seconds, more than 0"),
        ({"run": -5}, "run: got -5, allowed: seconds, more than 0"),
        ({"run": "NaN"}, "run: got 'NaN', allowed: seconds, more than 0"),
        ({"run": "inf"}, "run: got 'inf', allowed: seconds, more than 0"),
        ({"run": "1h"}, "run: got '1h', allowed: seconds, more than 0"),
        ({"run": ""}, "run: missing; use seconds, more than 0"),
        ({"run": [1]}, "run: got [1], allowed: seconds, more than 0"),
        ({"instances": 0}, "instances: got 0, allowed: a whole number, 1 or more"),
        ({"instances": "1.5"}, "instances: got '1.5', allowed: a whole number, 1 or more"),
        ({"instances": ""}, "instances: missing; use a whole number, 1 or more"),
        ({"instances": "", "gpus": 3}, "gpus: got 3, allowed: instances, as the capacity counts them, or gpus_per"),
        ({"priority": 10_000}, "priority: got 10000, allowed: a whole number, 0 to 9999"),
        ({"priority": "high"}, "priority: got 'high', allowed: a whole number, 0 to 9999"),
        ({"checkpoint": 0}, "checkpoint: got 0, allowed: seconds, more than 0"),
        ({"checkpoint": -1}, "checkpoint: got -1, allowed: seconds, more than 0"),
    ],
    ids=str,
)
def test_a_wrong_cell_is_told_with_its_line(cell: dict[str, object], problem: str, tmp_path: Path) -> None:
    (found,) = mistakes(jsonl(tmp_path, ROW, "", {**ROW, **cell}))
    assert found.startswith(f"line 3, {problem}")


def test_nan_in_json_and_in_parquet_is_no_number(tmp_path: Path) -> None:
    nan = float("nan")
    problem = "got nan, allowed: seconds, more than 0"
    assert mistakes(jsonl(tmp_path, {**ROW, "run": nan})) == [f"line 1, run: {problem}"]
    assert mistakes(table(tmp_path, submit=[0.0, 1], run=[1, nan], instances=[1, 1])) == [f"line 2, run: {problem}"]


def test_rows_of_parquet_are_counted_on_from_batch_to_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fairlane.rehearsal.traces.rows._BATCH", 2)
    path = table(tmp_path, submit=[0] * 7, run=[1, 1, 0, 1, 1, 1, 0], instances=[1] * 7)
    assert [problem.split(",")[0] for problem in mistakes(path)] == ["line 3", "line 7"]


def test_lines_of_csv_are_those_of_an_editor(tmp_path: Path) -> None:
    path = csv(tmp_path, '\ufeffsubmit,run,instances,name\n\n0,x,1,"a\nb"\n1,-1,1,\n')
    assert [problem[:12] for problem in mistakes(path)] == ["line 4, run:", "line 5, run:"]


def test_a_row_of_csv_has_as_many_cells_as_the_header(tmp_path: Path) -> None:
    path = csv(tmp_path, "submit,run,instances\n0,1\n0,1,2,3\n")
    allowed = "allowed: 3, as many as the header has"
    assert mistakes(path) == [f"line 2, got '2 cells', {allowed}", f"line 3, got '4 cells', {allowed}"]


def test_all_mistakes_of_a_row_are_told(tmp_path: Path) -> None:
    found = mistakes(csv(tmp_path, "submit,run,instances,priority\n-1,0,x,-2\n"))
    assert [problem.split(":")[0] for problem in found] == [
        "line 2, priority",
        "line 2, instances",
        "line 2, submit",
        "line 2, run",
    ]


def test_of_many_mistakes_the_first_are_told(tmp_path: Path) -> None:
    path = csv(tmp_path, "submit,run,instances\n" + "0,0,1\n" * 1000)
    assert len(mistakes(path)) == 20
    with pytest.raises(ConfigurationError, match=r"jobs\.csv \(and 980 more\): 20 problems"):
        read_trace(path)


def test_missing_columns_are_told_all_at_once(tmp_path: Path) -> None:
    assert mistakes(csv(tmp_path, "share\na\n")) == [
        "submit: missing; use a column of this name",
        "run: missing; use a column of this name",
        "instances: missing; use a column of this name, or one of gpus",
    ]
    assert mistakes(table(tmp_path, run=[1]), unit="gpus") == [
        "submit: missing; use a column of this name",
        "gpus: missing; use a column of this name, or one of instances",
    ]
    (wrong,) = mistakes(csv(tmp_path, "submit,run,gpus\n"))
    assert wrong.startswith("gpus: got 'a column of gpus', allowed: instances, as the capacity counts them")
    assert [problem.split(";")[0].split(",")[1] for problem in mistakes(jsonl(tmp_path, {}))] == [
        " instances: missing",
        " submit: missing",
        " run: missing",
    ]


def test_two_columns_of_one_name_are_told(tmp_path: Path) -> None:
    assert mistakes(csv(tmp_path, "run,submit,run,instances\n")) == ["run: got 'two columns', allowed: one"]


def test_a_trace_without_jobs_is_told(tmp_path: Path) -> None:
    empty = ["got 'no rows', allowed: a row for each job"]
    assert mistakes(csv(tmp_path, "submit,run,instances\n")) == empty
    assert mistakes(csv(tmp_path, "")) == empty
    assert mistakes(jsonl(tmp_path)) == empty
    assert mistakes(table(tmp_path, submit=[], run=[], instances=[])) == empty


def test_seconds_and_times_do_not_mix(tmp_path: Path) -> None:
    (wrong,) = mistakes(csv(tmp_path, "submit,run,instances\n0,1,1\n60,1,1\n2026-03-04,1,1\n"))
    assert wrong == "line 4, submit: got '2026-03-04', allowed: a number of seconds, as in rows before"
    (wrong,) = mistakes(jsonl(tmp_path, {**ROW, "submit": 1_772_625_600_000}, ROW))
    assert wrong == "line 2, submit: got 0, allowed: a time, as in rows before"


@pytest.mark.parametrize("line", ["[]", "3", "{", "share: a"])
def test_a_line_that_is_no_json_object_is_told(line: str, tmp_path: Path) -> None:
    (wrong,) = mistakes(jsonl(tmp_path, ROW, line))
    assert wrong.startswith("line 2, got ")
    assert "a JSON object such as" in wrong


def test_gpus_per_instance_is_a_number(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"read_trace: 1 problem\n.*gpus_per_instance: got 0"):
        read_trace(jsonl(tmp_path, ROW), gpus_per_instance=0)


JOBS = st.lists(
    st.builds(
        Job,
        share=st.text("abc-_,;\"'", max_size=5),
        priority=st.integers(0, 9999),
        instances=st.integers(1, 1000),
        submit=st.integers(0, 10**7),
        run=st.integers(1, 10**6),
        checkpoint=st.none() | st.integers(1, 10**5),
        name=st.text("abc\n,\"'", max_size=5).map(str.strip),
    ),
    min_size=1,
    max_size=20,
)


@given(JOBS)
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, jobs: list[Job]) -> None:
    path = tmp_path_factory.mktemp("written") / "jobs.csv"
    for unit in ("instances", "gpus"):
        trace = Trace.of(jobs)
        write_trace(trace, path, unit=unit)
        assert list(read_trace(path, unit=unit).jobs) == list(trace.jobs)
