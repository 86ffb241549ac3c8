"""The alarm `truncated`."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from fairlane.monitoring.alarms.condition import AT_LEAST, KEEP, Condition, QueueSeries
from fairlane.monitoring.alarms.kinds.limit import LastingLimit


@dataclass(frozen=True, slots=True, kw_only=True)
class Truncated(LastingLimit):
    """A queue has had more jobs than a poll may list, so its gauges are lower bounds.

    Args:
        minutes: For how long, 1 to 1,440.
    """

    look_at: ClassVar = "whether one user submits single jobs by the thousand: array jobs are listed by their parents"
    minutes: int = 30

    def of_queue(self, queue: QueueSeries) -> Iterator[Condition]:
        """Yield the condition for a queue."""
        yield Condition(
            meaning=f"for {self.minutes} minutes it has had more jobs than a poll lists: "
            "what is shown is a lower bound",
            series={"truncated": queue.exported("Truncated").by("Minimum")},
            comparison=AT_LEAST,
            threshold=1,
            missing=KEEP,
            **self.lasting(queue.interval_minutes),
        )
