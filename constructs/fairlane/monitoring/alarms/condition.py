"""Conditions of alarms: metrics, comparison and treatment of missing data. Imports no aws_cdk.

Gauges are published as 0 where there is nothing, so missing data of gauges is unknown: such alarms keep their state
(`ignore`), and so do those on dead letters, of which SQS falls silent. Counts are published only when there is
something to count: missing data of counts is 0, by `FILL`, and `notBreaching` where CloudWatch has never seen the
metric. Only for polls is missing data what the alarm is about (`breaching`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from fairlane.monitoring.exporter.monitored_queue import MonitoredQueue
from fairlane.monitoring.series import Series, exported

OVER: Final = "GreaterThanThreshold"
AT_LEAST: Final = "GreaterThanOrEqualToThreshold"
UNDER: Final = "LessThanThreshold"

KEEP: Final = "ignore"
FINE: Final = "notBreaching"
BAD: Final = "breaching"

HOUR: Final = 3600
GAUGES_KNOWN: Final = "waiting >= 0 AND used >= 0"
"""A missing side of a comparison counts as 0: where a gauge is unknown, there must be no value at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """Condition under which one alarm is in state ALARM.

    Args:
        part: Share or reason that the alarm is about; empty for a queue as a whole.
        meaning: What the state ALARM means, for the alarm's description.
        series: Metrics by their ids in the expression.
        expression: Metric math; None for the one metric by itself.
        period: Period, in seconds.
        periods: Number of consecutive periods that must breach.
        comparison: Comparison of the value with the threshold.
        threshold: In the unit of the value.
        missing: Treatment of missing data.
        warm_up_minutes: Minutes before a new alarm is evaluated; None for at once.
    """

    part: str = ""
    meaning: str
    series: Mapping[str, Series]
    expression: str | None = None
    period: int
    periods: int = 1
    comparison: str
    threshold: float
    missing: str
    warm_up_minutes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueSeries:
    """Exported metrics of one queue.

    Args:
        queue: The queue.
        namespace: Namespace of the metrics.
        interval_minutes: Interval of the polls, in minutes.
    """

    queue: MonitoredQueue
    namespace: str
    interval_minutes: int

    def exported(self, name: str, *, share: str | None = None, reason: str | None = None) -> Series:
        """Return a metric of `JobMetrics` for the queue."""
        return exported(self.namespace, name, self.queue.name, share=share, reason=reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExporterQueues:
    """Names of the exporter's SQS queues.

    Args:
        events: Events to be counted.
        unused: Events that could not be used.
        undelivered: Events that EventBridge could not deliver.
    """

    events: str
    unused: str
    undelivered: str
