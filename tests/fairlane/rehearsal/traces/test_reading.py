"""Traces in files: values of cells, and mistakes with their lines."""

import json
import re
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from fairlane import ConfigurationError, FairShare, Fifo, QuotaManagement, QuotaShare, Sharing
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


def read_job(path: Path, **options: Any) -> Job:
    (job,) = read_trace(path, **options).jobs
    return job


def mistakes(path: Path, **options: Any) -> list[str]:
    with pytest.raises(ConfigurationError) as raised:
        read_trace(path, **options)
    assert raised.value.subject.startswith(str(path))
    return [str(problem) for problem in raised.value.problems]


FULL = Job(
    share="prod",
    priority=7,
    instances=2,
    instance_type="ml.p4d.24xlarge",
    submit=5,
    run=3600,
    checkpoint=600,
    restart=30,
    attempts=3,
    fails_after=60,
    fails=0.25,
    nodes=2,
    queue="training",
    name="a",
    started=65,
    stopped=4000,
)


def test_all_formats_give_the_same_job(tmp_path: Path) -> None:
    row = {name: getattr(FULL, name) for name in Job.__slots__ if name not in ("after", "instance_types")}
    names, values = ",".join(row), ",".join(map(str, row.values()))
    assert read_job(csv(tmp_path, f"{names}\n{values}\n")) == FULL
    assert read_job(jsonl(tmp_path, row)) == FULL
    assert read_job(table(tmp_path, **{name: [value] for name, value in row.items()})) == FULL


def test_missing_values_have_defaults(tmp_path: Path) -> None:
    job = Job(submit=0, run=3600, instances=2)
    assert read_job(jsonl(tmp_path, ROW)) == job
    assert read_job(csv(tmp_path, "submit,run,instances,share,priority,checkpoint,name\n0,3600,2,,,,\n")) == job
    assert (
        read_job(table(tmp_path, submit=[0], run=[3600], instances=[2], checkpoint=pyarrow.array([None], "int32")))
        == job
    )


