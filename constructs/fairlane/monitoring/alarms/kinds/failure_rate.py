"""The alarm `failure_rate`."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from fairlane._internal.checks import check_whole_number
from fairlane.errors import Problem
from fairlane.monitoring.alarms.condition import AT_LEAST, FINE, HOUR, Condition, QueueSeries
from fairlane.monitoring.alarms.kinds.limit import Limit, check_percent


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureRate(Limit):
    """Too many of the jobs that ended in an hour failed; cancelled and terminated jobs do not count.

    Args:
        percent: Percentage of the jobs that ended, 0.1 to 99.9.
        of_at_least: Number of jobs that must have ended for a rate to mean something, 1 or more.
    """

    look_at: ClassVar = "failures by reason on the dashboard, then the logs of one job of the reason that leads"
    percent: float = 50
    of_at_least: int = 10

    def problems(self) -> Iterator[Problem]:
        """Yield values out of range."""
        yield from check_percent("percent", self.percent, 99.9)
        yield from check_whole_number(("of_at_least",), self.of_at_least, 1, unit="jobs")

    def of_queue(self, queue: QueueSeries) -> Iterator[Condition]:
        """Yield the condition for a queue."""
        ended = "(FILL(failed, 0) + FILL(succeeded, 0))"
        yield Condition(
            meaning=f"{self.percent:g} % or more of the jobs that ended in an hour failed, "
            f"of {self.of_at_least} or more; jobs that somebody cancelled or terminated do not count",
            series={"failed": queue.exported("JobsFailed"), "succeeded": queue.exported("JobsSucceeded")},
            expression=f"IF({ended} >= {self.of_at_least}, 100 * FILL(failed, 0) / {ended}, 0)",
            comparison=AT_LEAST,
            threshold=self.percent,
            missing=FINE,
            period=HOUR,
        )
