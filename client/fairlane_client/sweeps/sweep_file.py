"""Sweep file: the keys of W&B's sweep files that apply, and the keys of `Sweep` and of its target."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from fairlane.environment.yaml_file import YamlFile
from fairlane.errors import ConfigurationError, Problem
from fairlane_client.sweeps.plan import Plan
from fairlane_client.sweeps.space import is_grid
from fairlane_client.sweeps.stores import store_problems
from fairlane_client.sweeps.target import target_problems

METHODS: Final = {"grid": None, "random": "random", "bayes": "tpe", "tpe": "tpe", "sobol": "sobol", "cma-es": "cma-es"}
_TARGET: Final = ("queue", "job_definition", "payload", "share_identifier", "quota_share", "priority", "attempts")
UNUSED: Final = ("program", "name", "description", "project", "entity")
KEYS: Final = (
    *("id", "store", "method", "metric", "parameters", "run_cap", "early_terminate", "stop"),
    *("parallel", "repeat", "seed", *_TARGET, "environment", *UNUSED),
)
_BRACKETS: Final = "steps from the last one are not supported: use min_iter, which is max_iter / eta**s"
_SENTENCES: Final[Mapping[str, str]] = {
    "command": "the job definition holds the command: remove the key",
    "target": "a sweep runs all its points, whatever their values: remove the key",
    "controller": "AWS Batch starts the runs: remove the key",
    "max_iter": _BRACKETS,
    "s": _BRACKETS,
    "strict": "a run stops unless it is among the best 1/eta: remove the key",
    "probabilities": "all values are equally probable: remove the key",
}
"""Sentences on keys of W&B that do not apply."""
_EXPONENTS: Final = "min and max are exponents there: use {} with the numbers themselves"
_DISTRIBUTIONS: Final[Mapping[str, str]] = {
    "log_uniform": _EXPONENTS.format("log_uniform_values"),
    "inv_log_uniform": _EXPONENTS.format("log_uniform_values"),
    "q_log_uniform": _EXPONENTS.format("q_log_uniform_values"),
    "categorical_w_probabilities": "all values are equally probable: remove probabilities and the distribution",
    **{
        name: f"Optuna has no distribution {name}: use min and max with uniform or log_uniform_values"
        for name in ("normal", "q_normal", "log_normal", "q_log_normal", "beta", "q_beta")
    },
}
"""Sentences on distributions of W&B that do not apply."""
_FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "sweep_id": ("id",),
    "space": ("parameters",),
    "metric": ("metric", "name"),
    "direction": ("metric", "goal"),
    "sampler": ("method",),
    "points": ("run_cap",),
}
"""Keys of the file by argument of `Sweep`, where the two differ."""


class SweepFile:
    """Content of a sweep file.

    Args:
        path: Path of a YAML 1.2 file.

    Attributes:
        arguments: Arguments of `Sweep`.
        target: Arguments of `Sweep.submit`.
        unused: Keys that only W&B uses, for example `project`.

    Raises:
        ConfigurationError: If the file has mistakes, with the line and the key of each.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._file = path, YamlFile(path)
        data = self._file.data
        if not isinstance(data, dict):
            raise self._error([Problem.relation((), "the file is no mapping: write its keys")])
        self.unused = tuple(key for key in data if key in UNUSED)
        self._problems = [*_unknown(data, KEYS)]
        self._problems += store_problems(data.get("store"))
        plan = self._plan(data)
        self.arguments = {name: value for name, value in plan.items() if name != "sweep_id"}
        self.arguments |= {"sweep_id": plan["sweep_id"], "store": data.get("store")}
        self.target = self._target(data)
        if self._problems or self._file.problems:
            raise self._error([*self._file.problems, *self._problems])

    def error(self, problems: Iterable[Problem]) -> ConfigurationError:
        """Return an error of problems that `Sweep` has found, in the words of the file."""
        return self._error([_in_file(problem, self._file.data) for problem in problems])

    def _error(self, problems: Iterable[Problem]) -> ConfigurationError:
        """Return an error of problems, each with its line, in the order of the lines."""
        located = [replace(problem, line=problem.line or self._file.line(problem.field)) for problem in problems]
        return ConfigurationError(str(self._path), sorted(located, key=lambda problem: problem.line or 0))

    def _plan(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments of a plan, and collect its problems."""
        metric = self._mapping(data, "metric", ("name", "goal"))
        method, space = data.get("method"), self._space(data)
        if not isinstance(method, str) or method not in METHODS:
            self._problems.append(Problem(("method",), method, ", ".join(METHODS)))
            method = "grid" if is_grid(space) else "random"
        arguments = {
            "sweep_id": data.get("id"),
            "space": space,
            "metric": metric.get("name"),
            "direction": metric.get("goal", "minimize"),
            "repeat": data.get("repeat", 1),
            "sampler": METHODS[method],
            "points": None if method == "grid" else data.get("run_cap"),
            "parallel": data.get("parallel"),
            "seed": data.get("seed", 0),
            "stop": self._stop(data),
        }
        plan = Plan(**arguments)
        problems = [*plan.problems()]
        if method == "grid" and not is_grid(space):
            problems = [problem for problem in problems if problem.field != ("sampler",)]
            sentence = "grid requires value or values for each parameter: use random or bayes for ranges"
            problems.append(Problem.relation(("sampler",), sentence))
        if method == "grid" and not problems and data.get("run_cap", plan.total) != plan.total:
            sentence = f"a grid runs all its {plan.total:,} points: remove the key, or use method random"
            problems.append(Problem.relation(("run_cap",), sentence))
        self._problems += [_in_file(problem, data) for problem in problems]
        return arguments

    def _space(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values by parameter."""
        space: dict[str, Any] = {}
        for name, entry in self._mapping(data, "parameters").items():
            if not isinstance(entry, dict):
                self._problems.append(
                    Problem(("parameters", name), entry, "a mapping with value, values, or min and max")
                )
                space[name] = [0]  # a value without a further problem
                continue
            space[name], problems = _values(entry)
            self._problems += [problem.within("parameters", name) for problem in problems]
        return space

    def _stop(self, data: Mapping[str, Any]) -> Any:
        """Return the stop rule. W&B's hyperband is successive halving with the same rungs."""
        if "early_terminate" not in data:
            return data.get("stop")
        if "stop" in data:
            self._problems.append(Problem.relation(("stop",), "mutually exclusive with early_terminate"))
        hyperband = self._mapping(data, "early_terminate", ("type", "min_iter", "eta"))
        if hyperband.get("type") != "hyperband":
            self._problems.append(Problem(("early_terminate", "type"), hyperband.get("type"), "hyperband"))
        first = hyperband.get("min_iter")
        if first is None and "max_iter" not in hyperband:
            self._problems.append(Problem(("early_terminate", "min_iter"), None, "the step of the first decision"))
        return {
            "rule": "successive-halving",
            "min_resource": 1 if first is None else first,
            "reduction_factor": hyperband.get("eta", 3),
        }

    def _target(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments of `Sweep.submit`, and collect their problems."""
        target = {name: data.get(name) for name in _TARGET}
        if isinstance(target["payload"], str):
            target["payload"] = self._payload(self._path.parent / target["payload"])
        target["environment"] = self._mapping(data, "environment")
        self._problems += target_problems({**target, "depends_on": None})
        return target

    def _payload(self, path: Path) -> Any:
        """Return the payload in a JSON file."""
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else f"it is no JSON: {error}"
            self._problems.append(Problem.relation(("payload",), f"{path} cannot be read: {reason}"))
            return {}

    def _mapping(self, data: Mapping[str, Any], name: str, keys: tuple[str, ...] = ()) -> dict[str, Any]:
        """Return a mapping in the file, empty if it is absent. With keys, other keys are problems."""
        value = data.get(name, {})
        if not isinstance(value, dict):
            self._problems.append(Problem((name,), value, f"a mapping with {', '.join(keys) or 'names and values'}"))
            return {}
        self._problems += _unknown(value, keys, name) if keys else ()
        return value


def _values(entry: Mapping[str, Any]) -> tuple[Any, list[Problem]]:
    """Return the list or range of a parameter, and the problems of its keys."""
    distribution = entry.get("distribution")
    if isinstance(distribution, str) and distribution in _DISTRIBUTIONS:
        return [0], [Problem.relation(("distribution",), _DISTRIBUTIONS[distribution])]
    if unknown := [*_unknown(entry, ("value", "values", "min", "max", "distribution", "q"))]:
        return [0], unknown
    kinds = [kind for kind in ("value", "values") if kind in entry]
    ranges = [key for key in ("min", "max", "q") if key in entry]
    if len(kinds) + bool(ranges) != 1:
        got = ", ".join([*kinds, *ranges])
        return [0], [Problem((), got or None, "one of value, values, or min and max")]
    if not kinds:
        # the logarithm of 1/x is uniform if the logarithm of x is
        names = {"distribution": "log_uniform_values"} if distribution == "inv_log_uniform_values" else {}
        return {**entry, **names}, []
    fitting = "constant" if kinds == ["value"] else "categorical"
    problems = [] if distribution in (None, fitting) else [Problem(("distribution",), distribution, fitting)]
    return [entry["value"]] if kinds == ["value"] else entry["values"], problems


def _in_file(problem: Problem, data: Mapping[str, Any]) -> Problem:
    """Return a problem of a plan in the words of the file."""
    first = str(problem.field[0]) if problem.field else ""
    if not first:
        return problem
    if first == "stop" and "early_terminate" in data:
        keys = {"min_resource": "min_iter", "reduction_factor": "eta"}
        return replace(problem, field=("early_terminate", *(keys.get(str(part), part) for part in problem.field[1:])))
    return replace(problem, field=(*_FIELDS.get(first, (first,)), *problem.field[1:]))


def _unknown(mapping: Mapping[str, Any], keys: tuple[str, ...], *path: str) -> Iterator[Problem]:
    """Yield the keys that are not allowed."""
    for key in mapping:
        if key not in keys:
            sentence = _SENTENCES.get(key, f"unknown key; use {', '.join(keys)}")
            if key == "parameters":
                sentence = "nested parameters are not supported: give each parameter its own name"
            yield Problem.relation((*path, key), sentence)
