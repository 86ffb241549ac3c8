"""The metrics of a widget, written out: CloudWatch lets a line repeat parts of the line before it."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from fairlane.cloudwatch.samples import KEPT, MetricKey

_SAME: Final = "."
_SAME_BEGINNING: Final = "..."
_DYNAMIC: Final = re.compile(r"\$\{(\w+)(?:\('([^']*)'\))?\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A metric or an expression of a widget.

    Args:
        metric: the metric; None for an expression.
        expression: the expression; empty for a metric.
        id: what expressions call it by; may be empty.
        label: what people call it by; may be empty.
        stat: the statistic of a metric.
        period: in seconds.
        color: as the body gives it.
        right: whether the right axis measures it.
        visible: whether it is drawn, or only reckoned with.
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


def expanded(metrics: Sequence[Sequence[Any]], *, stat: str, period: int) -> list[Line]:
    """Writes the lines of a widget out.

    Args:
        metrics: the array of the body.
        stat: of lines that name none.
        period: of lines that name none, in seconds.

    Raises:
        ValueError: a line is neither a metric nor an expression, or its period is none.
    """
    lines: list[Line] = []
    before: list[str] = []
    for index, entry in enumerate(metrics):
        *parts, last = entry or [{}]
        options = {name: value for name, value in last.items() if value is not None} if isinstance(last, dict) else {}
        parts = [str(part) for part in (parts if isinstance(last, dict) else entry)]
        if parts:
            parts = before = _written_out(parts, before, index)
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


def _written_out(parts: list[str], before: list[str], index: int) -> list[str]:
    if parts[0] == _SAME_BEGINNING:
        missing = len(before) - len(parts) + 1
        if missing < 0:
            raise ValueError(f"metrics.{index}: '...' repeats a metric with fewer parts")
        parts = before[:missing] + parts[1:]
    if any(part == _SAME and place >= len(before) for place, part in enumerate(parts)):
        raise ValueError(f"metrics.{index}: '.' repeats a part that the metric before it does not have")
    parts = [before[place] if part == _SAME else part for place, part in enumerate(parts)]
    if len(parts) < 2 or len(parts) % 2:
        raise ValueError(f"metrics.{index}: not a namespace, a name, and pairs of a dimension and its value")
    return parts


def _period(value: Any, index: int) -> int:
    try:
        seconds = int(value)
    except (OverflowError, TypeError, ValueError):
        seconds = 0
    if not 0 < seconds <= KEPT:
        raise ValueError(f"metrics.{index}: period: got {value!r:.30}, allowed: 1 to {KEPT} seconds")
    return seconds


def _key(parts: Sequence[str]) -> MetricKey:
    return MetricKey.of(parts[0], parts[1], dict(zip(parts[2::2], parts[3::2], strict=True)))


def labels(lines: Sequence[Line]) -> list[str]:
    """What CloudWatch calls lines: by their labels, or by what tells them apart."""
    metrics = [line.metric for line in lines if line.metric]
    names = {name for _, name, _ in metrics}
    varied = {
        dimension
        for _, _, dimensions in metrics
        for dimension, value in dimensions
        if any(dict(others).get(dimension) != value for _, _, others in metrics)
    }
    written = []
    for line in lines:
        if line.metric:
            _, name, dimensions = line.metric
            parts = [value for dimension, value in dimensions if dimension in varied]
            default = " ".join([*parts, *([name] if len(names) > 1 or not parts else [])])
        else:
            default = line.id or line.expression
        written.append(line.label or default)
    return written


def with_values(label: str, default: str, metric: MetricKey | None, stat: str, values: Sequence[float]) -> str:
    """Fills in a dynamic label, such as `${PROP('Dim.Share')}` or `${MAX}`.

    Args:
        label: as the body gives it.
        default: what `${LABEL}` stands for.
        metric: whose dimensions and name `PROP` gives; None for an expression, where it gives the default.
        stat: its statistic.
        values: in the order of time.
    """
    known = {} if metric is None else {f"Dim.{name}": value for name, value in metric.dimensions}
    known |= {} if metric is None else {"Namespace": metric.namespace, "MetricName": metric.name, "Stat": stat}

    def filled(match: re.Match[str]) -> str:
        word, argument = match.groups()
        if word == "LABEL":
            return default
        if word == "PROP" and argument:
            return known.get(argument, default)
        if word in _OF_VALUES and argument is None:
            return _short(_OF_VALUES[word](values)) if values else "--"
        return match.group()

    return _DYNAMIC.sub(filled, label)


_OF_VALUES: Final[dict[str, Callable[[Sequence[float]], float]]] = {
    "FIRST": lambda values: values[0],
    "LAST": lambda values: values[-1],
    "MIN": min,
    "MAX": max,
    "AVG": lambda values: sum(values) / len(values),
    "SUM": sum,
}


def _short(value: float) -> str:
    return f"{value:,.2f}".rstrip("0").rstrip(".")