@pytest.mark.parametrize(
    ("value", "seconds"),
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
def test_a_time_has_several_formats(value: object, seconds: int, tmp_path: Path) -> None:
    assert read_job(csv(tmp_path, f"submit,run,instances\n{value},1,1\n")).submit == seconds
    assert read_job(jsonl(tmp_path, ROW | {"submit": value})).submit == seconds


def test_times_of_parquet_are_read(tmp_path: Path) -> None:
    noon = datetime(2026, 3, 4, 12)
    zones = [noon, noon.replace(tzinfo=UTC), noon.replace(tzinfo=timezone(timedelta(hours=12)))]
    submits = [read_job(table(tmp_path, submit=[time], run=[1.0], instances=[1])).submit for time in zones]
    assert submits == [1_772_625_600, 1_772_625_600, 1_772_625_600 - 12 * 3600]


@pytest.mark.parametrize("zone", [None, "UTC"])
def test_nanoseconds_of_parquet_are_read(zone: str | None, tmp_path: Path) -> None:
    times = pyarrow.array([1_772_625_600_000_000_001], pyarrow.timestamp("ns", zone))
    path = tmp_path / "jobs.parquet"
    parquet.write_table(pyarrow.table({"submit": times, "run": [1], "instances": [1]}), path)
    assert read_job(path).submit == 1_772_625_600


def test_times_of_parquet_outside_the_calendar_are_refused(tmp_path: Path) -> None:
    times = pyarrow.array([10**15], pyarrow.timestamp("ms"))
    path = tmp_path / "jobs.parquet"
    parquet.write_table(pyarrow.table({"submit": times, "run": [1], "instances": [1]}), path)
    assert "the file cannot be read as Parquet: " in " ".join(mistakes(path))


@pytest.mark.parametrize(("run", "seconds"), [(0.2, 1), (1, 1), ("3599.5", 3600)])
def test_durations_are_rounded_up_to_seconds(run: object, seconds: int, tmp_path: Path) -> None:
    job = read_job(jsonl(tmp_path, ROW | {"run": run, "checkpoint": run}))
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
def test_gpus_and_instances_are_converted(
    row: dict[str, int], unit: str, gpus_per_instance: int, size: int, tmp_path: Path
) -> None:
    options = {"unit": unit, "gpus_per_instance": gpus_per_instance}
    assert read_job(jsonl(tmp_path, {"submit": 0, "run": 1} | row), **options).instances == size
    text = f"submit,run,{','.join(row)}\n0,1,{','.join(map(str, row.values()))}\n"
    assert read_job(csv(tmp_path, text), **options).instances == size


def test_unsorted_rows_are_sorted_with_advice(tmp_path: Path) -> None:
    path = jsonl(tmp_path, *({**ROW, "submit": submit, "name": str(row)} for row, submit in enumerate([5, 1, 5, 1])))
    trace = read_trace(path)
    assert [job.name for job in trace.jobs] == ["1", "3", "0", "2"]
    assert list(trace.advice) == [f"{path}: rows were sorted, because they are not in the order of submit"]
    assert list(read_trace(jsonl(tmp_path, ROW, ROW)).advice) == []


def test_unknown_columns_are_ignored_with_advice(tmp_path: Path) -> None:
    paths = [
        csv(tmp_path, "user,submit,run,instances,Share\nme,0,1,1,a\n"),
        jsonl(tmp_path, ROW, {**ROW, "user": 1}, {**ROW, "Share": "a", "user": 2}),
    ]
    for path in paths:
        assert list(read_trace(path).advice) == [f"{path}: unknown columns are ignored: user, Share"]


@pytest.mark.parametrize(
    ("cell", "problem"),
    [
        ({"submit": -1}, "submit: got -1, allowed: seconds, 0 or more, or a time"),
        ({"submit": "1969-12-31"}, "submit: got '1969-12-31', allowed: seconds"),
        ({"submit": "9999-12-31"}, "submit: got '9999-12-31', allowed: seconds"),
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
        (
            {"instances": "", "gpus": 3},
            "gpus: the capacity of the queue counts instances: use a column instances, or set",
        ),
        ({"priority": 10_000}, "priority: got 10000, allowed: a whole number, 0 to 9999"),
        ({"priority": "high"}, "priority: got 'high', allowed: a whole number, 0 to 9999"),
        ({"checkpoint": 0}, "checkpoint: got 0, allowed: seconds, more than 0"),
        ({"checkpoint": -1}, "checkpoint: got -1, allowed: seconds, more than 0"),
        ({"restart": -1}, "restart: got -1, allowed: a whole number, 0 or more"),
        ({"attempts": 0}, "attempts: got 0, allowed: a whole number, 1 to 10"),
        ({"attempts": 11}, "attempts: got 11, allowed: a whole number, 1 to 10"),
        ({"fails_after": 0}, "fails_after: got 0, allowed: seconds, more than 0"),
        ({"fails_after": 3601}, "fails_after: the job ends after 3600 seconds, before it fails: use at most 3600"),
        ({"fails_after": 1, "fails": 1.5}, "fails: got 1.5, allowed: a number, 0 to 1"),
        ({"fails_after": 1, "fails": -0.1}, "fails: got -0.1, allowed: a number, 0 to 1"),
        ({"fails_after": 1, "fails": "often"}, "fails: got 'often', allowed: a number, 0 to 1"),
        ({"fails": 0.5}, "fails_after: missing; use the seconds of work after which a run fails"),
        ({"nodes": 0}, "nodes: got 0, allowed: a whole number, 1 to 1000"),
        ({"after": "train"}, "after: got 'train', allowed: the name of a job of the trace"),
        ({"after": "a;b;a"}, "after: a name is listed twice: list each name once"),
        ({"instance_types": ["b", "b"]}, "instance_types: a name is listed twice: list each name once"),
        ({"name": "a", "after": "a"}, "after: the jobs a -> a wait for each other in a circle: remove a dependency"),
        ({"after": "b", "name": "b;"}, "after: got 'b', allowed: the name of a job of the trace"),
        ({"instance_type": "a", "instance_types": "b;c"}, "instance_types: the row has instance_type, too: use one"),
    ],
    ids=str,
)
def test_an_invalid_cell_is_reported_with_its_line(cell: dict[str, object], problem: str, tmp_path: Path) -> None:
    (mistake,) = mistakes(jsonl(tmp_path, ROW, "", {**ROW, **cell}))
    assert mistake.startswith(f"line 3, {problem}")


def test_a_size_that_is_too_large_after_its_conversion_is_reported_with_its_line(tmp_path: Path) -> None:
    path = csv(tmp_path, "submit,run,instances\n0,1,1\n0,1,200000000\n")
    with pytest.raises(ConfigurationError) as raised:
        read_trace(path, unit="gpus", gpus_per_instance=8)
    (problem,) = raised.value.problems
    assert str(problem).startswith("line 3, instances: got '200000000', allowed: at most 1000000000 gpus")
    assert len(read_trace(path, unit="gpus", gpus_per_instance=8, skip_bad_rows=True)) == 1


def test_nan_in_json_and_in_parquet_is_refused(tmp_path: Path) -> None:
    nan = float("nan")
    problem = "got nan, allowed: seconds, more than 0"
    assert mistakes(jsonl(tmp_path, {**ROW, "run": nan})) == [f"line 1, run: {problem}"]
    assert mistakes(table(tmp_path, submit=[0.0, 1], run=[1, nan], instances=[1, 1])) == [f"line 2, run: {problem}"]


def test_rows_of_parquet_are_numbered_across_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fairlane.rehearsal.traces.rows._BATCH", 2)
    path = table(tmp_path, submit=[0] * 7, run=[1, 1, 0, 1, 1, 1, 0], instances=[1] * 7)
    assert [problem.split(",")[0] for problem in mistakes(path)] == ["line 3", "line 7"]


def test_line_numbers_of_csv_match_an_editor(tmp_path: Path) -> None:
    path = csv(tmp_path, '\ufeffsubmit,run,instances,name\n\n0,x,1,"a\nb"\n1,-1,1,\n')
    assert [problem[:12] for problem in mistakes(path)] == ["line 4, run:", "line 5, run:"]


def test_a_row_of_csv_needs_as_many_cells_as_the_header(tmp_path: Path) -> None:
    path = csv(tmp_path, "submit,run,instances\n0,1\n0,1,2,3\n")
    assert mistakes(path) == [
        f"line {line}, the row has {number} cells, but the header has 3: use as many as the header"
        for line, number in ((2, 2), (3, 4))
    ]


def test_all_mistakes_of_a_row_are_reported(tmp_path: Path) -> None:
    problems = mistakes(csv(tmp_path, "submit,run,instances,priority\n-1,0,x,-2\n"))
    assert [problem.split(":")[0] for problem in problems] == [
        "line 2, priority",
        "line 2, instances",
        "line 2, submit",
        "line 2, run",
    ]


def test_an_error_lists_the_first_20_mistakes(tmp_path: Path) -> None:
    path = csv(tmp_path, "submit,run,instances\n" + "0,0,1\n" * 1000)
    assert len(mistakes(path)) == 20
    with pytest.raises(ConfigurationError, match=r"jobs\.csv \(and 980 more\): 20 problems"):
        read_trace(path)


def test_one_error_lists_all_missing_columns(tmp_path: Path) -> None:
    assert mistakes(csv(tmp_path, "share\na\n")) == [
        "submit: missing; use a column with this name",
        "run: missing; use a column with this name",
        "instances: missing; use a column with this name, or a column gpus",
    ]
    assert mistakes(table(tmp_path, run=[1]), unit="gpus") == [
        "submit: missing; use a column with this name",
        "gpus: missing; use a column with this name, or a column instances",
    ]
    (mistake,) = mistakes(csv(tmp_path, "submit,run,gpus\n"))
    assert mistake.startswith("gpus: the capacity of the queue counts instances: use a column instances")
    assert [problem.split(";")[0].split(",")[1] for problem in mistakes(jsonl(tmp_path, {}))] == [
        " instances: missing",
        " submit: missing",
        " run: missing",
    ]


def test_columns_with_the_same_name_are_refused(tmp_path: Path) -> None:
    assert mistakes(csv(tmp_path, "run,submit,run,instances\n")) == [
        "run: several columns have this name: give each column its own name"
    ]


def test_a_trace_without_jobs_is_refused(tmp_path: Path) -> None:
    empty = ["the file has no jobs: add a row for each job"]
    assert mistakes(csv(tmp_path, "submit,run,instances\n")) == empty
    assert mistakes(csv(tmp_path, "")) == empty
    assert mistakes(jsonl(tmp_path)) == empty
    assert mistakes(table(tmp_path, submit=[], run=[], instances=[])) == empty


def test_seconds_and_times_cannot_be_mixed(tmp_path: Path) -> None:
    (mistake,) = mistakes(csv(tmp_path, "submit,run,instances\n0,1,1\n60,1,1\n2026-03-04,1,1\n"))
    assert mistake == "line 4, submit: got '2026-03-04', allowed: a number of seconds, as in the rows before"
    (mistake,) = mistakes(jsonl(tmp_path, {**ROW, "submit": 1_772_625_600_000}, ROW))
    assert mistake == "line 2, submit: got 0, allowed: a time, as in the rows before"


@pytest.mark.parametrize("line", ["[]", "3", "{", "share: a"])
def test_a_line_that_is_not_a_json_object_is_refused(line: str, tmp_path: Path) -> None:
    (mistake,) = mistakes(jsonl(tmp_path, ROW, line))
    assert mistake.startswith("line 2, got ")
    assert "a JSON object, for example" in mistake


def test_gpus_per_instance_below_1_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"read_trace: 1 problem\n.*gpus_per_instance: got 0"):
        read_trace(jsonl(tmp_path, ROW), gpus_per_instance=0)


