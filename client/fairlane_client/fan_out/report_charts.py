"""Charts of a manifest as Plotly figures: jobs over time, states and reasons of placements by Region."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Final

from fairlane._charts.chart import Chart, Entry
from fairlane._charts.layout import AXIS, Figure, chart_layout, escape_html, time_axis, utc
from fairlane.rehearsal.timeline import Timeline
from fairlane_client.fan_out.progress import Progress, Row

_MOST_COLORS: Final = 8
_MOST_STEPS: Final = 600
_MOST_BARS: Final = 16
_SHORTEST: Final = 120
"""Shortest range of the time axis, in seconds."""
_OTHERS: Final = "other Regions"
_STATES: Final = {
    "done": "var(--ok)",
    "running": "var(--series-1)",
    "submitted": "var(--series-6)",
    "waiting": "var(--mark)",
    "failed": "var(--alarm)",
}
_KIND: Final = re.compile(r"[^:;(]*")


def jobs_chart(progress: Progress, now: float) -> Chart:
    """Return a stacked area chart of the jobs that run, by Region.

    Args:
        progress: Progress of the manifest.
        now: Current time in epoch seconds, until which jobs without an end run.
    """
    title = "Running jobs"
    colors = _colors(progress)
    changes = {name: Counter[int]() for name in colors}
    for row in progress.rows:
        if start := row.get("started_at"):
            change = changes[_group(row["region"], colors)]
            change[int(start)] += 1
            if stop := row.get("stopped_at"):
                change[int(stop)] -= 1
    use = {name: Timeline(change) for name, change in changes.items()}
    times = sorted({time for timeline in use.values() for time in timeline.times})
    if not times:
        return Chart(kind="jobs", title=title, wide=True, note="No job has started.")
    is_running = any(timeline.values and timeline.values[-1] for timeline in use.values())
    end = max(times[-1], int(now)) if is_running else times[-1]
    margin = max(_SHORTEST - (end - times[0]), (end - times[0]) // 25) // 2
    first, last = times[0] - margin, end + (1 if is_running else margin)
    grid = [first, *times, last]
    if len(grid) > _MOST_STEPS:
        grid = [first + (last - first) * step // _MOST_STEPS for step in range(_MOST_STEPS + 1)]
    data = [
        {
            "type": "scatter",
            "mode": "lines",
            "name": escape_html(name),
            "x": [utc(time) for time in grid],
            "y": _means(timeline, grid),
            "line": {"color": colors[name], "width": 1, "shape": "hv"},
            "stackgroup": "jobs",
            "fillcolor": f"fade({colors[name]})",
            "hovertemplate": "%{y:,.4~g}",
        }
        for name, timeline in use.items()
    ]
    axis = {**time_axis(first, last), "gridcolor": "transparent"}
    layout = chart_layout(xaxis=axis, yaxis=_numbers(), hovermode="x unified")
    legend = [Entry(label=name, color=colors[name], value=f"at most {use[name].peak:,}") for name in use]
    return Chart(kind="jobs", title=title, wide=True, figure={"data": data, "layout": layout}, legend=legend)


def states_chart(progress: Progress) -> Chart:
    """Return a bar chart of the lines of each Region by state."""
    regions = [*progress.regions.items()]
    regions.sort(key=lambda item: -sum(item[1][:-1]))
    shown = regions[:_MOST_BARS]
    names = [name for name, _ in shown]
    series = [
        (state, color, [getattr(counts, state) for _, counts in shown], getattr(progress.total, state))
        for state, color in _STATES.items()
    ]
    title = "Lines by Region" + (f": {len(shown)} of {len(regions)} Regions" if len(shown) < len(regions) else "")
    return _bars("states", title, names, [entry for entry in series if entry[3]])


def reasons_chart(progress: Progress) -> Chart:
    """Return a bar chart of the reasons of placements: the step of `placement` that decided, by Region."""
    colors = _colors(progress)
    counted = {name: Counter[str]() for name in colors}
    for row in progress.rows:
        counted[_group(row["region"], colors)][placement_kind(row)] += 1
    total = sum(counted.values(), Counter[str]())
    names = [name for name, _ in total.most_common(_MOST_BARS)]
    series = [
        (region, colors[region], [counts[name] for name in names], counts.total())
        for region, counts in counted.items()
        if counts
    ]
    return _bars("reasons", "Reasons of placements", names, series)


def placement_kind(row: Row) -> str:
    """Return the kind of the reason of a placement: `idle` of `idle: 4, eu-west-1: 0`."""
    found = _KIND.match(row.get("placement", ""))
    return (found and found[0].strip()) or "none"


def _bars(kind: str, title: str, names: Sequence[str], series: Iterable[tuple[str, str, Sequence[int], int]]) -> Chart:
    """Return a chart of stacked bars.

    Args:
        kind: Kind of the chart.
        title: Title of the chart.
        names: Names of the bars.
        series: Label, color, values and total of each part of the bars.
    """
    data, legend = [], []
    positions = [*range(len(names))]
    for label, color, values, total in series:
        data.append(
            {
                "type": "bar",
                "orientation": "h",
                "x": values,
                "y": positions,
                "marker": {"color": color},
                "hovertemplate": f"%{{x:,}} {escape_html(label)}<extra></extra>",
            }
        )
        legend.append(Entry(label=label, color=color, value=f"{total:,}"))
    ticks = {"tickvals": positions, "ticktext": [escape_html(name) for name in names], "type": "linear"}
    axis = {**AXIS, **ticks, "range": [len(names) - 0.4, -0.6]}
    layout = chart_layout(xaxis=_numbers(), yaxis=axis, barmode="stack", hovermode="closest")
    return Chart(kind=kind, title=title, figure={"data": data, "layout": layout}, legend=legend)


def _colors(progress: Progress) -> Mapping[str, str]:
    """Return the colors of the Regions with the most jobs, and one for all others."""
    regions = [name for name, _ in Counter(row["region"] for row in progress.rows).most_common()]
    if len(regions) > _MOST_COLORS:
        regions = [*regions[: _MOST_COLORS - 1], _OTHERS]
    return {name: f"var(--series-{number})" for number, name in enumerate(regions, 1)}


def _group(region: str, colors: Mapping[str, str]) -> str:
    return region if region in colors else _OTHERS


def _means(timeline: Timeline, grid: Sequence[int]) -> list[float]:
    means = [timeline.integral([span]) / (span[1] - span[0]) for span in pairwise(grid)]
    return [round(mean, 3) for mean in [*means, means[-1]]]


def _numbers() -> Figure:
    return {**AXIS, "gridcolor": "var(--line)", "tickformat": ",.4~g", "rangemode": "tozero", "nticks": 6}
