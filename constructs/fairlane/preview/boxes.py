"""Contents of dashboard widgets: formatted texts and numbers, and figures of charts."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from markdown_it import MarkdownIt

from fairlane._charts.layout import Figure
from fairlane.cloudwatch.samples import Samples
from fairlane.preview.body import Properties, Widget
from fairlane.preview.figures import bars, format_number, gauge, graph, horizontal_annotations, pie, sparkline
from fairlane.preview.widget_series import ChartSeries, widget_series

_MARKDOWN: Final = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
_BUTTON: Final = re.compile(r"\[button:(?:primary:)?")
_SOURCE: Final = re.compile(r"SOURCE\s+'([^']*)'\s*\|?\s*")
_STATES: Final = {"OK": "OK", "ALARM": "In alarm", "INSUFFICIENT_DATA": "Insufficient data", "": "Not evaluated"}


@dataclass(frozen=True, slots=True, kw_only=True)
class LegendEntry:
    """Entry of a legend, or one number of a number widget.

    Args:
        label: Label of the entry.
        color: CSS color. Empty for an entry without a color.
        dash: Number of the dash pattern; 0 is a solid line.
        value: Formatted value.
        figure: Figure of the sparkline. Default: no sparkline.
    """

    label: str
    color: str
    dash: int
    value: str
    figure: Figure | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """Widget with its formatted contents.

    Args:
        widget: Widget with its type and position.
        kind: Kind of contents: text, alarms, log, numbers, table, chart or other.
        notes: Messages about contents that cannot be rendered.
        html: HTML of a text.
        figure: Figure of a chart.
        entries: Legend of a chart, or numbers.
        rows: Rows of a table.
        alarms: Name, state and displayed state of each alarm.
        query: Log query.
        sources: Log groups of the query.
    """

    widget: Widget
    kind: str
    notes: Sequence[str] = ()
    html: str = ""
    figure: Figure | None = None
    entries: Sequence[LegendEntry] = ()
    rows: Sequence[Sequence[str]] = ()
    alarms: Sequence[tuple[str, str, str]] = ()
    query: str = ""
    sources: Sequence[str] = ()


def build_box(widget: Widget, samples: Samples, states: Mapping[str, tuple[str, str]], start: int, end: int) -> Box:
    """Return a widget with its formatted contents.

    Args:
        widget: Widget of a dashboard.
        samples: Samples of all metrics.
        states: Name and state of each alarm, by its name, its ARN, or the reference to its ARN in a template.
        start: Start of the time range, in seconds since 1970.
        end: End of the time range, in seconds since 1970.
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
            return _metric_box(widget, *widget_series(properties, samples, start, end), start, end)
    return Box(widget=widget, kind="other", notes=[f"The preview does not support widgets of type {widget.type}."])


def _metric_box(widget: Widget, lines: Sequence[ChartSeries], errors: Sequence[str], start: int, end: int) -> Box:
    properties = widget.properties
    notes = [f"Not evaluated: {error}" for error in errors]
    if not any(line.points for line in lines):
        notes.append("No data")
    figure: Figure | None = None
    match properties.view:
        case "singleValue":
            return Box(
                widget=widget, kind="numbers", entries=[_number_entry(line, properties) for line in lines], notes=notes
            )
        case "table":
            return Box(widget=widget, kind="table", rows=[_row(line) for line in lines], notes=notes)
        case "gauge":
            figure = gauge(properties, lines[0]) if lines else None
            entries = [_entry(line, line.last) for line in lines[:1]]
        case "bar":
            figure, entries = bars(lines), [_entry(line, line.last) for line in lines]
        case "pie":
            total = sum(line.last or 0 for line in lines)
            figure, entries = pie(lines), [_entry(line, line.last, total) for line in lines]
        case _:
            figure, entries = graph(properties, lines, start, end), [_entry(line) for line in lines]
            for annotation in horizontal_annotations(properties):
                label, color = annotation.label or "Annotation", annotation.color or "var(--mark)"
                entries.append(LegendEntry(label=label, color=color, dash=1, value=format_number(annotation.value, "")))
    legend = () if properties.legend.position == "hidden" else entries
    drawable = any(line.points for line in lines)
    return Box(widget=widget, kind="chart", figure=figure if drawable else None, entries=legend, notes=notes)


def _entry(line: ChartSeries, value: float | None = None, total: float = 0) -> LegendEntry:
    text = "" if value is None else format_number(value, line.unit)
    part = f" ({100 * value / total:.0f} %)" if total and value is not None else ""
    return LegendEntry(label=line.label, color=line.color, dash=line.dash, value=text + part)


def _number_entry(line: ChartSeries, properties: Properties) -> LegendEntry:
    return LegendEntry(
        label=line.label,
        color=line.color,
        dash=line.dash,
        value=format_number(line.last, line.unit, full_precision=properties.single_value_full_precision),
        figure=sparkline(line) if properties.sparkline and len(line.points) > 1 else None,
    )


def _row(line: ChartSeries) -> list[str]:
    values = [*line.points.values()]
    if not values:
        return [line.label, *["--"] * 4]
    summary = (line.last, min(values), max(values), sum(values) / len(values))
    return [line.label, *(format_number(value, line.unit) for value in summary)]


def _alarms(arns: Sequence[str], states: Mapping[str, tuple[str, str]]) -> Iterator[tuple[str, str, str]]:
    for arn in arns:
        name = arn.rpartition(":alarm:")[2]
        name, state = states.get(arn) or states.get(name) or (name, "")
        yield name, state, _STATES[state]


def figures(boxes: Sequence[Box]) -> dict[str, Any]:
    """Return the figures of all boxes, by the id of their element on the page."""
    by_id: dict[str, Any] = {}
    for index, box in enumerate(boxes):
        if box.figure:
            by_id[f"chart-{index}"] = box.figure
        for entry_index, entry in enumerate(box.entries):
            if entry.figure:
                by_id[f"chart-{index}-{entry_index}"] = entry.figure
    return by_id
