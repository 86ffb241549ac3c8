"""What the lines of a widget come to over a window of time."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from fairlane.cloudwatch.metric_math import evaluate
from fairlane.cloudwatch.samples import Labelled, MetricKey, Samples, Series
from fairlane.cloudwatch.search import searched
from fairlane.cloudwatch.units import unit_of
from fairlane.preview.body import Properties
from fairlane.preview.widget_metrics import Line, labels, with_values

_COLORS: Final = 8
_SEARCHED: Final = re.compile(r"""\{"?([^,"}]+)[^}]*\}[^']*MetricName\s*=\s*"(\w+)\"""")
_SEARCH: Final = re.compile(r"SEARCH\([^)]*\)")
_WORD: Final = re.compile(r"\w+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """A line with its points.

    Args:
        label: what people call it by.
        color: in CSS.
        dash: 0 for a solid line; others tell lines apart that share a color.
        unit: as CloudWatch spells it; empty where it is not known.
        right: whether the right axis measures it.
        period: between points, in seconds.
        points: values by time; missing ones are not in it.
    """

    label: str
    color: str
    dash: int
    unit: str
    right: bool
    period: int
    points: Series

    @property
    def last(self) -> float | None:
        """The newest value."""
        return self.points[max(self.points)] if self.points else None


def drawn(properties: Properties, samples: Samples, start: int, end: int) -> tuple[list[Drawn], list[str]]:
    """Reckons the visible lines of a widget.

    Args:
        properties: of the widget.
        samples: of all metrics.
        start: of the window, in seconds since 1970.
        end: of the window.

    Returns:
        The lines, and what could not be evaluated.
    """
    reckoning = _Reckoning(properties, samples, start, end)
    found: list[Drawn] = []
    wrong: list[str] = []
    for line, default in zip(reckoning.lines, labels(reckoning.lines), strict=True):
        if not line.visible:
            continue
        try:
            found += reckoning.drawn(line, default, len(found))
        except ValueError as error:
            wrong.append(f"{line.expression}: {error}" if line.expression else str(error))
    return found, wrong


class _Reckoning:
    """The lines of a widget, and what they need to be drawn."""

    def __init__(self, properties: Properties, samples: Samples, start: int, end: int) -> None:
        self.lines = properties.lines()
        self._samples = samples
        self._start = start
        self._end = end
        self._is_whole = properties.set_period_to_time_range and properties.view != "timeSeries"
        self._periods: list[int] = []

    def drawn(self, line: Line, default: str, before: int) -> Iterator[Drawn]:
        """What a line is drawn as: an expression can be several lines, or none.

        Args:
            line: one of the lines.
            default: what it is called if it has no label.
            before: how many are drawn before it.
        """
        if line.metric:
            points = self._of_metric(line)
            label = with_values(line.label or default, default, line.metric, line.stat, [*points.values()])
            yield _drawn(line, label, _unit_of(line), self._period(line.period), points, before)
            return
        self._periods.clear()
        series = {one.id: self._of_metric(one) for one in self.lines if one.metric and one.id}
        expressions = {one.id: one.expression for one in self.lines if one.expression and one.id}
        times, period = self._times(line.period), self._period(line.period)
        value = evaluate(line.expression, series, times, period=period, search=self._search, expressions=expressions)
        period = max(self._periods, default=period)
        unit = self._unit(line.expression)
        for index, one in enumerate([Labelled("", value)] if isinstance(value, dict) else value):
            is_whole_name = "${" in line.label or not one.label
            name = (line.label or default) if is_whole_name else f"{line.label} {one.label}".strip()
            points = {time: number for time, number in one.points.items() if time < self._end}
            label = with_values(name, one.label or default, None, "", [*points.values()])
            yield _drawn(line, label, unit, period, points, before + index)

    def _of_metric(self, line: Line) -> Series:
        assert line.metric is not None
        return self._samples.aggregate(line.metric, line.stat, self._period(line.period), self._times(line.period))

    def _search(self, terms: str, statistic: str, period: int) -> list[Labelled]:
        self._periods.append(self._period(period))
        return searched(self._samples, terms, statistic, self._period(period), times=self._times(period))

    def _period(self, period: int) -> int:
        return self._end - self._start if self._is_whole else period

    def _times(self, period: int) -> list[int]:
        if self._is_whole:
            return [self._start]
        return [*range(self._start - self._start % period, self._end, period)]

    def _unit(self, expression: str) -> str:
        """The unit of all metrics that an expression names, unless it multiplies, divides or compares them."""
        words = set(_WORD.findall(expression))
        used = {_unit_of(line) for line in self.lines if line.id in words}
        used |= {unit_of(MetricKey(namespace, name, ())) for namespace, name in _SEARCHED.findall(expression)}
        outside = _SEARCH.sub("", expression)
        return used.pop() if len(used) == 1 and not {"*", "/", ">", "<"} & set(outside) else ""


def _drawn(line: Line, label: str, unit: str, period: int, points: Series, index: int) -> Drawn:
    return Drawn(
        label=label,
        color=line.color or f"var(--series-{index % _COLORS + 1})",
        dash=0 if line.color else index // _COLORS,
        unit=unit,
        right=line.right,
        period=period,
        points=points,
    )


def _unit_of(line: Line) -> str:
    if line.metric is None:
        return ""
    return "Count" if line.stat.lower() in {"samplecount", "n"} else unit_of(line.metric)
