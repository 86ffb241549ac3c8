"""HTML report of rehearsals: one table and the charts of each rehearsal, in one file that needs no network."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from fairlane._charts.chart import Chart
from fairlane._charts.page import charts_page
from fairlane.rehearsal.rehearsal import Rehearsal
from fairlane.rehearsal.report.charts import MOST_SHARES, Window, preemptions_chart, use_chart, waits_chart
from fairlane.rehearsal.report.summary import RehearsalSummary, Summary, describe_strategies, describe_use
from fairlane.rehearsal.report.table import columns, duration, rows
from fairlane.rehearsal.timeline import Timeline, sum_timelines
from fairlane.scheduling import NUM_INSTANCES

_OTHERS: Final = "all others"
_UNNAMED: Final = "(no share)"
_HEADER: Final = (
    "Simulation of a job queue of AWS Batch. The results of each rehearsal hold for the strategies that its section "
    "lists."
)


def render_report(
    rehearsals: Mapping[str, Rehearsal], summary: Summary, *, title: str, all_shares: bool = False
) -> str:
    """Render rehearsals as an HTML page.

    Args:
        rehearsals: Rehearsals by name.
        summary: Result of `summarize` for the same rehearsals.
        title: Title of the page.
        all_shares: True for a row for each share. Default: the ten largest, and all others together.

    Returns:
        HTML text.
    """
    sections = [
        (name, list(_notes(summary["rehearsals"][name])), _charts(rehearsal)) for name, rehearsal in rehearsals.items()
    ]
    return report_page(
        sections, title=title, header=_HEADER, columns=columns(summary), rows=[*rows(summary, all_shares=all_shares)]
    )


def report_page(
    sections: Sequence[tuple[str, list[str], list[Chart]]],
    *,
    title: str,
    header: str,
    columns: list[str],
    rows: list[list[str]],
) -> str:
    """Return the page of a table and of sections with texts and charts as HTML text.

    Args:
        sections: Name, texts and charts of each section.
        title: Title of the page.
        header: Text below the title.
        columns: Headings of the table.
        rows: Rows of the table.
    """
    figures = {
        f"chart-{number}-{chart.kind}": chart.figure
        for number, (_, _, charts) in enumerate(sections)
        for chart in charts
        if chart.figure
    }
    return charts_page(
        "fairlane.rehearsal.report",
        "report.html.j2",
        figures=figures,
        title=title,
        header=header,
        columns=columns,
        rows=rows,
        sections=sections,
    )


def _notes(summary: RehearsalSummary) -> Iterator[str]:
    numbers = summary["capacity"].items()
    capacity = " and ".join(
        f"{number:,}" if unit == NUM_INSTANCES else f"{number:,} {unit}" for unit, number in numbers
    )
    setup = f"{summary['policy']} with a capacity of {capacity}, for {duration(summary['seconds'])}"
    yield f"{setup}: {describe_use(summary)}"
    yield f"strategies: {describe_strategies(summary)}"
    yield from summary["advice"]


def _charts(rehearsal: Rehearsal) -> list[Chart]:
    """Return the charts. If there are more shares than colors, the shares with the least use are combined."""
    start, end = rehearsal.span
    span = [(start, end)]
    shares = {name: share for name, share in rehearsal.shares.items() if share.jobs}
    by_use = sorted(shares, key=lambda name: -shares[name].use.integral(span))
    shown = {*by_use} if len(by_use) <= MOST_SHARES else {*by_use[: MOST_SHARES - 1]}
    label = {name: (name or _UNNAMED) if name in shown else _OTHERS for name in shares}
    labels = dict.fromkeys([label[name] for name in shares if name in shown] + [_OTHERS] * (len(shown) < len(shares)))
    use: dict[str, list[Timeline]] = {share: [] for share in labels}
    entitled: dict[str, float] = {}
    for name, share in shares.items():
        use[label[name]].append(share.use)
        if share.entitlement is not None:
            entitled[label[name]] = entitled.get(label[name], 0) + share.entitlement
    waits: dict[str, list[float]] = {share: [] for share in labels}
    stops: dict[str, list[int]] = {share: [] for share in labels}
    trace = rehearsal.trace
    for index, outcome in zip(trace.shares, rehearsal.outcomes, strict=True):
        name = label[trace.share_names[index]]
        waits[name].append(math.inf if outcome.first_start is None else outcome.waited)
        if outcome.preemptions:
            stops[name] += [run.stop for run in outcome.runs if run.preempted]
    window = Window(start=start, end=max(end, start + 1))
    capacity = sum(rehearsal.capacity.values())
    return [
        use_chart({name: sum_timelines(timelines) for name, timelines in use.items()}, entitled, capacity, window),
        waits_chart(waits),
        preemptions_chart(stops, window),
    ]
