"""Metric math over series with missing points, by the rules of CloudWatch."""

import math
import operator
from collections.abc import Callable, Mapping, Sequence

from fairlane.cloudwatch.expressions import Array, Binary, Call, Name, Negative, Node, Number, Text, parse
from fairlane.cloudwatch.samples import RETENTION, LabeledSeries, Series
from fairlane.cloudwatch.values import (
    POINT_FUNCTIONS,
    REDUCTIONS,
    SERIES_FUNCTIONS,
    Value,
    apply_operator,
    map_points,
    map_series,
    reduce_series,
    select,
)

Search = Callable[[str, str, int], list[LabeledSeries]]
"""Function that resolves `SEARCH`: from an expression, a statistic and a period in seconds to labeled series."""


def evaluate(
    expression: str,
    series_by_id: Mapping[str, Series],
    times: Sequence[int],
    *,
    period: int,
    search: Search | None = None,
    expressions: Mapping[str, str] | None = None,
) -> Series | list[LabeledSeries]:
    """Return the series of an expression, or the labeled series of an expression that returns an array.

    In arithmetic and comparisons of two series, a point that is missing in one series counts as 0. A point that is
    missing in both series, and the quotient of a division by 0, are missing in the result.

    AWS does not document two cases. A metric without points is treated like a metric whose points are all missing, so
    `FILL(m, 0)` is 0 in each period. MAX and MIN over several series ignore missing points. In AVG over several series,
    a missing point counts as 0; only an older edition of the CloudWatch user guide documents this.

    Args:
        expression: Metric-math expression.
        series_by_id: Series of the metrics that the expression may refer to.
        times: Start of each period, in seconds since 1970, in ascending order.
        period: Period of the metrics, in seconds.
        search: Function that resolves `SEARCH`. Default: the expression may not contain `SEARCH`.
        expressions: Other expressions that the expression may refer to, by id.

    Raises:
        ValueError: If the text is not an expression, refers to an unknown id, uses a function that is not supported,
            or returns a single number.
    """
    try:
        value = _Evaluation(series_by_id, times, period, search, expressions or {}).expression(expression)
    except RecursionError:
        raise ValueError(f"expression {expression!r:.60} is nested too deeply") from None
    except OverflowError:
        raise ValueError(f"expression {expression!r:.60}: a number is too large") from None
    assert not isinstance(value, float)
    return value


