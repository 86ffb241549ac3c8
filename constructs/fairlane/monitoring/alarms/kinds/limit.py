"""Base classes of limits."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Final, TypedDict

from fairlane._internal.checks import check_number, check_whole_number
from fairlane.errors import Problem
from fairlane.hyperpod.monitoring.event_metrics import ClusterSeries
from fairlane.hyperpod.monitoring.prometheus import PrometheusSeries, Rule
from fairlane.monitoring.alarms.condition import Condition, ExporterQueues, QueueSeries
from fairlane.monitoring.monitored_fan_out import MonitoredFanOut

DAY_MINUTES: Final = 24 * 60
"""Longest time that the periods of an alarm cover if a period is under an hour; otherwise a week (PutMetricAlarm)."""

_SHORTEST_PERIOD: Final = 5


class Evaluation(TypedDict):
    """Period, in seconds, and number of periods that an alarm evaluates."""

    period: int
    periods: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """Limit of one kind of alarm.

    Attributes:
        first_step: First step of an operator, as an imperative sentence for the alarm's description.
        parts: Field that names parts of the queue, each with its own alarm; None for one alarm on the whole queue.
    """

    first_step: ClassVar[str]
    parts: ClassVar[str | None] = None

    def problems(self) -> Iterator[Problem]:
        """Yield the values that are out of range."""
        yield from ()

    def duration_minutes(self) -> float | None:
        """Return how long the condition must last, in minutes; None if the limit is not a duration."""
        return None

    def period_minutes(self, interval_minutes: int) -> int:
        """Return the alarm's period, in minutes: five, or the polling interval if the interval is longer."""
        return max(_SHORTEST_PERIOD, interval_minutes)

    def minimum_minutes(self, interval_minutes: int) -> int:
        """Return the shortest duration that polls can detect, in minutes."""
        return interval_minutes

    def evaluation(self, interval_minutes: int) -> Evaluation:
        """Return the period and the number of periods that cover the duration."""
        period, minutes = self.period_minutes(interval_minutes), self.duration_minutes()
        assert minutes is not None
        return {"period": 60 * period, "periods": -(-round(minutes) // period)}

    def queue_conditions(self, queue: QueueSeries) -> Iterator[Condition]:
        """Yield the conditions of a queue: none if the queue lacks the metrics, several if the kind has parts."""
        yield from ()

    def exporter_conditions(self, queues: ExporterQueues) -> Iterator[Condition]:
        """Yield the conditions of the exporter as a whole."""
        yield from ()

    def fan_out_conditions(self, fan_out: MonitoredFanOut) -> Iterator[Condition]:
        """Yield the conditions of a fan-out."""
        yield from ()

    def cluster_conditions(self, cluster: ClusterSeries) -> Iterator[Condition]:
        """Yield the conditions of a HyperPod cluster."""
        yield from ()

    def cluster_rules(self, series: PrometheusSeries) -> Iterator[Rule]:
        """Yield the alerts of Prometheus on a HyperPod cluster."""
        yield from ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DurationLimit(Limit):
    """Limit on a duration.

    Args:
        minutes: Number of minutes that the condition lasts, 1 to 1,440.
    """

    minutes: int

    def problems(self) -> Iterator[Problem]:
        """Yield minutes out of range."""
        yield from check_whole_number(("minutes",), self.minutes, 1, DAY_MINUTES, unit="minutes")

    def duration_minutes(self) -> float:
        """Return the minutes."""
        return self.minutes


@dataclass(frozen=True, slots=True, kw_only=True)
class HourlyLimit(Limit):
    """Limit on the number of attempts in an hour.

    Args:
        per_hour: Number of attempts in an hour that triggers the alarm, 1 or more. Default: 20.
    """

    per_hour: int = 20

    def problems(self) -> Iterator[Problem]:
        """Yield a number out of range."""
        yield from check_whole_number(("per_hour",), self.per_hour, 1, unit="attempts")


def check_percent(field: str, percent: float, highest: float = 100) -> Iterator[Problem]:
    """Yield a percentage that is not from 0.1 to `highest`."""
    yield from check_number((field,), percent, 0.1, highest)
