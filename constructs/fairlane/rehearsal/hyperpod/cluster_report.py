"""HTML report and table of rehearsals of HyperPod clusters."""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Final

from fairlane._charts.chart import Chart
from fairlane.rehearsal.hyperpod.cluster_rehearsal import ClusterRehearsal
from fairlane.rehearsal.hyperpod.cluster_summary import (
    TABLE_UNITS,
    ClusterSummary,
    cluster_columns,
    cluster_rows,
    describe_cluster_use,
)
from fairlane.rehearsal.report.charts import MOST_SHARES, Window, series_colors, sizes_chart, use_chart, waits_chart
from fairlane.rehearsal.report.page import report_page
from fairlane.rehearsal.report.table import FittedTable
from fairlane.rehearsal.timeline import Timeline, sum_timelines

_LEAST_IMPORTANT: Final = ("Wait, max", "Preempted", "Moves", "Lent", "Borrowed")
_OTHERS: Final = "all others"
_HEADER: Final = (
    "Simulation of a SageMaker HyperPod cluster with a model of Kueue and of the training operator. The results have "
    f"not been compared with a real cluster. {TABLE_UNITS}"
)


def cluster_table(summary: ClusterSummary) -> FittedTable:
    """Return the table of a summary, for a terminal."""
    return FittedTable(cluster_columns(summary), [*cluster_rows(summary)], _LEAST_IMPORTANT)


def render_cluster_report(rehearsals: Mapping[str, ClusterRehearsal], summary: ClusterSummary, *, title: str) -> str:
    """Render rehearsals as an HTML page.

    Args:
        rehearsals: Rehearsals by name.
        summary: Result of `summarize_clusters` for the same rehearsals.
        title: Title of the page.

    Returns:
        HTML text.
    """
    spans = [rehearsal.span for rehearsal in rehearsals.values()]
    start, end = min((start for start, _ in spans), default=0), max((end for _, end in spans), default=0)
    sections = []
    for name, rehearsal in rehearsals.items():
        numbers = summary["rehearsals"][name]
        texts = [describe_cluster_use(numbers), *numbers["advice"]]
        charts = list(cluster_charts(rehearsal, Window(start=start, end=max(end, start + 1))))
        sections.append((name, texts, charts))
    columns, rows = cluster_columns(summary), [*cluster_rows(summary)]
    return report_page(sections, title=title, header=_HEADER, columns=columns, rows=rows)


def cluster_charts(rehearsal: ClusterRehearsal, window: Window | None = None) -> Iterator[Chart]:
    """Yield the charts: use by team, waits by team, and sizes of elastic jobs.

    If there are more teams than colors, the teams with the fewest jobs are combined, so that a team has the same color
    in all rehearsals of the same trace. The chart of sizes has the elastic jobs that change most often.

    Args:
        rehearsal: Rehearsal of a cluster.
        window: Time range of the charts. Default: the time range of the rehearsal.
    """
    start, end = rehearsal.span
    window = window or Window(start=start, end=max(end, start + 1))
    teams = {name: team for name, team in rehearsal.teams.items() if team.jobs}
    shown = {*sorted(teams, key=lambda name: -teams[name].jobs)[:MOST_SHARES]}
    label = {name: name if name in shown else _OTHERS for name in teams}
    colors = series_colors([name for name in teams if name in shown], _OTHERS)
    use: dict[str, list[Timeline]] = {}
    quotas: dict[str, float] = {}
    waits: dict[str, list[float]] = {}
    for name in sorted(teams, key=lambda name: name not in shown):
        use.setdefault(label[name], []).append(teams[name].use)
        quotas[label[name]] = quotas.get(label[name], 0) + teams[name].quota
        waits.setdefault(label[name], [])
    for job, outcome in zip(rehearsal.trace.jobs, rehearsal.outcomes, strict=True):
        waits[label[job.team]].append(outcome.wait)
    capacity = rehearsal.capacity or rehearsal.total.use.peak
    timelines = {name: sum_timelines(each) for name, each in use.items()}
    yield use_chart(timelines, quotas, capacity, window, colors)
    yield waits_chart(waits, colors)
    yield sizes_chart(dict(islice(_sizes(rehearsal), MOST_SHARES)), window)


def _sizes(rehearsal: ClusterRehearsal) -> Iterator[tuple[str, Timeline]]:
    """Yield the sizes of elastic jobs in GPUs, those with the most changes first."""
    elastic = [run for run in rehearsal.runs if run.job.is_elastic and run.first_start is not None]
    for run in sorted(elastic, key=lambda run: -run.moves):
        sizes = rehearsal.size_of(run.row)
        changes, before = {}, 0
        for second, size in sizes:
            changes[second] = (size - before) * run.gpus
            before = size
        yield f"{run.job.name or 'job'} (row {run.row})", Timeline(changes)
