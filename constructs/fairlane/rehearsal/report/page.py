"""HTML report of rehearsals: the answer, one table and the charts of each rehearsal, in one file without a network."""

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from fairlane._charts.chart import Chart
from fairlane._charts.page import charts_page
from fairlane.rehearsal.rehearsal import Rehearsal
from fairlane.rehearsal.report.answer import describe_answer
from fairlane.rehearsal.report.charts import (
    Window,
    overview_chart,
    preemptions_chart,
    series_colors,
    use_chart,
    waits_chart,
)
from fairlane.rehearsal.report.sensitivity import HEADINGS, sensitivity_notes, sensitivity_rows, sensitivity_title
from fairlane.rehearsal.report.summary import (
    Numbers,
    RehearsalSummary,
    Summary,
    describe_strategies,
    describe_use,
)
from fairlane.rehearsal.report.table import NO_SHARE, columns, duration, others_label, rows
from fairlane.rehearsal.results import ShareResult
from fairlane.rehearsal.sensitivity import Sensitivity
from fairlane.rehearsal.timeline import sum_timelines
from fairlane.scheduling import NUM_INSTANCES

_ALL: Final = "all jobs"
_ONE_GROUP: Final[Mapping[str, Sequence[str]]] = MappingProxyType({})
_HEADER: Final = (
    "Simulation of a job queue of AWS Batch. The results of each rehearsal hold for the strategies that its section "
    "lists."
)


def render_report(
    rehearsals: Mapping[str, Rehearsal],
    summary: Summary,
    *,
    title: str,
    all_shares: bool = False,
    groups: Mapping[str, Sequence[str]] = _ONE_GROUP,
    sensitivity: Sensitivity | None = None,
    gpus: float | None = 1,
) -> str:
    """Render rehearsals as an HTML page: the answer, a chart of all rehearsals, the table, and charts of each.

    The charts of all rehearsals have the same axes, and a share has the same color in all of them.

    Args:
        rehearsals: Rehearsals by name.
        summary: Result of `summarize` for the same rehearsals.
        title: Title of the page.
        all_shares: True for a row for each share. Default: the ten largest, and all others together.
        groups: Names of the rehearsals of each queue, by its name. Default: all are of one queue.
        sensitivity: Result of `measure_sensitivity` for the same rehearsals, for a table below the other one. Default:
            no table.
        gpus: GPUs of one unit of the capacity, for this table. None if they are unknown or differ. Default: 1.

    Returns:
        HTML text.
    """
    shown = {name: _groups(summary, name) for name in rehearsals}
    others = others_label(summary) if summary["other_shares"] else ""
    colors = series_colors([share or NO_SHARE for share in summary["largest_shares"]], others)
    waits = {
        name: {
            group: _mean_wait(numbers)
            for group, numbers in [(_ALL, summary["rehearsals"][name]["total"]), *each.items()]
        }
        for name, each in shown.items()
    }
    axes = _Axes.of(rehearsals.values())
    sections = [
        (name, list(_notes(summary["rehearsals"][name])), _charts(rehearsal, shown[name], colors, others, axes))
        for name, rehearsal in rehearsals.items()
    ]
    return report_page(
        sections,
        title=title,
        answer=describe_answer(summary, groups),
        overview=[overview_chart(waits, {_ALL: "var(--ink)"} | colors)],
        header=_HEADER,
        columns=columns(summary),
        rows=[*rows(summary, all_shares=all_shares)],
        sensitivity=_Ranges.of(sensitivity, gpus) if sensitivity else None,
    )


