"""The alarm `stale`."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from fairlane.monitoring.alarms.condition import BAD, FINE, OVER, UNDER, Condition, ExporterQueues, QueueSeries
from fairlane.monitoring.alarms.kinds.limit import LastingLimit
from fairlane.monitoring.series import of_queue


@dataclass(frozen=True, slots=True, kw_only=True)
class ExporterStale(LastingLimit):
    """A queue was not polled, or events wait to be counted: dashboards and other alarms show old data.

    Args:
        minutes: For how long a queue was not polled, two intervals to 1,440; for events, twice as long.
    """

    look_at: ClassVar = (
        "errors and throttles of the exporter's functions, and their logs; other alarms show what they last knew"
    )
    minutes: int = 15

    def least_minutes(self, interval_minutes: int) -> int:
        """Return two intervals."""
        return 2 * interval_minutes

    def of_queue(self, queue: QueueSeries) -> Iterator[Condition]:
        """Yield the condition for a queue."""
        yield Condition(
            meaning=f"its jobs were not listed for {self.minutes} minutes, so that what is shown of it is old",
            series={"polls": queue.exported("RunnableJobs").by("SampleCount")},
            expression="FILL(polls, 0)",
            comparison=UNDER,
            threshold=1,
            missing=BAD,
            warm_up_minutes=60 + 2 * queue.interval_minutes,  # until the first polls of a new exporter can be read
            **self.lasting(queue.interval_minutes),
        )

    def of_exporter(self, queues: ExporterQueues) -> Iterator[Condition]:
        """Yield the condition for events."""
        yield Condition(
            part="events",
            meaning=f"events have been waiting to be counted for more than {2 * self.minutes} minutes",
            series={"age": of_queue("ApproximateAgeOfOldestMessage", queues.events, "Maximum")},
            comparison=OVER,
            threshold=60 * 2 * self.minutes,  # SQS gives an event that failed again after some minutes
            missing=FINE,
            period=300,
        )
