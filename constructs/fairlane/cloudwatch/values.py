"""Numbers, time series that may lack points, and arrays of time series: what operators and functions make of them."""

import math
import operator
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Final

from fairlane.cloudwatch.samples import Labelled, Series

Value = float | Series | list[Labelled]

MISSING: Final = math.nan  # a scalar that has no value, such as the maximum of no points

_ARITHMETIC: Final[dict[str, Callable[[float, float], float]]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "^": math.pow,
}
_LOGIC: Final[dict[str, Callable[[float, float], bool]]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "AND": lambda left, right: left != 0 and right != 0,
    "OR": lambda left, right: left != 0 or right != 0,
}
POINT: Final[dict[str, Callable[[float], float]]] = {"ABS": abs, "CEIL": math.ceil, "FLOOR": math.floor}
REDUCING: Final[dict[str, Callable[[list[float]], float]]] = {
    "AVG": lambda values: math.fsum(values) / len(values) if values else MISSING,
    "MAX": lambda values: max(values, default=MISSING),
    "MIN": lambda values: min(values, default=MISSING),
    "SUM": lambda values: math.fsum(values) if values else MISSING,
    "DATAPOINT_COUNT": len,
}


def _result(function: Callable[..., float], *values: float) -> float:
    """What comes of numbers that have a value; it may have none, such as a division by 0."""
    try:
        return float(function(*values))
    except (ArithmeticError, ValueError):
        return MISSING


def _number(function: Callable[..., float], *values: float) -> float:
    result = _result(function, *values)
    return result if math.isfinite(result) and not any(map(math.isnan, values)) else MISSING


def _points(points: Mapping[int, float]) -> Series:
    """Those that have a value: a series has no others, so only numbers on their own are looked at before reckoning."""
    return {time: value for time, value in points.items() if math.isfinite(value)}


def whole(value: Value, function: Callable[[Series], Series]) -> Value:
    """A function of each series as a whole; what is no number is left out of what it makes."""
    if isinstance(value, list):
        return [Labelled(one.label, _points(function(one.points))) for one in value]
    if isinstance(value, float):
        raise ValueError("got a number, allowed: time series")
    return _points(function(value))


def each(value: Value, function: Callable[[float], float]) -> Value:
    """A function of each point."""
    if isinstance(value, float):
        return _number(function, value)
    return whole(value, lambda series: {time: _result(function, one) for time, one in series.items()})


def binary(sign: str, left: Value, right: Value) -> Value:
    """An operator between two values; of an array, between each of its series and the other value."""
    function = _ARITHMETIC.get(sign) or _LOGIC[sign]
    if isinstance(left, list) or isinstance(right, list):
        if sign in _LOGIC or (isinstance(left, list) and isinstance(right, list)):
            raise ValueError(f"{sign} of arrays: allowed: arithmetic of an array with a number or a time series")
        if isinstance(left, list):
            return whole(left, lambda series: _pair(function, series, right))
        return whole(right, lambda series: _pair(function, left, series))
    if isinstance(left, float) and isinstance(right, float):
        return _number(function, left, right)
    return _points(_pair(function, left, right))


def _pair(function: Callable[[float, float], float], left: Value, right: Value) -> Series:
    """An operator between each two points, some of which may come to nothing."""
    if isinstance(left, dict) and isinstance(right, dict):
        times = sorted(left.keys() | right.keys())
        return {time: _result(function, left.get(time, 0.0), right.get(time, 0.0)) for time in times}
    if isinstance(left, dict) and isinstance(right, float):
        return {} if math.isnan(right) else {time: _result(function, one, right) for time, one in left.items()}
    assert isinstance(left, float)
    assert isinstance(right, dict)
    return {} if math.isnan(left) else {time: _result(function, left, one) for time, one in right.items()}


def choice(condition: Value, then: Value, otherwise: Value | None = None) -> Value:
    """`IF`, as documented by examples.

    Where the condition holds, a missing point is 0; where it does not, it is missing, or 0 if the series for the other
    case has a point there.
    """
    if isinstance(condition, list) or isinstance(then, list) or isinstance(otherwise, list):
        raise ValueError("IF: got an array, allowed: numbers and time series")
    if isinstance(condition, float):
        chosen = then if condition else otherwise
        return {} if chosen is None or math.isnan(condition) else chosen
    points = {}
    for time, one in condition.items():
        if one:
            points[time] = then.get(time, 0.0) if isinstance(then, dict) else then
        elif isinstance(otherwise, dict):
            is_zero = isinstance(then, dict) and time in then
            points[time] = otherwise.get(time, 0.0 if is_zero else MISSING)
        elif otherwise is not None:
            points[time] = otherwise
    return _points(points)


def reduced(function: str, value: Value) -> Value:
    """Over the points of one series, a number; over several series, a point at each time that one of them has."""
    if isinstance(value, float):
        raise ValueError(f"{function}: got a number, allowed: time series")
    total = REDUCING[function]
    if isinstance(value, dict):
        return float(total([*value.values()]))
    times = sorted({time for one in value for time in one.points})
    there = {time: [one.points[time] for one in value if time in one.points] for time in times}
    if function == "AVG":  # where a missing point counts as 0
        return {time: math.fsum(values) / len(value) for time, values in there.items()}
    return {time: float(total(values)) for time, values in there.items()}


def _diff(series: Series) -> Series:
    times = sorted(series)
    return {time: series[time] - series[before] for before, time in pairwise(times)}


def _rate(series: Series) -> Series:
    times = sorted(series)
    return {time: (series[time] - series[before]) / (time - before) for before, time in pairwise(times)}


def _running_sum(series: Series) -> Series:
    total, sums = 0.0, {}
    for time in sorted(series):
        total += series[time]
        sums[time] = total
    return sums


CHANGES: Final = {"DIFF": _diff, "RATE": _rate, "RUNNING_SUM": _running_sum}
