"""Stop rules of a sweep. `fairlane_run` applies them in the containers."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Final

from fairlane.errors import Problem


@dataclass(frozen=True, slots=True)
class SuccessiveHalving:
    """Stop rule: a run stops at a rung unless it is among the best 1/`reduction_factor` of all runs at the rung.

    The rungs are the steps `min_resource * reduction_factor ** (min_early_stopping_rate + n)` for n = 0, 1, 2, ...

    Args:
        min_resource: Step of the first rung, 1 to 1,000,000. Default: 1.
        reduction_factor: Factor between the steps of two rungs, 2 to 1,000,000. Default: 4.
        min_early_stopping_rate: Number of first rungs that are left out, 0 to 1,000,000. Default: 0.
    """

    rule: ClassVar[str] = "successive-halving"
    min_resource: int = 1
    reduction_factor: int = 4
    min_early_stopping_rate: int = 0


@dataclass(frozen=True, slots=True)
class Median:
    """Stop rule: a run stops if its best value is worse than the median of the completed runs at the same step.

    Args:
        startup_runs: Number of completed runs before the rule applies, 0 to 1,000,000. Default: 5.
        warmup_steps: Number of first steps without a decision, 0 to 1,000,000. Default: 0.
        interval_steps: Number of steps between decisions, 1 to 1,000,000. Default: 1.
    """

    rule: ClassVar[str] = "median"
    startup_runs: int = 5
    warmup_steps: int = 0
    interval_steps: int = 1


StopRule = SuccessiveHalving | Median
STOP_RULES: Final[Mapping[str, Mapping[str, int]]] = {
    "successive-halving": {"min_resource": 1, "reduction_factor": 2, "min_early_stopping_rate": 0},
    "median": {"startup_runs": 0, "warmup_steps": 0, "interval_steps": 1},
}
"""Options of the stop rules, with their smallest values."""
_LARGEST: Final = 1_000_000


def to_members(stop: Any) -> Any:
    """Return a stop rule as JSON members, without options of the default value. Other values stay as they are."""
    if not isinstance(stop, StopRule):
        return stop
    options = {field.name: (getattr(stop, field.name), field.default) for field in fields(stop)}
    return {"rule": stop.rule} | {name: value for name, (value, default) in options.items() if value != default}


def stop_problems(stop: object) -> Iterator[Problem]:
    """Yield the mistakes of the JSON members of a stop rule."""
    rule = str(stop.get("rule")) if isinstance(stop, Mapping) else ""
    if not isinstance(stop, Mapping) or rule not in STOP_RULES:
        yield Problem(("rule",), stop.get("rule") if isinstance(stop, Mapping) else stop, " or ".join(STOP_RULES))
        return
    options = STOP_RULES[rule]
    for name, value in stop.items():
        if name == "rule":
            continue
        if name not in options:
            yield Problem.relation((name,), f"unknown; {rule} has {', '.join(options)}")
        else:
            yield from check_whole(name, value, options[name], _LARGEST)


def check_whole(name: str, value: object, low: int, high: int) -> Iterator[Problem]:
    """Yield a problem unless a value is a whole number in a range, both ends included."""
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        yield Problem((name,), value, f"a whole number, {low} to {high:,}")
