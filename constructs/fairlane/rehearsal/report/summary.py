"""Summaries of rehearsals in numbers, for tables, reports and JSON files."""

import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final, TypedDict

from fairlane.rehearsal.rehearsal import Rehearsal
from fairlane.rehearsal.results import ShareResult, Wait
from fairlane.rehearsal.timeline import Span
from fairlane.scheduler.job import Trace
from fairlane.scheduler.options import USED_STRATEGIES
from fairlane.scheduling import FairShare, Fifo, QuotaManagement

_MOST_SHARES: Final = 10
_POLICIES: Final[Mapping[type, str]] = {
    Fifo: "first in, first out",
    FairShare: "fair share",
    QuotaManagement: "quota management",
}
_STRATEGIES: Final = {_POLICIES[policy]: names for policy, names in USED_STRATEGIES.items()}


class Waits(TypedDict):
    """Waiting time of the jobs that ran, in seconds. None if none ran."""

    mean: float | None
    p50: float | None
    p95: float | None
    max: float | None


class BacklogNumbers(TypedDict):
    """Work that is left at the end of the window. `gpu_hours` is None if the number of GPUs is unknown."""

    waiting_jobs: int
    running_jobs: int
    instance_hours: float
    gpu_hours: float | None


class Numbers(TypedDict):
    """Numbers of one share, or of all shares together.

    `mean_use` is over the window, from the first to the last submission, and `backlog` is the work that is left at the
    end of the window. `wait_seconds` is None without jobs, and `slowdown` if no job ran. `starved_seconds` and
    `starvation` are None without an entitlement.
    `starvation` lists the spans, start and stop, in seconds on the clock of the trace. The lost GPU-hours are None if
    the number of GPUs of an instance is unknown.
    """

    jobs: int
    failed: int
    never_ran: int
    wait_seconds: Waits | None
    slowdown: float | None
    mean_use: float
    backlog: BacklogNumbers
    entitlement: float | None
    starved_seconds: int | None
    starvation: list[list[int]] | None
    preemptions: int
    lost_instance_hours: float
    lost_gpu_hours: float | None


class RehearsalSummary(TypedDict):
    """Summary of one rehearsal.

    `seconds` is the time from the first submission to the last event, and `window_seconds` the time from the first to
    the last submission. `capacity_over_time` lists a second and the capacity of all units together from this second on,
    and is empty if the capacity does not change. `others` has all shares together that are not among the largest, or
    None without such shares.
    """

    policy: str
    strategies: dict[str, Any]
    ec2_instances: dict[str, Any] | None
    capacity: dict[str, int]
    capacity_over_time: list[list[int]]
    seconds: int
    window_seconds: int
    utilization: float
    peak_utilization: float
    jain: float | None
    max_min: float | None
    total: Numbers
    shares: dict[str, Numbers]
    others: Numbers | None
    advice: list[str]


class Summary(TypedDict):
    """Summaries of rehearsals by name. `version` changes when a key is removed or changes its meaning.

    `largest_shares` are the shares with the most work of jobs that ran, at most ten, and `other_shares` is the
    number of the others.
    """

    version: int
    largest_shares: list[str]
    other_shares: int
    rehearsals: dict[str, RehearsalSummary]


def summarize(rehearsals: Mapping[str, Rehearsal], *, gpus: Mapping[str, int] | None = None) -> Summary:
    """Return a summary of rehearsals that can be written as JSON.

    The fairness of all rehearsals of the same trace is measured by the same entitlements: the entitlements of the
    first rehearsal that has any.

    Args:
        rehearsals: Rehearsals by name.
        gpus: Number of GPUs of an instance, by instance type. The key is empty for jobs without an instance type.
            Default: unknown.

    Returns:
        Summary by name.
    """
    reference = next(
        (other for other in rehearsals.values() if any(share.entitlement for share in other.shares.values())), None
    )
    names, largest = _rank_shares(rehearsals.values())
    return {
        "version": 2,
        "largest_shares": largest,
        "other_shares": len(names) - len(largest),
        "rehearsals": {
            name: _summarize(rehearsal, gpus or {}, reference, largest) for name, rehearsal in rehearsals.items()
        },
    }


def _rank_shares(rehearsals: Iterable[Rehearsal]) -> tuple[list[str], list[str]]:
    """Return all shares, and at most ten with the most work of jobs that ran, in the same order."""
    work: dict[str, int] = {}
    for rehearsal in rehearsals:
        for name in rehearsal.shares:
            work[name] = max(work.get(name, 0), rehearsal.work.get(name, 0))
    largest = {*sorted(work, key=lambda name: -work[name])[:_MOST_SHARES]}
    return [*work], [name for name in work if name in largest]


def has_gpu_hours(summary: Summary) -> bool:
    """Return True if the lost GPU-hours of all rehearsals are known."""
    return all(rehearsal["total"]["lost_gpu_hours"] is not None for rehearsal in summary["rehearsals"].values())


