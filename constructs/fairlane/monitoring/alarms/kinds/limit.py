"""Base classes of limits."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Final, TypedDict

from fairlane._internal.checks import check_number, check_whole_number
from fairlane.errors import Problem
from fairlane.monitoring.alarms.condition import Condition, ExporterQueues, QueueSeries

DAY_MINUTES: Final = 24 * 60
"""Longest time that all periods of an alarm cover, if each is under an hour; else a week (PutMetricAlarm)."""

_SHORTEST_PERIOD: Final = 5


class Lasting(TypedDict):
    """Period, in seconds, and number of periods of a condition that must last."""

    period: int
    periods: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """Limit of one kind of alarm.

    Attributes:
        look_at: Where to look first, for the alarm's description.
        parts: Field that names parts of the queue, each with an alarm; None for an alarm on the queue as a whole.
    """

    look_at: ClassVar[str]
    parts: ClassVar[str | None] = None

    def problems(self) -> Iterator[Problem]:
        """Yield every value that is out of range."""
        yield from ()

    def lasting_minutes(self) -> float | None:
        """Return how long the condition must last, in minutes; None where the limit is not a time."""
        return None

    def period_minutes(self, interval_minutes: int) -> int:
        """Return the alarm's period, in minutes: five, or the interval of the polls if that is longer."""
        return max(_SHORTEST_PERIOD, interval_minutes)

    def least_minutes(self, interval_minutes: int) -> int:
        """Return the shortest time that polls can tell, in minutes."""
        return interval_minutes

    def lasting(self, interval_minutes: int) -> Lasting:
        """Return period, in seconds, and number of periods until the condition has lasted."""
        period, minutes = self.period_minutes(interval_minutes), self.lasting_minutes()
        assert minutes is not None
        return {"period": 60 * period, "periods": -(-round(minutes) // period)}

    def of_queue(self, queue: QueueSeries) -> Iterator[Condition]:
        """Yield the conditions for a queue: none if the queue lacks what is watched, several if it has parts."""
        yield from ()

    def of_exporter(self, queues: ExporterQueues) -> Iterator[Condition]:
        """Yield the conditions for the exporter as a whole."""
        yield from ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LastingLimit(Limit):
    """Limit on how long something lasts.

    Args:
        minutes: For how long, 1 to 1,440.
    """

    minutes: int

    def problems(self) -> Iterator[Problem]:
        """Yield minutes out of range."""
        yield from check_whole_number(("minutes",), self.minutes, 1, DAY_MINUTES, unit="minutes")

    def lasting_minutes(self) -> float:
        """Return the minutes."""
        return self.minutes


@dataclass(frozen=True, slots=True, kw_only=True)
class HourlyLimit(Limit):
    """Limit on a number of attempts.

    Args:
        per_hour: Attempts in an hour that trigger the alarm, 1 or more.
    """

    per_hour: int = 20

    def problems(self) -> Iterator[Problem]:
        """Yield a number out of range."""
        yield from check_whole_number(("per_hour",), self.per_hour, 1, unit="attempts")


def check_percent(field: str, percent: float, highest: float = 100) -> Iterator[Problem]:
    """Check a percentage above 0."""
    yield from check_number((field,), percent, 0.1, highest)
