"""The alarm `truncated`."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from fairlane.monitoring.alarms.condition import GREATER_OR_EQUAL, IGNORE, Condition, QueueSeries
from fairlane.monitoring.alarms.kinds.limit import DurationLimit


@dataclass(frozen=True, slots=True, kw_only=True)
class Truncated(DurationLimit):
    """Limit on the time that a queue has more jobs than a poll lists, so that its gauges are lower bounds.

    Args:
        minutes: Number of minutes that the condition lasts, 1 to 1,440. Default: 30.
    """

    first_step: ClassVar = (
        "check whether one user submits thousands of single jobs; an array job takes one place in the listing"
    )
    minutes: int = 30

    def queue_conditions(self, queue: QueueSeries) -> Iterator[Condition]:
        """Yield the condition of a queue."""
        yield Condition(
            meaning=f"for {self.minutes} minutes, the queue has had more jobs than a poll lists, so its metrics are "
            "lower bounds",
            series={"truncated": queue.metric("Truncated").with_statistic("Minimum")},
            comparison=GREATER_OR_EQUAL,
            threshold=1,
            missing_data=IGNORE,
            **self.evaluation(queue.interval_minutes),
        )
