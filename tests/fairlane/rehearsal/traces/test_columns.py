"""CSV files that are read by column: the same traces, advice and mistakes as row by row."""

import csv
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fairlane import ConfigurationError, FairShare, QuotaManagement, QuotaShare, Sharing
from fairlane.rehearsal import read_trace
from fairlane.rehearsal.traces.columns import ColumnReader
from fairlane.rehearsal.traces.rows import Row
from fairlane.scheduler.job import Job, Trace

UNIT = "ml.p4d.24xlarge"
QUOTAS = QuotaManagement(QuotaShare(name="a", capacity={UNIT: 4}, sharing=Sharing.LEND))
TIMES = [
    "0",
    "7",
    "7",
    "12.9",
    " 3 ",
    "-1",
    "",
    "x",
    "1772625600",
    "1772625600500",
    "2026-03-04T12:00",
    "1e9999",
    "nan",
]
WHOLE = ["1", "2", "2", "3.0", " 4 ", "", "0", "-2", "1.5", "9999", "10000", "99999999999", "1_0", "x"]
CELLS = {
    "submit": TIMES,
    "run": ["60", "60", "3599.5", "0.2", "", "0", "-5", "1h", "inf", "100000000000", "100000000001"],
    "instances": WHOLE,
    "gpus": WHOLE,
    "priority": WHOLE,
    "checkpoint": ["", "600", "0", "0.5", "x"],
    "restart": ["", "", "0", "30", "-1", "1.5"],
    "share": ["a", "a", " a ", "b", ""],
    "instance_type": ["", UNIT, "ml.g5.xlarge"],
    "queue": ["", "q", "r"],
    "name": ["", "a", "é", 'two\nlines, "quoted"', " b "],
    "started": TIMES,
    "stopped": TIMES,
    "user": ["", "me"],
    "attempts": ["", "", "", "3", "11"],
    "after": ["", "", "", "a", "none"],
}


@st.composite
def files(draw: st.DrawFn) -> tuple[list[str], list[list[str]]]:
    """Return a header, and rows of which most are good."""
    optional = draw(st.lists(st.sampled_from(sorted(CELLS.keys() - {"submit", "run"})), unique=True, max_size=6))
    header = draw(st.permutations(["submit", "run", *(optional or ["instances"])]))
    good = draw(st.booleans())
    count = {"submit": 2, "started": 2, "stopped": 2} if good else {}
    values = [st.sampled_from(CELLS[name][: count.get(name, 3 if good else None)]) for name in header]
    row = st.tuples(*values).map(list)
    bad = st.sampled_from([["0"], [""] * len(header), [*[""] * len(header), "x"]])
    rows = draw(st.lists(row if good else row | row | row | bad, max_size=9))
    return header, rows


OPTIONS: list[dict[str, Any]] = [
    {},
    {"unit": "gpus"},
    {"unit": "gpus", "gpus_per_instance": 8},
    {"gpus_per_instance": 8},
    {"policy": QUOTAS},
    {"policy": FairShare({"a": 1})},
    {"queues": {"q": QUOTAS}},
    {"queues": {"q": QUOTAS, "r": FairShare({"a": 1})}},
]


def read(path: Path, **options: Any) -> tuple[object, ...]:
    """Return the jobs and everything else that a trace has, or the text of the error."""
    try:
        trace = read_trace(path, **options)
    except ConfigurationError as error:
        return (str(error),)
    lists = trace.share_names, trace.instance_types, trace.queue_names
    columns = trace.shares, trace.types, trace.queues, trace.started, trace.stopped, trace.priorities
    return trace.jobs, trace.advice, lists, columns, [*trace.problems()], [*trace.named_rows()], trace.restarts


@pytest.fixture(autouse=True)
def chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fairlane.rehearsal.traces.rows._CHUNK", 3)


