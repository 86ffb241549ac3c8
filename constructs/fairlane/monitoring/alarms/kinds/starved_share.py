"""The alarm `starved_share`."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from fairlane._internal.checks import check_list
from fairlane.errors import Problem
from fairlane.monitoring.alarms.condition import AT_LEAST, GAUGES_KNOWN, KEEP, Condition, QueueSeries
from fairlane.monitoring.alarms.kinds.limit import LastingLimit, check_percent


@dataclass(frozen=True, slots=True, kw_only=True)
class StarvedShare(LastingLimit):
    """A share has had less than its entitlement while its jobs were waiting; an alarm for each share.

    Args:
        minutes: For how long, 1 to 1,440.
        below_percent: Capacity in use, as a percentage of the entitlement, below which it counts as less, 0.1 to 100:
            jobs of several instances seldom divide an entitlement.
        shares: Shares to watch. Default: all whose entitlement is known.
    """

    look_at: ClassVar = "which shares use more than their entitlement, and whether what they run can be preempted"
    parts: ClassVar = "shares"
    minutes: int = 60
    below_percent: float = 90
    shares: Sequence[str] | None = None

    def problems(self) -> Iterator[Problem]:
        """Yield values out of range."""
        yield from LastingLimit.problems(self)
        yield from check_percent("below_percent", self.below_percent)
        if self.shares is not None:
            yield from check_list(("shares",), self.shares, str, "names of shares")

    def of_queue(self, queue: QueueSeries) -> Iterator[Condition]:
        """Yield a condition for each share of a queue that has its environments for itself."""
        for share in queue.queue.entitled_shares if queue.queue.alone else ():
            if self.shares is not None and share not in self.shares:
                continue
            starved = f"waiting > 0 AND used < {self.below_percent / 100:g} * entitled"
            yield Condition(
                part=share,
                meaning=f"share {share} has had less than {self.below_percent:g} % of its entitlement "
                f"for {self.minutes} minutes, while jobs of it were waiting",
                series={
                    "waiting": queue.exported("RunnableJobs", share=share).by("Minimum"),
                    "used": queue.exported("CapacityInUse", share=share).by("Maximum"),
                    "entitled": queue.exported("CapacityEntitlement", share=share).by("Minimum"),
                },
                expression=f"IF({GAUGES_KNOWN}, IF({starved}, 1, 0))",
                comparison=AT_LEAST,
                threshold=1,
                missing=KEEP,
                **self.lasting(queue.interval_minutes),
            )
