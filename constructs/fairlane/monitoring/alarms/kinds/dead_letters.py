"""The alarm `dead_letters`."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from fairlane._internal.checks import check_whole_number
from fairlane.errors import Problem
from fairlane.monitoring.alarms.condition import GREATER_OR_EQUAL, IGNORE, Condition, ExporterQueues
from fairlane.monitoring.alarms.kinds.limit import Limit
from fairlane.monitoring.series import sqs_metric


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetters(Limit):
    """Limit on events that are missing from the counts.

    There are two alarms: one for events that the exporter could not process, and one for events that EventBridge could
    not deliver.

    Args:
        minimum_events: Number of dead-lettered events that triggers the alarm, 1 or more. Default: 1.
    """

    first_step: ClassVar = "read the messages in this dead-letter queue, and look for a common cause"
    minimum_events: int = 1

    def problems(self) -> Iterator[Problem]:
        """Yield a number out of range."""
        yield from check_whole_number(("minimum_events",), self.minimum_events, 1, unit="events")

    def exporter_conditions(self, queues: ExporterQueues) -> Iterator[Condition]:
        """Yield a condition for each dead-letter queue."""
        for part, queue, failure in (
            ("unused", queues.unused, "events could not be processed (dead-letter queue DeadLetters)"),
            (
                "undelivered",
                queues.undelivered,
                "EventBridge could not deliver events (dead-letter queue RuleDeadLetters)",
            ),
        ):
            yield Condition(
                part=part,
                meaning=f"{failure}, so these events are missing from the counts",
                series={"visible": sqs_metric("ApproximateNumberOfMessagesVisible", queue, "Maximum")},
                comparison=GREATER_OR_EQUAL,
                threshold=self.minimum_events,
                missing_data=IGNORE,  # SQS publishes no metrics of a queue without activity, even if it has messages
                period=300,
            )
