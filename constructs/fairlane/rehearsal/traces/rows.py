"""Rows of files of every format, each with its line."""

import csv
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path
from typing import Any, Final, TypeAlias

from fairlane.errors import ConfigurationError, Problem

Row: TypeAlias = tuple[int, Mapping[str, Any] | Problem]
"""A line, and what it says by column, or why that cannot be read."""

_BATCH: Final = 65_536  # rows of Parquet in memory at a time


@dataclass(frozen=True, slots=True)
class Table:
    """What a file has.

    Args:
        columns: their names; None where each row names its own.
        rows: read as they are asked for.
    """

    columns: Sequence[str] | None
    rows: Iterator[Row]


def table_of(path: Path) -> Table:
    """Opens a file of CSV, JSON Lines or Parquet, by the ending of its name.

    Raises:
        ConfigurationError: if it cannot be read at all; so do the rows, once they are read.
    """
    openers = {".csv": _csv, ".jsonl": _json_lines, ".parquet": _parquet}
    opener = openers.get(path.suffix.lower())
    if opener is None:
        raise ConfigurationError(str(path), [Problem((), path.name, f"a name that ends in {', '.join(openers)}")])
    rows = _told(path, opener(path))
    first = next(rows, None)
    if first is None:
        return Table(None, rows)
    line, said = first
    return Table(None, chain([first], rows)) if line or isinstance(said, Problem) else Table([*said], rows)


def _told(path: Path, rows: Iterable[Row]) -> Iterator[Row]:
    """Says of a file that cannot be read what is wrong with it."""
    try:
        yield from rows
    except UnicodeDecodeError as error:
        raise ConfigurationError(str(path), [Problem((), f"bytes: {error.reason}", "text in UTF-8")]) from error
    except OSError as error:
        allowed = "a file that can be read"
        raise ConfigurationError(str(path), [Problem((), error.strerror or str(error), allowed)]) from error


def _csv(path: Path) -> Iterator[Row]:
    """The header as the keys of line 0, then what follows."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, strict=True)
        header: list[str] = []
        while True:
            try:
                cells = next(reader, None)
            except csv.Error as error:
                yield reader.line_num, Problem((), str(error), "a row of CSV", reader.line_num)
                return
            if cells is None:
                return
            if not any(cells):
                continue
            line = reader.line_num
            if not header:
                header = [cell.strip() for cell in cells]
                if twice := sorted({name for name in header if header.count(name) > 1}):
                    raise ConfigurationError(str(path), [Problem((name,), "two columns", "one") for name in twice])
                yield 0, dict.fromkeys(header)
            elif len(cells) != len(header):
                yield line, Problem((), f"{len(cells)} cells", f"{len(header)}, as many as the header has", line)
            else:
                yield line, dict(zip(header, cells, strict=True))


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
                yield line, Problem((), row, 'a JSON object such as {"submit": 0, "run": 3600, "instances": 1}', line)


def _parquet(path: Path) -> Iterator[Row]:
    """The columns as the keys of line 0, then the rows, counted from 1."""
    try:
        import pyarrow as arrow  # noqa: PLC0415 - an extra, which other formats do not need
        from pyarrow import parquet  # noqa: PLC0415
    except ModuleNotFoundError as error:
        allowed = 'CSV or JSON Lines, as Parquet needs what pip installs with: pip install "fairlane[parquet]"'
        raise ConfigurationError(str(path), [Problem((), "Parquet", allowed)]) from error
    try:
        with parquet.ParquetFile(path) as file:
            yield 0, dict.fromkeys(file.schema_arrow.names)
            fields = [
                one.with_type(arrow.timestamp("us", one.type.tz)) if _counts_nanoseconds(one.type) else one
                for one in file.schema_arrow
            ]
            lines = count(1)
            for batch in file.iter_batches(_BATCH):
                for row in arrow.Table.from_batches([batch]).cast(arrow.schema(fields), safe=False).to_pylist():
                    yield next(lines), row
    except (arrow.ArrowException, ValueError, OverflowError) as error:
        raise ConfigurationError(str(path), [Problem((), str(error), "a file of Parquet")]) from error


def _counts_nanoseconds(kind: Any) -> bool:
    """Whether a type of Arrow is of times that Python's do not hold."""
    return str(kind).startswith("timestamp[ns")
