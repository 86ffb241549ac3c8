"""When the exporter as a whole is not well; of single queues, their own conditions tell."""

from collections.abc import Iterator

from fairlane.alarms import DeadLetters, ExporterStale, Limit
from fairlane.monitoring._conditions import AT_LEAST, FINE, OVER, Condition
from fairlane.monitoring._job_metrics import JobMetrics
from fairlane.monitoring._series import of_queue


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
        visible = "ApproximateNumberOfMessagesVisible"
        yield Condition(
            says="events could not be used or delivered, and are missing from counts",
            series={name: of_queue(visible, queue.queue_name, "Maximum") for name, queue in queues.items()},
            expression="FILL(unused, 0) + FILL(undelivered, 0)",
            comparison=AT_LEAST,
            threshold=limit.at_least,
            missing=FINE,
            period=300,
        )
