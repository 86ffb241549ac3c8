"""Stop rules, decided in the container from the values of the other runs.

The rules are those of Optuna 5: `SuccessiveHalvingPruner` with a number as minimum resource, and `MedianPruner`.
"""

from __future__ import annotations

import math

TYPE_CHECKING = False  # typing takes milliseconds of each start
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, Protocol

    class Board(Protocol):
        """Values of all runs: `fairlane_run.progress.Progress`."""

        def record(self, step: int, value: float) -> None:
            """Record the value of this run at a step."""

        def values(self, step: int) -> Mapping[int, float]:
            """Return the values of all runs at a step, by index."""

        def completed(self) -> Sequence[int]:
            """Return the indices of the runs that ended without a stop."""


class SuccessiveHalving:
    """Stops a run at a rung unless its value is among the best 1/`reduction_factor` of all values of the rung.

    Args:
        direction: `maximize` or `minimize`.
        min_resource: Step of the first rung, 1 or more.
        reduction_factor: Factor between the steps of two rungs, 2 or more.
        min_early_stopping_rate: Number of first rungs that are left out, 0 or more.
    """

    def __init__(
        self, direction: str, *, min_resource: int = 1, reduction_factor: int = 4, min_early_stopping_rate: int = 0
    ) -> None:
        self._sign = -1.0 if direction == "maximize" else 1.0
        self._factor = reduction_factor
        self._first = min_resource * reduction_factor**min_early_stopping_rate
        self._rung = 0

    def stops(self, step: int, value: float, board: Board) -> bool:
        """Record the value of a report, and return True if the run stops.

        A run that passes several rungs with one report is compared at each, with the same value.

        Args:
            step: Step of the report.
            value: Value of the metric. A run with NaN at a rung stops.
            board: Values of all runs.
        """
        is_rung = False
        while (at := self._first * self._factor**self._rung) <= step:
            if math.isnan(value):
                return True
            board.record(at, value)
            is_rung = at == step
            self._rung += 1
            ranked = sorted(self._sign * other for other in board.values(at).values())
            if self._sign * value > ranked[max(len(ranked) // self._factor - 1, 0)]:
                return True
        if not (is_rung or math.isnan(value)):
            board.record(step, value)
        return False


class Median:
    """Stops a run whose best value until a step is worse than the median of the completed runs at the step.

    Args:
        direction: `maximize` or `minimize`.
        startup_runs: Number of completed runs before the rule applies, 0 or more.
        warmup_steps: Number of first steps without a decision, 0 or more.
        interval_steps: Number of steps between decisions, 1 or more.
    """

    def __init__(
        self, direction: str, *, startup_runs: int = 5, warmup_steps: int = 0, interval_steps: int = 1
    ) -> None:
        self._sign = -1.0 if direction == "maximize" else 1.0
        self._startup_runs = startup_runs
        self._warmup_steps = warmup_steps
        self._interval_steps = interval_steps
        self._best = math.nan
        self._previous = -1

    def stops(self, step: int, value: float, board: Board) -> bool:
        """Record the value of a report, and return True if the run stops.

        Args:
            step: Step of the report.
            value: Value of the metric. NaN is not recorded.
            board: Values of all runs.
        """
        if not math.isnan(value):
            board.record(step, value)
        if not math.isnan(value) and not self._sign * self._best <= self._sign * value:
            self._best = value
        previous, self._previous = self._previous, step
        if not self._decides(step, previous):
            return False
        ended = board.completed()
        if len(ended) < max(self._startup_runs, 1):
            return False
        if math.isnan(self._best):
            return True
        at_step = board.values(step)
        others = sorted(at_step[index] for index in ended if index in at_step)
        if not others:
            return False
        low, high = others[(len(others) - 1) // 2], others[len(others) // 2]
        return self._sign * self._best > self._sign * (high - (high - low) * 0.5)

    def _decides(self, step: int, previous: int) -> bool:
        """Return True if the report is the first one since the latest step with a decision."""
        if step < self._warmup_steps:
            return False
        latest = (step - self._warmup_steps) // self._interval_steps * self._interval_steps + self._warmup_steps
        return previous < latest


_RULES: Mapping[str, type[SuccessiveHalving | Median]] = {"median": Median, "successive-halving": SuccessiveHalving}


def stop_rule(stop: Mapping[str, Any] | None, direction: str) -> SuccessiveHalving | Median | None:
    """Return the stop rule of a sweep, for example of `{"rule": "successive-halving", "reduction_factor": 3}`."""
    if stop is None:
        return None
    options = {name: value for name, value in stop.items() if name != "rule"}
    return _RULES[stop["rule"]](direction, **options)
