"""Plotly figures of dashboard charts. Colors are CSS variables, which the page resolves for its color scheme."""

from collections.abc import Iterable, Sequence
from typing import Final

from fairlane._charts.layout import AXIS, Figure, chart_layout, escape_html, time_axis, utc
from fairlane.cloudwatch.units import unit_suffix
from fairlane.preview.body import Axis, HorizontalAnnotation, Properties
from fairlane.preview.widget_series import ChartSeries

_DASHES: Final = ("solid", "dash", "dot", "dashdot")


def graph(properties: Properties, lines: Sequence[ChartSeries], start: int, end: int) -> Figure:
    """Return the figure of lines over time, or of stacked areas."""
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
    layout["shapes"] = [
        shape for annotation in horizontal_annotations(properties) for shape in _horizontal_shapes(annotation, lines)
    ]
    for entry in properties.annotations.vertical:
        for annotation in entry if isinstance(entry, list) else [entry]:
            line = {"color": annotation.color or "var(--mark)", "width": 1.5}
            layout["shapes"].append(
                {
                    "type": "line",
                    "x0": annotation.value,
                    "x1": annotation.value,
                    "yref": "paper",
                    "y0": 0,
                    "y1": 1,
                    "line": line,
                }
            )
    return {"data": traces, "layout": layout}


def horizontal_annotations(properties: Properties) -> list[HorizontalAnnotation]:
    """Return the visible horizontal annotations. A band is returned as two lines."""
    entries = properties.annotations.horizontal
    annotations = [annotation for entry in entries for annotation in (entry if isinstance(entry, list) else [entry])]
    return [annotation for annotation in annotations if annotation.visible]


def bars(lines: Sequence[ChartSeries]) -> Figure:
    """Return the figure of the latest values as bars."""
    nonempty = [line for line in lines if line.last is not None]
    trace = {
        "type": "bar",
        "orientation": "h",
        "y": [str(index) for index in range(len(nonempty))],
        "x": [line.last for line in nonempty],
        "text": [format_number(line.last, line.unit) for line in nonempty],
        "hovertext": [escape_html(line.label) for line in nonempty],
        "hoverinfo": "text+x",
        "textposition": "outside",
        "textfont": {"color": "var(--ink)"},
        "cliponaxis": False,
        "marker": {"color": [line.color for line in nonempty]},
    }
    maximum = max([0.0, *(line.last for line in nonempty if line.last is not None)])
    axis = {**_value_axis(Axis(min=0, max=1.25 * maximum or 1), nonempty)}
    names = {**AXIS, "autorange": "reversed", "showticklabels": False, "type": "category"}
    return {"data": [trace], "layout": chart_layout(xaxis=axis, yaxis=names, bargap=0.35)}


def pie(lines: Sequence[ChartSeries]) -> Figure:
    """Return the figure of the latest values as parts of their sum."""
    nonempty = [line for line in lines if line.last is not None]
    trace = {
        "type": "pie",
        "labels": [str(index) for index in range(len(nonempty))],
        "values": [line.last for line in nonempty],
        "text": [escape_html(line.label) for line in nonempty],
        "customdata": [format_number(line.last, line.unit) for line in nonempty],
        "hovertemplate": "%{text}: %{customdata} (%{percent})<extra></extra>",
        "textinfo": "none",
        "marker": {"colors": [line.color for line in nonempty], "line": {"color": "var(--card)", "width": 2}},
        "hole": 0.45,
        "sort": False,
        "direction": "clockwise",
    }
    return {"data": [trace], "layout": chart_layout()}


