"""Reader of CSV files by column, which reads single rows only where a cell is not plain."""

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from itertools import compress
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

from fairlane.errors import Problem
from fairlane.rehearsal.traces.cells import EPOCH, EPOCH_MS, LARGEST, LONGEST, LONGEST_MS, Cells, parse_number
from fairlane.rehearsal.traces.row_reader import SORTED, finish_reading, kind_of
from fairlane.rehearsal.traces.rows import Chunk, Row, csv_chunks
from fairlane.scheduler.job import Job, Trace
from fairlane.scheduler.job_columns import NONE, NUMBERS, TEXTS, JobColumns
from fairlane.scheduling.policy import MAX_JOB_PRIORITY

if TYPE_CHECKING:
    from fairlane.rehearsal.traces.reader import JobReader

_Column: TypeAlias = Sequence[str]
_REAL_TIMES: Final = ("started", "stopped")
_RARE: Final = ("attempts", "fails_after", "fails", "after", "instance_types", "nodes")


class ColumnReader:
    """Reader of a CSV file by column.

    Args:
        reader: Reader of single rows, which has the rules and collects the problems.

    Attributes:
        jobs: Jobs without problems.
        left_out: Number of rows with problems, by kind.
    """

    def __init__(self, reader: "JobReader") -> None:
        self.jobs = JobColumns()
        self.left_out = Counter[str]()
        self._reader = reader

    def read(self, path: Path) -> bool:
        """Read a file, and return False if it has values that need a reader of single rows for the whole file.

        Raises:
            ConfigurationError: If the file cannot be read, or if columns are missing.
        """
        for number, chunk in enumerate(csv_chunks(path)):
            if chunk.header and not number:
                self._reader.check_columns(path, chunk.header)
            elif chunk.cells and not self._add(chunk):
                return False
            if chunk.rest:
                self._job((chunk.rest.line or 0, chunk.rest))
        return True

    def trace(self, path: Path, known: Collection[str], *, skip_bad_rows: bool) -> Trace:
        """Return the trace of the file, with advice.

        Args:
            path: Path of the file.
            known: Names of all columns that have a meaning.
            skip_bad_rows: True to leave out rows with mistakes.

        Raises:
            ConfigurationError: If the file has mistakes, as by `read_jobs`.
        """
        advice = finish_reading(path, self._reader, len(self.jobs), self.left_out, known, skip_bad_rows=skip_bad_rows)
        if not self.jobs.is_sorted:
            advice.append(f"{path}: {SORTED}")
        return self.jobs.trace(advice)

    def _job(self, row: Row) -> Job | None:
        """Return the job of a row, or None if the row has problems."""
        before = len(self._reader.problems)
        job = self._reader.job(row)
        if job is None:
            self.left_out[kind_of(self._reader.problems[before])] += 1
        return job

    def _add(self, chunk: Chunk) -> bool:
        """Add the jobs of rows, and return False if they need a reader of single rows for the whole file."""
        single: dict[int, Job | None] = {}
        for index in range(len(chunk.cells)):
            if self._reader.times.since_1970 is not None:
                break
            single[index] = self._job(chunk.row(index))  # the first time determines what the others can be
        width = len(chunk.header)
        bad = {index for index, cells in enumerate(chunk.cells) if len(cells) != width}
        cells = [[""] * width if index in bad else row for index, row in enumerate(chunk.cells)] if bad else chunk.cells
        columns = dict(zip(chunk.header, zip(*cells, strict=True), strict=True))
        in_nodes = (
            self._reader.unit == "gpus" and not any(columns.get("gpus", ())) and any(columns.get("instances", ()))
        )
        if in_nodes or any(any(columns.get(name, ())) for name in _RARE):
            return False
        self._reader.columns |= dict.fromkeys(chunk.header)
        numbers = self._numbers(columns, bad, len(cells))
        texts = {name: [*map(str.strip, columns.get(name, [""] * len(cells)))] for name in (*TEXTS, "name")}
        refused = {key for key in {*zip(*(texts[name] for name in TEXTS), strict=True)} if self._reader.refuses(*key)}
        if refused:
            keys = zip(*(texts[name] for name in TEXTS), strict=True)
            bad |= {index for index, key in enumerate(keys) if key in refused}
        for index in sorted(bad - single.keys()):
            single[index] = self._job(chunk.row(index))
        for index, job in single.items():
            if job is not None and not (self._has_columns(job) and self._set(numbers, texts, index, job)):
                return False
        if None in single.values():
            good = [single.get(index, True) is not None for index in range(len(cells))]
            numbers = {name: [*compress(column, good)] for name, column in numbers.items()}
            texts = {name: [*compress(column, good)] for name, column in texts.items()}
        self.jobs.extend(numbers, {name: texts[name] for name in TEXTS}, texts["name"])
        return True

    @staticmethod
    def _has_columns(job: Job) -> bool:
        """Return True if there is a column for each value of a job."""
        return job.is_plain() and not any(getattr(job, name) for name in _RARE)

    @staticmethod
    def _set(numbers: Mapping[str, list[int]], texts: Mapping[str, list[str]], index: int, job: Job) -> bool:
        """Set the values of a job in all columns, and return False if it has a number for which there is no column."""
        for name in NUMBERS:
            value = getattr(job, name)
            if name in numbers:
                numbers[name][index] = NONE if value is None else value
            elif value:
                return False
        for name, column in texts.items():
            column[index] = getattr(job, name)
        return True

    def _numbers(self, columns: Mapping[str, _Column], bad: set[int], rows: int) -> dict[str, list[int]]:
        """Return the columns of numbers, and add the indexes of rows with a cell that needs a reader of its own."""
        found = {"instances": self._sizes(columns, bad, rows)}
        found["run"] = _numbers(columns["run"], 1, LONGEST, None, bad, up=True)
        found["submit"] = self._times(columns["submit"], None, bad)
        if any(cells := columns.get("priority", ())):
            found["priority"] = _numbers(cells, 0, MAX_JOB_PRIORITY, 0, bad)
        if any(cells := columns.get("checkpoint", ())):
            found["checkpoint"] = _numbers(cells, 1, LONGEST, NONE, bad, up=True)
        if any(cells := columns.get("restart", ())):
            found["restart"] = _numbers(cells, 0, LARGEST, NONE, bad)
        if any(any(columns.get(name, ())) for name in _REAL_TIMES):
            empty = [""] * rows
            real = [found.setdefault(name, self._times(columns.get(name, empty), NONE, bad)) for name in _REAL_TIMES]
            times = map(list, zip(found["submit"], *real, strict=True))
            bad |= {index for index, each in enumerate(times) if each[1:] != [NONE, NONE] and each != sorted(each)}
        return found

    def _sizes(self, columns: Mapping[str, _Column], bad: set[int], rows: int) -> list[int]:
        """Return the number of capacity units that each job needs."""
        reader = self._reader
        own, other = columns.get(reader.unit, ()), columns.get(reader.other_unit, ())
        if any(own) or not any(other):
            return _numbers(own or [""] * rows, 1, LARGEST, None, bad)
        if reader.gpus_per_instance is None:
            bad |= {*range(rows)}
            return [1] * rows
        sizes = [reader.convert_size(size) for size in _numbers(other, 1, LARGEST, None, bad)]
        bad |= {index for index, size in enumerate(sizes) if size > LARGEST}
        return sizes

    def _times(self, cells: _Column, default: int | None, bad: set[int]) -> list[int]:
        """Return times in whole seconds."""
        since_1970 = self._reader.times.since_1970
        ranges = ((EPOCH, EPOCH_MS - 1), (EPOCH_MS, LONGEST_MS)) if since_1970 else ((0, EPOCH - 1),)
        whole = _whole(cells)
        for lowest, highest in ranges:
            if whole and lowest <= min(whole) and max(whole) <= highest:
                return [int(time / 1000) for time in whole] if lowest == EPOCH_MS else whole
        times, problems = [], list[Problem]()
        for index, cell in enumerate(cells):
            if cell == "" and default is not None:
                times.append(default)
                continue
            times.append(self._reader.times.second(Cells(0, {"submit": cell}, problems)))
            if problems:
                problems.clear()
                bad.add(index)
        return times


def _whole(cells: _Column) -> list[int]:
    """Return cells as whole numbers. Empty if one is none."""
    try:
        return [*map(int, cells)]
    except ValueError:
        return []


def _numbers(
    cells: _Column, lowest: int, highest: int, default: int | None, bad: set[int], *, up: bool = False
) -> list[int]:
    """Return cells as whole numbers in a range, and add the indexes of the others.

    Args:
        cells: Cells of a column.
        lowest: Lowest number.
        highest: Highest number.
        default: Number of an empty cell. None if the cells must not be empty.
        bad: Indexes of cells that are not in the range.
        up: True to round numbers above 0 up to whole numbers. Default: False.
    """
    whole = _whole(cells)
    if whole and lowest <= min(whole) and max(whole) <= highest:
        return whole
    found = []
    for index, cell in enumerate(cells):
        if cell == "" and default is not None:
            found.append(default)
            continue
        number = parse_number(cell)
        if number is not None and math.isfinite(number) and (up or number.is_integer()):
            rounded = math.ceil(number)
            if lowest <= rounded <= highest and number <= highest:
                found.append(rounded)
                continue
        bad.add(index)
        found.append(1)
    return found