@dataclass(frozen=True)
class _Ranges:
    """Table of the sensitivity of rehearsals."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str]

    @classmethod
    def of(cls, sensitivity: Sensitivity, gpus: float | None) -> "_Ranges":
        title = sensitivity_title(sensitivity)
        notes = [*sensitivity_notes(sensitivity, gpus)]
        return cls(f"{title[0].upper()}{title[1:]}", HEADINGS, [*sensitivity_rows(sensitivity, gpus)], notes)


def report_page(
    sections: Sequence[tuple[str, list[str], list[Chart]]],
    *,
    title: str,
    header: str,
    columns: list[str],
    rows: list[list[str]],
    answer: str = "",
    overview: Sequence[Chart] = (),
    sensitivity: _Ranges | None = None,
) -> str:
    """Return the page of a table and of sections with texts and charts as HTML text.

    Args:
        sections: Name, texts and charts of each section.
        title: Title of the page.
        header: Text below the title and the answer.
        columns: Headings of the table.
        rows: Rows of the table.
        answer: Sentence below the title. Default: none.
        overview: Charts above the table. Default: none.
        sensitivity: Table of ranges below the table. Default: none.
    """
    groups = {"all": overview} | {str(number): charts for number, (_, _, charts) in enumerate(sections)}
    figures = {
        f"chart-{group}-{chart.kind}": chart.figure
        for group, charts in groups.items()
        for chart in charts
        if chart.figure
    }
    return charts_page(
        "fairlane.rehearsal.report",
        "report.html.j2",
        figures=figures,
        title=title,
        answer=answer,
        overview=overview,
        header=header,
        columns=columns,
        rows=rows,
        sections=sections,
        sensitivity=sensitivity,
    )


def _notes(summary: RehearsalSummary) -> Iterator[str]:
    numbers = summary["capacity"].items()
    capacity = " and ".join(
        f"{number:,}" if unit == NUM_INSTANCES else f"{number:,} {unit}" for unit, number in numbers
    )
    changes = len(summary["capacity_over_time"]) - 1
    capacity += f" that changes {changes:,} times" * (changes > 0)
    setup = f"{summary['policy']} with a capacity of {capacity}, for {duration(summary['seconds'])}"
    yield f"{setup}: {describe_use(summary)}"
    yield f"strategies: {describe_strategies(summary)}"
    yield from summary["advice"]


def _groups(summary: Summary, name: str) -> dict[str, Numbers]:
    """Return the numbers of the groups of jobs with a color: each of the largest shares, and all others together."""
    numbers = summary["rehearsals"][name]
    groups = {share or NO_SHARE: numbers["shares"].get(share) for share in summary["largest_shares"]}
    groups[others_label(summary)] = numbers["others"]
    return {group: each for group, each in groups.items() if each is not None}


def _mean_wait(numbers: Numbers) -> float | None:
    return numbers["wait_seconds"]["mean"] if numbers["wait_seconds"] else None


@dataclass(frozen=True)
class _Axes:
    """Axes of the charts of all rehearsals. `longest_wait` is None if no job ran."""

    window: Window
    capacity: int
    longest_wait: float | None

    @classmethod
    def of(cls, rehearsals: Collection[Rehearsal]) -> "_Axes":
        start = min((rehearsal.span[0] for rehearsal in rehearsals), default=0)
        end = max((rehearsal.span[1] for rehearsal in rehearsals), default=0)
        waits = [rehearsal.total.wait.max for rehearsal in rehearsals]
        return cls(
            window=Window(start=start, end=max(end, start + 1)),
            capacity=max((rehearsal.capacity_over_time.peak for rehearsal in rehearsals), default=1),
            longest_wait=max(filter(math.isfinite, waits), default=None),
        )


def _charts(
    rehearsal: Rehearsal, groups: Mapping[str, Numbers], colors: Mapping[str, str], others: str, axes: _Axes
) -> list[Chart]:
    """Return the charts of a rehearsal. Shares without a color are combined."""
    with_jobs = [group for group, numbers in groups.items() if numbers["jobs"]]
    members: dict[str, list[ShareResult]] = {group: [] for group in with_jobs}
    for name, share in rehearsal.shares.items():
        if share.jobs:
            members[name or NO_SHARE if (name or NO_SHARE) in colors else others].append(share)
    names = {group: [share.name for share in shares] for group, shares in members.items()}
    entitled = {group: entitlement for group in with_jobs if (entitlement := groups[group]["entitlement"])}
    timelines = {group: sum_timelines([share.use for share in shares]) for group, shares in members.items()}
    return [
        use_chart(timelines, entitled, rehearsal.capacity_over_time, axes.window, colors, top=axes.capacity),
        waits_chart({group: rehearsal.waits(each) for group, each in names.items()}, colors, axes.longest_wait),
        preemptions_chart({group: rehearsal.stops(each) for group, each in names.items()}, axes.window, colors),
    ]
