"""Charts as figures of Plotly. Colors are CSS variables, which the page resolves for light and for dark."""

from collections.abc import Iterable, Sequence
from typing import Final

from fairlane._charts.layout import AXIS, Figure, chart_layout, escaped, time_axis, utc
from fairlane.cloudwatch.units import suffix
from fairlane.preview.body import Axis, Horizontal, Properties
from fairlane.preview.widget_series import Drawn

_DASHES: Final = ("solid", "dash", "dot", "dashdot")


def graph(properties: Properties, lines: Sequence[Drawn], start: int, end: int) -> Figure:
    """Lines over time, or areas upon each other."""
    traces = [_area(line, start, end) if properties.stacked else _line(line) for line in lines if line.points]
    right = any(line.right for line in lines if line.points)
    layout = chart_layout(
        xaxis={**time_axis(start, end), "gridcolor": "transparent"},
        yaxis=_value_axis(properties.y_axis.left, [line for line in lines if not line.right]),
        hovermode="x unified",
    )
    if right:
        axis = _value_axis(properties.y_axis.right, [line for line in lines if line.right])
        layout["yaxis2"] = {**axis, "overlaying": "y", "side": "right", "tickmode": "auto", "gridcolor": "transparent"}
    marks = [_across(mark, lines) for mark in horizontal_marks(properties)]
    layout["shapes"] = [shape for shapes in marks for shape in shapes]
    for one in properties.annotations.vertical:
        for moment in one if isinstance(one, list) else [one]:
            line = {"color": moment.color or "var(--mark)", "width": 1.5}
            layout["shapes"].append(
                {
                    "type": "line",
                    "x0": moment.value,
                    "x1": moment.value,
                    "yref": "paper",
                    "y0": 0,
                    "y1": 1,
                    "line": line,
                }
            )
    return {"data": traces, "layout": layout}


def horizontal_marks(properties: Properties) -> list[Horizontal]:
    """The visible horizontal annotations, bands as their two lines."""
    marks = properties.annotations.horizontal
    flat = [mark for one in marks for mark in (one if isinstance(one, list) else [one])]
    return [mark for mark in flat if mark.visible]


def bars(lines: Sequence[Drawn]) -> Figure:
    """The newest values, side by side."""
    shown = [line for line in lines if line.last is not None]
    trace = {
        "type": "bar",
        "orientation": "h",
        "y": [str(index) for index in range(len(shown))],
        "x": [line.last for line in shown],
        "text": [number(line.last, line.unit) for line in shown],
        "hovertext": [escaped(line.label) for line in shown],
        "hoverinfo": "text+x",
        "textposition": "outside",
        "textfont": {"color": "var(--ink)"},
        "cliponaxis": False,
        "marker": {"color": [line.color for line in shown]},
    }
    most = max([0.0, *(line.last for line in shown if line.last is not None)])
    axis = {**_value_axis(Axis(min=0, max=1.25 * most or 1), shown)}
    names = {**AXIS, "autorange": "reversed", "showticklabels": False, "type": "category"}
    return {"data": [trace], "layout": chart_layout(xaxis=axis, yaxis=names, bargap=0.35)}


def pie(lines: Sequence[Drawn]) -> Figure:
    """The newest values, as parts of their sum."""
    shown = [line for line in lines if line.last is not None]
    trace = {
        "type": "pie",
        "labels": [str(index) for index in range(len(shown))],
        "values": [line.last for line in shown],
        "text": [escaped(line.label) for line in shown],
        "customdata": [number(line.last, line.unit) for line in shown],
        "hovertemplate": "%{text}: %{customdata} (%{percent})<extra></extra>",
        "textinfo": "none",
        "marker": {"colors": [line.color for line in shown], "line": {"color": "var(--card)", "width": 2}},
        "hole": 0.45,
        "sort": False,
        "direction": "clockwise",
    }
    return {"data": [trace], "layout": chart_layout()}


def gauge(properties: Properties, line: Drawn) -> Figure:
    """The newest value between the ends of the left axis."""
    axis = properties.y_axis.left
    marks = [mark.value for mark in horizontal_marks(properties)]
    threshold = {"line": {"color": "var(--mark)", "width": 3}, "thickness": 0.9, "value": marks[0]} if marks else {}
    trace = {
        "type": "indicator",
        "mode": "gauge+number",
        "value": line.last,
        "number": {"suffix": suffix(line.unit), "valueformat": ",.3~g", "font": {"size": 26, "color": "var(--ink)"}},
        "gauge": {
            "axis": {"range": [axis.min or 0, axis.max if axis.max is not None else 100], "tickcolor": "var(--line)"},
            "bar": {"color": line.color, "thickness": 0.6},
            "bgcolor": "var(--page)",
            "bordercolor": "var(--line)",
            "threshold": threshold,
        },
        "domain": {"x": [0.08, 0.92], "y": [0, 0.9]},
    }
    return {"data": [trace], "layout": chart_layout()}


