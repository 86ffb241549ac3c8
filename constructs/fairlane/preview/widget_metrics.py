"""Metrics of a widget. An entry of a dashboard body may repeat parts of the previous entry."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from fairlane.cloudwatch.samples import RETENTION, MetricKey

_REPEATED_PART: Final = "."
_REPEATED_PARTS: Final = "..."
_DYNAMIC: Final = re.compile(r"\$\{(\w+)(?:\('([^']*)'\))?\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Metric or expression of a widget.

    Args:
        metric: Key of the metric. None for an expression.
        expression: Metric-math expression. Empty for a metric.
        id: Id in expressions. May be empty.
        label: Label of the line. May be empty.
        stat: Statistic of a metric.
        period: Period, in seconds.
        color: Color in the dashboard body. None for the next color of the palette.
        right: True if the line uses the right axis.
        visible: True if the line is drawn. False if only expressions use it.
    """

    metric: MetricKey | None
    expression: str
    id: str
    label: str
    stat: str
    period: int
    color: str | None
    right: bool
    visible: bool


def expand_metrics(metrics: Sequence[Sequence[Any]], *, stat: str, period: int) -> list[Line]:
    """Return the metrics and expressions of a widget, with all repeated parts.

    Args:
        metrics: Array `metrics` of the widget.
        stat: Statistic of entries without a statistic.
        period: Period of entries without a period, in seconds.

    Raises:
        ValueError: If an entry is neither a metric nor an expression, or its period is not valid.
    """
    lines: list[Line] = []
    previous: list[str] = []
    for index, entry in enumerate(metrics):
        *parts, last = entry or [{}]
        options = {name: value for name, value in last.items() if value is not None} if isinstance(last, dict) else {}
        parts = [str(part) for part in (parts if isinstance(last, dict) else entry)]
        if parts:
            parts = previous = _expand_parts(parts, previous, index)
        elif "expression" not in options:
            raise ValueError(f"metrics.{index}: neither a metric nor an expression")
        lines.append(
            Line(
                metric=_key(parts) if parts else None,
                expression="" if parts else str(options["expression"]),
                id=str(options.get("id", "")),
                label=str(options.get("label", "")),
                stat=str(options.get("stat", stat)),
                period=_period(options.get("period", period), index),
                color=options.get("color"),
                right=options.get("yAxis") == "right",
                visible=options.get("visible", True) is not False,
            )
        )
    return lines


def _expand_parts(parts: list[str], previous: list[str], index: int) -> list[str]:
    if parts[0] == _REPEATED_PARTS:
        missing = len(previous) - len(parts) + 1
        if missing < 0:
            raise ValueError(f"metrics.{index}: '...' repeats the previous metric, which has fewer parts")
        parts = previous[:missing] + parts[1:]
    if any(part == _REPEATED_PART and position >= len(previous) for position, part in enumerate(parts)):
        raise ValueError(f"metrics.{index}: '.' repeats a part that the previous metric does not have")
    parts = [previous[position] if part == _REPEATED_PART else part for position, part in enumerate(parts)]
    if len(parts) < 2 or len(parts) % 2:
        raise ValueError(f"metrics.{index}: use a namespace, a metric name, and pairs of dimension name and value")
    return parts


def _period(value: Any, index: int) -> int:
    try:
        seconds = int(value)
    except (OverflowError, TypeError, ValueError):
        seconds = 0
    if not 0 < seconds <= RETENTION:
        raise ValueError(f"metrics.{index}: period: got {value!r:.30}, allowed: 1 to {RETENTION} seconds")
    return seconds


def _key(parts: Sequence[str]) -> MetricKey:
    return MetricKey.from_dimensions(parts[0], parts[1], dict(zip(parts[2::2], parts[3::2], strict=True)))


def labels(lines: Sequence[Line]) -> list[str]:
    """Return a label for each line. Default label: the dimension values and the name in which the metrics differ."""
    metrics = [line.metric for line in lines if line.metric]
    names = {name for _, name, _ in metrics}
    varied = {
        dimension
        for _, _, dimensions in metrics
        for dimension, value in dimensions
        if any(dict(others).get(dimension) != value for _, _, others in metrics)
    }
    result = []
    for line in lines:
        if line.metric:
            _, name, dimensions = line.metric
            parts = [value for dimension, value in dimensions if dimension in varied]
            default = " ".join([*parts, *([name] if len(names) > 1 or not parts else [])])
        else:
            default = line.id or line.expression
        result.append(line.label or default)
    return result


def render_label(label: str, default: str, metric: MetricKey | None, stat: str, values: Sequence[float]) -> str:
    """Return a label with the values of its dynamic parts, for example `${PROP('Dim.Share')}` or `${MAX}`.

    Args:
        label: Label in the dashboard body.
        default: Value of `${LABEL}`.
        metric: Metric with the properties of `PROP`. None for an expression; `PROP` then has the default value.
        stat: Statistic of the metric.
        values: Values of the line, in the order of time.
    """
    properties = {} if metric is None else {f"Dim.{name}": value for name, value in metric.dimensions}
    properties |= {} if metric is None else {"Namespace": metric.namespace, "MetricName": metric.name, "Stat": stat}

    def render(match: re.Match[str]) -> str:
        word, argument = match.groups()
        if word == "LABEL":
            return default
        if word == "PROP" and argument:
            return properties.get(argument, default)
        if word in _LABEL_STATISTICS and argument is None:
            return _short(_LABEL_STATISTICS[word](values)) if values else "--"
        return match.group()

    return _DYNAMIC.sub(render, label)


_LABEL_STATISTICS: Final[dict[str, Callable[[Sequence[float]], float]]] = {
    "FIRST": lambda values: values[0],
    "LAST": lambda values: values[-1],
    "MIN": min,
    "MAX": max,
    "AVG": lambda values: sum(values) / len(values),
    "SUM": sum,
}


def _short(value: float) -> str:
    return f"{value:,.2f}".rstrip("0").rstrip(".")
