"""What stands in the cells of a row: texts, numbers and moments, or mistakes."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from fairlane.errors import Problem

_LARGEST: Final = 10**9
_LONGEST: Final = 10**11
_EPOCH: Final = 10**8
"""From here on, numbers count since 1970: it is 1973, or three years after another origin."""
_EPOCH_MS: Final = 10**11
_LONGEST_MS: Final = 1000 * _LONGEST
_MOMENT: Final = "seconds, 0 or more, or a time since 1970 or in ISO 8601"


class Cells:
    """A row; what is wrong with the cells that are asked for is added to `problems`."""

    def __init__(self, line: int, row: Mapping[str, Any], problems: list[Problem]) -> None:
        self._line = line
        self._row = row
        self._problems = problems

    def __contains__(self, name: str) -> bool:
        return self._row.get(name) not in (None, "")

    def text(self, name: str) -> str:
        """A text; empty if there is none."""
        return str(self._row[name]).strip() if name in self else ""

    def whole(self, name: str, lowest: int, highest: int = _LARGEST) -> int:
        """A whole number, both ends included."""
        number = _number(self._row.get(name))
        if number is not None and number.is_integer() and lowest <= number <= highest:
            return int(number)
        bounds = f"{lowest} or more" if highest == _LARGEST else f"{lowest} to {highest}"
        return self.wrong(name, f"a whole number, {bounds}")

    def seconds(self, name: str) -> int:
        """A duration above 0; a second that has begun counts."""
        number = _number(self._row.get(name))
        if number is not None and 0 < number <= _LONGEST:
            return math.ceil(number)
        return self.wrong(name, "seconds, more than 0")

    def moment(self, name: str) -> tuple[int, bool]:
        """When, in whole seconds, and whether since 1970."""
        got = self._row.get(name)
        number = _number(got)
        if number is None:
            try:
                moment = got if isinstance(got, datetime) else datetime.fromisoformat(str(got).strip())
                number = moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()
            except (ValueError, OverflowError):
                return self.wrong(name, _MOMENT), False
            return (int(number), True) if number >= 0 else (self.wrong(name, _MOMENT), False)
        if not 0 <= number <= _LONGEST_MS:
            return self.wrong(name, _MOMENT), False
        return int(number / 1000 if number >= _EPOCH_MS else number), number >= _EPOCH

    def wrong(self, name: str, allowed: str) -> int:
        """Notes a mistake; gives a number to go on with."""
        got = self._row.get(name)
        self._problems.append(Problem((name,), None if got == "" else got, allowed, self._line))
        return 1


def _number(got: Any) -> float | None:
    """The number that a cell says, and None if it says none; NaN compares with nothing, as it should."""
    if isinstance(got, bool | datetime):
        return None
    try:
        number = float(got)
    except (TypeError, ValueError):
        return None
    except OverflowError:
        return math.inf
    return number
