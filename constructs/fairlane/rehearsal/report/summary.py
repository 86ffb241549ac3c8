"""Summaries of rehearsals in numbers, for tables, reports and JSON files."""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final, TypedDict

from fairlane.rehearsal.rehearsal import Rehearsal
from fairlane.rehearsal.results import ShareResult, Wait
from fairlane.scheduler.options import USED_STRATEGIES
from fairlane.scheduling import FairShare, Fifo, QuotaManagement

_POLICIES: Final[Mapping[type, str]] = {
    Fifo: "first in, first out",
    FairShare: "fair share",
    QuotaManagement: "quota management",
}
_STRATEGIES: Final = {_POLICIES[policy]: names for policy, names in USED_STRATEGIES.items()}


class Waits(TypedDict):
    """Waiting time of jobs in seconds. None stands for infinity."""

    mean: float | None
    p50: float | None
    p95: float | None
    max: float | None


class Numbers(TypedDict):
    """Numbers of one share, or of all shares together.

    `wait_seconds` is None without jobs. `starved_seconds` and `starvation` are None without an entitlement.
    `starvation` lists the spans, start and stop, in seconds on the clock of the trace. The lost GPU-hours are None if
    the number of GPUs of an instance is unknown.
    """

    jobs: int
    failed: int
    never_ran: int
    wait_seconds: Waits | None
    mean_use: float
    entitlement: float | None
    starved_seconds: int | None
    starvation: list[list[int]] | None
    preemptions: int
    lost_instance_hours: float
    lost_gpu_hours: float | None


class RehearsalSummary(TypedDict):
    """Summary of one rehearsal."""

    policy: str
    strategies: dict[str, Any]
    ec2_instances: dict[str, Any] | None
    capacity: dict[str, int]
    seconds: int
    utilization: float
    peak_utilization: float
    jain: float | None
    max_min: float | None
    total: Numbers
    shares: dict[str, Numbers]
    advice: list[str]


class Summary(TypedDict):
    """Summaries of rehearsals by name. `version` changes when a key is removed or changes its meaning."""

    version: int
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
    summaries = {name: _summarize(rehearsal, gpus or {}, reference) for name, rehearsal in rehearsals.items()}
    return {"version": 1, "rehearsals": summaries}


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
    """Return the utilization of the capacity and the max-min fairness as one line of text."""
    text = f"{summary['utilization']:.0%} in use, {summary['peak_utilization']:.0%} in the busiest hour"
    return text if summary["max_min"] is None else f"{text}; max-min fairness {summary['max_min']:.2f}"


def _summarize(rehearsal: Rehearsal, gpus: Mapping[str, int], reference: Rehearsal | None) -> RehearsalSummary:
    same_trace = reference and reference.trace is rehearsal.trace
    fairness = rehearsal.fairness_by(reference) if reference and same_trace else rehearsal.fairness
    start, end = rehearsal.span
    lost = _lost_gpu_seconds(rehearsal, gpus)
    return {
        "policy": _POLICIES[type(rehearsal.policy)],
        "strategies": asdict(rehearsal.strategies),
        "ec2_instances": asdict(rehearsal.ec2_instances) if rehearsal.ec2_instances else None,
        "capacity": dict(rehearsal.capacity),
        "seconds": end - start,
        "utilization": rehearsal.utilization,
        "peak_utilization": rehearsal.peak_utilization,
        "jain": fairness.jain if fairness else None,
        "max_min": fairness.max_min if fairness else None,
        "total": _numbers(rehearsal.total, rehearsal.span, None if lost is None else lost.total()),
        "shares": {
            name: _numbers(share, rehearsal.span, None if lost is None else lost[name])
            for name, share in rehearsal.shares.items()
        },
        "advice": list(rehearsal.advice),
    }


def _numbers(share: ShareResult, span: tuple[int, int], lost_gpu_seconds: int | None) -> Numbers:
    start, end = span
    return {
        "jobs": share.jobs,
        "failed": share.failed,
        "never_ran": share.never_ran,
        "wait_seconds": wait_numbers(share.wait) if share.jobs else None,
        "mean_use": share.use.integral([span]) / (end - start) if end > start else 0.0,
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


def _lost_gpu_seconds(rehearsal: Rehearsal, gpus: Mapping[str, int]) -> Counter[str] | None:
    """Return the lost GPU-seconds by share. None if the number of GPUs of an instance is unknown."""
    trace = rehearsal.trace
    sizes = [gpus.get(unit, gpus.get("")) for unit in trace.instance_types]
    known_sizes = [size for size in sizes if size is not None]
    if len(known_sizes) < len(sizes) or not known_sizes:
        return None
    if len(set(known_sizes)) == 1:
        return Counter({name: known_sizes[0] * share.lost for name, share in rehearsal.shares.items()})
    lost = Counter[str]()
    for row, outcome in enumerate(rehearsal.outcomes):
        if outcome.lost:
            lost[trace.share_names[trace.shares[row]]] += known_sizes[trace.types[row]] * outcome.lost
    return lost
