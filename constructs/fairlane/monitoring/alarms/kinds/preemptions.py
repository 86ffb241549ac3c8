"""The alarm `preemptions`."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from fairlane.monitoring.alarms.condition import AT_LEAST, FINE, HOUR, Condition, QueueSeries
from fairlane.monitoring.alarms.kinds.limit import HourlyLimit
from fairlane.monitoring.series import native


@dataclass(frozen=True, slots=True, kw_only=True)
class Preemptions(HourlyLimit):
    """Many attempts are stopped for others, so much work is lost; for queues with quota shares.

    Args:
        per_hour: Preempted attempts in an hour that trigger the alarm, 1 or more.
    """

    look_at: ClassVar = "which share loses attempts, and whether its jobs write checkpoints"

    def of_queue(self, queue: QueueSeries) -> Iterator[Condition]:
        """Yield the condition for a queue with quota shares."""
        if queue.queue.quotas:
            yield Condition(
                meaning=f"{self.per_hour} or more attempts were stopped for others in an hour",
                series={"preempted": native("JobsPreempted", queue.queue.name)},
                expression="FILL(preempted, 0)",
                comparison=AT_LEAST,
                threshold=self.per_hour,
                missing=FINE,
                period=HOUR,
            )
