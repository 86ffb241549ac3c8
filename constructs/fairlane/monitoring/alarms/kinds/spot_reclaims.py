"""The alarm `spot_reclaims`."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from fairlane.monitoring.alarms.condition import AT_LEAST, FINE, HOUR, Condition, QueueSeries
from fairlane.monitoring.alarms.kinds.limit import HourlyLimit
from fairlane.monitoring.series import native


@dataclass(frozen=True, slots=True, kw_only=True)
class SpotReclaims(HourlyLimit):
    """Many attempts are lost, tried again or reclaimed for good; for queues with Spot instances.

    AWS does not say why an attempt is tried again, so attempts that are tried again for other reasons count, too.

    Args:
        per_hour: Lost attempts in an hour that trigger the alarm, 1 or more.
    """

    look_at: ClassVar = "failures by reason; whether machines on demand, or other instance types, would do"

    def of_queue(self, queue: QueueSeries) -> Iterator[Condition]:
        """Yield the condition for a queue with Spot instances."""
        if queue.queue.spot:
            yield Condition(
                meaning=f"{self.per_hour} or more attempts on a queue with Spot machines were lost in an hour: "
                "tried again, or reclaimed for good",
                series={
                    "retried": native("JobsRetried", queue.queue.name),
                    "lost": queue.exported("JobFailures", reason="SpotReclaim"),
                },
                expression="FILL(retried, 0) + FILL(lost, 0)",
                comparison=AT_LEAST,
                threshold=self.per_hour,
                missing=FINE,
                period=HOUR,
            )
