"""Widgets of a dashboard (numbers, graphs, tables, texts and alarm states) and their placement."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from fairlane.errors import Problem

COLUMNS: Final = 24
MAX_WIDGETS: Final = 500
MAX_GRAPH_METRICS: Final = 500
MAX_DASHBOARD_METRICS: Final = 2500
"""Metrics, including those in expressions. AWS documented this limit until 2023 and has not documented another."""

_MAX_ALARMS: Final = 100

Rows = list[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Widget:
    """One widget.

    Args:
        kind: Type of the widget in AWS's terms: `metric`, `text`, `alarm` or `log`.
        width: Width in columns, of 24.
        height: Height in rows.
        properties: Properties of the widget in the dashboard body.
    """

    kind: str
    width: int
    height: int
    properties: Mapping[str, Any]

    @property
    def metrics(self) -> int:
        """Number of metrics of the widget."""
        return len(self.properties.get("metrics", ()))


def text(markdown: str, *, height: int = 1, width: int = COLUMNS) -> Widget:
    """Return a text widget."""
    return Widget(
        kind="text", width=width, height=height, properties={"markdown": markdown, "background": "transparent"}
    )


def number(title: str, metrics: Rows, *, region: str, width: int = 3, sparkline: bool = True) -> Widget:
    """Return a widget with the latest value of each metric, and by default a sparkline of earlier values."""
    properties = {"title": title, "view": "singleValue", "sparkline": sparkline, "metrics": metrics}
    return Widget(kind="metric", width=width, height=3, properties=properties | _region_and_period(region, 300))


def total(title: str, metrics: Rows, *, region: str, width: int = 6) -> Widget:
    """Return a table with the sum of each metric over the time range of the dashboard."""
    properties = {
        "title": title,
        "view": "table",
        "metrics": metrics,
        "setPeriodToTimeRange": True,
        "table": {"summaryColumns": ["SUM"], "layout": "vertical", "showTimeSeriesData": False},
    }
    return Widget(kind="metric", width=width, height=6, properties=properties | _region_and_period(region, 3600))


def graph(
    title: str,
    metrics: Rows,
    *,
    region: str,
    unit: str,
    width: int = 8,
    stacked: bool = False,
    period: int = 300,
    lines: Mapping[str, float] | None = None,
) -> Widget:
    """Return a graph of metrics over time.

    Args:
        title: Title of the graph.
        metrics: Metrics as in the dashboard body.
        region: Region of the metrics.
        unit: Label of the axis.
        width: Width in columns. Default: 8.
        stacked: True to stack the areas. Default: False.
        period: Period, in seconds. Default: 300.
        lines: Values of horizontal lines by label. Default: none.
    """
    properties: dict[str, Any] = {
        "title": title,
        "view": "timeSeries",
        "stacked": stacked,
        "metrics": metrics,
        "yAxis": {"left": {"min": 0, "label": unit, "showUnits": False}},
        "legend": {"position": "bottom"},
    }
    if lines:
        properties["annotations"] = {"horizontal": [{"label": name, "value": value} for name, value in lines.items()]}
    return Widget(kind="metric", width=width, height=6, properties=properties | _region_and_period(region, period))


def alarm_states(title: str, arns: Sequence[str], *, states: Sequence[str] = ()) -> Iterator[Widget]:
    """Yield widgets with the states of alarms, each with room for 100 alarms.

    Args:
        title: Title of each widget.
        arns: ARNs of the alarms.
        states: States of the alarms that are shown. Default: all.
    """
    for start in range(0, len(arns), _MAX_ALARMS):
        alarms = list(arns[start : start + _MAX_ALARMS])
        height = 2 if states else 3 + (len(alarms) - 1) // 6
        filters = {"states": [*states]} if states else {}
        properties = {"title": title, "alarms": alarms, **filters}
        yield Widget(kind="alarm", width=COLUMNS, height=height, properties=properties)


def layout(rows: Sequence[Sequence[Widget]]) -> list[dict[str, Any]]:
    """Return the widgets of all rows, each with its position on the dashboard."""
    body: list[dict[str, Any]] = []
    y = 0
    for row in rows:
        x = 0
        for widget in row:
            assert x + widget.width <= COLUMNS, f"{widget.properties.get('title')} does not fit into its row"
            position = {"x": x, "y": y, "width": widget.width, "height": widget.height}
            body.append({"type": widget.kind, **position, "properties": dict(widget.properties)})
            x += widget.width
        y += max(widget.height for widget in row)
    return body


def size_problems(rows: Sequence[Sequence[Widget]]) -> Iterator[Problem]:
    """Yield the limits of CloudWatch that the dashboard exceeds."""
    widgets = [widget for row in rows for widget in row]
    if len(widgets) > MAX_WIDGETS:
        sentence = f"the dashboard has {len(widgets)} widgets, and at most {MAX_WIDGETS} fit: show fewer queues"
        yield Problem.relation((), sentence)
    for widget in widgets:
        if widget.metrics > MAX_GRAPH_METRICS:
            title = widget.properties.get("title")
            sentence = (
                f'the graph "{title}" has {widget.metrics} metrics, and at most {MAX_GRAPH_METRICS} fit: '
                "show fewer shares or percentiles"
            )
            yield Problem.relation((), sentence)
    metrics = sum(widget.metrics for widget in widgets)
    if metrics > MAX_DASHBOARD_METRICS:
        sentence = (
            f"the dashboard has {metrics} metrics, and at most {MAX_DASHBOARD_METRICS} fit: "
            "show fewer queues, shares or percentiles"
        )
        yield Problem.relation((), sentence)


def _region_and_period(region: str, period: int) -> dict[str, Any]:
    return {"region": region, "period": period}
