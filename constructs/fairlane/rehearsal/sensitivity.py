"""Sensitivity of rehearsals: range of their numbers over the choices for behavior that AWS does not document."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any, Final, NamedTuple, TypeAlias

from fairlane.rehearsal.rehearsal import Rehearsal
from fairlane.scheduler.options import Strategies

Numbers: TypeAlias = Mapping[str, float]

BETTER: Final = {"never_ran": -1, "wait_mean": -1, "wait_p95": -1, "lost_instance_hours": -1, "jain": 1}
"""Numbers by which policies are ordered: 1 if a higher number is better, -1 if a lower number is better."""


class Choice(NamedTuple):
    """Value of a strategy."""

    strategy: str
    value: str | int | None

    def __str__(self) -> str:
        return f"{self.strategy}={'none' if self.value is None else self.value}"


class Extreme(NamedTuple):
    """Lowest or highest number, and the choice with which it occurs. None for the strategies of the rehearsal."""

    number: float
    choice: Choice | None


class Flip(NamedTuple):
    """Change of the order of two rehearsals by a choice.

    Attributes:
        number: Name of the number that orders the rehearsals.
        better: Rehearsal that is better with the strategies of the rehearsals.
        worse: Rehearsal that is better with the choice.
        choice: Choice.
    """

    number: str
    better: str
    worse: str
    choice: Choice


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """Numbers of rehearsals with each other choice, one choice at a time.

    Attributes:
        base: Numbers by rehearsal, with the strategies of the rehearsals.
        alternatives: Numbers by choice, then by each rehearsal whose policy uses the strategy.
    """

    base: Mapping[str, Numbers]
    alternatives: Mapping[Choice, Mapping[str, Numbers]]

    def range(self, rehearsal: str, number: str) -> tuple[Extreme, Extreme]:
        """Return the lowest and the highest value of a number of a rehearsal."""
        found = [Extreme(self.base[rehearsal][number], None)]
        found += [
            Extreme(numbers[rehearsal][number], choice)
            for choice, numbers in self.alternatives.items()
            if number in numbers.get(rehearsal, {})
        ]
        return min(found, key=lambda each: each.number), max(found, key=lambda each: each.number)

    def flips(self) -> Iterator[Flip]:
        """Yield the pairs of rehearsals whose order depends on a choice, for each number that orders rehearsals.

        With a choice with which other jobs never run, only their number is compared.
        """
        for number, sign in BETTER.items():
            for choice, changed in self.alternatives.items():
                chosen = {**self.base, **changed}
                names = [name for name in self.base if self._is_comparable(name, number, chosen[name])]
                for pair in combinations(names, 2):
                    better, worse = sorted(pair, key=lambda name: -sign * self.base[name][number])
                    was, now = (numbers[better][number] - numbers[worse][number] for numbers in (self.base, chosen))
                    if was * sign > 0 > now * sign:
                        yield Flip(number, better, worse, choice)

    def _is_comparable(self, name: str, number: str, chosen: Numbers) -> bool:
        base = self.base[name]
        same_jobs = number == "never_ran" or chosen["never_ran"] == base["never_ran"]
        return same_jobs and number in base and number in chosen

    def as_json(self, gpus: float | None = 1) -> dict[str, Any]:
        """Return the chosen numbers, the ranges and the flips for a JSON file. None stands for infinity.

        Args:
            gpus: GPUs of one unit of the capacity, for `lost_gpu_hours`. None if they are unknown or differ: the JSON
                then has lost instance-hours only. Default: 1.
        """
        chosen = {name: {number: _finite(value) for number, value in each.items()} for name, each in self.base.items()}
        ranges = {
            name: {number: [_plain(extreme) for extreme in self.range(name, number)] for number in numbers}
            for name, numbers in self.base.items()
        }
        if gpus is not None:
            for name, numbers in self.base.items():
                chosen[name]["lost_gpu_hours"] = numbers["lost_instance_hours"] * gpus
                extremes = self.range(name, "lost_instance_hours")
                ranges[name]["lost_gpu_hours"] = [_plain(Extreme(lost * gpus, choice)) for lost, choice in extremes]
        flips = [flip._asdict() | {"choice": str(flip.choice)} for flip in self.flips()]
        choices = [str(choice) for choice in self.alternatives]
        return {"choices": choices, "chosen": chosen, "ranges": ranges, "flips": flips}


def measure_sensitivity(
    rehearsals: Mapping[str, Rehearsal], rehearse_with: Callable[[str, Strategies], Rehearsal]
) -> Sensitivity:
    """Rehearse each policy with each other choice for the strategies that it uses, one choice at a time.

    Args:
        rehearsals: Rehearsals by name.
        rehearse_with: Function that repeats the rehearsal of a name with other strategies.
    """
    entitled = next((each for each in rehearsals.values() if any(s.entitlement for s in each.shares.values())), None)
    base = {name: _numbers(rehearsal, entitled) for name, rehearsal in rehearsals.items()}
    alternatives: dict[Choice, dict[str, Numbers]] = {}
    for name, rehearsal in rehearsals.items():
        for choice in map(Choice._make, rehearsal.strategies.alternatives(rehearsal.policy)):
            changed: dict[str, Any] = {choice.strategy: choice.value}
            numbers = _numbers(rehearse_with(name, replace(rehearsal.strategies, **changed)), entitled)
            alternatives.setdefault(choice, {})[name] = numbers
    return Sensitivity(base, alternatives)


def _numbers(rehearsal: Rehearsal, entitled: Rehearsal | None) -> Numbers:
    total = rehearsal.total
    fairness = rehearsal.fairness_by(entitled) if entitled else None
    return {
        "never_ran": total.never_ran,
        "wait_mean": total.wait.mean,
        "wait_p50": total.wait.p50,
        "wait_p95": total.wait.p95,
        "utilization": rehearsal.utilization,
        "preemptions": total.preemptions,
        "lost_instance_hours": total.lost / 3600,
        **({"jain": fairness.jain} if fairness else {}),
    }


def _plain(extreme: Extreme) -> dict[str, Any]:
    return {"number": _finite(extreme.number), "choice": str(extreme.choice) if extreme.choice else None}


def _finite(number: float) -> float | None:
    return None if number == float("inf") else number
