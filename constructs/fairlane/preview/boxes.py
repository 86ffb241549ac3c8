"""What stands in each widget of a dashboard: texts and numbers as they are read, and the figures of its charts."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from markdown_it import MarkdownIt

from fairlane._charts.layout import Figure
from fairlane.cloudwatch.samples import Samples
from fairlane.preview.body import Properties, Widget
from fairlane.preview.figures import bars, gauge, graph, horizontal_marks, number, pie, sparkline
from fairlane.preview.widget_series import Drawn, drawn

_MARKDOWN: Final = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
_BUTTON: Final = re.compile(r"\[button:(?:primary:)?")
_SOURCE: Final = re.compile(r"SOURCE\s+'([^']*)'\s*\|?\s*")
_STATES: Final = {"OK": "OK", "ALARM": "In alarm", "INSUFFICIENT_DATA": "Insufficient data", "": "Not evaluated"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """An entry of a legend, or a number.

    Args:
        label: what it is.
        color: in CSS; empty for one without.
        dash: 0 for a solid line.
        value: as it is read.
        figure: of its sparkline, if it has one.
    """

    label: str
    color: str
    dash: int
    value: str
    figure: Figure | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A widget, ready to be written down.

    Args:
        widget: where it is, and of which type.
        kind: what of the following it shows.
        notes: what could not be shown, and why.
        html: of a text.
        figure: of a chart.
        named: the legend of a chart, or numbers.
        rows: of a table.
        alarms: names, each with its state and the state in words.
        query: of logs.
        sources: the log groups of the query.
    """

    widget: Widget
    kind: str
    notes: Sequence[str] = ()
    html: str = ""
    figure: Figure | None = None
    named: Sequence[Named] = ()
    rows: Sequence[Sequence[str]] = ()
    alarms: Sequence[tuple[str, str, str]] = ()
    query: str = ""
    sources: Sequence[str] = ()


def box(widget: Widget, samples: Samples, states: Mapping[str, tuple[str, str]], start: int, end: int) -> Box:
    """Makes a widget ready.

    Args:
        widget: of a dashboard.
        samples: of all metrics.
        states: by ARN, or by the text that stands for it in a template, the name of each alarm and its state.
        start: of the window, in seconds since 1970.
        end: of the window.
    """
    properties = widget.properties
    match widget.type:
        case "text":
            return Box(widget=widget, kind="text", html=_MARKDOWN.render(_BUTTON.sub("[", properties.markdown)))
        case "alarm":
            return Box(widget=widget, kind="alarms", alarms=[*_alarms(properties.alarms, states)])
        case "log":
            query, sources = _SOURCE.sub("", properties.query), _SOURCE.findall(properties.query)
            return Box(widget=widget, kind="log", query=re.sub(r"\s*\|\s*", "\n| ", query.strip()), sources=sources)
        case "metric" if properties.annotations.alarms:
            return Box(widget=widget, kind="alarms", alarms=[*_alarms(properties.annotations.alarms, states)])
        case "metric":
            return _metrics(widget, *drawn(properties, samples, start, end), start, end)
    return Box(widget=widget, kind="other", notes=[f"A widget of type {widget.type}: a preview does not draw it."])


def _metrics(widget: Widget, lines: Sequence[Drawn], wrong: Sequence[str], start: int, end: int) -> Box:
    properties = widget.properties
    notes = [f"Not evaluated: {text}" for text in wrong]
    if not any(line.points for line in lines):
        notes.append("No data")
    figure: Figure | None = None
    match properties.view:
        case "singleValue":
            return Box(widget=widget, kind="numbers", named=[_number(line, properties) for line in lines], notes=notes)
        case "table":
            return Box(widget=widget, kind="table", rows=[_row(line) for line in lines], notes=notes)
        case "gauge":
            figure = gauge(properties, lines[0]) if lines else None
            named = [_named(line, line.last) for line in lines[:1]]
        case "bar":
            figure, named = bars(lines), [_named(line, line.last) for line in lines]
        case "pie":
            whole = sum(line.last or 0 for line in lines)
            figure, named = pie(lines), [_named(line, line.last, whole) for line in lines]
        case _:
            figure, named = graph(properties, lines, start, end), [_named(line) for line in lines]
            for mark in horizontal_marks(properties):
                label = mark.label or "Annotation"
                named.append(
                    Named(label=label, color=mark.color or "var(--mark)", dash=1, value=number(mark.value, ""))
                )
    legend = () if properties.legend.position == "hidden" else named
    drawable = any(line.points for line in lines)
    return Box(widget=widget, kind="chart", figure=figure if drawable else None, named=legend, notes=notes)


def _named(line: Drawn, value: float | None = None, whole: float = 0) -> Named:
    text = "" if value is None else number(value, line.unit)
    part = f" ({100 * value / whole:.0f} %)" if whole and value is not None else ""
    return Named(label=line.label, color=line.color, dash=line.dash, value=text + part)


def _number(line: Drawn, properties: Properties) -> Named:
    return Named(
        label=line.label,
        color=line.color,
        dash=line.dash,
        value=number(line.last, line.unit, full=properties.single_value_full_precision),
        figure=sparkline(line) if properties.sparkline and len(line.points) > 1 else None,
    )


def _row(line: Drawn) -> list[str]:
    values = [*line.points.values()]
    if not values:
        return [line.label, *["--"] * 4]
    summary = (line.last, min(values), max(values), sum(values) / len(values))
    return [line.label, *(number(value, line.unit) for value in summary)]


def _alarms(arns: Sequence[str], states: Mapping[str, tuple[str, str]]) -> Iterator[tuple[str, str, str]]:
    for arn in arns:
        name = arn.rpartition(":alarm:")[2]
        name, state = states.get(arn) or states.get(name) or (name, "")
        yield name, state, _STATES[state]


def figures(boxes: Sequence[Box]) -> dict[str, Any]:
    """Every chart by the id of its place on the page."""
    found: dict[str, Any] = {}
    for index, one in enumerate(boxes):
        if one.figure:
            found[f"chart-{index}"] = one.figure
        for place, named in enumerate(one.named):
            if named.figure:
                found[f"chart-{index}-{place}"] = named.figure
    return found
