"""The alarm `oldest_wait`."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from fairlane._internal.checks import check_number
from fairlane.errors import Problem
from fairlane.monitoring.alarms.condition import GREATER_THAN, HOUR, IGNORE, Condition, QueueSeries
from fairlane.monitoring.alarms.kinds.limit import Limit


@dataclass(frozen=True, slots=True, kw_only=True)
class OldestWait(Limit):
    """Limit on the time that the oldest job in state RUNNABLE has been waiting for capacity.

    The alarm also works while no job starts or ends: it measures the jobs that wait now, not the jobs that have left.

    Args:
        hours: Number of hours since the job was submitted, 0.01 to 720. Default: 4.
    """

    first_step: ClassVar = (
        "check on the dashboard which shares use the capacity and which shares wait, and check whether the queue is "
        "blocked"
    )
    hours: float = 4

    def problems(self) -> Iterator[Problem]:
        """Yield hours out of range."""
        yield from check_number(("hours",), self.hours, 0.01, 720)

    def duration_minutes(self) -> float:
        """Return the wait, in minutes."""
        return self.hours * 60

    def queue_conditions(self, queue: QueueSeries) -> Iterator[Condition]:
        """Yield the condition of a queue."""
        yield Condition(
            meaning=f"a job has been waiting for capacity for more than {self.hours:g} hours",
            series={"age": queue.metric("OldestRunnableAge")},
            comparison=GREATER_THAN,
            threshold=self.hours * HOUR,
            missing_data=IGNORE,
            period=60 * self.period_minutes(queue.interval_minutes),
            periods=2,
        )
