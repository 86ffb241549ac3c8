"""The alarm `idle_while_waiting`."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from fairlane.errors import Problem
from fairlane.monitoring.alarms.condition import AT_LEAST, GAUGES_KNOWN, KEEP, Condition, QueueSeries
from fairlane.monitoring.alarms.kinds.limit import LastingLimit, check_percent


@dataclass(frozen=True, slots=True, kw_only=True)
class IdleWhileWaiting(LastingLimit):
    """Capacity was idle while jobs were waiting: something other than capacity keeps them.

    Args:
        minutes: For how long, 1 to 1,440. EC2 instances take some minutes to start.
        below_percent: Capacity in use, as a percentage of the queue's limit, below which it counts as idle, 0.1 to 100.
    """

    look_at: ClassVar = "whether the queue is blocked; whether AWS has the machines; account quotas; large jobs"
    minutes: int = 30
    below_percent: float = 80

    def problems(self) -> Iterator[Problem]:
        """Yield values out of range."""
        yield from LastingLimit.problems(self)
        yield from check_percent("below_percent", self.below_percent)

    def of_queue(self, queue: QueueSeries) -> Iterator[Condition]:
        """Yield the condition for a queue whose limit is known and which has its environments for itself."""
        if queue.queue.limit and queue.queue.alone:
            yield Condition(
                meaning=f"less than {self.below_percent:g} % of its capacity has been in use "
                f"for {self.minutes} minutes, while jobs were waiting",
                series={
                    "waiting": queue.exported("RunnableJobs").by("Minimum"),
                    "used": queue.exported("CapacityUtilization").by("Maximum"),
                },
                expression=f"IF({GAUGES_KNOWN}, IF(waiting > 0 AND used < {self.below_percent:g}, 1, 0))",
                comparison=AT_LEAST,
                threshold=1,
                missing=KEEP,
                **self.lasting(queue.interval_minutes),
            )
