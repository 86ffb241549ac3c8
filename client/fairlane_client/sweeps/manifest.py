"""Manifests: the points of a submission, one in each line, with lines of one width."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, NamedTuple

from fairlane.errors import Problem

MAX_LINE: Final = 4096
"""Largest number of bytes of a line, with its newline."""


@dataclass(frozen=True, slots=True)
class Point:
    """One point of a sweep.

    Attributes:
        index: Index in the sweep.
        parameters: Values by parameter.
    """

    index: int
    parameters: Mapping[str, Any]


class Manifest(NamedTuple):
    """Manifest in the store.

    Attributes:
        number: Number in the sweep, from 0.
        key: Key of the object.
        etag: ETag of the object.
        width: Number of bytes of a line, with its newline.
        points: Points, in the order of their lines.
    """

    number: int
    key: str
    etag: str
    width: int
    points: Sequence[Point]


def to_lines(points: Iterable[Point]) -> bytes:
    """Return the content of a manifest."""
    lines = [_line(point) for point in points]
    width = max(map(len, lines))
    return b"".join(line.ljust(width) + b"\n" for line in lines)


def from_lines(number: int, key: str, etag: str, content: bytes) -> Manifest:
    """Return a manifest from its content."""
    records = [json.loads(line) for line in content.splitlines()]
    points = [Point(record["index"], record["parameters"]) for record in records]
    return Manifest(number, key, etag, len(content) // len(points), points)


def line_problems(point: Point) -> list[Problem]:
    """Return a problem if the line of a point is too long."""
    size = len(_line(point)) + 1
    if size <= MAX_LINE:
        return []
    return [Problem(("space",), f"{size:,} bytes for the longest point", f"at most {MAX_LINE:,} bytes")]


def _line(point: Point) -> bytes:
    return json.dumps(asdict(point), allow_nan=False, separators=(",", ":")).encode()
