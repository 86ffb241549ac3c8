"""Points of Optuna's samplers. The study is built again from the results at each call."""

import math
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from fairlane_client.sweeps.plan import Plan

_INSTALL = "samplers require the extra: pip install 'fairlane[sweeps]'"


def ask(
    plan: Plan, number: int, results: Sequence[tuple[Mapping[str, Any], float]], running: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Return further points of a sampler.

    Args:
        plan: Plan with a sampler.
        number: Number of points.
        results: Parameters and value of each point with a result.
        running: Parameters of the points that run or have failed.

    Raises:
        ImportError: If Optuna is missing.
    """
    try:
        import optuna
    except ModuleNotFoundError as error:
        raise ImportError(_INSTALL) from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    spaces = {name: _distribution(optuna, values) for name, values in plan.space.items()}
    asked = len(results) + len(running)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        study = optuna.create_study(direction=plan.direction, sampler=_sampler(optuna, plan, asked))
        states = optuna.trial.TrialState
        for parameters, value in results:
            trial = optuna.trial.create_trial(params=_known(parameters, plan), distributions=spaces, value=value)
            study.add_trial(trial)
        for parameters in running:
            trial = optuna.trial.create_trial(
                params=_known(parameters, plan), distributions=spaces, state=states.RUNNING
            )
            study.add_trial(trial)
        return [dict(study.ask(spaces).params) for _ in range(number)]


def _sampler(optuna: Any, plan: Plan, asked: int) -> Any:
    """Return a sampler. Its seed depends on the number of earlier points, so that no two calls ask for the same."""
    samplers = optuna.samplers
    match plan.sampler:
        case "random":
            return samplers.RandomSampler(seed=plan.seed + asked)
        case "sobol":
            return samplers.QMCSampler(qmc_type="sobol", scramble=True, seed=plan.seed)
        case "cma-es":
            return samplers.CmaEsSampler(seed=plan.seed + asked)
        case _:
            return samplers.TPESampler(seed=plan.seed + asked)


def _distribution(optuna: Any, values: Any) -> Any:
    """Return the distribution of a parameter. A range of whole numbers gives whole numbers."""
    distributions = optuna.distributions
    if not isinstance(values, Mapping):
        return distributions.CategoricalDistribution(list(values))
    low, high, kind = values["min"], values["max"], values.get("distribution")
    step, log = values.get("q"), "log" in (kind or "")
    whole = kind == "int_uniform" or (kind is None and isinstance(low, int) and isinstance(high, int))
    if whole:
        return distributions.IntDistribution(low, high, log=log, step=int(step or 1))
    if step is not None:
        high = low + math.floor((high - low) / step) * step
    return distributions.FloatDistribution(float(low), float(high), log=log and step is None, step=step)


def _known(parameters: Mapping[str, Any], plan: Plan) -> dict[str, Any]:
    return {name: parameters[name] for name in plan.space}
