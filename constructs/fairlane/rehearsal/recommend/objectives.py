"""Objectives and constraints of a search for a policy."""

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, get_args

from fairlane.errors import ConfigurationError, Problem
from fairlane.rehearsal.rehearsal import Rehearsal

Objective: TypeAlias = Literal["worst-p95", "mean-wait", "slowdown", "lost-gpu-hours"]
Statistic: TypeAlias = Literal["mean", "p50", "p95", "max"]

_HOUR: Final = 3600
_UNITS: Final = {"s": 1, "min": 60, "h": _HOUR, "d": 24 * _HOUR}
_CONSTRAINT: Final = re.compile(
    r"\s*(?P<share>\S.*)\.(?P<statistic>mean|p50|p95|max)\s*<\s*(?P<number>\d{1,12}(?:\.\d+)?)\s*(?P<unit>s|min|h|d)\s*"
)


def _worst_p95(rehearsal: Rehearsal) -> float:
    waits = [share.wait.p95 for share in rehearsal.shares.values() if share.jobs > share.never_ran]
    return max(waits, default=rehearsal.total.wait.p95)


def _slowdown(rehearsal: Rehearsal) -> float:
    total = rehearsal.total
    return (math.inf if total.jobs else 1.0) if total.slowdown is None else total.slowdown


OBJECTIVES: Final[Mapping[Objective, Callable[[Rehearsal], float]]] = {
    "worst-p95": _worst_p95,
    "mean-wait": lambda rehearsal: rehearsal.total.wait.mean,
    "slowdown": _slowdown,
    "lost-gpu-hours": lambda rehearsal: rehearsal.total.lost / _HOUR,
}
"""Measures that a search makes as low as possible.

`worst-p95` is the 95th percentile of the waits of the share where it is highest, and `mean-wait` the mean wait of all
jobs, in seconds. `slowdown` is the mean slowdown of all jobs, 1 or more. `lost-gpu-hours` is the work that preemption
loses, in hours of one unit of the capacity, for example an instance. Waits and the slowdown are infinite if there are
jobs and none ran.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Constraint:
    """Limit on the waits of a share.

    Args:
        share: Name of the share.
        statistic: Statistic of its waits.
        seconds: Limit, above 0, which the statistic must be below.
    """

    share: str
    statistic: Statistic
    seconds: float

    @classmethod
    def parse(cls, text: str) -> "Constraint":
        """Return the constraint of a text such as `prod.p95<2h`.

        Raises:
            ConfigurationError: If the text is no constraint.
        """
        match = _CONSTRAINT.fullmatch(text)
        if match is None:
            allowed = "SHARE.STATISTIC<TIME with mean, p50, p95 or max, and s, min, h or d, for example prod.p95<2h"
            raise ConfigurationError("--where", [Problem((), text, allowed)])
        (statistic,) = (each for each in get_args(Statistic) if each == match["statistic"])
        seconds = float(match["number"]) * _UNITS[match["unit"]]
        return cls(share=match["share"], statistic=statistic, seconds=seconds)

    def problems(self) -> Iterator[Problem]:
        """Yield the problems of an unknown statistic and of a limit that no wait is below."""
        if self.statistic not in get_args(Statistic):
            yield Problem(("statistic",), self.statistic, ", ".join(get_args(Statistic)))
        if not self.seconds > 0:
            yield Problem(("seconds",), self.seconds, "a number above 0")

    def excess(self, rehearsal: Rehearsal) -> float:
        """Return by what part of the limit the waits of a rehearsal are above it. 0 if they are below."""
        share = rehearsal.shares.get(self.share)
        if share is None or share.jobs == share.never_ran:
            return 0.0
        got: float = getattr(share.wait, self.statistic)
        return max(0.0, (got - self.seconds) / max(1.0, self.seconds) + 1e-9) if got >= self.seconds else 0.0

    def __str__(self) -> str:
        unit = next((unit for unit, size in reversed(_UNITS.items()) if self.seconds % size == 0), "s")
        return f"{self.share}.{self.statistic}<{self.seconds / _UNITS[unit]:.15g}{unit}"
