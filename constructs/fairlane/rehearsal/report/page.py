"""The report: rehearsals side by side and their charts, in one page that needs no network."""

import math
from collections.abc import Iterator, Mapping
from typing import Final

from fairlane._charts.layout import Figure
from fairlane._charts.page import charts_page
from fairlane.rehearsal.rehearsal import Rehearsal
from fairlane.rehearsal.report.charts import MOST_SHARES, Chart, Window, preemptions_chart, use_chart, waits_chart
from fairlane.rehearsal.report.summary import RehearsalSummary, Summary, strategies_in_words, use_in_words
from fairlane.rehearsal.report.table import columns, duration, rows
from fairlane.rehearsal.timeline import Timeline, total_of
from fairlane.scheduling import NUM_INSTANCES

_OTHERS: Final = "all others"
_UNNAMED: Final = "(no share)"


def render_report(rehearsals: Mapping[str, Rehearsal], summary: Summary, *, title: str) -> str:
    """Writes rehearsals as an HTML page.

    Args:
        rehearsals: by the names that they go by.
        summary: what `summarize` gave of them.
        title: of the page.
    """
    sections = []
    figures: dict[str, Figure] = {}
    for number, (name, rehearsal) in enumerate(rehearsals.items()):
        charts = _charts(rehearsal)
        sections.append((name, list(_notes(summary["rehearsals"][name])), charts))
        figures |= {f"chart-{number}-{chart.kind}": chart.figure for chart in charts if chart.figure}
    return charts_page(
        "fairlane.rehearsal.report",
        "report.html.j2",
        figures=figures,
        title=title,
        columns=columns(summary),
        rows=[*rows(summary)],
        sections=sections,
    )


def _notes(summary: RehearsalSummary) -> Iterator[str]:
    numbers = summary["capacity"].items()
    capacity = " and ".join(
        f"{number:,}" if unit == NUM_INSTANCES else f"{number:,} {unit}" for unit, number in numbers
    )
    over = f"{summary['policy']} over a capacity of {capacity}, for {duration(summary['seconds'])}"
    yield f"{over}: {use_in_words(summary)}"
    yield f"strategies: {strategies_in_words(summary)}"
    yield from summary["advice"]


def _charts(rehearsal: Rehearsal) -> list[Chart]:
    """The charts, of the shares that used most; all others are one."""
    start, end = rehearsal.span
    span = [(start, end)]
    shares = {name: share for name, share in rehearsal.shares.items() if share.jobs}
    by_use = sorted(shares, key=lambda name: -shares[name].use.integral(span))
    shown = {*by_use} if len(by_use) <= MOST_SHARES else {*by_use[: MOST_SHARES - 1]}
    label = {name: (name or _UNNAMED) if name in shown else _OTHERS for name in shares}
    labels = dict.fromkeys([label[name] for name in shares if name in shown] + [_OTHERS] * (len(shown) < len(shares)))
    use: dict[str, list[Timeline]] = {one: [] for one in labels}
    entitled: dict[str, float] = {}
    for name, share in shares.items():
        use[label[name]].append(share.use)
        if share.entitlement is not None:
            entitled[label[name]] = entitled.get(label[name], 0) + share.entitlement
    waits: dict[str, list[float]] = {one: [] for one in labels}
    stops: dict[str, list[int]] = {one: [] for one in labels}
    trace = rehearsal.trace
    for place, outcome in zip(trace.shares, rehearsal.outcomes, strict=True):
        one = label[trace.share_names[place]]
        waits[one].append(math.inf if outcome.first_start is None else outcome.waited)
        if outcome.preemptions:
            stops[one] += [run.stop for run in outcome.runs if run.preempted]
    window = Window(start=start, end=max(end, start + 1))
    capacity = sum(rehearsal.capacity.values())
    return [
        use_chart({one: total_of(timelines) for one, timelines in use.items()}, entitled, capacity, window),
        waits_chart(waits),
        preemptions_chart(stops, window),
    ]
