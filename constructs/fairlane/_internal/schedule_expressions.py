"""Schedule expressions of EventBridge Scheduler that repeat. Imports no aws_cdk."""

import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from fairlane._internal.checks import check_text
from fairlane.errors import Path, Problem

_RATE: Final = re.compile(r"rate\((1 (minute|hour|day)|([2-9]|[1-9][0-9]{1,5}) (minutes|hours|days))\)")
_CRON: Final = re.compile(r"cron\((\S+) (\S+) (\S+) (\S+) (\S+) (\S+)\)")
_MONTHS: Final = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS: Final = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_DAY_OF_MONTH: Final = 2
_DAY_OF_WEEK: Final = 4


class _Field(NamedTuple):
    """Field of a cron expression.

    Attributes:
        lowest: Lowest number.
        highest: Highest number.
        names: Names for the numbers from the lowest.
        special: Pattern of the other values.
    """

    lowest: int
    highest: int
    names: Sequence[str] = ()
    special: str = r"(?!)"

    def fits(self, text: str) -> bool:
        """Return True if a text is a value of the field."""
        return all(map(self._is_part, text.split(",")))

    def _is_part(self, text: str) -> bool:
        if re.fullmatch(self.special, text):
            return True
        values, slash, step = text.partition("/")
        if slash and not (re.fullmatch("[1-9][0-9]{0,3}", step) and int(step) <= self.highest):
            return False
        first, hyphen, last = values.partition("-")
        return values == "*" or (self._is_value(first) and (not hyphen or self._is_value(last)))

    def _is_value(self, text: str) -> bool:
        is_number = re.fullmatch("[0-9]{1,4}", text) is not None
        return text in self.names or (is_number and self.lowest <= int(text) <= self.highest)


_FIELDS: Final = (
    _Field(0, 59),
    _Field(0, 23),
    _Field(1, 31, special=r"L(-([1-9]|[12][0-9]|30))?|LW|([1-9]|[12][0-9]|3[01])W"),
    _Field(1, 12, _MONTHS),
    _Field(1, 7, _DAYS, r"L|[1-7]L|([1-7]|SUN|MON|TUE|WED|THU|FRI|SAT)#[1-5]"),
    _Field(1970, 2199),
)


def is_schedule(text: str) -> bool:
    """Return True if a text is a rate or a cron expression: exactly one of its fields for days is `?`."""
    if (match := _CRON.fullmatch(text)) is None:
        return _RATE.fullmatch(text) is not None
    values = match.groups()
    unused = [index for index in (_DAY_OF_MONTH, _DAY_OF_WEEK) if values[index] == "?"]
    return len(unused) == 1 and all(
        index in unused or field.fits(value) for index, (field, value) in enumerate(zip(_FIELDS, values, strict=True))
    )


def check_schedule(field: Path, got: object) -> Iterator[Problem]:
    """Check for a rate or a cron expression; a token passes."""
    allowed = "a schedule expression, for example rate(1 day), rate(6 hours) or cron(0 6 * * ? *)"
    yield from check_text(field, got, is_schedule, allowed)
