"""The alarm `failure_rate`."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from fairlane._internal.checks import check_whole_number
from fairlane.errors import Problem
from fairlane.monitoring.alarms.condition import GREATER_OR_EQUAL, HOUR, NOT_BREACHING, Condition, QueueSeries
from fairlane.monitoring.alarms.kinds.limit import Limit, check_percent


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureRate(Limit):
    """Limit on the percentage of failed jobs among the jobs that ended in an hour.

    Cancelled and terminated jobs do not count.

    Args:
        percent: Percentage of failed jobs that triggers the alarm, 0.1 to 99.9. Default: 50.
        minimum_jobs: Number of jobs that must have ended in the hour before the alarm evaluates the percentage, 1 or
            more. Default: 10.
    """

    first_step: ClassVar = (
        "find the most frequent failure reason on the dashboard, then read the logs of one job with that reason"
    )
    percent: float = 50
    minimum_jobs: int = 10

    def problems(self) -> Iterator[Problem]:
        """Yield values out of range."""
        yield from check_percent("percent", self.percent, 99.9)
        yield from check_whole_number(("minimum_jobs",), self.minimum_jobs, 1, unit="jobs")

    def queue_conditions(self, queue: QueueSeries) -> Iterator[Condition]:
        """Yield the condition of a queue."""
        ended = "(FILL(failed, 0) + FILL(succeeded, 0))"
        yield Condition(
            meaning=f"{self.percent:g} % or more of the jobs that ended in the last hour failed "
            f"({self.minimum_jobs} or more jobs ended; cancelled and terminated jobs do not count)",
            series={"failed": queue.metric("JobsFailed"), "succeeded": queue.metric("JobsSucceeded")},
            expression=f"IF({ended} >= {self.minimum_jobs}, 100 * FILL(failed, 0) / {ended}, 0)",
            comparison=GREATER_OR_EQUAL,
            threshold=self.percent,
            missing_data=NOT_BREACHING,
            period=HOUR,
        )
