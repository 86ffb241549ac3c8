"""The alarm `idle_capacity`."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Final

from fairlane._internal.checks import check_whole_number
from fairlane.errors import Problem
from fairlane.monitoring.alarms.condition import IGNORE, LESS_THAN, Condition, QueueSeries
from fairlane.monitoring.alarms.kinds.limit import Limit, check_percent

_WEEK_HOURS: Final = 7 * 24


@dataclass(frozen=True, slots=True, kw_only=True)
class IdleCapacity(Limit):
    """Limit on the time that nearly all capacity of a queue is idle.

    Idle capacity costs money if it is paid for regardless of use. EC2 instances of a `GpuComputeEnvironment` stop when
    they are idle, and SageMaker training jobs are billed by use, so the default ignores a weekend. If capacity is
    reserved, set a few hours.

    Args:
        hours: Number of hours that the capacity is idle, 1 to 168. Default: 72.
        below_percent: Percentage of the queue's capacity limit, 0.1 to 100. The capacity counts as idle while less
            than this percentage is in use. Default: 5.
    """

    first_step: ClassVar = (
        "check whether anybody still submits jobs to the queue, and release reserved capacity that is no longer needed"
    )
    hours: int = 72
    below_percent: float = 5

    def problems(self) -> Iterator[Problem]:
        """Yield values out of range."""
        if isinstance(self.hours, int) and self.hours > _WEEK_HOURS:
            allowed = f"a whole number of hours, 1 to {_WEEK_HOURS} (an alarm evaluates at most one week)"
            yield Problem(("hours",), self.hours, allowed)
        else:
            yield from check_whole_number(("hours",), self.hours, 1, _WEEK_HOURS, unit="hours")
        yield from check_percent("below_percent", self.below_percent)

    def duration_minutes(self) -> float:
        """Return `hours`, converted to minutes."""
        return self.hours * 60

    def period_minutes(self, interval_minutes: int) -> int:
        """Return 60. Periods of an hour are required for an evaluation over more than a day."""
        return 60

    def queue_conditions(self, queue: QueueSeries) -> Iterator[Condition]:
        """Yield the condition of a queue with a known limit and with environments that no other queue uses."""
        if queue.queue.limit and queue.queue.exclusive:
            yield Condition(
                meaning=f"less than {self.below_percent:g} % of the capacity limit has been in use "
                f"for {self.hours} hours",
                series={"used": queue.metric("CapacityUtilization").with_statistic("Maximum")},
                comparison=LESS_THAN,
                threshold=self.below_percent,
                missing_data=IGNORE,
                **self.evaluation(queue.interval_minutes),
            )
