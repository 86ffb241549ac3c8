"""Search space of a sweep: lists of values, or ranges for a sampler."""

import json
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any, Final

from fairlane.errors import Problem

MAX_POINTS: Final = 1_000_000
DISTRIBUTIONS: Final = (
    "uniform",
    "log_uniform_values",
    "q_uniform",
    "q_log_uniform_values",
    "int_uniform",
    "categorical",
)
"""Distributions of W&B's sweep files that Optuna's samplers have."""
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_RESERVED: Final = ("AWS_BATCH", "FAIRLANE_")
_RANGE_KEYS: Final = {"min", "max", "distribution", "q"}

Values = Mapping[str, Any]


def space_problems(space: object, *, repeat: int = 1) -> Iterator[Problem]:
    """Yield the mistakes of a space.

    Args:
        space: Values by parameter: a list, or a range such as `{"min": 1e-5, "max": 1e-1}`.
        repeat: Number of runs of each point, 1 or more.
    """
    if not isinstance(space, Mapping) or not space:
        yield Problem(("space",), space, "at least one parameter, with a list of values or a range")
        return
    yield from _name_problems(space)
    for name, values in space.items():
        if isinstance(values, Mapping):
            yield from (problem.within("space", name) for problem in _range_problems(values))
        else:
            yield from (problem.within("space", name) for problem in _list_problems(values))
    if is_grid(space) and all(isinstance(values, Sequence) and len(values) for values in space.values()):
        count = math.prod(len(values) for values in space.values()) * repeat
        if count > MAX_POINTS:
            yield Problem(("space",), f"{count:,} points", f"at most {MAX_POINTS:,} points")


def is_grid(space: Values) -> bool:
    """Return True if all parameters have lists of values."""
    return not any(isinstance(values, Mapping) for values in space.values())


def grid_points(space: Values, repeat: int = 1) -> list[dict[str, Any]]:
    """Return all combinations of the values, each `repeat` times. The last parameter changes fastest."""
    return [dict(zip(space, values, strict=True)) for values in product(*space.values()) for _ in range(repeat)]


def to_text(parameters: Mapping[str, Any]) -> str:
    """Return parameters as compact JSON, in their order."""
    return json.dumps(parameters, allow_nan=False, separators=(",", ":"))


def _name_problems(space: Values) -> Iterator[Problem]:
    variables = Counter(str(name).upper() for name in space)
    for name in space:
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            yield Problem(("space",), name, "names of letters, digits and underscores that do not start with a digit")
        elif name.upper().startswith(_RESERVED):
            yield Problem(("space",), name, f"names that do not start with {' or '.join(_RESERVED)}")
        elif variables[name.upper()] > 1:
            yield Problem.relation(("space", name), f"another parameter has the environment variable {name.upper()}")


def _list_problems(values: object) -> Iterator[Problem]:
    if isinstance(values, str) or not isinstance(values, Sequence) or not values:
        yield Problem((), values, "a list with at least one value, or a range with min and max")
        return
    bad = [value for value in values if not _is_value(value)]
    if bad:
        yield Problem((), bad[0], "text, finite numbers, true or false")
        return
    repeated = [text for text, count in Counter(json.dumps(value) for value in values).items() if count > 1]
    if repeated:
        yield Problem.relation((), f"{repeated[0]} is listed twice: use repeat for several runs of each point")


def _range_problems(values: Values) -> Iterator[Problem]:
    unknown = sorted(set(values) - _RANGE_KEYS)
    if unknown:
        yield Problem(tuple(unknown[:1]), values[unknown[0]], "no such key; use min, max, distribution or q")
    kind = values.get("distribution", "uniform")
    if kind not in DISTRIBUTIONS:
        yield Problem(("distribution",), kind, ", ".join(DISTRIBUTIONS))
    numbers = [values.get("min"), values.get("max")]
    if any(isinstance(number, bool) or not isinstance(number, int | float) for number in numbers):
        yield Problem((), dict(values), "min and max as numbers")
    elif not (math.isfinite(numbers[0]) and math.isfinite(numbers[1]) and numbers[0] < numbers[1]):  # type: ignore[arg-type,operator]
        yield Problem((), dict(values), "finite numbers with min below max")
    elif "log" in str(kind) and numbers[0] <= 0:  # type: ignore[operator]
        yield Problem(("min",), numbers[0], "a number above 0 for a logarithmic distribution")


def _is_value(value: object) -> bool:
    return isinstance(value, str | bool | int) or (isinstance(value, float) and math.isfinite(value))
