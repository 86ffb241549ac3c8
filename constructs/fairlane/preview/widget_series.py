"""Series of a widget over a time range."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from fairlane.cloudwatch.metric_math import evaluate
from fairlane.cloudwatch.samples import LabeledSeries, MetricKey, Samples, Series
from fairlane.cloudwatch.search import search_metrics
from fairlane.cloudwatch.units import metric_unit
from fairlane.preview.body import Properties
from fairlane.preview.widget_metrics import Line, labels, render_label

_COLORS: Final = 8
_SEARCH_METRIC: Final = re.compile(r"""\{"?([^,"}]+)[^}]*\}[^']*MetricName\s*=\s*"(\w+)\"""")
_SEARCH: Final = re.compile(r"SEARCH\([^)]*\)")
_WORD: Final = re.compile(r"\w+")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartSeries:
    """Line of a chart with its points.

    Args:
        label: Label of the line.
        color: CSS color.
        dash: Number of the dash pattern; 0 is a solid line. Lines with the same color have different patterns.
        unit: Unit in the spelling of CloudWatch. Empty if it is unknown.
        right: True if the line uses the right axis.
        period: Period of the points, in seconds.
        points: Values by time. Missing points have no entry.
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
        """Latest value. None without points."""
        return self.points[max(self.points)] if self.points else None


def widget_series(
    properties: Properties, samples: Samples, start: int, end: int
) -> tuple[list[ChartSeries], list[str]]:
    """Return the visible lines of a widget.

    Args:
        properties: Properties of the widget.
        samples: Samples of all metrics.
        start: Start of the time range, in seconds since 1970.
        end: End of the time range, in seconds since 1970.

    Returns:
        Lines, and messages about the lines that cannot be evaluated.
    """
    evaluation = _WidgetEvaluation(properties, samples, start, end)
    series: list[ChartSeries] = []
    errors: list[str] = []
    for line, default in zip(evaluation.lines, labels(evaluation.lines), strict=True):
        if not line.visible:
            continue
        try:
            series += evaluation.series(line, default, len(series))
        except ValueError as error:
            errors.append(f"{line.expression}: {error}" if line.expression else str(error))
    return series, errors


class _WidgetEvaluation:
    """Evaluation of the lines of a widget over a time range."""

    def __init__(self, properties: Properties, samples: Samples, start: int, end: int) -> None:
        self.lines = properties.lines()
        self._samples = samples
        self._start = start
        self._end = end
        self._is_whole = properties.set_period_to_time_range and properties.view != "timeSeries"
        self._periods: list[int] = []

    def series(self, line: Line, default: str, offset: int) -> Iterator[ChartSeries]:
        """Yield the series of a metric or an expression. An expression may have any number of series.

        Args:
            line: Metric or expression of the widget.
            default: Label if the line has no label.
            offset: Number of series before this line.
        """
        if line.metric:
            points = self._metric_points(line)
            label = render_label(line.label or default, default, line.metric, line.stat, [*points.values()])
            yield _chart_series(line, label, _line_unit(line), self._period(line.period), points, offset)
            return
        self._periods.clear()
        series = {other.id: self._metric_points(other) for other in self.lines if other.metric and other.id}
        expressions = {other.id: other.expression for other in self.lines if other.expression and other.id}
        times, period = self._times(line.period), self._period(line.period)
        value = evaluate(line.expression, series, times, period=period, search=self._search, expressions=expressions)
        period = max(self._periods, default=period)
        unit = self._unit(line.expression)
        for index, part in enumerate([LabeledSeries("", value)] if isinstance(value, dict) else value):
            is_complete = "${" in line.label or not part.label
            name = (line.label or default) if is_complete else f"{line.label} {part.label}".strip()
            points = {time: number for time, number in part.points.items() if time < self._end}
            label = render_label(name, part.label or default, None, "", [*points.values()])
            yield _chart_series(line, label, unit, period, points, offset + index)

    def _metric_points(self, line: Line) -> Series:
        assert line.metric is not None
        return self._samples.aggregate(line.metric, line.stat, self._period(line.period), self._times(line.period))

    def _search(self, terms: str, statistic: str, period: int) -> list[LabeledSeries]:
        self._periods.append(self._period(period))
        return search_metrics(self._samples, terms, statistic, self._period(period), times=self._times(period))

    def _period(self, period: int) -> int:
        return self._end - self._start if self._is_whole else period

    def _times(self, period: int) -> list[int]:
        if self._is_whole:
            return [self._start]
        return [*range(self._start - self._start % period, self._end, period)]

    def _unit(self, expression: str) -> str:
        """Return the common unit of the metrics of an expression; empty if it multiplies, divides or compares them."""
        words = set(_WORD.findall(expression))
        units = {_line_unit(line) for line in self.lines if line.id in words}
        units |= {metric_unit(MetricKey(namespace, name, ())) for namespace, name in _SEARCH_METRIC.findall(expression)}
        outside = _SEARCH.sub("", expression)
        return units.pop() if len(units) == 1 and not {"*", "/", ">", "<"} & set(outside) else ""


def _chart_series(line: Line, label: str, unit: str, period: int, points: Series, index: int) -> ChartSeries:
    return ChartSeries(
        label=label,
        color=line.color or f"var(--series-{index % _COLORS + 1})",
        dash=0 if line.color else index // _COLORS,
        unit=unit,
        right=line.right,
        period=period,
        points=points,
    )


def _line_unit(line: Line) -> str:
    if line.metric is None:
        return ""
    return "Count" if line.stat.lower() in {"samplecount", "n"} else metric_unit(line.metric)
