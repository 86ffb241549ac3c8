"""The alarm `fan_out_stalled`."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Final

from fairlane._internal.checks import check_whole_number
from fairlane.errors import Problem
from fairlane.monitoring.alarms.condition import BREACHING, GREATER_OR_EQUAL, IGNORE, LESS_THAN, Condition
from fairlane.monitoring.alarms.kinds.limit import DAY_MINUTES, DurationLimit
from fairlane.monitoring.monitored_fan_out import PUBLISHED_MINUTES, MonitoredFanOut

_SHORTEST: Final = 3 * PUBLISHED_MINUTES


@dataclass(frozen=True, slots=True, kw_only=True)
class FanOutStalled(DurationLimit):
    """Limit on the time that lines of a fan-out wait while none of them is submitted, one alarm for each Region.

    Another alarm notices that the fan-out does not publish its lines. A manifest that a person stopped does not count.

    Args:
        minutes: Number of minutes without progress, 15 to 1,440. Default: 30.
    """

    first_step: ClassVar = "open the latest execution of the state machine, and read the error of the Region"
    minutes: int = 30

    def problems(self) -> Iterator[Problem]:
        """Yield minutes out of range."""
        yield from check_whole_number(("minutes",), self.minutes, _SHORTEST, DAY_MINUTES, unit="minutes")

    def fan_out_conditions(self, fan_out: MonitoredFanOut) -> Iterator[Condition]:
        """Yield a condition for each Region, and one for the publication."""
        for region in fan_out.regions:
            waiting = fan_out.metric("FanOutLinesWaiting", region)
            yield Condition(
                part=region,
                meaning=f"lines for {region} have been waiting for {self.minutes} minutes, and none was submitted",
                series={
                    "most": waiting.with_statistic("Maximum"),
                    "least": waiting.with_statistic("Minimum"),
                    "age": fan_out.metric("FanOutOldestUnsubmittedAge", region),
                },
                expression=f"IF(least > 0 AND most == least AND age >= {60 * self.minutes}, 1, 0)",
                comparison=GREATER_OR_EQUAL,
                threshold=1,
                missing_data=IGNORE,
                period=60 * self.minutes,
            )
        yield Condition(
            part="unpublished",
            meaning=f"the fan-out has not published its lines for {self.minutes} minutes",
            series={"runs": fan_out.metric("FanOutLinesWaiting").with_statistic("SampleCount")},
            expression="FILL(runs, 0)",
            comparison=LESS_THAN,
            threshold=1,
            missing_data=BREACHING,
            warm_up_minutes=60 + 2 * PUBLISHED_MINUTES,  # until CloudWatch has the first values of a new fan-out
            period=60 * self.minutes,
        )