def gauge(properties: Properties, line: ChartSeries) -> Figure:
    """Return the figure of the latest value between the limits of the left axis."""
    axis = properties.y_axis.left
    values = [annotation.value for annotation in horizontal_annotations(properties)]
    threshold = {"line": {"color": "var(--mark)", "width": 3}, "thickness": 0.9, "value": values[0]} if values else {}
    trace = {
        "type": "indicator",
        "mode": "gauge+number",
        "value": line.last,
        "number": {
            "suffix": unit_suffix(line.unit),
            "valueformat": ",.3~g",
            "font": {"size": 26, "color": "var(--ink)"},
        },
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


def sparkline(line: ChartSeries) -> Figure:
    """Return the figure of a line without axes."""
    trace = {**_line(line), "hoverinfo": "skip"}
    hidden = {"visible": False, "fixedrange": True}
    layout = chart_layout(xaxis=hidden, yaxis=hidden) | {"margin": {"l": 0, "r": 0, "t": 2, "b": 2}}
    return {"data": [trace], "layout": layout}


def format_number(value: float | None, unit: str, *, full_precision: bool = False) -> str:
    """Return a number in the format of the CloudWatch console, for example `12.3k s`."""
    if value is None:
        return "--"
    if full_precision:
        return f"{value:,.10f}".rstrip("0").rstrip(".") + unit_suffix(unit)
    size, sign = next(((10**power, sign) for power, sign in _SIGNS if abs(value) >= 10**power), (1, ""))
    digits = 0 if abs(value) >= 100 * size else 1 if abs(value) >= 10 * size else 2
    text = f"{value / size:.{digits}f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text) + sign + unit_suffix(unit)


_SIGNS: Final = ((9, "G"), (6, "M"), (3, "k"))


def _line(line: ChartSeries) -> Figure:
    """Return a line with a gap at each missing point. A point without neighbors is a dot."""
    existing = line.points.keys()
    points: dict[int, float | None] = {time + line.period: None for time in existing}
    points |= line.points
    times = sorted(points)
    isolated = [time in existing and not {time - line.period, time + line.period} & existing for time in times]
    return {
        "type": "scatter",
        "mode": "lines+markers" if any(isolated) else "lines",
        "x": [utc(time) for time in times],
        "y": [None if value is None else round(value, 4) for value in (points[time] for time in times)],
        "name": escape_html(line.label),
        "line": {"color": line.color, "width": 1.75, "dash": _DASHES[line.dash % len(_DASHES)]},
        "marker": {
            "color": line.color,
            "size": [5 * flag for flag in isolated],
            "line": {"width": 0},
            "opacity": 1,
        },
        "yaxis": "y2" if line.right else "y",
        "hovertemplate": f"%{{y:,.5~g}}{unit_suffix(line.unit)}",
    }


def _area(line: ChartSeries, start: int, end: int) -> Figure:
    """Return an area for a stack. A missing point next to a point is 0."""
    period = line.period
    neighbors = {time for point in line.points for time in (point - period, point + period) if start <= time < end}
    points = dict.fromkeys(neighbors, 0.0) | line.points
    times = sorted(points)
    trace = _line(line)
    return {
        **trace,
        "mode": "lines",
        "line": {**trace["line"], "width": 1},
        "x": [utc(time) for time in times],
        "y": [round(points[time], 4) for time in times],
        "stackgroup": "right" if line.right else "left",
        "fillcolor": f"fade({line.color})",
    }


def _horizontal_shapes(annotation: HorizontalAnnotation, lines: Iterable[ChartSeries]) -> list[Figure]:
    axis = "y2" if annotation.y_axis == "right" else "y"
    shape = {"xref": "paper", "x0": 0, "x1": 1, "yref": axis, "layer": "below"}
    color = annotation.color or "var(--mark)"
    dashed = {"color": color, "width": 1.5, "dash": "dash"}
    shapes: list[Figure] = [
        {**shape, "layer": "above", "type": "line", "y0": annotation.value, "y1": annotation.value, "line": dashed}
    ]
    if annotation.fill in {"above", "below"}:
        values = [value for line in lines if line.right == (axis == "y2") for value in line.points.values()]
        limit = max([*values, annotation.value]) if annotation.fill == "above" else min([*values, 0.0])
        no_line = {"width": 0}
        shapes.append(
            {
                **shape,
                "type": "rect",
                "y0": annotation.value,
                "y1": limit,
                "fillcolor": f"fade({color})",
                "opacity": 0.4,
                "line": no_line,
            }
        )
    return shapes


def _value_axis(axis: Axis, lines: Sequence[ChartSeries]) -> Figure:
    values = {value for line in lines for value in line.points.values()}
    units = {line.unit for line in lines}
    unit = (units.pop() or "No unit") if len(units) == 1 else "Various units" if units else ""
    title = " / ".join(part for part in (axis.label, unit if axis.show_units and unit != "No unit" else "") if part)
    limits = {"minallowed": axis.min, "maxallowed": axis.max}
    bounds: Figure = {"autorangeoptions": {name: limit for name, limit in limits.items() if limit is not None}}
    if axis.min is not None and axis.max is not None:
        bounds = {"range": [axis.min, axis.max]}
    elif not values - {0}:
        bounds = {"range": [0 if axis.min == 0 else -0.04, 1.2]}
    maximum = max(map(abs, values), default=0)
    return {
        **AXIS,
        "title": {"text": escape_html(title or unit), "font": {"size": 11}, "standoff": 6},
        "gridcolor": "var(--line)",
        "tickformat": "~s" if maximum >= 1000 else "~g",
        **bounds,
    }