def describe_strategies(summary: RehearsalSummary) -> str:
    """Return the strategies that the policy uses, and the settings of EC2 instances, as one line of text."""
    strategies = summary["strategies"]
    restart = {"restart_seconds": seconds} if (seconds := strategies["restart_seconds"]) else {}
    used = {name: strategies[name] for name in _STRATEGIES[summary["policy"]]} | restart
    used |= summary["ec2_instances"] or {}
    return ", ".join(f"{name}={value}" for name, value in used.items() if value is not None)


def describe_use(summary: RehearsalSummary) -> str:
    """Return the use of the capacity, the backlog and the max-min fairness as one line of text."""
    backlog = summary["total"]["backlog"]
    text = f"{summary['utilization']:.0%} in use, {summary['peak_utilization']:.0%} in the busiest hour; "
    text += f"jobs at the last submission: {backlog['waiting_jobs']:,} waiting, {backlog['running_jobs']:,} running"
    return text if summary["max_min"] is None else f"{text}; max-min fairness {summary['max_min']:.2f}"


def _summarize(
    rehearsal: Rehearsal, gpus: Mapping[str, int], reference: Rehearsal | None, largest: Collection[str]
) -> RehearsalSummary:
    same_trace = reference and reference.trace is rehearsal.trace
    fairness = rehearsal.fairness_by(reference) if reference and same_trace else rehearsal.fairness
    start, end = rehearsal.span
    first, last = rehearsal.window
    others = [name for name in rehearsal.shares if name not in largest]
    sizes = _gpu_sizes(rehearsal.trace, gpus)
    lost, left = (
        None if sizes is None else _gpu_seconds(rehearsal.trace, sizes, amounts)
        for amounts in (rehearsal.lost, rehearsal.remaining)
    )

    def numbers(share: ShareResult, names: Iterable[str]) -> Numbers:
        seconds = [None if each is None else sum(each[name] for name in names) for each in (lost, left)]
        return _numbers(share, rehearsal.window, *seconds)

    return {
        "policy": _POLICIES[type(rehearsal.policy)],
        "strategies": asdict(rehearsal.strategies),
        "ec2_instances": asdict(rehearsal.ec2_instances) if rehearsal.ec2_instances else None,
        "capacity": dict(rehearsal.capacity),
        "capacity_over_time": [
            [second, number] for second, number in rehearsal.capacity_over_time if len(rehearsal.capacity_steps) > 1
        ],
        "seconds": end - start,
        "window_seconds": last - first,
        "utilization": rehearsal.utilization,
        "peak_utilization": rehearsal.peak_utilization,
        "jain": fairness.jain if fairness else None,
        "max_min": fairness.max_min if fairness else None,
        "total": numbers(rehearsal.total, [*rehearsal.shares]),
        "shares": {name: numbers(share, [name]) for name, share in rehearsal.shares.items()},
        "others": numbers(rehearsal.combine(others), others) if others else None,
        "advice": list(rehearsal.advice),
    }


def _numbers(share: ShareResult, window: Span, lost_gpu_seconds: int | None, left_gpu_seconds: int | None) -> Numbers:
    start, end = window
    return {
        "jobs": share.jobs,
        "failed": share.failed,
        "never_ran": share.never_ran,
        "wait_seconds": wait_numbers(share.wait) if share.jobs else None,
        "slowdown": share.slowdown,
        "mean_use": share.use.integral([window]) / (end - start) if end > start else 0.0,
        "backlog": {
            "waiting_jobs": share.backlog.waiting,
            "running_jobs": share.backlog.running,
            "instance_hours": share.backlog.instance_seconds / 3600,
            "gpu_hours": None if left_gpu_seconds is None else left_gpu_seconds / 3600,
        },
        "entitlement": share.entitlement,
        "starved_seconds": None if share.entitlement is None else share.starved,
        "starvation": None if share.entitlement is None else [[start, stop] for start, stop in share.starvation],
        "preemptions": share.preemptions,
        "lost_instance_hours": share.lost / 3600,
        "lost_gpu_hours": None if lost_gpu_seconds is None else lost_gpu_seconds / 3600,
    }


def wait_numbers(wait: Wait) -> Waits:
    """Return waiting times with None for infinity."""
    return {
        "mean": _finite(wait.mean),
        "p50": _finite(wait.p50),
        "p95": _finite(wait.p95),
        "max": _finite(wait.max),
    }


def _finite(seconds: float) -> float | None:
    return seconds if math.isfinite(seconds) else None


def _gpu_sizes(trace: Trace, gpus: Mapping[str, int]) -> list[int] | None:
    """Return the number of GPUs of an instance of each type of the trace. None if one is unknown."""
    sizes = [size for unit in trace.instance_types if (size := gpus.get(unit, gpus.get(""))) is not None]
    return sizes if len(sizes) == len(trace.instance_types) and sizes else None


def _gpu_seconds(trace: Trace, sizes: Sequence[int], amounts: Mapping[int, int]) -> Counter[str]:
    """Return instance-seconds by row as GPU-seconds by share."""
    seconds = Counter[str]()
    for row, amount in amounts.items():
        seconds[trace.share_names[trace.shares[row]]] += sizes[trace.types[row]] * amount
    return seconds
