"""The alarm `dead_letters`."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from fairlane._internal.checks import check_whole_number
from fairlane.errors import Problem
from fairlane.monitoring.alarms.condition import AT_LEAST, KEEP, Condition, ExporterQueues
from fairlane.monitoring.alarms.kinds.limit import Limit
from fairlane.monitoring.series import of_queue


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetters(Limit):
    """Events could not be used, or not be delivered, and are missing from counts; an alarm for each of the two.

    Args:
        at_least: Number of dead-lettered events that triggers the alarm, 1 or more.
    """

    look_at: ClassVar = "the messages in that dead-letter queue of the exporter, and what they have in common"
    at_least: int = 1

    def problems(self) -> Iterator[Problem]:
        """Yield a number out of range."""
        yield from check_whole_number(("at_least",), self.at_least, 1, unit="events")

    def of_exporter(self, queues: ExporterQueues) -> Iterator[Condition]:
        """Yield a condition for each dead-letter queue."""
        for part, queue, lost in (("unused", queues.unused, "used"), ("undelivered", queues.undelivered, "delivered")):
            yield Condition(
                part=part,
                meaning=f"events could not be {lost}, and are missing from counts",
                series={"visible": of_queue("ApproximateNumberOfMessagesVisible", queue, "Maximum")},
                comparison=AT_LEAST,
                threshold=self.at_least,
                missing=KEEP,  # SQS falls silent about a queue that nobody touches, whatever is in it
                period=300,
            )
