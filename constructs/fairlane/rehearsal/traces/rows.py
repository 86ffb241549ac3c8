"""Rows of CSV, JSON Lines and Parquet files, each with its line."""

import csv
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain, count, islice
from pathlib import Path
from typing import Any, Final, TypeAlias, TypeVar

from fairlane.errors import ConfigurationError, Problem

Row: TypeAlias = tuple[int, Mapping[str, Any] | Problem]
"""Line of the row, and its values by column, or the problem of a row that cannot be read."""


_T = TypeVar("_T")


class UnreadableRest(Problem):
    """Problem of a row after which the rest of the file cannot be read."""


_CHUNK: Final = 16_384  # rows of a CSV file in memory at a time
_BATCH: Final = 65_536  # rows of a Parquet file in memory at a time


@dataclass(frozen=True, slots=True)
class Table:
    """Content of a file.

    Args:
        columns: Names of the columns. None if each row names its own columns.
        rows: Rows, read on demand.
    """

    columns: Sequence[str] | None
    rows: Iterator[Row]


def open_table(path: Path) -> Table:
    """Open a CSV, JSON Lines or Parquet file. The end of the file's name determines the format.

    Raises:
        ConfigurationError: If the file cannot be read. The rows raise the same error when they are read.
    """
    openers = {".csv": _csv, ".jsonl": _json_lines, ".parquet": _parquet}
    opener = openers.get(path.suffix.lower())
    if opener is None:
        raise ConfigurationError(str(path), [Problem((), path.name, f"a file name that ends in {', '.join(openers)}")])
    rows = _with_file_errors(path, opener(path))
    first = next(rows, None)
    if first is None:
        return Table(None, rows)
    line, content = first
    return Table(None, chain([first], rows)) if line or isinstance(content, Problem) else Table([*content], rows)


def _with_file_errors(path: Path, rows: Iterable[_T]) -> Iterator[_T]:
    """Yield the rows, and raise a `ConfigurationError` if the file cannot be read."""
    try:
        yield from rows
    except UnicodeDecodeError as error:
        sentence = f"the file is not UTF-8 text: {error.reason}"
        raise ConfigurationError(str(path), [Problem.relation((), sentence)]) from error
    except OSError as error:
        sentence = f"the file cannot be read: {error.strerror or error}"
        raise ConfigurationError(str(path), [Problem.relation((), sentence)]) from error


@dataclass(frozen=True, slots=True)
class Chunk:
    """Rows of a CSV file.

    Attributes:
        header: Names of the columns.
        lines: Line of each row.
        cells: Cells of each row. Rows without text are left out.
        rest: Problem of the row behind these rows, after which the rest of the file cannot be read. None without one.
    """

    header: Sequence[str]
    lines: Sequence[int]
    cells: Sequence[list[str]]
    rest: UnreadableRest | None = None

    def row(self, index: int) -> Row:
        """Return a row with its line."""
        line, cells = self.lines[index], self.cells[index]
        if len(cells) == len(self.header):
            return line, dict(zip(self.header, cells, strict=True))
        number = len(self.header)
        sentence = f"the row has {len(cells)} cells, but the header has {number}: use as many as the header"
        return line, Problem.relation((), sentence, line)


def csv_chunks(path: Path) -> Iterator[Chunk]:
    """Yield the rows of a CSV file in chunks. The first chunk has the header only, and an empty file has no chunk.

    Raises:
        ConfigurationError: If the file cannot be read, or if several columns have the same name.
    """
    yield from _with_file_errors(path, _csv_chunks(path))


def _csv_chunks(path: Path) -> Iterator[Chunk]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, strict=True)
        header: list[str] = []
        size = 1
        while True:
            before, cells, rest = reader.line_num, list[list[str]](), None
            try:
                cells.extend(islice(reader, size))  # the rows before an error stay in the list
            except csv.Error as error:
                sentence = f"the row is not valid CSV: {error}"
                rest = UnreadableRest.relation((), sentence, reader.line_num)
            if not cells and not rest:
                return
            lines = _lines(before, reader.line_num, cells)
            if not all(map(any, cells)):
                lines = [line for line, row in zip(lines, cells, strict=True) if any(row)]
                cells = [row for row in cells if any(row)]
            if not header and cells:
                header, lines, cells = [cell.strip() for cell in cells[0]], (), []
                size = _CHUNK
                if repeated := sorted({name for name in header if header.count(name) > 1}):
                    sentence = "several columns have this name: give each column its own name"
                    raise ConfigurationError(str(path), [Problem.relation((name,), sentence) for name in repeated])
                yield Chunk(header, lines, cells)
            elif cells or rest:
                yield Chunk(header, lines, cells, rest)
            if rest:
                return


def _lines(before: int, after: int, rows: Sequence[list[str]]) -> Sequence[int]:
    """Return the last line of each row."""
    if after - before == len(rows):
        return range(before + 1, after + 1)
    breaks = (sum(cell.count("\n") + cell.count("\r") - cell.count("\r\n") for cell in row) for row in rows)
    return [line + number for number, line in enumerate(accumulate(breaks), before + 1)]


def _csv(path: Path) -> Iterator[Row]:
    """Yield the header as the keys of line 0, then the rows."""
    for number, chunk in enumerate(_csv_chunks(path)):
        if not number and chunk.header:
            yield 0, dict.fromkeys(chunk.header)
        yield from map(chunk.row, range(len(chunk.cells)))
        if chunk.rest:
            yield chunk.rest.line or 0, chunk.rest


def _json_lines(path: Path) -> Iterator[Row]:
    with path.open(encoding="utf-8-sig") as file:
        for line, text in enumerate(file, 1):
            if not text.strip():
                continue
            try:
                row = json.loads(text)
            except (ValueError, RecursionError):
                row = text.strip()
            if isinstance(row, dict):
                yield line, row
            else:
                yield (
                    line,
                    Problem((), row, 'a JSON object, for example {"submit": 0, "run": 3600, "instances": 1}', line),
                )


def _parquet(path: Path) -> Iterator[Row]:
    """Yield the columns as the keys of line 0, then the rows, counted from 1."""
    try:
        import pyarrow as arrow  # noqa: PLC0415 - an extra that other formats do not need
        from pyarrow import parquet  # noqa: PLC0415
    except ModuleNotFoundError as error:
        sentence = 'Parquet files need pyarrow: run pip install "fairlane[parquet]", or use CSV or JSON Lines'
        raise ConfigurationError(str(path), [Problem.relation((), sentence)]) from error
    try:
        with parquet.ParquetFile(path) as file:
            yield 0, dict.fromkeys(file.schema_arrow.names)
            fields = [
                field.with_type(arrow.timestamp("us", field.type.tz)) if _counts_nanoseconds(field.type) else field
                for field in file.schema_arrow
            ]
            lines = count(1)
            for batch in file.iter_batches(_BATCH):
                for row in arrow.Table.from_batches([batch]).cast(arrow.schema(fields), safe=False).to_pylist():
                    yield next(lines), row
    except (arrow.ArrowException, ValueError, OverflowError) as error:
        sentence = f"the file cannot be read as Parquet: {error}"
        raise ConfigurationError(str(path), [Problem.relation((), sentence)]) from error


def _counts_nanoseconds(kind: Any) -> bool:
    """Return True if an Arrow type has nanoseconds, which Python's datetime cannot hold."""
    return str(kind).startswith("timestamp[ns")
