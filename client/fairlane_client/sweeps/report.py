"""HTML page of a sweep: its best results and charts, in one file that needs no network."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

from fairlane._charts.page import charts_page
from fairlane_client.sweeps.leaderboard import Leaderboard
from fairlane_client.sweeps.parallel_coordinates import MOST_AXES, parallel_chart
from fairlane_client.sweeps.plan import Plan
from fairlane_client.sweeps.report_charts import Progress, best_chart, importance_chart, stops_by_step, stops_chart
from fairlane_client.sweeps.rounds import Counts
from fairlane_client.sweeps.samplers import importances

MOST_RUNS: Final = 1_000
"""Maximum number of runs with a line or a point in a chart."""
MOST_ROWS: Final = 100
"""Maximum number of rows of the leaderboard."""
_LEAST_RESULTS: Final = 10
_MOST_INDICES: Final = 20


def render_report(
    plan: Plan, leaderboard: Leaderboard, counts: Counts, running: Collection[int], progress: Progress
) -> str:
    """Render a sweep as an HTML page.

    Args:
        plan: Plan of the sweep.
        leaderboard: All results of the sweep.
        counts: Number of points by state.
        running: Indices of the runs that run.
        progress: Function that returns the indices of the runs with a value at a step.

    Returns:
        HTML text.
    """
    results = _of_space(leaderboard, plan)
    varying = [name for name, values in plan.space.items() if isinstance(values, Mapping) or len(values) > 1]
    parts, note = _importances(plan, results, varying)
    stops = stops_by_step(results, plan.stop, running, progress) if plan.stop else []
    charts = []
    if results:
        shown = _choice(results)
        names = [*parts, *(name for name in varying or plan.space if name not in parts)][:MOST_AXES]
        names.sort(key=[*plan.space].index)
        charts = [
            parallel_chart(shown, len(results), plan.space, names, plan.metric),
            best_chart(results, shown, plan),
            importance_chart(parts, note),
        ]
    if stops or (results and plan.stop):
        charts.append(stops_chart(stops))
    rows = leaderboard.rows()
    columns = [*dict.fromkeys(name for row in rows for name in row)]
    return charts_page(
        "fairlane_client.sweeps",
        "report.html.j2",
        figures={f"chart-0-{chart.kind}": chart.figure for chart in charts if chart.figure},
        title=plan.sweep_id,
        notes=_notes(plan, leaderboard, counts, len(leaderboard) - len(results)),
        charts=charts,
        columns=columns,
        rows=[[_cell(row.get(name, "")) for name in columns] for row in rows[:MOST_ROWS]],
        number=len(rows),
        stops=[
            (stop.step, stop.reached, len(stop.running), len(stop.stopped), _indices(stop.stopped)) for stop in stops
        ],
    )


def _notes(plan: Plan, leaderboard: Leaderboard, counts: Counts, foreign: int) -> list[str]:
    notes = [
        f"{plan.total:,} point{'s' if plan.total != 1 else ''}: {counts}",
        f"{plan.direction} {plan.metric}; {plan.sampler or 'grid'}",
    ]
    if plan.stop:
        options = [f"{name} {value}" for name, value in plan.stop.items() if name != "rule"]
        notes.append(", ".join([f"stop rule {plan.stop['rule']}", *options]))
    if leaderboard.skipped:
        notes.append(f"skipped objects that are no results: {len(leaderboard.skipped):,}")
    if foreign:
        notes.append(f"results with other parameters than the sweep, which the charts leave out: {foreign:,}")
    return notes


def _of_space(results: Iterable[Mapping[str, Any]], plan: Plan) -> list[Mapping[str, Any]]:
    """Return the results that have a value of the space for each parameter, in their order."""
    listed = {name: {*map(json.dumps, values)} for name, values in plan.space.items() if isinstance(values, Sequence)}

    def contains(name: str, value: Any) -> bool:
        if name in listed:
            return json.dumps(value) in listed[name]
        return isinstance(value, int | float) and plan.space[name]["min"] <= value <= plan.space[name]["max"]

    return [
        result
        for result in results
        if all(name in result["parameters"] and contains(name, result["parameters"][name]) for name in plan.space)
    ]


def _importances(
    plan: Plan, results: Sequence[Mapping[str, Any]], varying: Sequence[str]
) -> tuple[dict[str, float], str]:
    """Return the importances of the parameters that vary, or a note on why there are none."""
    full = [(result["parameters"], result["value"]) for result in results if result["state"] != "STOPPED"]
    if len(full) < _LEAST_RESULTS:
        return {}, f"Importances require at least {_LEAST_RESULTS} runs that were not stopped."
    try:
        found = importances(plan, full)
    except ImportError as error:
        return {}, str(error)
    shown = {name: part for name, part in found.items() if name in varying}
    return shown, "The best runs have the same parameters as the others."


def _choice(results: Sequence[Any]) -> list[Any]:
    """Return an even choice of results, with the best one."""
    number = min(MOST_RUNS, len(results))
    return [results[len(results) * step // number] for step in range(number)]


def _indices(stopped: Sequence[int]) -> str:
    more = len(stopped) - _MOST_INDICES
    listed = ", ".join(map(str, stopped[:_MOST_INDICES]))
    return f"{listed} and {more:,} more" if more > 0 else listed


def _cell(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
