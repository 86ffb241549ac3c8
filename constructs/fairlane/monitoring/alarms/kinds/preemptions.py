"""The alarm `preemptions`."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from fairlane.monitoring.alarms.condition import GREATER_OR_EQUAL, HOUR, NOT_BREACHING, Condition, QueueSeries
from fairlane.monitoring.alarms.kinds.limit import HourlyLimit
from fairlane.monitoring.series import native_metric


@dataclass(frozen=True, slots=True, kw_only=True)
class Preemptions(HourlyLimit):
    """Limit on the number of preempted attempts in an hour, for queues with quota shares. Preempted attempts lose work.

    Args:
        per_hour: Number of preempted attempts in an hour that triggers the alarm, 1 or more. Default: 20.
    """

    first_step: ClassVar = "find the share that loses attempts, and check whether its jobs write checkpoints"

    def queue_conditions(self, queue: QueueSeries) -> Iterator[Condition]:
        """Yield the condition of a queue with quota shares."""
        if queue.queue.quota_management:
            yield Condition(
                meaning=f"{self.per_hour} or more attempts were preempted by other jobs in the last hour",
                series={"preempted": native_metric("JobsPreempted", queue.queue.name)},
                expression="FILL(preempted, 0)",
                comparison=GREATER_OR_EQUAL,
                threshold=self.per_hour,
                missing_data=NOT_BREACHING,
                period=HOUR,
            )
