"""Operators and functions of metric math over numbers, time series with missing points, and arrays of time series."""

import math
import operator
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Final

from fairlane.cloudwatch.samples import LabeledSeries, Series

Value = float | Series | list[LabeledSeries]

MISSING: Final = math.nan
"""Number without a value, for example the maximum of a series without points."""

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
POINT_FUNCTIONS: Final[dict[str, Callable[[float], float]]] = {"ABS": abs, "CEIL": math.ceil, "FLOOR": math.floor}
REDUCTIONS: Final[dict[str, Callable[[list[float]], float]]] = {
    "AVG": lambda values: math.fsum(values) / len(values) if values else MISSING,
    "MAX": lambda values: max(values, default=MISSING),
    "MIN": lambda values: min(values, default=MISSING),
    "SUM": lambda values: math.fsum(values) if values else MISSING,
    "DATAPOINT_COUNT": len,
}


def _result(function: Callable[..., float], *values: float) -> float:
    """Return the result of a function of numbers, or MISSING if the result is undefined, as in a division by 0."""
    try:
        return float(function(*values))
    except (ArithmeticError, ValueError):
        return MISSING


def _scalar(function: Callable[..., float], *values: float) -> float:
    result = _result(function, *values)
    return result if math.isfinite(result) and not any(map(math.isnan, values)) else MISSING


def _finite(points: Mapping[int, float]) -> Series:
    """Return the points with a finite value. A series has no other points."""
    return {time: value for time, value in points.items() if math.isfinite(value)}


def map_series(value: Value, function: Callable[[Series], Series]) -> Value:
    """Apply a function to a series, or to each series of an array. The result has finite values only."""
    if isinstance(value, list):
        return [LabeledSeries(series.label, _finite(function(series.points))) for series in value]
    if isinstance(value, float):
        raise ValueError("got a number, allowed: a time series")
    return _finite(function(value))


def map_points(value: Value, function: Callable[[float], float]) -> Value:
    """Apply a function to a number, or to each point of the series."""
    if isinstance(value, float):
        return _scalar(function, value)
    return map_series(value, lambda series: {time: _result(function, point) for time, point in series.items()})


def apply_operator(sign: str, left: Value, right: Value) -> Value:
    """Apply an operator to two values. An array is combined series by series with the other value."""
    function = _ARITHMETIC.get(sign) or _LOGIC[sign]
    if isinstance(left, list) or isinstance(right, list):
        if sign in _LOGIC or (isinstance(left, list) and isinstance(right, list)):
            raise ValueError(f"{sign}: an array supports only arithmetic with a number or a time series")
        if isinstance(left, list):
            return map_series(left, lambda series: _combine(function, series, right))
        return map_series(right, lambda series: _combine(function, left, series))
    if isinstance(left, float) and isinstance(right, float):
        return _scalar(function, left, right)
    return _finite(_combine(function, left, right))


def _combine(function: Callable[[float, float], float], left: Value, right: Value) -> Series:
    """Apply an operator point by point. A result may be MISSING."""
    if isinstance(left, dict) and isinstance(right, dict):
        times = sorted(left.keys() | right.keys())
        return {time: _result(function, left.get(time, 0.0), right.get(time, 0.0)) for time in times}
    if isinstance(left, dict) and isinstance(right, float):
        return {} if math.isnan(right) else {time: _result(function, point, right) for time, point in left.items()}
    assert isinstance(left, float)
    assert isinstance(right, dict)
    return {} if math.isnan(left) else {time: _result(function, left, point) for time, point in right.items()}


def select(condition: Value, then: Value, otherwise: Value | None = None) -> Value:
    """Evaluate `IF`, by the examples in the AWS documentation.

    If the condition is true, a missing point of `then` is 0. If the condition is false, a missing point of `otherwise`
    is missing in the result, or 0 if `then` has a point at that time.
    """
    if isinstance(condition, list) or isinstance(then, list) or isinstance(otherwise, list):
        raise ValueError("IF: got an array, allowed: numbers and time series")
    if isinstance(condition, float):
        value = then if condition else otherwise
        return {} if value is None or math.isnan(condition) else value
    points = {}
    for time, is_true in condition.items():
        if is_true:
            points[time] = then.get(time, 0.0) if isinstance(then, dict) else then
        elif isinstance(otherwise, dict):
            is_zero = isinstance(then, dict) and time in then
            points[time] = otherwise.get(time, 0.0 if is_zero else MISSING)
        elif otherwise is not None:
            points[time] = otherwise
    return _finite(points)


def reduce_series(function: str, value: Value) -> Value:
    """Reduce a series to a number, or an array to one series with a point at each time of its series."""
    if isinstance(value, float):
        raise ValueError(f"{function}: got a number, allowed: a time series or an array")
    reduction = REDUCTIONS[function]
    if isinstance(value, dict):
        return float(reduction([*value.values()]))
    times = sorted({time for series in value for time in series.points})
    values_by_time = {time: [series.points[time] for series in value if time in series.points] for time in times}
    if function == "AVG":  # A missing point counts as 0.
        return {time: math.fsum(values) / len(value) for time, values in values_by_time.items()}
    return {time: float(reduction(values)) for time, values in values_by_time.items()}


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


SERIES_FUNCTIONS: Final = {"DIFF": _diff, "RATE": _rate, "RUNNING_SUM": _running_sum}
