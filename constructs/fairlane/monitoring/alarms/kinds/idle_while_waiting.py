"""The alarm `idle_while_waiting`."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from fairlane.errors import Problem
from fairlane.monitoring.alarms.condition import GAUGES_PRESENT, GREATER_OR_EQUAL, IGNORE, Condition, QueueSeries
from fairlane.monitoring.alarms.kinds.limit import DurationLimit, check_percent


@dataclass(frozen=True, slots=True, kw_only=True)
class IdleWhileWaiting(DurationLimit):
    """Limit on the time that capacity is idle while jobs wait: the jobs wait for something other than capacity.

    Args:
        minutes: Number of minutes that the condition lasts, 1 to 1,440. EC2 instances take some minutes to start.
            Default: 30.
        below_percent: Percentage of the queue's capacity limit, 0.1 to 100. The capacity counts as idle while less
            than this percentage is in use. Default: 80.
    """

    first_step: ClassVar = (
        "check the blocked alarms of the queue, the account quotas, the size of the job at the head of the queue, and "
        "whether AWS has instances of these types"
    )
    minutes: int = 30
    below_percent: float = 80

    def problems(self) -> Iterator[Problem]:
        """Yield values out of range."""
        yield from DurationLimit.problems(self)
        yield from check_percent("below_percent", self.below_percent)

    def queue_conditions(self, queue: QueueSeries) -> Iterator[Condition]:
        """Yield the condition of a queue with a known limit and with environments that no other queue uses."""
        if queue.queue.limit and queue.queue.exclusive:
            yield Condition(
                meaning=f"less than {self.below_percent:g} % of the capacity limit has been in use "
                f"for {self.minutes} minutes, while jobs waited",
                series={
                    "waiting": queue.metric("RunnableJobs").with_statistic("Minimum"),
                    "used": queue.metric("CapacityUtilization").with_statistic("Maximum"),
                },
                expression=f"IF({GAUGES_PRESENT}, IF(waiting > 0 AND used < {self.below_percent:g}, 1, 0))",
                comparison=GREATER_OR_EQUAL,
                threshold=1,
                missing_data=IGNORE,
                **self.evaluation(queue.interval_minutes),
            )