def test_bad_rows_are_left_out_and_counted_by_kind(tmp_path: Path) -> None:
    rows = ["0,60,1,a", "1,,1,b", "2,,x,c", "3,-5,1,d", "4,60,0,e", "5,60", "6,60,2,g"]
    path = csv(tmp_path, "submit,run,instances,name\n" + "\n".join(rows))
    trace = read_trace(path, skip_bad_rows=True)
    assert [job.name for job in trace] == ["a", "g"]
    assert list(trace.advice) == [
        f"{path}: 5 of 7 rows are left out: instances not allowed (2), run missing (1), run not allowed (1), "
        "row not allowed (1)"
    ]
    assert len(mistakes(path)) == 6


def test_bad_rows_of_json_lines_and_parquet_are_left_out(tmp_path: Path) -> None:
    path = jsonl(tmp_path, ROW, {**ROW, "run": None}, "{", ROW)
    trace = read_trace(path, skip_bad_rows=True)
    assert (len(trace), list(trace.advice)) == (
        2,
        [f"{path}: 2 of 4 rows are left out: run missing (1), row not allowed (1)"],
    )
    path = table(tmp_path, submit=[0, 1, 2], run=pyarrow.array([1, None, 3], "int64"), instances=[1, 1, 1])
    trace = read_trace(path, skip_bad_rows=True)
    assert ([job.submit for job in trace], list(trace.advice)) == (
        [0, 2],
        [f"{path}: 1 of 3 rows are left out: run missing (1)"],
    )


