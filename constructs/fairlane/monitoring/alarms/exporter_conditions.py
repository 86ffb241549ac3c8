"""When the exporter as a whole is not well; of single queues, their own conditions tell."""

from collections.abc import Iterator
from typing import Final

from fairlane.monitoring.alarms import DeadLetters, ExporterStale, Limit
from fairlane.monitoring.alarms.conditions import AT_LEAST, FINE, KEEP, OVER, Condition
from fairlane.monitoring.exporter.job_metrics import JobMetrics
from fairlane.monitoring.series import of_queue

_LOST: Final = {
    "unused": "events could not be used, and are missing from counts",
    "undelivered": "events could not be delivered, and are missing from counts",
}


def exporter_conditions(limit: Limit, metrics: JobMetrics) -> Iterator[Condition]:
    """The conditions for a limit, none if it is one of single queues."""
    if isinstance(limit, ExporterStale):
        age = of_queue("ApproximateAgeOfOldestMessage", metrics.events.queue_name, "Maximum")
        yield Condition(
            of="events",
            says=f"events have been waiting to be counted for more than {2 * limit.minutes} minutes",
            series={"age": age},
            comparison=OVER,
            threshold=60 * 2 * limit.minutes,  # SQS gives an event that failed again after some minutes
            missing=FINE,
            period=300,
        )
    elif isinstance(limit, DeadLetters):
        queues = {"unused": metrics.dead_letters, "undelivered": metrics.rule_dead_letters}
        for of, queue in queues.items():
            visible = of_queue("ApproximateNumberOfMessagesVisible", queue.queue_name, "Maximum")
            yield Condition(
                of=of,
                says=_LOST[of],
                series={"visible": visible},
                comparison=AT_LEAST,
                threshold=limit.at_least,
                missing=KEEP,  # SQS falls silent of a queue that nobody touches, whatever is in it
                period=300,
            )
