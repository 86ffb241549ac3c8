"""The alarm `spot_reclaims`."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from fairlane.monitoring.alarms.condition import GREATER_OR_EQUAL, HOUR, NOT_BREACHING, Condition, QueueSeries
from fairlane.monitoring.alarms.kinds.limit import HourlyLimit
from fairlane.monitoring.series import native_metric


@dataclass(frozen=True, slots=True, kw_only=True)
class SpotReclaims(HourlyLimit):
    """Limit on the number of lost attempts in an hour, for queues with Spot Instances.

    An attempt is lost if it was retried, or if the job failed because EC2 reclaimed the Spot Instance. AWS does not
    report why an attempt was retried, so retries for other reasons count, too.

    Args:
        per_hour: Number of lost attempts in an hour that triggers the alarm, 1 or more. Default: 20.
    """

    first_step: ClassVar = (
        "check the failures by reason on the dashboard, and consider On-Demand Instances or other instance types"
    )

    def queue_conditions(self, queue: QueueSeries) -> Iterator[Condition]:
        """Yield the condition of a queue with Spot Instances."""
        if queue.queue.spot:
            yield Condition(
                meaning=f"{self.per_hour} or more attempts on this queue with Spot Instances were lost in the last "
                "hour: retried, or ended by a Spot interruption without a retry",
                series={
                    "retried": native_metric("JobsRetried", queue.queue.name),
                    "lost": queue.metric("JobFailures", reason="SpotReclaim"),
                },
                expression="FILL(retried, 0) + FILL(lost, 0)",
                comparison=GREATER_OR_EQUAL,
                threshold=self.per_hour,
                missing_data=NOT_BREACHING,
                period=HOUR,
            )
