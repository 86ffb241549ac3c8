"""Charts of a sweep as Plotly figures: the best value over time, importances of parameters, stops by step."""

from bisect import bisect_right
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final, NamedTuple

from fairlane._charts.chart import Chart, Entry
from fairlane._charts.layout import AXIS, Figure, chart_layout, escape_html, time_axis, utc
from fairlane_client.sweeps.plan import Plan
from fairlane_client.text import shortened

_MOST_BARS: Final = 12
_MOST_STEPS: Final = 24
_SHORTEST: Final = 120
"""Shortest range of the time axis, in seconds."""
_LONGEST_NAME: Final = 20

Result = Mapping[str, Any]
Progress = Callable[[int], Collection[int]]


class Stops(NamedTuple):
    """Runs at a step with decisions of a stop rule.

    Attributes:
        step: First step.
        reached: Number of runs that reported this step or a later one.
        stopped: Indices of the runs that were stopped before the next step.
        running: Indices of the runs that run and have not reported the next step.
    """

    step: int
    reached: int
    stopped: list[int]
    running: list[int]


def best_chart(results: Sequence[Result], shown: Sequence[Result], plan: Plan) -> Chart:
    """Return a chart of the best value over time, and of the values of runs.

    Args:
        results: All results.
        shown: Results with a point in the chart.
        plan: Plan of the sweep.
    """
    title = f"Best {plan.metric} over time"
    timed = sorted((end, result["value"]) for result in results if (end := _end(result)) is not None)
    if not timed:
        return Chart(kind="best", title=title, note="No result has a time.")
    better = max if plan.direction == "maximize" else min
    steps: list[tuple[float, float]] = []
    for end, value in timed:
        if not steps or better(value, steps[-1][1]) != steps[-1][1]:
            steps.append((end, value))
    steps.append((timed[-1][0], steps[-1][1]))
    points = [(end, result) for result in shown if (end := _end(result)) is not None]
    line = {
        "type": "scatter",
        "mode": "lines",
        "x": [utc(int(end)) for end, _ in steps],
        "y": [value for _, value in steps],
        "line": {"color": "var(--series-2)", "width": 2, "shape": "hv"},
        "hoverinfo": "skip",
    }
    dots = {
        "type": "scatter",
        "mode": "markers",
        "x": [utc(int(end)) for end, _ in points],
        "y": [result["value"] for _, result in points],
        "text": [f"run {result['index']}" for _, result in points],
        "marker": {"color": "fade(var(--series-1))", "size": 5},
        "hovertemplate": "%{text}: %{y}<extra></extra>",
    }
    first, last = int(timed[0][0]), int(timed[-1][0])
    margin = max((_SHORTEST - (last - first)) // 2, (last - first) // 50)
    axis = time_axis(first - margin, last + margin)
    layout = chart_layout(xaxis={**axis, "gridcolor": "transparent"}, yaxis=_numbers(), hovermode="closest")
    legend = [Entry(label="best so far", color="var(--series-2)"), Entry(label="run", color="var(--series-1)")]
    return Chart(kind="best", title=title, figure={"data": [dots, line], "layout": layout}, legend=legend)


def importance_chart(importances: Mapping[str, float], note: str) -> Chart:
    """Return a bar chart of the importance of parameters.

    Args:
        importances: Importance by parameter, the most important first.
        note: Text without importances.
    """
    title = "Importance of parameters"
    if not importances:
        return Chart(kind="importance", title=title, note=note)
    shown = [*importances.items()][:_MOST_BARS]
    if len(shown) < len(importances):
        title += f": {len(shown)} of {len(importances)}"
    bars = {
        "type": "bar",
        "orientation": "h",
        "x": [round(part, 4) for _, part in shown],
        "y": [*range(len(shown))],
        "marker": {"color": "var(--series-1)"},
        "hovertemplate": "%{x:.1%}<extra></extra>",
    }
    names = [escape_html(shortened(name, _LONGEST_NAME)) for name, _ in shown]
    axis = {**AXIS, "tickvals": bars["y"], "ticktext": names, "autorange": "reversed", "type": "linear"}
    values = {**AXIS, "gridcolor": "var(--line)", "tickformat": ".0%", "rangemode": "tozero", "nticks": 6}
    layout = chart_layout(xaxis=values, yaxis=axis, hovermode="closest")
    return Chart(kind="importance", title=title, figure={"data": [bars], "layout": layout})


def stops_by_step(
    results: Sequence[Result], stop: Mapping[str, Any], running: Collection[int], progress: Progress
) -> list[Stops]:
    """Return the runs at the rungs of successive halving, or at the steps at which the median rule stopped a run.

    Args:
        results: All results.
        stop: Stop rule.
        running: Indices of the runs that run.
        progress: Function that returns the indices of the runs with a value at a step.
    """
    steps = {result["index"]: step for result in results if isinstance(step := result.get("step"), int)}
    last = max(steps.values(), default=0)
    stopped = {result["index"]: steps[result["index"]] for result in _stopped(results) if result["index"] in steps}
    left = {*running}

    def running_at(step: int) -> set[int]:
        return left.intersection(progress(step)) if left else left

    if stop["rule"] == "successive-halving":
        factor = stop.get("reduction_factor", 4)
        first = stop.get("min_resource", 1) * factor ** stop.get("min_early_stopping_rate", 0)
        starts = []
        while first <= last or running_at(first):
            starts.append(first)
            first *= factor
    else:
        starts = sorted(set(stopped.values()))
        starts = starts[:: -(-len(starts) // _MOST_STEPS) or 1]
    found = []
    for start in reversed(starts):
        here = running_at(start)
        left -= here
        reached = sum(step >= start for step in steps.values()) + len(running) - len(left)
        found.append(Stops(start, reached, [], sorted(here)))
    found.reverse()
    for index, step in sorted(stopped.items()):
        if at := bisect_right(starts, step):
            found[at - 1].stopped.append(index)
    return found


def stops_chart(stops: Sequence[Stops]) -> Chart:
    """Return a bar chart of the runs that went on, that run and that were stopped, by step."""
    title = "Runs that reached a step"
    if not stops:
        return Chart(kind="stops", title=title, wide=True, note="No run has reached a step with a decision.")
    positions = [*range(len(stops))]
    groups = [
        ("went on", "var(--series-1)", [stop.reached - len(stop.stopped) - len(stop.running) for stop in stops]),
        ("running", "var(--series-3)", [len(stop.running) for stop in stops]),
        ("stopped", "var(--mark)", [len(stop.stopped) for stop in stops]),
    ]
    if not any(stop.running for stop in stops):
        del groups[1]
    bars = [
        {
            "type": "bar",
            "x": positions,
            "y": numbers,
            "marker": {"color": color},
            "hovertemplate": f"%{{y:,}} {label}<extra></extra>",
        }
        for label, color, numbers in groups
    ]
    every = -(-len(stops) // 12)
    ticks = {"tickvals": positions[::every], "ticktext": [f"{stop.step:,}" for stop in stops[::every]]}
    axis = {**AXIS, **ticks, "tickangle": 0, "gridcolor": "transparent", "type": "linear"}
    axis |= {"range": [-0.6, len(stops) - 0.4], "title": {"text": "Step", "font": {"size": 11}, "standoff": 6}}
    values = {**_numbers(), "rangemode": "tozero", "tickformat": "~s"}
    layout = chart_layout(xaxis=axis, yaxis=values, barmode="stack", hovermode="x unified")
    legend = [
        Entry(label=label, color=color, value="" if label == "went on" else f"{sum(numbers):,}")
        for label, color, numbers in groups
    ]
    return Chart(kind="stops", title=title, wide=True, figure={"data": bars, "layout": layout}, legend=legend)


def _stopped(results: Sequence[Result]) -> list[Result]:
    return [result for result in results if result["state"] == "STOPPED"]


def _end(result: Result) -> float | None:
    """Return the time of a result, in seconds since 1970. None for a foreign result without a time."""
    start = result.get("started_at")
    return float(start + result["seconds"]) if isinstance(start, int | float) else None


def _numbers() -> Figure:
    return {**AXIS, "gridcolor": "var(--line)", "tickformat": ".4~g"}
