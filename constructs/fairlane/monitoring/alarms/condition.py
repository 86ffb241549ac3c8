"""Conditions of alarms: metrics, comparison and treatment of missing data. Imports no aws_cdk.

Gauges are published as 0 when there is nothing to count, so a missing gauge is unknown. Alarms on gauges therefore keep
their state (`ignore`). The alarms on dead letters keep their state, too, because SQS stops publishing metrics of a
queue without activity. Counts are published only when there is something to count, so a missing count is 0: expressions
use `FILL`, and `notBreaching` applies while CloudWatch has no data of the metric at all. Only the alarm on polls treats
missing data as breaching.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from fairlane.monitoring.exporter.monitored_queue import MonitoredQueue
from fairlane.monitoring.series import Series, exported_metric

GREATER_THAN: Final = "GreaterThanThreshold"
GREATER_OR_EQUAL: Final = "GreaterThanOrEqualToThreshold"
LESS_THAN: Final = "LessThanThreshold"

IGNORE: Final = "ignore"
NOT_BREACHING: Final = "notBreaching"
BREACHING: Final = "breaching"

HOUR: Final = 3600
GAUGES_PRESENT: Final = "waiting >= 0 AND used >= 0"
"""A missing side of a comparison counts as 0. This condition makes the result missing if a gauge is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """Condition under which one alarm is in state ALARM.

    Args:
        part: Share or reason that the alarm is about. Default: empty, for the whole queue.
        meaning: Meaning of the state ALARM, for the alarm's description.
        series: Metrics by their ids in the expression.
        expression: Metric math. Default: none, for a single metric.
        period: Period, in seconds.
        periods: Number of consecutive periods that must breach. Default: 1.
        comparison: Operator that compares the value with the threshold.
        threshold: Threshold, in the unit of the value.
        missing_data: Treatment of missing data.
        warm_up_minutes: Minutes before CloudWatch first evaluates a new alarm. Default: none.
    """

    part: str = ""
    meaning: str
    series: Mapping[str, Series]
    expression: str | None = None
    period: int
    periods: int = 1
    comparison: str
    threshold: float
    missing_data: str
    warm_up_minutes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueSeries:
    """Exported metrics of one queue.

    Args:
        queue: The queue.
        namespace: Namespace of the metrics.
        interval_minutes: Polling interval, in minutes.
    """

    queue: MonitoredQueue
    namespace: str
    interval_minutes: int

    def metric(self, name: str, *, share: str | None = None, reason: str | None = None) -> Series:
        """Return a metric of `JobMetrics` for the queue."""
        return exported_metric(self.namespace, name, self.queue.name, share=share, reason=reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExporterQueues:
    """Names of the exporter's SQS queues.

    Args:
        events: Queue of events that wait to be counted.
        unused: Dead-letter queue of events that could not be processed.
        undelivered: Dead-letter queue of events that EventBridge could not deliver.
    """

    events: str
    unused: str
    undelivered: str
