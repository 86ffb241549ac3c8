"""Search space of a sweep: lists of values, or ranges for a sampler."""

import json
import math
import re
import sys
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
)
"""Distributions of W&B's sweep files that Optuna's samplers have."""
NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
RESERVED: Final = ("AWS_BATCH", "FAIRLANE_")
_LARGEST: Final = sys.float_info.max
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


def range_step(values: Values) -> float | None:
    """Return the step of a range: an `int` for whole numbers, a `float` for other steps, None for any number.

    A range of whole numbers gives whole numbers, unless its distribution is for any number. So does a whole step.
    """
    kind, step = values.get("distribution"), values.get("q")
    if kind in ("uniform", "log_uniform_values") or (kind is None and step is None and _is_any(values)):
        return None
    step = 1 if step is None else step
    is_whole = float(step).is_integer() and (isinstance(values.get("q"), int) or not _is_any(values))
    return int(step) if is_whole else float(step)


def _name_problems(space: Values) -> Iterator[Problem]:
    variables = Counter(str(name).upper() for name in space)
    for name in space:
        if not isinstance(name, str) or not NAME.fullmatch(name):
            yield Problem(("space",), name, "names of letters, digits and underscores that do not start with a digit")
        elif name.upper().startswith(RESERVED):
            yield Problem(("space",), name, f"names that do not start with {' or '.join(RESERVED)}")
        elif variables[name.upper()] > 1:
            yield Problem.relation(("space", name), f"another parameter has the environment variable {name.upper()}")


def _list_problems(values: object) -> Iterator[Problem]:
    if isinstance(values, str | bytes | bytearray) or not isinstance(values, Sequence) or not values:
        yield Problem((), values, "a list with at least one value, or a range with min and max")
        return
    if len(values) > MAX_POINTS:
        yield Problem((), f"{len(values):,} values", f"at most {MAX_POINTS:,} values")
        return
    bad = [value for value in values if not _is_value(value)]
    if bad:
        yield Problem((), bad[0], "text, finite numbers, true or false")
        return
    repeated = [text for text, count in Counter(json.dumps(value) for value in values).items() if count > 1]
    if repeated:
        yield Problem.relation((), f"{repeated[0]} is listed twice: use repeat for several runs of each point")


def _range_problems(values: Values) -> Iterator[Problem]:
    unknown = sorted(map(str, set(values) - _RANGE_KEYS))
    if unknown:
        yield Problem.relation(tuple(unknown[:1]), "unknown; use min, max, distribution or q")
    kind = values.get("distribution", "uniform")
    if kind not in DISTRIBUTIONS:
        yield Problem(("distribution",), kind, ", ".join(DISTRIBUTIONS))
    numbers = [values.get("min"), values.get("max")]
    if any(isinstance(number, bool) or not isinstance(number, int | float) for number in numbers):
        yield Problem((), dict(values), "min and max as numbers")
    elif not -_LARGEST <= numbers[0] < numbers[1] <= _LARGEST:  # type: ignore[operator]
        yield Problem((), dict(values), "finite numbers with min below max")
    elif "log" in str(kind) and numbers[0] <= 0:  # type: ignore[operator]
        yield Problem(("min",), numbers[0], "a number above 0 for a logarithmic distribution")
    elif kind == "int_uniform" and not all(isinstance(number, int) for number in numbers):
        yield Problem((), dict(values), "whole numbers for int_uniform")
    else:
        yield from _step_problems(values, str(kind), numbers[1] - numbers[0])  # type: ignore[operator]


def _step_problems(values: Values, kind: str, width: float) -> Iterator[Problem]:
    step = values.get("q", 1)
    if kind in ("log_uniform_values", "uniform") and "distribution" in values and "q" in values:
        yield Problem.relation(("q",), f"{kind} has no steps: leave q out")
    elif isinstance(step, bool) or not isinstance(step, int | float) or not 0 < step <= width:
        if "q" in values or kind == "q_uniform":
            yield Problem(("q",), step, f"a number above 0, at most {width:,}")
    elif kind == "q_log_uniform_values" and range_step(values) != 1:
        sentence = "requires whole numbers and q 1, as Optuna has no other: use log_uniform_values, or list the values"
        yield Problem.relation(("distribution",), f"q_log_uniform_values {sentence}")


def _is_any(values: Values) -> bool:
    return not (isinstance(values["min"], int) and isinstance(values["max"], int))


def _is_value(value: object) -> bool:
    return isinstance(value, str | bool | int) or (isinstance(value, float) and math.isfinite(value))
