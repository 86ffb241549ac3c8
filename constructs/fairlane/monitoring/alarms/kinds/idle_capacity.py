"""The alarm `idle_capacity`."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Final

from fairlane._internal.checks import check_whole_number
from fairlane.errors import Problem
from fairlane.monitoring.alarms.condition import KEEP, UNDER, Condition, QueueSeries
from fairlane.monitoring.alarms.kinds.limit import Limit, check_percent

_WEEK_HOURS: Final = 7 * 24


@dataclass(frozen=True, slots=True, kw_only=True)
class IdleCapacity(Limit):
    """Hardly any capacity has been in use for hours: if it is paid for all the same, money burns.

    Fairlane's EC2 instances stop when they are idle, and SageMaker training jobs are paid by use, so the default spares
    a weekend. Where capacity is reserved, set a few hours.

    Args:
        hours: For how long, 1 to 168.
        below_percent: Capacity in use, as a percentage of the queue's limit, below which it counts as idle, 0.1 to 100.
    """

    look_at: ClassVar = "whether anybody submits; whether what is reserved is still needed"
    hours: int = 72
    below_percent: float = 5

    def problems(self) -> Iterator[Problem]:
        """Yield values out of range."""
        if isinstance(self.hours, int) and self.hours > _WEEK_HOURS:
            allowed = f"a whole number of hours, 1 to {_WEEK_HOURS}: periods of an alarm add up to a week at most"
            yield Problem(("hours",), self.hours, allowed)
        else:
            yield from check_whole_number(("hours",), self.hours, 1, _WEEK_HOURS, unit="hours")
        yield from check_percent("below_percent", self.below_percent)

    def lasting_minutes(self) -> float:
        """Return the time, in minutes."""
        return self.hours * 60

    def period_minutes(self, interval_minutes: int) -> int:
        """Return an hour, so that the periods may add up to a week."""
        return 60

    def of_queue(self, queue: QueueSeries) -> Iterator[Condition]:
        """Yield the condition for a queue whose limit is known and which has its environments for itself."""
        if queue.queue.limit and queue.queue.alone:
            yield Condition(
                meaning=f"less than {self.below_percent:g} % of its capacity has been in use for {self.hours} hours",
                series={"used": queue.exported("CapacityUtilization").by("Maximum")},
                comparison=UNDER,
                threshold=self.below_percent,
                missing=KEEP,
                **self.lasting(queue.interval_minutes),
            )
