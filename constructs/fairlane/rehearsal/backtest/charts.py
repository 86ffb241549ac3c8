"""Charts of a back-test as Plotly figures: real and rehearsed use and waits."""

from collections.abc import Sequence
from typing import Final

from fairlane._charts.chart import Chart, Entry
from fairlane._charts.layout import AXIS, chart_layout
from fairlane.rehearsal.backtest.comparison import HOUR, LastRuns, ShareComparison
from fairlane.rehearsal.report import charts
from fairlane.rehearsal.report.charts import Window
from fairlane.rehearsal.timeline import Timeline
from fairlane.scheduler.job import Trace

_COLORS: Final = {"real": "var(--series-1)", "rehearsed": "var(--series-2)"}
_DASHES: Final = {"real": "solid", "rehearsed": "dot"}
_MOST_STEPS: Final = 400


def use_chart(share: ShareComparison) -> Chart:
    """Return a chart of the capacity that really was in use, and that was in use in the rehearsal."""
    times = [time for use in (share.real_use, share.rehearsed_use) for time in use.times]
    if not times:
        return Chart(kind="use", title="Use", wide=True, note="No job with real times.")
    window = Window(start=min(times), end=max(*times, min(times) + 1))
    step = max(HOUR, -(-(window.end - window.start) // _MOST_STEPS))
    grid = [*range(window.start, window.end, step), window.end]
    data = [
        {
            "type": "scatter",
            "mode": "lines",
            "name": name,
            "x": [window.x(time) for time in grid],
            "y": _means(use, grid),
            "line": {"color": _COLORS[name], "width": 1.75, "shape": "hv", "dash": _DASHES[name]},
            "hovertemplate": "%{y:,.4~g}",
        }
        for name, use in (("real", share.real_use), ("rehearsed", share.rehearsed_use))
    ]
    axis = {**AXIS, "gridcolor": "var(--line)", "tickformat": ",.9~g", "rangemode": "tozero"}
    layout = chart_layout(xaxis=window.axis(), yaxis=axis, hovermode="x unified")
    legend = [
        Entry(label="real", color=_COLORS["real"], value=f"{share.use.real:,.1f} on average"),
        Entry(label="rehearsed", color=_COLORS["rehearsed"], dash=2, value=f"{share.use.rehearsed:,.1f} on average"),
    ]
    return Chart(kind="use", title="Use", wide=True, figure={"data": data, "layout": layout}, legend=legend)


def waits_chart(trace: Trace, runs: LastRuns, share: str | None) -> Chart:
    """Return a chart of the distributions of the real and the rehearsed waits.

    Args:
        trace: Past jobs.
        runs: Runs of the best rehearsal.
        share: Name of a share. None for all jobs.
    """
    real: list[float] = []
    rehearsed: list[float] = []
    for row, mine, theirs in zip(*runs.waits(trace), strict=True):
        if share in (None, trace.share_names[trace.shares[row]]):
            real.append(mine)
            rehearsed.append(theirs)
    return charts.waits_chart({"real": real, "rehearsed": rehearsed}, _COLORS)


def _means(use: Timeline, grid: Sequence[int]) -> list[float]:
    means = [round(mean, 3) for mean in use.means(grid)]
    return [*means, means[-1]]
