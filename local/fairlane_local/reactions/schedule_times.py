"""Times of schedules: `rate(...)`, `cron(...)` and `at(...)`."""

import calendar
import re
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_EXPRESSION: Final = re.compile(r"\s*(rate|cron|at)\s*\(\s*(.*?)\s*\)\s*")
_SECONDS: Final = {"minute": 60, "hour": 3_600, "day": 86_400}
_MONTHS: Final = {name.upper(): number for number, name in enumerate(calendar.month_abbr) if name}
_DAYS: Final = {name: number for number, name in enumerate(("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"), 1)}
_FIELDS: Final[tuple[tuple[str, range, dict[str, int]], ...]] = (
    ("minutes", range(60), {}),
    ("hours", range(24), {}),
    ("day of month", range(1, 32), {}),
    ("month", range(1, 13), _MONTHS),
    ("day of week", range(1, 8), _DAYS),
    ("year", range(1970, 2200), {}),
)
_MAX_DAYS: Final = 366 * 28
"""Number of days in which each date occurs on each day of the week."""


class ScheduleTimes:
    """Times at which a schedule calls its target.

    Args:
        expression: Expression of the schedule.
        start: Time of the first call of `rate`, in seconds since the epoch.
        timezone: IANA name of the time zone of `cron` and `at`. Default: UTC.

    Raises:
        ValueError: If the expression is not one of EventBridge.
    """

    def __init__(self, expression: str, start: int, timezone: str = "UTC") -> None:
        match = _EXPRESSION.fullmatch(expression)
        if match is None:
            raise ValueError(f"schedule {expression!r}: use rate(...), cron(...) or at(...)")
        self._expression = expression
        self._kind, text = match.groups()
        self._start = start
        try:
            self._zone = ZoneInfo(timezone)
        except (ZoneInfoNotFoundError, ValueError):
            raise ValueError(f"schedule {expression!r}: the time zone {timezone!r} is unknown") from None
        if self._kind == "rate":
            self._period = self._rate(text)
        elif self._kind == "at":
            self._at = int(datetime.fromisoformat(text).replace(tzinfo=self._zone).timestamp())
        else:
            self._fields = self._cron(text)

    def after(self, second: int) -> int | None:
        """Return the first time after a second, both since the epoch. None if there is none."""
        if self._kind == "rate":
            passed = second - self._start
            return self._start if passed < 0 else self._start + self._period * (passed // self._period + 1)
        if self._kind == "at":
            return self._at if self._at > second else None
        return self._after_cron(second)

    def _rate(self, text: str) -> int:
        number, _, unit = text.partition(" ")
        seconds = _SECONDS.get(unit.strip().removesuffix("s"))
        if not number.isdecimal() or int(number) < 1 or seconds is None:
            raise ValueError(f"schedule {self._expression!r}: use for example rate(5 minutes)")
        return int(number) * seconds

    def _cron(self, text: str) -> list[str]:
        fields = text.upper().split()
        if len(fields) != len(_FIELDS):
            raise ValueError(f"schedule {self._expression!r}: cron has 6 fields, for example cron(0 9 ? * MON-FRI *)")
        for field, (name, allowed, names) in zip(fields, _FIELDS, strict=True):
            if name not in {"day of month", "day of week"} and not _values(field, allowed, names):
                raise ValueError(f"schedule {self._expression!r}: {name}: {field} is no value")
        if (fields[2] == "?") == (fields[4] == "?"):
            raise ValueError(f"schedule {self._expression!r}: one of day of month and day of week must be ?")
        self._days_of(fields, 2026, 1)
        return fields

    def _after_cron(self, second: int) -> int | None:
        minutes, hours, _, months, _, years = (
            _values(field, allowed, names)
            for field, (_, allowed, names) in zip(_without_days(self._fields), _FIELDS, strict=True)
        )
        start = datetime.fromtimestamp(second, UTC).astimezone(self._zone)
        for number in range(_MAX_DAYS):
            day = (start + timedelta(days=number)).date()
            if day.year > max(years):
                return None
            if day.year not in years or day.month not in months:
                continue
            if day.day not in self._days_of(self._fields, day.year, day.month):
                continue
            for hour in hours:
                for minute in minutes:
                    local = datetime(day.year, day.month, day.day, hour, minute, tzinfo=self._zone)
                    time = int(local.timestamp())
                    exists = datetime.fromtimestamp(time, self._zone).hour == hour
                    if time > second and exists:
                        return time
        return None

    def _days_of(self, fields: list[str], year: int, month: int) -> set[int]:
        """Return the days of a month that a schedule has."""
        last = calendar.monthrange(year, month)[1]
        if fields[2] != "?":
            return _days_of_month(fields[2], year, month, last)
        weekdays = {day: (datetime(year, month, day, tzinfo=UTC).weekday() + 1) % 7 + 1 for day in range(1, last + 1)}
        field = fields[4]
        if match := re.fullmatch(r"(\w+)#([1-5])", field):
            number = _number(match[1], _DAYS)
            days = [day for day, weekday in weekdays.items() if weekday == number]
            return set(days[int(match[2]) - 1 : int(match[2])])
        if match := re.fullmatch(r"(\w+)L", field):
            number = _number(match[1], _DAYS)
            return {max(day for day, weekday in weekdays.items() if weekday == number)}
        allowed = _values("7" if field == "L" else field, range(1, 8), _DAYS)
        return {day for day, weekday in weekdays.items() if weekday in allowed}


def _days_of_month(field: str, year: int, month: int, last: int) -> set[int]:
    if field == "L":
        return {last}
    if match := re.fullmatch(r"(\d+)W", field):
        weekday = datetime(year, month, min(int(match[1]), last), tzinfo=UTC).weekday()
        day = min(int(match[1]), last)
        shift = {5: -1 if day > 1 else 2, 6: 1 if day < last else -2}.get(weekday, 0)
        return {day + shift}
    return set(_values(field, range(1, 32), {}))


def _without_days(fields: list[str]) -> list[str]:
    return [*fields[:2], "*", fields[3], "*", fields[5]]


def _number(text: str, names: dict[str, int]) -> int:
    return names[text] if text in names else int(text)


def _values(field: str, allowed: range, names: dict[str, int]) -> list[int]:
    """Return the values of a field, for example `0-30/10` or `MON,WED`.

    Raises:
        ValueError: If the field is not valid.
    """
    values: set[int] = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        first, _, last = span.partition("-")
        if span in {"*", "?"}:
            numbers = allowed[:: int(step or 1)]
        else:
            begin = _number(first, names)
            end = _number(last, names) if last else allowed[-1] if step else begin
            numbers = range(begin, end + 1, int(step or 1))
        if not numbers or numbers[0] not in allowed or numbers[-1] not in allowed:
            raise ValueError(f"schedule: {field} is outside {allowed[0]} to {allowed[-1]}")
        values |= {*numbers}
    return sorted(values)
