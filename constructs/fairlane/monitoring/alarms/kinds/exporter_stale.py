"""The alarm `stale`."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from fairlane.monitoring.alarms.condition import (
    BREACHING,
    GREATER_THAN,
    LESS_THAN,
    NOT_BREACHING,
    Condition,
    ExporterQueues,
    QueueSeries,
)
from fairlane.monitoring.alarms.kinds.limit import DurationLimit
from fairlane.monitoring.series import sqs_metric


@dataclass(frozen=True, slots=True, kw_only=True)
class ExporterStale(DurationLimit):
    """Limit on the time without a poll of a queue, and on the time that events wait to be counted.

    Beyond the limit, dashboards and other alarms show old data.

    Args:
        minutes: Number of minutes without a poll of a queue, from two polling intervals to 1,440. Twice as long for
            events. Default: 15.
    """

    first_step: ClassVar = (
        "check the errors, throttles and logs of the exporter's Lambda functions. Until the exporter works again, "
        "dashboards show old data and other alarms keep their last state"
    )
    minutes: int = 15

    def minimum_minutes(self, interval_minutes: int) -> int:
        """Return two polling intervals."""
        return 2 * interval_minutes

    def queue_conditions(self, queue: QueueSeries) -> Iterator[Condition]:
        """Yield the condition of a queue."""
        yield Condition(
            meaning=f"the exporter of job metrics has not listed the jobs of the queue for {self.minutes} minutes",
            series={"polls": queue.metric("RunnableJobs").with_statistic("SampleCount")},
            expression="FILL(polls, 0)",
            comparison=LESS_THAN,
            threshold=1,
            missing_data=BREACHING,
            warm_up_minutes=60 + 2 * queue.interval_minutes,  # until CloudWatch has the first polls of a new exporter
            **self.evaluation(queue.interval_minutes),
        )

    def exporter_conditions(self, queues: ExporterQueues) -> Iterator[Condition]:
        """Yield the condition of the events."""
        yield Condition(
            part="events",
            meaning=f"events have been waiting to be counted for more than {2 * self.minutes} minutes",
            series={"age": sqs_metric("ApproximateAgeOfOldestMessage", queues.events, "Maximum")},
            comparison=GREATER_THAN,
            threshold=60 * 2 * self.minutes,  # SQS returns a failed event only after some minutes
            missing_data=NOT_BREACHING,
            period=300,
        )
