"""Metric math, as CloudWatch evaluates it over series that may lack points."""

import math
import operator
from collections.abc import Callable, Mapping, Sequence

from fairlane.cloudwatch.expressions import Array, Binary, Call, Name, Negative, Node, Number, Text, parse
from fairlane.cloudwatch.samples import KEPT, Labelled, Series
from fairlane.cloudwatch.values import CHANGES, POINT, REDUCING, Value, binary, choice, each, reduced, whole

Search = Callable[[str, str, int], list[Labelled]]
"""What a search finds: its expression, its statistic and its period in seconds."""


def evaluate(
    expression: str,
    series_by_id: Mapping[str, Series],
    times: Sequence[int],
    *,
    period: int,
    search: Search | None = None,
    expressions: Mapping[str, str] | None = None,
) -> Series | list[Labelled]:
    """The series that an expression stands for; several of an array.

    A point that one of two series lacks counts as 0 in arithmetic and comparisons; one that both lack is missing, and
    so is the quotient of a division by 0. What AWS does not document: a metric without any point is taken like one
    that lacks those points, so `FILL(m, 0)` is 0 everywhere; and in MAX and MIN over several series a missing point
    does not count. That it counts as 0 in AVG over several series is from an older edition of the user guide.

    Args:
        expression: metric math.
        series_by_id: the metrics that it may name.
        times: the start of every period, in order.
        period: of the metrics, in seconds.
        search: what resolves `SEARCH`; without it there is none.
        expressions: other expressions that it may name, by id.

    Raises:
        ValueError: if it is none, names what is not there or is not evaluated here, or stands for a single number.
    """
    try:
        value = _Evaluation(series_by_id, times, period, search, expressions or {}).expression(expression)
    except RecursionError:
        raise ValueError(f"expression {expression!r:.60}: it is nested too deeply") from None
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
        self._within: list[str] = []

    def expression(self, expression: str) -> Value:
        value = self.value(parse(expression))
        if isinstance(value, float):
            raise ValueError(f"expression {expression!r}: got a number, allowed: time series")
        return value

    def value(self, node: Node) -> Value:
        match node:
            case Number(value):
                return value
            case Name(name):
                return self._named(name)
            case Array(items):
                return [one for item in items for one in self._labelled(item)]
            case Negative(operand):
                return each(self.value(operand), operator.neg)
            case Binary(sign, left, right):
                return binary(sign, self.value(left), self.value(right))
            case Call(function, arguments):
                return self._call(function, arguments)
            case Text(text):
                raise ValueError(f"text {text!r}: allowed in METRICS and SEARCH only")

    def _named(self, name: str) -> Value:
        if name in self._metrics:
            return self._metrics[name]
        if name not in self._expressions:
            raise ValueError(f"id {name}: allowed: {', '.join([*self._metrics, *self._expressions])}")
        if name in self._within:
            raise ValueError(f"id {name}: it refers to itself")
        self._within.append(name)
        value = self.expression(self._expressions[name])
        self._within.pop()
        return value

    def _labelled(self, node: Node) -> list[Labelled]:
        value = self.value(node)
        if isinstance(value, float):
            raise ValueError("an array holds time series only")
        return [Labelled(node.name if isinstance(node, Name) else "", value)] if isinstance(value, dict) else value

    def _call(self, function: str, nodes: tuple[Node, ...]) -> Value:
        match function, nodes:
            case "METRICS", () | (Text(),):
                part = nodes[0].value if nodes and isinstance(nodes[0], Text) else ""
                return [Labelled(name, series) for name, series in self._metrics.items() if part in name]
            case "SEARCH", (Text(terms), Text(statistic), *rest) if len(rest) < 2:
                if self._search is None:
                    raise ValueError("SEARCH is not allowed here")
                return self._search(terms, statistic, self._seconds(rest[0]) if rest else self._period)
            case "PERIOD", (Name(name),) if name in self._metrics:
                return float(self._period)
            case "TIME_SERIES", (node,):
                number = self._number(node)
                return {} if math.isnan(number) else dict.fromkeys(self._times, number)
            case "FILL", (node, Name("REPEAT" | "LINEAR" as how)):
                return whole(self.value(node), lambda series: self._filled(series, how))
            case "FILL", (node, other):
                return whole(self.value(node), lambda series: self._filled_with(series, self.value(other)))
            case "IF", (_, _) | (_, _, _):
                return choice(*(self.value(node) for node in nodes))
            case "SORT", (node, Name("AVG" | "MAX" | "MIN" | "SUM" as by), Name("ASC" | "DESC" as order), *rest):
                total = REDUCING[by]
                found = [one for one in self._several(node) if one.points]
                found.sort(key=lambda one: total([*one.points.values()]), reverse=order == "DESC")
                found += [one for one in self._several(node) if not one.points]
                return found[: int(self._number(rest[0]))] if rest else found
            case "SLICE", (node, first, *rest) if len(rest) < 2:
                end = int(self._number(rest[0])) if rest else None
                return self._several(node)[int(self._number(first)) : end]
            case "REMOVE_EMPTY", (node,):
                return [one for one in self._several(node) if one.points]
            case (("FIRST" | "LAST"), (node,)):
                found = self._several(node)
                return found[0 if function == "FIRST" else -1].points if found else {}
            case (("DIFF" | "RATE" | "RUNNING_SUM"), (node,)):
                return whole(self.value(node), CHANGES[function])
            case _, (node,) if function in POINT:
                return each(self.value(node), POINT[function])
            case _, (node,) if function in REDUCING:
                return reduced(function, self.value(node))
        raise ValueError(f"{function} of {len(nodes)} arguments is not evaluated here")

    def _number(self, node: Node) -> float:
        value = self.value(node)
        if not isinstance(value, float):
            raise ValueError("got time series, allowed: a number")
        return value

    def _seconds(self, node: Node) -> int:
        number = self._number(node)
        if not 1 <= number <= KEPT:
            raise ValueError(f"SEARCH: period: got {number:g}, allowed: 1 to {KEPT} seconds")
        return int(number)

    def _several(self, node: Node) -> list[Labelled]:
        value = self.value(node)
        if not isinstance(value, list):
            raise ValueError("got no array, allowed: an array of time series")
        return value

    def _filled_with(self, series: Series, other: Value) -> Series:
        if isinstance(other, list):
            raise ValueError("FILL: got an array, allowed: a number or a time series")
        filling = dict.fromkeys(self._times, other) if isinstance(other, float) else other
        filled = filling | series
        return {time: filled[time] for time in self._times if time in filled}

    def _filled(self, series: Series, how: str) -> Series:
        """Gaps filled; there is nothing to repeat before the first point, nor a line beyond the ends."""
        filled = dict(series)
        known = sorted(series)
        for before, after in zip(known, [*known[1:], math.inf], strict=True):
            for time in self._times:
                if before < time < after and how == "REPEAT":
                    filled[time] = series[before]
                elif before < time < after < math.inf:
                    rise = series[int(after)] - series[before]
                    filled[time] = series[before] + rise * (time - before) / (after - before)
        return {time: filled[time] for time in sorted(filled)}
