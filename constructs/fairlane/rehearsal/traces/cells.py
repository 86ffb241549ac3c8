"""Cells of a row as texts, numbers and times, with the problems of the row."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from fairlane.errors import Problem

LARGEST: Final = 10**9
LONGEST: Final = 10**11
EPOCH: Final = 10**8
"""Numbers from here on are seconds since 1970: this one is in 1973, or three years after another origin."""
EPOCH_MS: Final = 10**11
LONGEST_MS: Final = 1000 * LONGEST
_TIME: Final = "seconds, 0 or more, or a time since 1970 or in ISO 8601"


class Cells:
    """Cells of one row.

    Args:
        line: Line of the row in its file.
        row: Values by column.
        problems: List to which the problems of the cells are added when the cells are read.
    """

    def __init__(self, line: int, row: Mapping[str, Any], problems: list[Problem]) -> None:
        self._line = line
        self._row = row
        self.problems = problems

    def __contains__(self, name: str) -> bool:
        return self._row.get(name) not in (None, "")

    def text(self, name: str) -> str:
        """Return a text. Empty if the cell is empty."""
        return str(self._row[name]).strip() if name in self else ""

    def texts(self, name: str) -> tuple[str, ...]:
        """Return the texts of a list, or of a text in which semicolons separate them. Empty if the cell is empty."""
        got = self._row.get(name)
        parts = got if isinstance(got, list | tuple) else self.text(name).split(";")
        texts = tuple(text for part in parts if (text := str(part).strip()))
        if len({*texts}) < len(texts):
            self.refuse_relation(name, "a name is listed twice: list each name once")
        return texts

    def part(self, name: str) -> float:
        """Return a number, 0 to 1."""
        number = parse_number(self._row.get(name))
        return number if number is not None and 0 <= number <= 1 else self.refuse(name, "a number, 0 to 1")

    def whole(self, name: str, lowest: int, highest: int = LARGEST) -> int:
        """Return a whole number in a range, both ends included."""
        number = parse_number(self._row.get(name))
        if number is not None and number.is_integer() and lowest <= number <= highest:
            return int(number)
        bounds = f"{lowest} or more" if highest == LARGEST else f"{lowest} to {highest}"
        return self.refuse(name, f"a whole number, {bounds}")

    def seconds(self, name: str) -> int:
        """Return a duration above 0, rounded up to whole seconds."""
        number = parse_number(self._row.get(name))
        if number is not None and 0 < number <= LONGEST:
            return math.ceil(number)
        return self.refuse(name, "seconds, more than 0")

    def time(self, name: str) -> tuple[int, bool]:
        """Return a time in whole seconds, and True if the seconds count from 1970."""
        got = self._row.get(name)
        number = parse_number(got)
        if number is None:
            try:
                time = got if isinstance(got, datetime) else datetime.fromisoformat(str(got).strip())
                number = time.replace(tzinfo=time.tzinfo or UTC).timestamp()
            except (ValueError, OverflowError):
                return self.refuse(name, _TIME), False
            return (int(number), True) if 0 <= number <= LONGEST else (self.refuse(name, _TIME), False)
        if not 0 <= number <= LONGEST_MS:
            return self.refuse(name, _TIME), False
        return int(number / 1000 if number >= EPOCH_MS else number), number >= EPOCH

    def raw(self, name: str, *, round_up: bool = False) -> Any:
        """Return a whole number if the cell has one, otherwise its content. None if the cell is empty.

        Args:
            name: Name of the column.
            round_up: True to round a number up to a whole one. Default: False.
        """
        if name not in self:
            return None
        number = parse_number(self._row[name])
        if number is None or not math.isfinite(number) or not (round_up or number.is_integer()):
            return self._row[name]
        return math.ceil(number)

    def refuse(self, name: str, allowed: str) -> int:
        """Add the problem of a value that is not allowed, and return a number that stands for the value."""
        got = self._row.get(name)
        self.problems.append(Problem((name,), None if got == "" else got, allowed, self._line))
        return 1

    def refuse_relation(self, name: str, sentence: str) -> int:
        """Add a problem that is a sentence, and return a number that stands for the value."""
        self.problems.append(Problem.relation((name,), sentence, self._line))
        return 1


class JobTimes:
    """Times of the jobs of a file, which all count from the same origin.

    Attributes:
        since_1970: True if the times count from 1970. None before the first time.
    """

    def __init__(self) -> None:
        self.since_1970: bool | None = None

    def second(self, cells: Cells, name: str = "submit") -> int:
        """Return the second in a column of a row."""
        before = len(cells.problems)
        second, since_1970 = cells.time(name)
        if len(cells.problems) > before:
            return second
        if self.since_1970 is None:
            self.since_1970 = since_1970
        if since_1970 != self.since_1970:
            kind = "time" if self.since_1970 else "number of seconds"
            return cells.refuse(name, f"a {kind}, as in the rows before")
        return second


def parse_number(got: Any) -> float | None:
    """Return the number in a cell, or None. NaN is a number that is in no range."""
    if isinstance(got, bool | datetime):
        return None
    try:
        number = float(got)
    except (TypeError, ValueError):
        return None
    except OverflowError:
        return math.inf
    return number