class _Evaluation:
    def __init__(
        self,
        metrics: Mapping[str, Series],
        times: Sequence[int],
        period: int,
        search: Search | None,
        expressions: Mapping[str, str],
    ) -> None:
        self._metrics = metrics
        self._times = times
        self._period = period
        self._search = search
        self._expressions = expressions
        self._open_ids: list[str] = []

    def expression(self, expression: str) -> Value:
        value = self.value(parse(expression))
        if isinstance(value, float):
            raise ValueError(f"expression {expression!r} returns a number: return a time series")
        return value

    def value(self, node: Node) -> Value:
        match node:
            case Number(value):
                return value
            case Name(name):
                return self._resolve(name)
            case Array(items):
                return [series for item in items for series in self._labeled(item)]
            case Negative(operand):
                return map_points(self.value(operand), operator.neg)
            case Binary(sign, left, right):
                return apply_operator(sign, self.value(left), self.value(right))
            case Call(function, arguments):
                return self._call(function, arguments)
            case Text(text):
                raise ValueError(f"text {text!r} is allowed only in METRICS and SEARCH")

    def _resolve(self, name: str) -> Value:
        if name in self._metrics:
            return self._metrics[name]
        if name not in self._expressions:
            ids = ", ".join([*self._metrics, *self._expressions]) or "none"
            raise ValueError(f"id {name} is not defined: the defined ids are {ids}")
        if name in self._open_ids:
            raise ValueError(f"id {name} refers to itself")
        self._open_ids.append(name)
        value = self.expression(self._expressions[name])
        self._open_ids.pop()
        return value

    def _labeled(self, node: Node) -> list[LabeledSeries]:
        value = self.value(node)
        if isinstance(value, float):
            raise ValueError("an array can contain time series only, not numbers")
        return [LabeledSeries(node.name if isinstance(node, Name) else "", value)] if isinstance(value, dict) else value

    def _call(self, function: str, nodes: tuple[Node, ...]) -> Value:
        match function, nodes:
            case "METRICS", () | (Text(),):
                part = nodes[0].value if nodes and isinstance(nodes[0], Text) else ""
                return [LabeledSeries(name, series) for name, series in self._metrics.items() if part in name]
            case "SEARCH", (Text(terms), Text(statistic), *rest) if len(rest) < 2:
                if self._search is None:
                    raise ValueError("SEARCH is not allowed here")
                return self._search(terms, statistic, self._seconds(rest[0]) if rest else self._period)
            case "PERIOD", (Name(name),) if name in self._metrics:
                return float(self._period)
            case "TIME_SERIES", (node,):
                number = self._number(node)
                return {} if math.isnan(number) else dict.fromkeys(self._times, number)
            case "FILL", (node, Name("REPEAT" | "LINEAR" as method)):
                return map_series(self.value(node), lambda series: self._fill_gaps(series, method))
            case "FILL", (node, other):
                return map_series(self.value(node), lambda series: self._fill(series, self.value(other)))
            case "IF", (_, _) | (_, _, _):
                return select(*(self.value(node) for node in nodes))
            case "SORT", (node, Name("AVG" | "MAX" | "MIN" | "SUM" as by), Name("ASC" | "DESC" as order), *rest):
                total = REDUCTIONS[by]
                result = [series for series in self._array(node) if series.points]
                result.sort(key=lambda series: total([*series.points.values()]), reverse=order == "DESC")
                result += [series for series in self._array(node) if not series.points]
                return result[: int(self._number(rest[0]))] if rest else result
            case "SLICE", (node, first, *rest) if len(rest) < 2:
                end = int(self._number(rest[0])) if rest else None
                return self._array(node)[int(self._number(first)) : end]
            case "REMOVE_EMPTY", (node,):
                return [series for series in self._array(node) if series.points]
            case (("FIRST" | "LAST"), (node,)):
                array = self._array(node)
                return array[0 if function == "FIRST" else -1].points if array else {}
            case (("DIFF" | "RATE" | "RUNNING_SUM"), (node,)):
                return map_series(self.value(node), SERIES_FUNCTIONS[function])
            case _, (node,) if function in POINT_FUNCTIONS:
                return map_points(self.value(node), POINT_FUNCTIONS[function])
            case _, (node,) if function in REDUCTIONS:
                return reduce_series(function, self.value(node))
        count = f"{len(nodes)} argument{'s' if len(nodes) != 1 else ''}"
        raise ValueError(f"function {function} with {count} is not supported")

    def _number(self, node: Node) -> float:
        value = self.value(node)
        if not isinstance(value, float):
            raise ValueError("got a time series, allowed: a number")
        return value

    def _seconds(self, node: Node) -> int:
        number = self._number(node)
        if not 1 <= number <= RETENTION:
            raise ValueError(f"SEARCH: period: got {number:g}, allowed: 1 to {RETENTION} seconds")
        return int(number)

    def _array(self, node: Node) -> list[LabeledSeries]:
        value = self.value(node)
        if not isinstance(value, list):
            raise ValueError("got a number or a time series, allowed: an array of time series")
        return value

    def _fill(self, series: Series, other: Value) -> Series:
        if isinstance(other, list):
            raise ValueError("FILL: got an array, allowed: a number or a time series")
        filling = dict.fromkeys(self._times, other) if isinstance(other, float) else other
        filled = filling | series
        return {time: filled[time] for time in self._times if time in filled}

    def _fill_gaps(self, series: Series, method: str) -> Series:
        """Fill gaps. REPEAT fills none before the first point; LINEAR fills none before the first or after the last."""
        filled = dict(series)
        times = sorted(series)
        for before, after in zip(times, [*times[1:], math.inf], strict=True):
            for time in self._times:
                if before < time < after and method == "REPEAT":
                    filled[time] = series[before]
                elif before < time < after < math.inf:
                    rise = series[int(after)] - series[before]
                    filled[time] = series[before] + rise * (time - before) / (after - before)
        return {time: filled[time] for time in sorted(filled)}
