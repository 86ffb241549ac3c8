"""Widgets of a dashboard: numbers, graphs, tables, texts and states of alarms, and where they go."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from fairlane.errors import Problem

COLUMNS: Final = 24
MOST_WIDGETS: Final = 500
MOST_IN_A_GRAPH: Final = 500
MOST_IN_A_DASHBOARD: Final = 2500
"""Metrics, those in expressions too; in AWS's documentation until 2023, and held to since it says nothing new."""

_MOST_ALARMS: Final = 100

Rows = list[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Widget:
    """One widget.

    Args:
        kind: AWS's word for it: `metric`, `text`, `alarm` or `log`.
        width: in columns, of 24.
        height: in rows.
        properties: as the dashboard's body has them.
    """

    kind: str
    width: int
    height: int
    properties: Mapping[str, Any]

    @property
    def metrics(self) -> int:
        """How many metrics it has."""
        return len(self.properties.get("metrics", ()))


def text(markdown: str, *, height: int = 1, width: int = COLUMNS) -> Widget:
    """A text, as wide as the dashboard."""
    return Widget(
        kind="text", width=width, height=height, properties={"markdown": markdown, "background": "transparent"}
    )


def number(title: str, metrics: Rows, *, region: str, width: int = 3, sparkline: bool = True) -> Widget:
    """The newest value of some metrics, with what it was lately."""
    properties = {"title": title, "view": "singleValue", "sparkline": sparkline, "metrics": metrics}
    return Widget(kind="metric", width=width, height=3, properties=properties | _in(region, 300))


def total(title: str, metrics: Rows, *, region: str, width: int = 6) -> Widget:
    """What metrics add up to over the time that the dashboard shows, as a table."""
    properties = {
        "title": title,
        "view": "table",
        "metrics": metrics,
        "setPeriodToTimeRange": True,
        "table": {"summaryColumns": ["SUM"], "layout": "vertical", "showTimeSeriesData": False},
    }
    return Widget(kind="metric", width=width, height=6, properties=properties | _in(region, 3600))


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
    """Metrics over time.

    Args:
        title: what one sees.
        metrics: as the body has them.
        region: where they are.
        unit: the label of the axis.
        width: in columns.
        stacked: whether areas are stacked.
        period: in seconds.
        lines: horizontal lines by their labels.
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
    return Widget(kind="metric", width=width, height=6, properties=properties | _in(region, period))


def alarm_states(title: str, arns: Sequence[str], *, states: Sequence[str] = ()) -> Iterator[Widget]:
    """The states of alarms; a widget has room for 100.

    Args:
        title: what one sees.
        arns: of the alarms.
        states: only alarms in one of them are seen; by default all are.
    """
    for start in range(0, len(arns), _MOST_ALARMS):
        some = list(arns[start : start + _MOST_ALARMS])
        height = 2 if states else 3 + (len(some) - 1) // 6
        only = {"states": [*states]} if states else {}
        yield Widget(kind="alarm", width=COLUMNS, height=height, properties={"title": title, "alarms": some, **only})


def placed(rows: Sequence[Sequence[Widget]]) -> list[dict[str, Any]]:
    """The widgets of rows, each with its place on the dashboard."""
    body: list[dict[str, Any]] = []
    y = 0
    for row in rows:
        x = 0
        for one in row:
            assert x + one.width <= COLUMNS, f"{one.properties.get('title')} does not fit into its row"
            place = {"x": x, "y": y, "width": one.width, "height": one.height}
            body.append({"type": one.kind, **place, "properties": dict(one.properties)})
            x += one.width
        y += max(one.height for one in row)
    return body


def size_problems(rows: Sequence[Sequence[Widget]]) -> Iterator[Problem]:
    """Yields what CloudWatch would refuse or not draw."""
    widgets = [one for row in rows for one in row]
    if len(widgets) > MOST_WIDGETS:
        yield Problem((), f"{len(widgets)} widgets", f"at most {MOST_WIDGETS} in a dashboard: fewer queues")
    for one in widgets:
        if one.metrics > MOST_IN_A_GRAPH:
            allowed = f"at most {MOST_IN_A_GRAPH} in a graph: fewer shares or percentiles"
            yield Problem((), f'{one.metrics} metrics in "{one.properties.get("title")}"', allowed)
    every = sum(one.metrics for one in widgets)
    if every > MOST_IN_A_DASHBOARD:
        allowed = f"at most {MOST_IN_A_DASHBOARD} in a dashboard: fewer queues, shares or percentiles"
        yield Problem((), f"{every} metrics", allowed)


def _in(region: str, period: int) -> dict[str, Any]:
    return {"region": region, "period": period}