def test_good_files_have_no_advice_about_bad_rows(tmp_path: Path) -> None:
    path = jsonl(tmp_path, ROW)
    assert list(read_trace(path, skip_bad_rows=True).advice) == []


def test_what_is_no_row_is_refused_even_if_bad_rows_are_left_out(tmp_path: Path) -> None:
    def refused(path: Path) -> str:
        return " ".join(mistakes(path, skip_bad_rows=True))

    assert "the file has no jobs" in refused(csv(tmp_path, "submit,run,instances\n"))
    assert "run: missing; use a column" in refused(csv(tmp_path, "submit,instances\n0,1\n"))
    assert "line 2, run: got '0'" in refused(csv(tmp_path, "submit,run,instances\n0,0,1\n"))
    assert len(mistakes(csv(tmp_path, "submit,run,instances\n" + "0,0,1\n" * 30), skip_bad_rows=True)) == 20
    rest = refused(csv(tmp_path, 'submit,run,instances,name\n0,60,1,a\n1,60,1,"b\n2,60,1,c\n'))
    assert "the row is not valid CSV" in rest, "the quote that does not end takes the rest of the file"


@given(st.lists(st.sampled_from(["0,60,1", "0,,1", "x,60,1", "0,60,1.5", "0,60", "0,60,1,1"]), min_size=1))
def test_the_kinds_of_bad_rows_add_up(tmp_path_factory: pytest.TempPathFactory, rows: list[str]) -> None:
    path = csv(tmp_path_factory.mktemp("bad"), "\n".join(["submit,run,instances", "0,1,1", *rows]))
    trace = read_trace(path, skip_bad_rows=True)
    bad = sum(row != "0,60,1" for row in rows)
    assert len(trace) == 1 + len(rows) - bad
    (advice,) = trace.advice or [""]
    assert sum(map(int, re.findall(r"\((\d+)\)", advice))) == bad
    if bad:
        assert f": {bad} of {1 + len(rows)} rows are left out: " in advice


