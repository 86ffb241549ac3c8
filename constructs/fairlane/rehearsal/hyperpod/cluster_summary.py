"""Summaries of rehearsals of HyperPod clusters in numbers, for tables, reports and JSON files."""

import math
from collections.abc import Iterator, Mapping
from typing import Final, TypedDict

from fairlane.rehearsal.hyperpod.cluster_rehearsal import ClusterRehearsal
from fairlane.rehearsal.hyperpod.cluster_results import TeamResult
from fairlane.rehearsal.report.summary import Waits, wait_numbers
from fairlane.rehearsal.report.table import NONE, duration, wait_cells
from fairlane.rehearsal.timeline import Span

_HOUR: Final = 3600


class TeamNumbers(TypedDict):
    """Numbers of one team, or of all teams together.

    `wait_seconds` is None without jobs. `tokens` is None if no job states its tokens per second.
    """

    jobs: int
    elastic_jobs: int
    never_ran: int
    wait_seconds: Waits | None
    quota_gpus: int
    mean_gpus: float
    borrowed_gpu_hours: float
    lent_gpu_hours: float
    moves: int
    preemptions: int
    moving_gpu_hours: float
    lost_gpu_hours: float
    tokens: float | None


class ClusterRehearsalSummary(TypedDict):
    """Summary of one rehearsal. `capacity_gpus` and what follows from it are None for node pools without limits."""

    capacity_gpus: int | None
    seconds: int
    idle_gpu_hours: float | None
    utilization: float | None
    cycles: int
    total: TeamNumbers
    teams: dict[str, TeamNumbers]
    advice: list[str]


class ClusterSummary(TypedDict):
    """Summaries of rehearsals by name. `version` changes when a key is removed or changes its meaning."""

    version: int
    rehearsals: dict[str, ClusterRehearsalSummary]


def summarize_clusters(rehearsals: Mapping[str, ClusterRehearsal]) -> ClusterSummary:
    """Return a summary of rehearsals that can be written as JSON.

    Args:
        rehearsals: Rehearsals by name.
    """
    return {"version": 2, "rehearsals": {name: _summarize(each) for name, each in rehearsals.items()}}


TABLE_UNITS: Final = "Idle, borrowed, lent and lost are GPU-hours."
"""Units of the table."""


def describe_cluster_use(summary: ClusterRehearsalSummary) -> str:
    """Return the use of the cluster as one line of text."""
    text = f"{duration(summary['seconds'])} from the first submission to the end"
    if summary["capacity_gpus"] is None:
        return f"{text}; the capacity is unknown, because a node pool has no limit"
    if summary["utilization"] is None:
        return f"{text}; {summary['capacity_gpus']:,} GPUs"
    return f"{text}; {summary['utilization']:.0%} of {summary['capacity_gpus']:,} GPUs in use"


def cluster_columns(summary: ClusterSummary) -> list[str]:
    """Return the headings of the columns of `cluster_rows`. Idle, borrowed, lent and lost are GPU-hours."""
    columns = ["Team", "Rehearsal", "Jobs", "Never ran", "Wait, mean", "Wait, p95", "Wait, max", "Mean GPUs"]
    return [*columns, "Idle", "Borrowed", "Lent", "Lost", "Moves", "Preempted", *["Tokens"] * _has_tokens(summary)]


def cluster_rows(summary: ClusterSummary) -> Iterator[list[str]]:
    """Yield the rows of the table as texts: all jobs, then each team, in each rehearsal.

    The name of a team is in its first row only.
    """
    rehearsals = summary["rehearsals"]
    has_tokens = _has_tokens(summary)
    teams = dict.fromkeys(team for rehearsal in rehearsals.values() for team in rehearsal["teams"])
    for team in [None, *teams]:
        label = "all" if team is None else team
        for name, rehearsal in rehearsals.items():
            numbers = rehearsal["total"] if team is None else rehearsal["teams"].get(team)
            if numbers is not None:
                idle = rehearsal["idle_gpu_hours"] if team is None else None
                yield [label, name, *_cells(numbers, idle), *[_tokens(numbers["tokens"])] * has_tokens]
                label = ""


def _cells(numbers: TeamNumbers, idle: float | None) -> Iterator[str]:
    yield f"{numbers['jobs']:,}"
    yield f"{numbers['never_ran']:,}"
    yield from wait_cells(numbers["wait_seconds"], ("mean", "p95", "max"))
    yield f"{numbers['mean_gpus']:,.1f}"
    yield NONE if idle is None else f"{idle:,.1f}"
    yield f"{numbers['borrowed_gpu_hours']:,.1f}"
    yield f"{numbers['lent_gpu_hours']:,.1f}"
    yield f"{numbers['lost_gpu_hours']:,.1f}"
    yield f"{numbers['moves']:,}"
    yield f"{numbers['preemptions']:,}"


def _tokens(tokens: float | None) -> str:
    if tokens is None:
        return NONE
    return next(
        (
            f"{tokens / size:,.2f} {unit}"
            for size, unit in ((10**12, "T"), (10**9, "G"), (10**6, "M"))
            if tokens >= size
        ),
        f"{tokens:,.0f}",
    )


def _has_tokens(summary: ClusterSummary) -> bool:
    return any(rehearsal["total"]["tokens"] is not None for rehearsal in summary["rehearsals"].values())


def _summarize(rehearsal: ClusterRehearsal) -> ClusterRehearsalSummary:
    start, end = rehearsal.span
    return {
        "capacity_gpus": rehearsal.capacity,
        "seconds": end - start,
        "idle_gpu_hours": None if rehearsal.idle is None else rehearsal.idle / _HOUR,
        "utilization": rehearsal.utilization,
        "cycles": rehearsal.cycles,
        "total": _numbers(rehearsal.total, rehearsal.span),
        "teams": {name: _numbers(team, rehearsal.span) for name, team in rehearsal.teams.items()},
        "advice": list(rehearsal.advice),
    }


def _numbers(team: TeamResult, span: Span) -> TeamNumbers:
    start, end = span
    return {
        "jobs": team.jobs,
        "elastic_jobs": team.elastic_jobs,
        "never_ran": team.never_ran,
        "wait_seconds": wait_numbers(team.wait) if team.jobs else None,
        "quota_gpus": team.quota,
        "mean_gpus": team.use.integral([span]) / (end - start) if end > start else 0.0,
        "borrowed_gpu_hours": team.borrowed / _HOUR,
        "lent_gpu_hours": team.lent / _HOUR,
        "moves": team.moves,
        "preemptions": team.preemptions,
        "moving_gpu_hours": team.moving / _HOUR,
        "lost_gpu_hours": team.lost / _HOUR,
        "tokens": team.tokens if team.tokens is None or math.isfinite(team.tokens) else None,
    }