def row_by_row(path: Path, **options: Any) -> tuple[object, ...]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ColumnReader, "read", lambda self, path: False)
        return read(path, **options)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(files(), st.sampled_from(OPTIONS), st.booleans(), st.sampled_from(["\n", "\r\n"]))
def test_files_read_by_column_are_as_row_by_row(
    tmp_path_factory: pytest.TempPathFactory,
    file: tuple[list[str], list[list[str]]],
    options: dict[str, Any],
    skip: bool,
    end: str,
) -> None:
    path = tmp_path_factory.mktemp("columns") / "jobs.csv"
    with path.open("w", newline="") as opened:
        csv.writer(opened, lineterminator=end).writerows([file[0], *file[1]])
    assert read(path, skip_bad_rows=skip, **options) == row_by_row(path, skip_bad_rows=skip, **options)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n\n",
        '"',
        "submit,run,instances\n",
        "submit,run\n0,1\n",
        'submit,run,instances,name\n0,1,1,a\n\n,,,\n0,1,1,"b\n\nc"\n0,1,x,d\n',
        'submit,run,instances,name\n0,1,1,a\n0,1,1,"b',
        'submit,run,instances\n0,1,1\n0,1,1\n0,1,1\n0,1,1"2"\n0,1,1\n',
        "submit,run,instances,instances\n0,1,1,1\n",
        "submit,run,gpus\n0,1,1000000000\n",
        "submit,run,instances\n2024-01-01,1,1\n9999-12-31,1,1\n",
        "submit,run,instances,attempts\n0,1,1,\n1,1,1,\n2,1,1,\n3,1,x,\n4,1,1,3\n",
    ],
    ids=repr,
)
def test_unusual_files_are_read_as_row_by_row(text: str, tmp_path: Path) -> None:
    path = tmp_path / "jobs.csv"
    path.write_text(text)
    for options in ({}, {"skip_bad_rows": True}, {"unit": "instances", "gpus_per_instance": 1}, {"unit": "gpus"}):
        assert read(path, **options) == row_by_row(path, **options)


def test_a_file_with_plain_values_needs_no_reader_of_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "jobs.csv"
    jobs = [
        Job(submit=row, run=60 + row, share=f"s{row % 3}", name=f"job-{row}", priority=row % 2) for row in range(20)
    ]
    lines = ["submit,run,instances,share,name,priority,checkpoint"]
    lines += [f"{job.submit},{job.run},{job.instances},{job.share},{job.name},{job.priority}," for job in jobs]
    path.write_text("\n".join(lines))
    read_rows = list[int]()
    job_of = ColumnReader._job

    def record(self: ColumnReader, row: Row) -> Job | None:
        read_rows.append(row[0])
        return job_of(self, row)

    monkeypatch.setattr(ColumnReader, "_job", record)
    trace = read_trace(path)
    assert trace == Trace.of(jobs)
    assert read_rows == [2], "the first row determines the origin of the times"


def test_names_are_kept_by_row(tmp_path: Path) -> None:
    path = tmp_path / "jobs.csv"
    path.write_text("submit,run,instances,name\n5,1,1,é\n4,1,1,\n3,1,1,\n2,1,1,ccc\n1,1,1,a\n")
    trace = read_trace(path)
    assert [trace.name(row) for row in range(5)] == ["a", "ccc", "", "", "é"]
    assert dict(trace.named_rows()) == {0: "a", 1: "ccc", 4: "é"}
    assert [job.name for job in trace[1:3]] == ["ccc", ""]


def test_one_bad_row_of_many_is_reported_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "jobs.csv"
    path.write_text("submit,run,instances\n" + "0,60,1\n" * 50 + "0,,1\n" + "0,60,1\n" * 50 + "0,60\n")
    with pytest.raises(ConfigurationError) as raised:
        read_trace(path)
    assert [problem.line for problem in raised.value.problems] == [52, 103]
    assert len(read_trace(path, skip_bad_rows=True)) == 100
