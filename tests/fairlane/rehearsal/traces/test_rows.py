"""Files of traces that cannot be read, or only in part."""

import sys
from pathlib import Path

import pytest

from tests.fairlane.rehearsal.traces.test_reading import csv, mistakes, table


def test_files_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    binary = tmp_path / "jobs.csv"
    binary.write_bytes(b"submit,run,instances\n\xff\xfe")
    assert mistakes(binary)[0].endswith("allowed: text in UTF-8")
    assert mistakes(tmp_path / "none.jsonl") == ["got 'No such file or directory', allowed: a file that can be read"]
    assert mistakes(csv(tmp_path, 'submit,run,instances\n0,1,"2')) == [
        "line 2, got 'unexpected end of data', allowed: a row of CSV"
    ]
    broken = tmp_path / "jobs.parquet"
    broken.write_text("submit,run,instances\n")
    assert mistakes(broken)[0].endswith("allowed: a file of Parquet")
    assert mistakes(tmp_path / "none.parquet")[0].endswith("allowed: a file that can be read")
    assert mistakes(tmp_path / "jobs.xlsx") == ["got 'jobs.xlsx', allowed: a name that ends in .csv, .jsonl, .parquet"]


def test_without_the_extra_parquet_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = table(tmp_path, submit=[0], run=[1], instances=[1])
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert 'pip install "fairlane[parquet]"' in mistakes(path)[0]
