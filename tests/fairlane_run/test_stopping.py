"""Stop rules against Optuna's pruners on random histories."""

import random
import warnings
from typing import Any, Literal

import optuna
import pytest
from optuna.trial import TrialState

from fairlane_run.stopping import stop_rule


class Board:
    """Values of all runs in memory."""

    def __init__(self, index: int, steps: dict[int, dict[int, float]], ended: list[int]) -> None:
        self._index, self._steps, self._ended = index, steps, ended

    def record(self, step: int, value: float) -> None:
        self._steps.setdefault(step, {})[self._index] = value

    def values(self, step: int) -> dict[int, float]:
        return self._steps.get(step, {})

    def completed(self) -> list[int]:
        return self._ended


def decisions(
    seed: int, rule: str, direction: Literal["minimize", "maximize"], options: dict[str, Any], names: dict[str, str]
) -> int:
    """Run random reports through Optuna and through the rule, and return the number of equal decisions."""
    chance = random.Random(seed)
    pruner: Any = optuna.pruners.MedianPruner if rule == "median" else optuna.pruners.SuccessiveHalvingPruner
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        study = optuna.create_study(
            direction=direction, pruner=pruner(**{names.get(name, name): value for name, value in options.items()})
        )
    values: dict[int, dict[int, float]] = {}
    completed: list[int] = []
    running = {number: (study.ask(), stop_rule({"rule": rule, **options}, direction), 0) for number in range(6)}
    equal = 0
    while running:
        number = chance.choice(sorted(running))
        trial, ours, step = running[number]
        assert ours
        step += chance.choice((1, 1, 1, 2, 5))
        value = float("nan") if chance.random() < 0.03 else chance.choice((chance.random(), chance.randrange(4)))
        trial.report(value, step)
        expected = trial.should_prune()
        got = ours.stops(step, value, Board(number, values, completed))
        assert got == expected, (rule, direction, options, number, step, value)
        equal += 1
        running[number] = (trial, ours, step)
        if expected or step > 30:
            study.tell(trial, state=TrialState.PRUNED if expected else None, values=None if expected else value)
            if not expected and value == value:
                completed.append(number)
            del running[number]
            if len(study.trials) < 25:
                running[len(study.trials)] = (study.ask(), stop_rule({"rule": rule, **options}, direction), 0)
    return equal


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("direction", ["maximize", "minimize"])
@pytest.mark.parametrize("rule", ["median", "successive-halving"])
@pytest.mark.parametrize("histories", [15, pytest.param(250, marks=pytest.mark.slow)])
def test_decisions_equal_those_of_optuna(histories: int, rule: str, direction: Literal["minimize", "maximize"]) -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    chance = random.Random(rule + direction)
    names = {"startup_runs": "n_startup_trials", "warmup_steps": "n_warmup_steps"}
    equal = 0
    for seed in range(histories):
        options = (
            {
                "startup_runs": chance.randrange(6),
                "warmup_steps": chance.randrange(4),
                "interval_steps": chance.randrange(1, 4),
            }
            if rule == "median"
            else {
                "min_resource": chance.randrange(1, 4),
                "reduction_factor": chance.randrange(2, 5),
                "min_early_stopping_rate": chance.randrange(3),
            }
        )
        equal += decisions(seed, rule, direction, options, names)
    assert equal >= 40 * histories
