"""The alarm `starved_share`."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from fairlane._internal.checks import check_list
from fairlane.errors import Problem
from fairlane.monitoring.alarms.condition import GAUGES_PRESENT, GREATER_OR_EQUAL, IGNORE, Condition, QueueSeries
from fairlane.monitoring.alarms.kinds.limit import DurationLimit, check_percent


@dataclass(frozen=True, slots=True, kw_only=True)
class StarvedShare(DurationLimit):
    """Limit on the time that a share uses less than its entitlement while its jobs wait, one alarm for each share.

    Args:
        minutes: Number of minutes that the condition lasts, 1 to 1,440. Default: 60.
        below_percent: Percentage of the entitlement, 0.1 to 100. The share is starved while it uses less: jobs of
            several instances seldom divide an entitlement evenly. Default: 90.
        shares: Names of the shares that have an alarm. Default: all shares whose entitlement is known.
    """

    first_step: ClassVar = (
        "on the dashboard, find the shares that use more than their entitlement, and check whether their jobs can be "
        "preempted"
    )
    parts: ClassVar = "shares"
    minutes: int = 60
    below_percent: float = 90
    shares: Sequence[str] | None = None

    def problems(self) -> Iterator[Problem]:
        """Yield values out of range."""
        yield from DurationLimit.problems(self)
        yield from check_percent("below_percent", self.below_percent)
        if self.shares is not None:
            yield from check_list(("shares",), self.shares, str, "names of shares")

    def queue_conditions(self, queue: QueueSeries) -> Iterator[Condition]:
        """Yield a condition for each share of a queue with environments that no other queue uses."""
        for share in queue.queue.entitled_shares if queue.queue.exclusive else ():
            if self.shares is not None and share not in self.shares:
                continue
            starved = f"waiting > 0 AND used < {self.below_percent / 100:g} * entitled"
            yield Condition(
                part=share,
                meaning=f"share {share} has used less than {self.below_percent:g} % of its entitlement "
                f"for {self.minutes} minutes, while its jobs waited",
                series={
                    "waiting": queue.metric("RunnableJobs", share=share).with_statistic("Minimum"),
                    "used": queue.metric("CapacityInUse", share=share).with_statistic("Maximum"),
                    "entitled": queue.metric("CapacityEntitlement", share=share).with_statistic("Minimum"),
                },
                expression=f"IF({GAUGES_PRESENT}, IF({starved}, 1, 0))",
                comparison=GREATER_OR_EQUAL,
                threshold=1,
                missing_data=IGNORE,
                **self.evaluation(queue.interval_minutes),
            )