def sparkline(line: Drawn) -> Figure:
    """A line without axes."""
    trace = {**_line(line), "hoverinfo": "skip"}
    hidden = {"visible": False, "fixedrange": True}
    layout = chart_layout(xaxis=hidden, yaxis=hidden) | {"margin": {"l": 0, "r": 0, "t": 2, "b": 2}}
    return {"data": [trace], "layout": layout}


def number(value: float | None, unit: str, *, full: bool = False) -> str:
    """A number as the console writes it: `12.3k s`."""
    if value is None:
        return "--"
    if full:
        return f"{value:,.10f}".rstrip("0").rstrip(".") + suffix(unit)
    size, sign = next(((10**power, sign) for power, sign in _SIGNS if abs(value) >= 10**power), (1, ""))
    digits = 0 if abs(value) >= 100 * size else 1 if abs(value) >= 10 * size else 2
    text = f"{value / size:.{digits}f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text) + sign + suffix(unit)


_SIGNS: Final = ((9, "G"), (6, "M"), (3, "k"))


def _line(line: Drawn) -> Figure:
    """A line that is broken where points are missing; a point on its own is a dot."""
    known = line.points.keys()
    points: dict[int, float | None] = {time + line.period: None for time in known}
    points |= line.points
    times = sorted(points)
    alone = [time in known and not {time - line.period, time + line.period} & known for time in times]
    return {
        "type": "scatter",
        "mode": "lines+markers" if any(alone) else "lines",
        "x": [utc(time) for time in times],
        "y": [None if value is None else round(value, 4) for value in (points[time] for time in times)],
        "name": escaped(line.label),
        "line": {"color": line.color, "width": 1.75, "dash": _DASHES[line.dash % len(_DASHES)]},
        "marker": {"color": line.color, "size": [5 * one for one in alone], "line": {"width": 0}, "opacity": 1},
        "yaxis": "y2" if line.right else "y",
        "hovertemplate": f"%{{y:,.5~g}}{suffix(line.unit)}",
    }


def _area(line: Drawn, start: int, end: int) -> Figure:
    """A line upon others, in which missing points are 0."""
    period = line.period
    around = {time for known in line.points for time in (known - period, known + period) if start <= time < end}
    points = dict.fromkeys(around, 0.0) | line.points
    times = sorted(points)
    drawn = _line(line)
    return {
        **drawn,
        "mode": "lines",
        "line": {**drawn["line"], "width": 1},
        "x": [utc(time) for time in times],
        "y": [round(points[time], 4) for time in times],
        "stackgroup": "right" if line.right else "left",
        "fillcolor": f"fade({line.color})",
    }


def _across(mark: Horizontal, lines: Iterable[Drawn]) -> list[Figure]:
    axis = "y2" if mark.y_axis == "right" else "y"
    across = {"xref": "paper", "x0": 0, "x1": 1, "yref": axis, "layer": "below"}
    color = mark.color or "var(--mark)"
    line = {"color": color, "width": 1.5, "dash": "dash"}
    shapes: list[Figure] = [
        {**across, "layer": "above", "type": "line", "y0": mark.value, "y1": mark.value, "line": line}
    ]
    if mark.fill in {"above", "below"}:
        values = [value for one in lines if one.right == (axis == "y2") for value in one.points.values()]
        to = max([*values, mark.value]) if mark.fill == "above" else min([*values, 0.0])
        nothing = {"width": 0}
        shapes.append(
            {
                **across,
                "type": "rect",
                "y0": mark.value,
                "y1": to,
                "fillcolor": f"fade({color})",
                "opacity": 0.4,
                "line": nothing,
            }
        )
    return shapes


def _value_axis(axis: Axis, lines: Sequence[Drawn]) -> Figure:
    values = {value for line in lines for value in line.points.values()}
    units = {line.unit for line in lines}
    unit = (units.pop() or "No unit") if len(units) == 1 else "Various units" if units else ""
    title = " / ".join(part for part in (axis.label, unit if axis.show_units and unit != "No unit" else "") if part)
    ends = {"minallowed": axis.min, "maxallowed": axis.max}
    bounds: Figure = {"autorangeoptions": {name: end for name, end in ends.items() if end is not None}}
    if axis.min is not None and axis.max is not None:
        bounds = {"range": [axis.min, axis.max]}
    elif not values - {0}:
        bounds = {"range": [0 if axis.min == 0 else -0.04, 1.2]}
    most = max(map(abs, values), default=0)
    return {
        **AXIS,
        "title": {"text": escaped(title or unit), "font": {"size": 11}, "standoff": 6},
        "gridcolor": "var(--line)",
        "tickformat": "~s" if most >= 1000 else "~g",
        **bounds,
    }