def test_shares_and_instance_types_that_a_policy_does_not_have_are_reported_with_their_lines(tmp_path: Path) -> None:
    unit = "ml.p4d.24xlarge"
    policy = QuotaManagement(QuotaShare(name="vision", capacity={unit: 4}, sharing=Sharing.LEND))
    rows = [
        "5,60,1,vision,",
        f"4,60,1,visoin,{unit}",
        "3,60,1,,",
        f"2,60,1,vision,{unit}",
        "1,60,1,vision,ml.g5.xlarge",
    ]
    path = csv(tmp_path, "\n".join(["submit,run,instances,share,instance_type", *rows]))
    assert mistakes(path, policy=policy) == [
        "line 3, share: got 'visoin', allowed: an enabled quota share: vision",
        "line 4, share: got '', allowed: an enabled quota share: vision",
        f"line 6, instance_type: got 'ml.g5.xlarge', allowed: an instance type of the queue: {unit}",
    ]
    trace = read_trace(path, policy=policy, skip_bad_rows=True)
    assert [job.submit for job in trace] == [2, 5]
    assert trace.advice[0].endswith("3 of 5 rows are left out: share not allowed (2), instance_type not allowed (1)")
    assert len(read_trace(path)) == len(read_trace(path, policy=Fifo())) == 5
    (problem,) = mistakes(path, policy=FairShare({"vision": 1}))
    assert problem.startswith("line 4, share: jobs without a share identifier cannot run with FairShare")


JOBS = st.lists(
    st.builds(
        Job,
        share=st.text("abc-_,;\"'", max_size=5),
        priority=st.integers(0, 9999),
        instances=st.integers(1, 1000),
        submit=st.integers(0, 10**7),
        run=st.integers(1, 10**6),
        checkpoint=st.none() | st.integers(1, 10**5),
        restart=st.none() | st.integers(0, 10**4),
        name=st.text("abc\n,\"'", max_size=5).map(str.strip),
    ),
    min_size=1,
    max_size=20,
)


@given(JOBS)
def test_a_written_trace_is_read_unchanged(tmp_path_factory: pytest.TempPathFactory, jobs: list[Job]) -> None:
    path = tmp_path_factory.mktemp("written") / "jobs.csv"
    for unit in ("instances", "gpus"):
        trace = Trace.of(jobs)
        write_trace(trace, path, unit=unit)
        assert list(read_trace(path, unit=unit).jobs) == list(trace.jobs)


def test_real_times_that_are_not_in_order_are_mistakes_with_their_lines(tmp_path: Path) -> None:
    rows = [
        "submit,run,instances,started,stopped",
        "10,5,1,9,20",
        "10,5,1,12,11",
        "10,5,1,12,",
        "10,5,1,9,8",
        "0,1,1,,",
    ]
    assert mistakes(csv(tmp_path, "\n".join(rows))) == [
        "line 2, started: the job started before its submission: correct started or submit",
        "line 3, stopped: the job stopped before it started: correct stopped or started",
        "line 4, stopped: missing; use a time, because the job has the other of started and stopped",
        "line 5, started: the job started before its submission: correct started or submit",
        "line 5, stopped: the job stopped before it started: correct stopped or started",
    ]
    mixed = ["submit,run,instances,started,stopped", "10,5,1,2026-11-02T00:00:00Z,20"]
    assert mistakes(csv(tmp_path, "\n".join(mixed))) == [
        "line 2, started: got '2026-11-02T00:00:00Z', allowed: a number of seconds, as in the rows before"
    ]


