"""Records of a manifest in JSON lines or CSV, read as a stream: one line in memory at a time."""

import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

from fairlane_lambda.fan_out.json_text import NestingError, parse_json

MAX_BYTES: Final = 64 * 1024
"""Largest number of bytes of a line."""
_BOM: Final = b"\xef\xbb\xbf"


class Record(NamedTuple):
    """Record of a manifest, or a problem of one of its lines.

    Attributes:
        number: Number of its first line, from 1.
        fields: Fields as they were written. None with a problem.
        problem: Sentence on the line. Default: none.
        is_last: True if the lines after the problem are not readable.
    """

    number: int
    fields: dict[str, Any] | None
    problem: str = ""
    is_last: bool = False


class _Text(NamedTuple):
    number: int
    text: str
    problem: str


def read_records(chunks: Iterable[bytes], columns: Iterable[Sequence[str]] | None = None) -> Iterator[Record]:
    """Yield the records of a manifest and its problems. Empty lines are left out.

    Args:
        chunks: Content of the manifest.
        columns: Columns that the header of CSV needs, each with its alternatives. None for JSON lines.
    """
    lines = _texts(chunks)
    yield from _json_records(lines) if columns is None else _csv_records(lines, columns)


def _texts(chunks: Iterable[bytes]) -> Iterator[_Text]:
    for number, line in enumerate(_lines(chunks), 1):
        if line is None:
            yield _Text(number, "", f"over {MAX_BYTES:,} bytes")
            continue
        content = line.removeprefix(_BOM) if number == 1 else line
        try:
            yield _Text(number, content.decode().removesuffix("\r"), "")
        except UnicodeDecodeError as error:
            byte = content[error.start]
            problem = f"byte {byte:#04x} in column {error.start + 1} is no UTF-8: save the file as UTF-8"
            yield _Text(number, content.decode(errors="replace").removesuffix("\r"), problem)


def _lines(chunks: Iterable[bytes]) -> Iterator[bytes | None]:
    """Yield lines without their ends, None for one that is too long."""
    rest, is_long = b"", False
    for chunk in chunks:
        first, *more = chunk.split(b"\n")
        rest += first
        for line in more:
            yield None if is_long or len(rest) > MAX_BYTES else rest
            rest, is_long = line, False
        if len(rest) > MAX_BYTES:
            rest, is_long = b"", True
    if rest or is_long:
        yield None if is_long else rest


def _json_records(lines: Iterable[_Text]) -> Iterator[Record]:
    for line in lines:
        if line.problem:
            yield Record(line.number, None, line.problem)
        elif line.text.strip():
            yield _json_record(line)


def _json_record(line: _Text) -> Record:
    try:
        fields = parse_json(line.text, parse_constant=_refuse)
        if "\\u" in line.text:
            json.dumps(fields, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return Record(line.number, None, "half of a surrogate pair in a text")
    except NestingError as error:
        return Record(line.number, None, str(error))
    except ValueError as error:
        reason = f"{error.msg} in column {error.colno}" if isinstance(error, json.JSONDecodeError) else str(error)
        return Record(line.number, None, f"no JSON: {reason}")
    if not isinstance(fields, dict):
        return Record(line.number, None, "no JSON object")
    return Record(line.number, fields)


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number of JSON")


class _Lines:
    """Lines for the reader of CSV, with the line where the last quote opened.

    Attributes:
        number: Number of the last line.
        opened: Number of the line where the quote that is open after the last line opened. 0 if none is open.
        continued: The same, before the last line.
        problem: Problem of a line since the last record.
    """

    def __init__(self, lines: Iterable[_Text]) -> None:
        self._lines = iter(lines)
        self.number = self.opened = self.continued = 0
        self.problem: Record | None = None

    def __iter__(self) -> Iterator[str]:
        for number, text, problem in self._lines:
            self.number, self.continued = number, self.opened
            if problem and self.problem is None:
                self.problem = Record(number, None, problem)
            if quotes := text.replace('""', "").count('"'):
                self.opened = number if bool(self.opened) ^ bool(quotes % 2) else 0
            yield f"{text}\n"


def _csv_records(texts: Iterable[_Text], columns: Iterable[Sequence[str]]) -> Iterator[Record]:
    lines = _Lines(texts)
    reader = csv.reader(lines, strict=True)
    header: list[str] | None = None
    while True:
        start, lines.opened = lines.number + 1, 0
        try:
            row = next(reader, None)
        except csv.Error as error:
            yield _csv_problem(lines, str(error))
            return
        if row is None:
            return
        if lines.problem is not None:
            yield lines.problem._replace(is_last=header is None)
            lines.problem = None
            if header is None:
                return
        elif header is None and row:
            header = row
            if problem := _header_problem(row, columns):
                yield Record(start, None, problem, is_last=True)
                return
        elif row and len(row) != len(header or ()):
            yield Record(start, None, f"{len(row)} columns, but the header has {len(header or ())}")
        elif row:
            yield Record(start, {name: cell for name, cell in zip(header or (), row, strict=True) if cell})


def _csv_problem(lines: _Lines, error: str) -> Record:
    """Return the record of an error of the reader."""
    # A quote that is left open closes at the first quote of a later line, and text follows there.
    opened = lines.continued if "expected after" in error else lines.opened
    if opened:
        return Record(opened, None, "the quote that opens here is left open", is_last=True)
    return Record(lines.number, None, f"no CSV: {error}", is_last=True)


def _header_problem(header: Sequence[str], columns: Iterable[Sequence[str]]) -> str:
    """Return a sentence on the mistakes of a header. Empty for none."""
    if "" in header:
        return "a column without a name"
    if doubled := sorted({name for name in header if header.count(name) > 1}):
        return f"columns with the same name: {', '.join(doubled)}"
    missing = [" or ".join(names) for names in columns if not set(names) & set(header)]
    return f"missing columns: {', '.join(missing)}" if missing else ""
