"""The alarm `oldest_wait`."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from fairlane._internal.checks import check_number
from fairlane.errors import Problem
from fairlane.monitoring.alarms.condition import HOUR, KEEP, OVER, Condition, QueueSeries
from fairlane.monitoring.alarms.kinds.limit import Limit


@dataclass(frozen=True, slots=True, kw_only=True)
class OldestWait(Limit):
    """A job has been waiting for capacity for too long.

    The alarm works while nothing moves: it measures jobs that wait now, not those that have left.

    Args:
        hours: Hours since submission, 0.01 to 720.
    """

    look_at: ClassVar = "who runs now and who waits (dashboard, top row and shares); whether the queue is blocked"
    hours: float = 4

    def problems(self) -> Iterator[Problem]:
        """Yield hours out of range."""
        yield from check_number(("hours",), self.hours, 0.01, 720)

    def lasting_minutes(self) -> float:
        """Return the wait, in minutes."""
        return self.hours * 60

    def of_queue(self, queue: QueueSeries) -> Iterator[Condition]:
        """Yield the condition for a queue."""
        yield Condition(
            meaning=f"a job has been waiting for capacity for more than {self.hours:g} hours",
            series={"age": queue.exported("OldestRunnableAge")},
            comparison=OVER,
            threshold=self.hours * HOUR,
            missing=KEEP,
            period=60 * self.period_minutes(queue.interval_minutes),
            periods=2,
        )