def test_real_times_are_written_and_read_again(tmp_path: Path) -> None:
    jobs = [FULL, Job(submit=6, run=1)]
    write_trace(Trace.of(jobs), tmp_path / "jobs.csv")
    assert read_trace(tmp_path / "jobs.csv").jobs == tuple(jobs)
    write_trace(Trace.of(jobs[1:]), tmp_path / "jobs.csv")
    assert "started" not in (tmp_path / "jobs.csv").read_text()


def test_real_times_out_of_order_are_problems_of_a_trace() -> None:
    trace = Trace.of([Job(submit=5, run=1, started=4, stopped=9), Job(submit=5, run=1, started=-1, stopped=9)])
    assert [problem.field for problem in trace.problems()] == [("trace", 0, "started"), ("trace", 1, "started")]


CHAIN = """name,submit,run,instances,after
a,0,10,1,
b,1,10,1,a
c,2,10,1,"a; b"
"""


def test_lists_are_read_from_all_formats_and_written(tmp_path: Path) -> None:
    jobs = [
        Job(name="a", submit=0, run=10, instance_types=("x", "y")),
        Job(name="b", submit=1, run=10, instance_type="y", after=("a",)),
        Job(name="c", submit=2, run=10, instance_types=("y",), after=("a", "b"), queue="q"),
    ]
    trace = Trace.of(jobs)
    assert list(trace) == jobs
    write_trace(trace, tmp_path / "written.csv")
    assert list(read_trace(tmp_path / "written.csv")) == jobs
    row: dict[str, Any] = {"submit": 0, "run": 10, "instances": 1}
    rows = [row | {"name": "a"}, row | {"name": "b", "after": ["a"], "instance_types": ["x", "y"]}]
    columns = {name: [each.get(name) for each in rows] for name in rows[1]}
    for path in (jsonl(tmp_path, *rows), table(tmp_path, **columns)):
        job = read_trace(path)[1]
        assert (job.after, job.instance_types) == (("a",), ("x", "y"))


def test_unknown_names_and_circles_are_mistakes_with_their_lines(tmp_path: Path) -> None:
    assert [job.after for job in read_trace(csv(tmp_path, CHAIN))] == [(), ("a",), ("a", "b")]
    text = CHAIN.replace("a,0,10,1,", "a,0,10,1,c") + "d,3,10,1,e;a\ne,4,0,1,\nf,5,10,1,f\ng,6,10,1,none\n"
    assert mistakes(csv(tmp_path, text)) == [
        "line 6, run: got '0', allowed: seconds, more than 0",
        "line 2, after: the jobs a -> c -> b -> a wait for each other in a circle: remove a dependency",
        "line 3, after: the jobs a -> c -> b -> a wait for each other in a circle: remove a dependency",
        "line 4, after: the jobs a -> c -> b -> a wait for each other in a circle: remove a dependency",
        "line 7, after: the jobs f -> f wait for each other in a circle: remove a dependency",
        "line 8, after: got 'none', allowed: the name of a job of the trace",
    ]


def test_rows_that_depend_on_bad_rows_are_left_out_with_them(tmp_path: Path) -> None:
    path = csv(tmp_path, CHAIN.replace("a,0,10", "a,0,") + "d,3,10,1,\n")
    trace = read_trace(path, skip_bad_rows=True)
    assert [job.name for job in trace] == ["d"]
    assert list(trace.advice) == [f"{path}: 3 of 4 rows are left out: after not allowed (2), run missing (1)"]


def test_a_queue_that_is_not_rehearsed_is_a_mistake(tmp_path: Path) -> None:
    text = "submit,run,instances,queue\n0,1,1,a\n0,1,1,b\n0,1,1,\n"
    a, b = {"a": Fifo()}, {"b": Fifo()}
    assert [job.queue for job in read_trace(csv(tmp_path, text))] == ["a", "b", ""]
    assert mistakes(csv(tmp_path, text), queues=a | b) == ["line 4, queue: missing; use a queue of the rehearsal: a, b"]
    assert mistakes(csv(tmp_path, text), queues=a) == ["line 3, queue: got 'b', allowed: a queue of the rehearsal: a"]
    without = csv(tmp_path, "submit,run,instances\n0,1,1\n")
    assert [job.queue for job in read_trace(without, queues=a)] == [""]
    assert mistakes(without, queues=a | b) == [
        "queue: missing; use a column with this name, because several queues are rehearsed"
    ]
