"""The alarm `fan_out_failures`."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from fairlane._internal.checks import check_whole_number
from fairlane.errors import Problem
from fairlane.monitoring.alarms.condition import GREATER_OR_EQUAL, IGNORE, Condition
from fairlane.monitoring.alarms.kinds.limit import Limit, check_percent
from fairlane.monitoring.monitored_fan_out import MonitoredFanOut


@dataclass(frozen=True, slots=True, kw_only=True)
class FanOutFailures(Limit):
    """Limit on the percentage of failed and refused lines among the ended lines of a fan-out, for each Region.

    The lines of a manifest count until a day after its last change. Of a line that was retried, the last job counts.

    Args:
        percent: Percentage of failed lines that triggers the alarm, 0.1 to 100. Default: 10.
        minimum_lines: Number of lines that must have ended before the alarm evaluates the percentage, 1 or more.
            Default: 1.
    """

    first_step: ClassVar = "list the failed lines with their reasons, and compare the Regions"
    percent: float = 10
    minimum_lines: int = 1

    def problems(self) -> Iterator[Problem]:
        """Yield values out of range."""
        yield from check_percent("percent", self.percent)
        yield from check_whole_number(("minimum_lines",), self.minimum_lines, 1, unit="lines")

    def fan_out_conditions(self, fan_out: MonitoredFanOut) -> Iterator[Condition]:
        """Yield a condition for each Region."""
        for region in fan_out.regions:
            series = {
                "failed": fan_out.metric("FanOutLinesFailed", region),
                "done": fan_out.metric("FanOutLinesDone", region),
            }
            yield Condition(
                part=region,
                meaning=f"{self.percent:g} % or more of the lines that ended in {region} failed or were refused "
                f"({self.minimum_lines} or more lines ended)",
                series=series,
                expression=f"IF(failed + done >= {self.minimum_lines}, 100 * failed / (failed + done), 0)",
                comparison=GREATER_OR_EQUAL,
                threshold=self.percent,
                missing_data=IGNORE,
                period=900,
            )
