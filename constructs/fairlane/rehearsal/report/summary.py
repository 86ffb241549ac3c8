"""What rehearsals come to, in numbers: for tables, for reports, and as JSON for programs."""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final, TypedDict

from fairlane.rehearsal.rehearsal import Rehearsal
from fairlane.rehearsal.results import ShareResult
from fairlane.scheduling import FairShare, Fifo, QuotaManagement

_POLICIES: Final[Mapping[type, str]] = {
    Fifo: "first in, first out",
    FairShare: "fair share",
    QuotaManagement: "quota management",
}
_STRATEGIES: Final = {
    "first in, first out": ("head_of_line",),
    "fair share": ("head_of_line", "decay"),
    "quota management": ("share_order", "victims", "stop_seconds", "retries_before_termination"),
}
"""Those that a policy asks for."""


class Waits(TypedDict):
    """Seconds that jobs waited; None is forever."""

    mean: float | None
    p50: float | None
    p95: float | None
    max: float | None


class Numbers(TypedDict):
    """Those of a share, or of all. There are no waits without jobs, and is no starvation without an entitlement.

    `starvation` has the seconds, on the clock of the trace, from and until which the share starved.
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
    """A rehearsal."""

    policy: str
    strategies: dict[str, Any]
    machines: dict[str, Any] | None
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
    """Rehearsals by the names that they go by. `version` changes when a key goes or means something else."""

    version: int
    rehearsals: dict[str, RehearsalSummary]


def summarize(rehearsals: Mapping[str, Rehearsal], *, gpus: Mapping[str, int] | None = None) -> Summary:
    """Sums rehearsals up, as JSON takes it.

    Fairness of rehearsals of the same trace is measured by the same entitlements: those of the first that has any.

    Args:
        rehearsals: by the names that they shall go by.
        gpus: how many GPUs an instance has, by instance type; empty for jobs that name none.
    """
    entitled = next(
        (one for one in rehearsals.values() if any(share.entitlement for share in one.shares.values())), None
    )
    return {"version": 1, "rehearsals": {name: _of(one, gpus or {}, entitled) for name, one in rehearsals.items()}}


def gpus_are_known(summary: Summary) -> bool:
    """Whether what was lost is known in GPU-hours."""
    return all(one["total"]["lost_gpu_hours"] is not None for one in summary["rehearsals"].values())


def strategies_in_words(summary: RehearsalSummary) -> str:
    """The strategies that mattered, and the machines, in one line."""
    used = {name: summary["strategies"][name] for name in _STRATEGIES[summary["policy"]]} | (summary["machines"] or {})
    return ", ".join(f"{name}={value}" for name, value in used.items() if value is not None)


def use_in_words(summary: RehearsalSummary) -> str:
    """How much of the capacity was in use, and how evenly shares were served at least, in one line."""
    words = f"{summary['utilization']:.0%} in use, {summary['peak_utilization']:.0%} in the busiest hour"
    return words if summary["max_min"] is None else f"{words}; max-min fairness {summary['max_min']:.2f}"


def _of(rehearsal: Rehearsal, gpus: Mapping[str, int], entitled: Rehearsal | None) -> RehearsalSummary:
    fairness = rehearsal.fairness_by(entitled) if entitled and entitled.trace is rehearsal.trace else rehearsal.fairness
    start, end = rehearsal.span
    lost = _lost_gpu_seconds(rehearsal, gpus)
    return {
        "policy": _POLICIES[type(rehearsal.policy)],
        "strategies": asdict(rehearsal.strategies),
        "machines": asdict(rehearsal.machines) if rehearsal.machines else None,
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
    wait = share.wait
    waits: Waits = {"mean": _ends(wait.mean), "p50": _ends(wait.p50), "p95": _ends(wait.p95), "max": _ends(wait.max)}
    return {
        "jobs": share.jobs,
        "failed": share.failed,
        "never_ran": share.never_ran,
        "wait_seconds": waits if share.jobs else None,
        "mean_use": share.use.integral([span]) / (end - start) if end > start else 0.0,
        "entitlement": share.entitlement,
        "starved_seconds": None if share.entitlement is None else share.starved,
        "starvation": None if share.entitlement is None else [[start, stop] for start, stop in share.starvation],
        "preemptions": share.preemptions,
        "lost_instance_hours": share.lost / 3600,
        "lost_gpu_hours": None if lost_gpu_seconds is None else lost_gpu_seconds / 3600,
    }


def _ends(seconds: float) -> float | None:
    return seconds if math.isfinite(seconds) else None


def _lost_gpu_seconds(rehearsal: Rehearsal, gpus: Mapping[str, int]) -> Counter[str] | None:
    """By share; None where the GPUs of an instance are not known."""
    trace = rehearsal.trace
    sizes = [gpus.get(unit, gpus.get("")) for unit in trace.instance_types]
    known = [size for size in sizes if size is not None]
    if len(known) < len(sizes) or not known:
        return None
    if len(set(known)) == 1:
        return Counter({name: known[0] * share.lost for name, share in rehearsal.shares.items()})
    lost = Counter[str]()
    for row, outcome in enumerate(rehearsal.outcomes):
        if outcome.lost:
            lost[trace.share_names[trace.shares[row]]] += known[trace.types[row]] * outcome.lost
    return lost
