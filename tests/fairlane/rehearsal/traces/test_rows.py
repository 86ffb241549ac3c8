"""Trace files that cannot be read, or only in part."""

import sys
from pathlib import Path

import pytest

from tests.fairlane.rehearsal.traces.test_reading import csv, mistakes, table


def test_files_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    binary = tmp_path / "jobs.csv"
    binary.write_bytes(b"submit,run,instances\n\xff\xfe")
    assert mistakes(binary) == ["the file is not UTF-8 text: invalid start byte"]
    assert mistakes(tmp_path / "none.jsonl") == ["the file cannot be read: No such file or directory"]
    assert mistakes(csv(tmp_path, 'submit,run,instances\n0,1,"2')) == [
        "line 2, the row is not valid CSV: unexpected end of data"
    ]
    broken = tmp_path / "jobs.parquet"
    broken.write_text("submit,run,instances\n")
    assert mistakes(broken)[0].startswith("the file cannot be read as Parquet: ")
    assert mistakes(tmp_path / "none.parquet")[0].startswith("the file cannot be read: ")
    assert mistakes(tmp_path / "jobs.xlsx") == [
        "got 'jobs.xlsx', allowed: a file name that ends in .csv, .jsonl, .parquet"
    ]


def test_parquet_without_its_extra_names_the_command_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = table(tmp_path, submit=[0], run=[1], instances=[1])
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert 'pip install "fairlane[parquet]"' in mistakes(path)[0]
