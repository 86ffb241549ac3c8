"""Lines of a manifest: their fields, with types and limits."""

import math
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from fairlane_lambda.fan_out.json_text import parse_json
from fairlane_lambda.fan_out.names import LINE_ID
from fairlane_lambda.training_job import Mistake

COLUMNS: Final = (("id",), ("region", "candidates"))
"""Columns that a manifest in CSV needs, each with its alternatives."""
MAX_LINES: Final = 500_000
"""Largest number of lines of a manifest."""
FIELDS: Final = (
    "id",
    "region",
    "candidates",
    "data",
    "queue",
    "share",
    "priority",
    "instance_type",
    "instance_count",
    "image",
    "template",
    "hours",
    "data_gb",
    "parameters",
)
_CANDIDATES: Final = 40
_TEXT: Final = re.compile(r"[^\x00-\x1f]{1,1024}")
_TEMPLATE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_COPY: Final = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/.*)?")


class Candidate(NamedTuple):
    """Region in which the job of a line can run.

    Attributes:
        region: Region.
        data: Location of the data. Default: none.
        copy_to: Location in Amazon S3 to which the data is copied before the job. Default: no copy.
    """

    region: str
    data: str | None = None
    copy_to: str | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """Line of a manifest.

    Attributes:
        number: Number of the line in the manifest, from 1.
        id: Id of the line.
        candidates: Regions in which its job can run: one if the line has `region`.
        queue: Queue of the job. None for the default queue of the Region.
        share: Share identifier, or quota share.
        priority: Scheduling priority.
        instance_type: Instance type of the job.
        instance_count: Number of instances of the job.
        image: Image of the job.
        template: Name of its own template.
        hours: Expected number of hours of the job.
        data_gb: Size of the data in gigabytes.
        parameters: Values by parameter.
        fields: Fields as they were written.
    """

    number: int
    id: str
    candidates: tuple[Candidate, ...]
    queue: str | None
    share: str | None
    priority: int | None
    instance_type: str | None
    instance_count: int | None
    image: str | None
    template: str | None
    hours: float | None
    data_gb: float | None
    parameters: Mapping[str, Any]
    fields: Mapping[str, Any]


def parse_line(number: int, fields: Mapping[str, Any], *, is_csv: bool) -> tuple[Line | None, list[Mistake]]:
    """Return a line, and the mistakes in its fields. None with mistakes.

    Args:
        number: Number of the line in the manifest.
        fields: Fields as they were written.
        is_csv: True for CSV: columns that are no field of a line are parameters.
    """
    if is_csv:
        reader = _Reader({name: value for name, value in fields.items() if name in FIELDS})
        others = {name: value for name, value in fields.items() if name not in FIELDS}
    else:
        reader, others = _Reader(fields), {}
        for name in fields:
            if name not in FIELDS:
                reader.mistakes.append(Mistake((name,), sentence=f"unknown; use {', '.join(FIELDS)}"))
    data = reader.text("data")
    line = Line(
        number=number,
        id=reader.text("id", LINE_ID, required=True) or "",
        candidates=_candidates(reader, data),
        queue=reader.text("queue"),
        share=reader.text("share"),
        priority=reader.whole("priority", 0, 9999),
        instance_type=reader.text("instance_type"),
        instance_count=reader.whole("instance_count", 1, 10_000),
        image=reader.text("image"),
        template=reader.text("template", _TEMPLATE),
        hours=reader.number("hours"),
        data_gb=reader.number("data_gb"),
        parameters={**reader.json("parameters", dict), **others},
        fields=fields,
    )
    return (None, reader.mistakes) if reader.mistakes else (line, [])


class _Reader:
    """Reader of the fields of a line that collects their mistakes. Absent fields and null are None."""

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self.fields = fields
        self.mistakes: list[Mistake] = []

    def text(self, name: str, pattern: re.Pattern[str] = _TEXT, *, required: bool = False) -> str | None:
        value = self.fields.get(name)
        if value is None:
            if required:
                self.mistakes.append(Mistake((name,), sentence="missing"))
            return None
        if not isinstance(value, str) or not pattern.fullmatch(value):
            allowed = "a text of 1 to 1,024 characters" if pattern is _TEXT else f"text that matches {pattern.pattern}"
            self.mistakes.append(Mistake((name,), _short(value), allowed))
            return None
        return value

    def whole(self, name: str, low: int, high: int) -> int | None:
        value = self.fields.get(name)
        if isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}", value):
            value = int(value)
        if value is None or (type(value) is int and low <= value <= high):
            return value
        self.mistakes.append(Mistake((name,), _short(value), f"a whole number, {low} to {high:,}"))
        return None

    def number(self, name: str) -> float | None:
        value = self.fields.get(name)
        if value is None:
            return None
        try:
            number = math.nan if isinstance(value, bool) else float(value)
        except (TypeError, ValueError, OverflowError):
            number = math.nan
        if 0 <= number < math.inf:
            return number
        self.mistakes.append(Mistake((name,), _short(value), "a number, 0 or more"))
        return None

    def json(self, name: str, kind: Callable[[], Any]) -> Any:
        """Return a list or an object, in CSV from its text."""
        value = self.fields.get(name)
        if value is None:
            return kind()
        if isinstance(value, str):
            with suppress(ValueError):
                value = parse_json(value)
        if type(value) is kind:
            return value
        allowed = "a list of objects" if kind is list else "an object"
        self.mistakes.append(Mistake((name,), _short(value), f"{allowed}, in CSV as JSON"))
        return kind()


def _candidates(reader: _Reader, data: str | None) -> tuple[Candidate, ...]:
    if reader.fields.get("candidates") is None:
        region = reader.text("region")
        if reader.fields.get("region") is None:
            reader.mistakes.append(Mistake(("region",), sentence="missing; use region or candidates"))
        return (Candidate(region or "", data),)
    if reader.fields.get("region") is not None:
        reader.mistakes.append(Mistake(("candidates",), sentence="mutually exclusive with region"))
    entries = reader.json("candidates", list)
    found = []
    for index, entry in enumerate(entries[:_CANDIDATES]):
        inner = _Reader(entry if isinstance(entry, dict) else {})
        if not isinstance(entry, dict) or set(entry) - set(Candidate._fields):
            inner.mistakes = [Mistake((), _short(entry), "an object with region, data and copy_to")]
        else:
            region, own = inner.text("region", required=True), inner.text("data")
            found.append(Candidate(region or "", own or data, inner.text("copy_to", _COPY)))
        reader.mistakes += [mistake.within("candidates", index) for mistake in inner.mistakes]
    if not 1 <= len(entries) <= _CANDIDATES and not reader.mistakes:
        reader.mistakes.append(Mistake(("candidates",), f"{len(entries)} candidates", f"1 to {_CANDIDATES}"))
    if len({candidate.region for candidate in found}) < len(found):
        reader.mistakes.append(Mistake(("candidates",), sentence="a Region stands there twice"))
    return tuple(found)


def _short(value: Any) -> Any:
    """Return a value for an error, cut off if it is long."""
    text = value if isinstance(value, str) else repr(value)
    return value if len(text) <= 80 else f"{text[:77]}..."
