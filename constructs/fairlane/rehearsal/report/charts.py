"""Charts of rehearsals as Plotly figures: mean waits of all, and use, waits and preemptions of each share."""

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from textwrap import wrap
from typing import Any, Final

from fairlane._charts.chart import Chart, Entry
from fairlane._charts.layout import AXIS, Figure, chart_layout, escape_html, time_axis, utc
from fairlane.rehearsal.report.table import duration, time_unit
from fairlane.rehearsal.timeline import Timeline

MOST_SHARES: Final = 10
"""Maximum number of shares with a color of their own."""
_COLORS: Final = (1, 2, 3, 4, 5, 6, 8, 9, 10, 11)
_GRAY: Final = "var(--series-7)"
_MOST_STEPS: Final = 600
_BARS: Final = 60
_EPOCH: Final = 10**8
_SHORTEST: Final = 60
"""Shortest waiting time on the axis, in seconds."""
_LINE: Final = 150  # characters across the page
_SHORTEST_LABEL: Final = 8
_TICKS: Final = (60, 600, 3600, 6 * 3600, 86_400, 7 * 86_400, 30 * 86_400, 365 * 86_400)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Time range of the charts.

    Args:
        start: First second.
        end: Last second.
    """

    start: int
    end: int

    def x(self, time: float) -> str | float:
        """Return a time for Plotly: a date for seconds since 1970, otherwise days since the origin."""
        return utc(int(time)) if self.start >= _EPOCH else time / 86_400

    def axis(self) -> Figure:
        """Return the time axis."""
        if self.start >= _EPOCH:
            return {**time_axis(self.start, self.end), "gridcolor": "transparent"}
        title = {"text": "Day", "font": {"size": 11}, "standoff": 6}
        return {**AXIS, "range": [self.x(self.start), self.x(self.end)], "title": title, "gridcolor": "transparent"}


def series_colors(names: Iterable[str], others: str = "") -> dict[str, str]:
    """Return the color of each share, and gray for all others together.

    Args:
        names: Names of the shares, in the same order for all charts of a page.
        others: Name of all others together. Default: none.
    """
    colors = {name: f"var(--series-{number})" for name, number in zip(names, cycle(_COLORS), strict=False)}
    return colors | ({others: _GRAY} if others else {})


def overview_chart(waits: Mapping[str, Mapping[str, float | None]], colors: Mapping[str, str]) -> Chart:
    """Return a bar chart of the mean wait in each rehearsal, of all jobs and of each share.

    Args:
        waits: Mean wait in seconds by rehearsal, by group of jobs. None if no job of the group ran.
        colors: Color of each group.
    """
    title = "Mean wait of the jobs that ran, in each rehearsal"
    longest = max((wait or 0 for groups in waits.values() for wait in groups.values()), default=0)
    size, unit = time_unit(longest)
    data, legend = [], []
    for group, color in colors.items():
        bars = {name: groups[group] for name, groups in waits.items() if groups.get(group) is not None}
        if bars:
            data.append(
                {
                    "type": "bar",
                    "name": escape_html(group),
                    "x": [escape_html(name) for name in bars],
                    "y": [(wait or 0) / size for wait in bars.values()],
                    "marker": {"color": color},
                }
            )
            legend.append(Entry(label=group, color=color))
    if not data:
        return Chart(kind="overview", title=title, wide=True, note="No job started.")
    names = [escape_html(name) for name in waits]
    width = max(_SHORTEST_LABEL, _LINE // max(1, len(names)))
    labels = ["<br>".join(map(escape_html, wrap(name, width))) for name in waits]
    axis = {**AXIS, "type": "category", "categoryorder": "array", "categoryarray": names}
    axis |= {"tickvals": names, "ticktext": labels, "tickangle": 0}
    layout = chart_layout(xaxis=axis, yaxis={**_values(f" {unit}"), "rangemode": "tozero"}, barmode="group")
    return Chart(kind="overview", title=title, wide=True, figure={"data": data, "layout": layout}, legend=legend)


def use_chart(
    use: Mapping[str, Timeline],
    entitled: Mapping[str, float],
    capacity: int | Timeline,
    window: Window,
    colors: Mapping[str, str] | None = None,
    top: int = 0,
) -> Chart:
    """Return a stacked area chart of the use of shares, with stacked dashed lines for their entitlements.

    Args:
        use: Number of instances in use over time, by share.
        entitled: Entitlement by share, for shares that have one.
        capacity: Capacity of the queue, or its capacity over time.
        window: Time range of the chart.
        colors: Color of each share. Default: colors in the order of the shares.
        top: Capacity that the axis reaches at least. Default: 0.
    """
    colors = colors or series_colors(use)
    few = all(len(timeline) <= _MOST_STEPS for timeline in use.values())
    times = (time for timeline in use.values() for time in timeline.times) if few else ()
    grid = sorted({window.start, window.end, *times})
    if not few or len(grid) > _MOST_STEPS:
        grid = [window.start + (window.end - window.start) * step // _MOST_STEPS for step in range(_MOST_STEPS + 1)]
    x = [window.x(time) for time in grid]
    data: list[Figure] = []
    legend, lines, below, peak, value = [], list[Figure](), 0.0, 0, ""
    if isinstance(capacity, Timeline) and len(capacity) > 1:
        peak = capacity.peak
        data.append(_steps(capacity, window))
    else:
        peak = capacity.peak if isinstance(capacity, Timeline) else capacity
        value = f"{peak:,}"
        lines.append({**_across(peak), "line": _line("var(--mark)", "dot")})
    for share, timeline in use.items():
        color = colors[share]
        means = timeline.means(grid)
        data.append(
            {
                "type": "scatter",
                "mode": "lines",
                "name": escape_html(share),
                "x": x,
                "y": [round(mean, 3) for mean in [*means, means[-1] if means else 0]],
                "line": {"color": color, "width": 1, "shape": "hv"},
                "stackgroup": "use",
                "fillcolor": f"fade({color})",
                "hovertemplate": "%{y:,.4~g}",
            }
        )
        legend.append(Entry(label=share, color=color))
        if share in entitled:
            below += entitled[share]
            lines.append({**_across(below), "line": _line(color, "dash")})
            legend.append(Entry(label=f"{share} is entitled to", color=color, dash=1, value=f"{entitled[share]:,.4g}"))
    legend.append(Entry(label="capacity", color="var(--mark)", dash=2, value=value))
    axis = {**_values(""), "range": [0, 1.05 * max(peak, below, top)]}
    layout = chart_layout(xaxis=window.axis(), yaxis=axis, hovermode="x unified", shapes=lines)
    return Chart(kind="use", title="Use", wide=True, figure={"data": data, "layout": layout}, legend=legend)


def _steps(capacity: Timeline, window: Window) -> Figure:
    """Return the line of a capacity that changes."""
    times = [time for time in capacity.times if window.start < time < window.end]
    edges = [window.start, *times, window.end]
    return {
        "type": "scatter",
        "mode": "lines",
        "name": "capacity",
        "x": [window.x(time) for time in edges],
        "y": [capacity.value_at(time) for time in edges],
        "line": {"color": "var(--mark)", "width": 1.25, "dash": "dot", "shape": "hv"},
        "hovertemplate": "%{y:,}",
    }


def sizes_chart(sizes: Mapping[str, Timeline], window: Window) -> Chart:
    """Return a step chart of the sizes of elastic jobs.

    Args:
        sizes: Number of GPUs over time, by job.
        window: Time range of the chart.
    """
    title = "Sizes of elastic jobs in GPUs"
    if not sizes:
        return Chart(kind="sizes", title=title, note="No elastic job started.")
    data, legend = [], []
    colors = series_colors(sizes)
    for job, timeline in sizes.items():
        edges = [*timeline, *([(window.end, timeline.values[-1])] if timeline.times[-1] < window.end else [])]
        data.append(
            {
                "type": "scatter",
                "mode": "lines",
                "name": escape_html(job),
                "x": [window.x(second) for second, _ in edges],
                "y": [size for _, size in edges],
                "line": {"color": colors[job], "width": 1.75, "shape": "hv"},
                "hovertemplate": "%{y:,}",
            }
        )
        legend.append(Entry(label=job, color=colors[job], value=f"at most {timeline.peak:,}"))
    top = {**_values(""), "rangemode": "tozero"}
    layout = chart_layout(xaxis=window.axis(), yaxis=top, hovermode="x unified")
    return Chart(kind="sizes", title=title, figure={"data": data, "layout": layout}, legend=legend)


def waits_chart(waits: Mapping[str, Sequence[float]], colors: Mapping[str, str], longest: float | None = None) -> Chart:
    """Return a chart of the cumulative distribution of waiting times.

    Args:
        waits: Waiting time of each job in seconds, by share. Infinity for a job that never ran.
        colors: Color of each share.
        longest: End of the axis in seconds. Default: the longest wait.
    """
    title = "Waits: percentage of jobs that waited at most this long"
    data, legend = [], []
    longest_of_all = max((wait for seconds in waits.values() for wait in seconds if wait < math.inf), default=None)
    if longest_of_all is None:
        return Chart(kind="waits", title=title, note="No job started.")
    longest = longest_of_all if longest is None else longest
    ends = [_SHORTEST * (max(longest, 2 * _SHORTEST) / _SHORTEST) ** (step / 200) for step in range(201)]
    for share, unsorted in waits.items():
        if not unsorted:
            continue
        ordered = sorted(unsorted)
        data.append(
            {
                "type": "scatter",
                "mode": "lines",
                "name": escape_html(share),
                "x": [round(end, 1) for end in ends],
                "y": [round(100 * bisect_right(ordered, end + 0.5) / len(ordered), 2) for end in ends],
                "text": [duration(end) for end in ends],
                "line": {"color": colors[share], "width": 1.75, "shape": "hv"},
                "hovertemplate": "%{y:.4~g} %% within %{text}",
            }
        )
        legend.append(Entry(label=share, color=colors[share]))
    ticks = [tick for tick in _TICKS if tick <= ends[-1]]
    axis = {**AXIS, "type": "log", "tickvals": ticks, "ticktext": [duration(tick) for tick in ticks]}
    axis |= {"gridcolor": "var(--line)", "range": [math.log10(0.8 * ends[0]), math.log10(1.05 * ends[-1])]}
    layout = chart_layout(xaxis=axis, yaxis={**_values(" %"), "range": [0, 102]}, hovermode="closest")
    return Chart(kind="waits", title=title, figure={"data": data, "layout": layout}, legend=legend)


def preemptions_chart(stops: Mapping[str, Sequence[int]], window: Window, colors: Mapping[str, str]) -> Chart:
    """Return a bar chart of the number of preempted jobs over time.

    Args:
        stops: Seconds at which jobs were preempted, by share.
        window: Time range of the chart.
        colors: Color of each share.
    """
    if not any(stops.values()):
        return Chart(kind="preemptions", title="Preemptions", note="No job was preempted.")
    width = max(1, -(-(window.end - window.start) // _BARS))
    data, legend = [], []
    for share, times in stops.items():
        if times:
            counted = Counter((time - window.start) // width for time in times)
            data.append(
                {
                    "type": "bar",
                    "name": escape_html(share),
                    "x": [window.x(window.start + width * (bar + 0.5)) for bar in sorted(counted)],
                    "y": [counted[bar] for bar in sorted(counted)],
                    "width": width * 1000 if window.start >= _EPOCH else width / 86_400,
                    "marker": {"color": colors[share]},
                    "hovertemplate": f"%{{y:,}} in {duration(width)}",
                }
            )
            legend.append(Entry(label=share, color=colors[share], value=f"{len(times):,}"))
    layout = chart_layout(xaxis=window.axis(), yaxis=_values(""), barmode="stack", hovermode="x unified")
    layout["yaxis"]["rangemode"] = "tozero"
    return Chart(kind="preemptions", title="Preemptions", figure={"data": data, "layout": layout}, legend=legend)


def _values(suffix: str) -> Figure:
    return {**AXIS, "gridcolor": "var(--line)", "tickformat": ",.9~g", "ticksuffix": suffix}


def _across(value: float) -> Figure:
    return {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": value, "y1": value}


def _line(color: str, dash: str) -> dict[str, Any]:
    return {"color": color, "width": 1.5, "dash": dash}
