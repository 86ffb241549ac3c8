"""Points of Optuna's samplers. The study is built again from the results at each call."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from functools import partial
from importlib.util import find_spec
from math import ceil, floor
from typing import Any

from fairlane.errors import Problem
from fairlane_client.sweeps.plan import Plan
from fairlane_client.sweeps.space import range_step

_INSTALL = "requires the extra: pip install 'fairlane[sweeps]'"
_MODULES = {"random": ("optuna",), "sobol": ("optuna", "scipy"), "tpe": ("optuna",), "cma-es": ("optuna", "cmaes")}
_SOURCE = 10
"""Smallest number of results that CMA-ES can start from."""


def sampler_problems(plan: Plan) -> Iterator[Problem]:
    """Yield a problem if a package of the sampler is missing."""
    if plan.sampler is not None and any(find_spec(module) is None for module in _MODULES[plan.sampler]):
        yield Problem.relation(("sampler",), f"{plan.sampler} {_INSTALL}")


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
        raise ImportError(f"{plan.sampler} {_INSTALL}", name="optuna") from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    spaces = {name: _distribution(optuna, values) for name, values in plan.space.items()}
    asked = len(results) + len(running)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        trial, state = partial(_trial, optuna), optuna.trial.TrialState.RUNNING
        ranges = {name: space for name, space in spaces.items() if isinstance(plan.space[name], Mapping)}
        source = [trial(parameters, ranges, value=value) for parameters, value in results]
        study = optuna.create_study(direction=plan.direction, sampler=_sampler(optuna, plan, spaces, asked, source))
        study.add_trials([trial(parameters, spaces, value=value) for parameters, value in results])
        study.add_trials([trial(parameters, spaces, state=state) for parameters in running])
        return [dict(study.ask(spaces).params) for _ in range(number)]


def _trial(optuna: Any, parameters: Mapping[str, Any], spaces: Mapping[str, Any], **members: Any) -> Any:
    known = {name: parameters[name] for name in spaces}
    return optuna.trial.create_trial(params=known, distributions=dict(spaces), **members)


def _sampler(optuna: Any, plan: Plan, spaces: Mapping[str, Any], asked: int, source: Sequence[Any]) -> Any:
    """Return a sampler. Its seed depends on the number of earlier points, so that no two calls ask for the same.

    The state of Optuna's CMA-ES is not in the results, so each call starts it from the best tenth of the results.
    """
    samplers = optuna.samplers
    match plan.sampler:
        case "random":
            return samplers.RandomSampler(seed=plan.seed + asked)
        case "sobol":
            return _sobol(optuna, plan, spaces)
        case "cma-es":
            trials = [*source] if len(source) >= _SOURCE and source[0].params else None
            return samplers.CmaEsSampler(seed=plan.seed + asked, source_trials=trials, warn_independent_sampling=False)
        case _:
            return samplers.TPESampler(seed=plan.seed + asked)


def _sobol(optuna: Any, plan: Plan, spaces: Mapping[str, Any]) -> Any:
    """Return Optuna's sampler of Sobol sequences, which goes on after the trials that it is told."""

    class Sobol(optuna.samplers.QMCSampler):  # type: ignore[misc]
        def infer_relative_search_space(self, study: Any, trial: Any) -> Any:
            return spaces

        def _find_sample_id(self, study: Any, search_space: Any) -> int:
            return len(study.get_trials(deepcopy=False)) - 1

    return Sobol(qmc_type="sobol", scramble=True, seed=plan.seed)


def _distribution(optuna: Any, values: Any) -> Any:
    """Return the distribution of a parameter."""
    distributions = optuna.distributions
    if not isinstance(values, Mapping):
        return distributions.CategoricalDistribution(list(values))
    low, high, step = values["min"], values["max"], range_step(values)
    log = "log" in values.get("distribution", "")
    if step is not None:  # multiples of the step, as W&B rounds to them, but none outside of the range
        least, most, size = (Decimal(str(number)) for number in (low, high, step))
        low, high = type(step)(ceil(least / size) * size), type(step)(floor(most / size) * size)
    if isinstance(step, int):
        return distributions.IntDistribution(low, high, log=log, step=step)
    return distributions.FloatDistribution(float(low), float(high), log=log, step=step)


def importances(plan: Plan, results: Sequence[tuple[Mapping[str, Any], float]]) -> dict[str, float]:
    """Return the importance of each parameter by Optuna's PED-ANOVA. The sum is 1.

    Empty if the best results are no different from the others, for example because all values are equal.

    Args:
        plan: Plan of the sweep.
        results: Parameters and value of each point with a result.

    Raises:
        ImportError: If Optuna is missing.
    """
    try:
        import optuna
    except ModuleNotFoundError as error:
        raise ImportError("importances require the extra: pip install 'fairlane[sweeps]'", name="optuna") from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    spaces = {name: _distribution(optuna, values) for name, values in plan.space.items()}
    study = optuna.create_study(direction=plan.direction)
    study.add_trials([_trial(optuna, parameters, spaces, value=value) for parameters, value in results])
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        try:
            found = optuna.importance.get_param_importances(study)
        except UserWarning:
            return {}
    return {name: float(part) for name, part in found.items()}
