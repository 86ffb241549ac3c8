"""What rehearsals come to, in numbers: for tables, for reports, and as JSON for programs."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final, TypedDict

from fairlane.rehearsal._rehearsal import Rehearsal
from fairlane.rehearsal._results import ShareResult
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
    """Seconds that jobs waited, of those that started."""

    mean: float
    p50: int
    p95: int
    max: int


class Numbers(TypedDict):
    """Those of a share, or of all. There are no waits if no job started."""

    jobs: int
    failed: int
    never_ran: int
    wait_seconds: Waits | None
    mean_use: float
    entitlement: float | None
    preemptions: int
    lost_instance_hours: float
    lost_gpu_hours: float | None


class RehearsalSummary(TypedDict):
    """A rehearsal."""

    policy: str
    strategies: dict[str, Any]
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

    Args:
        rehearsals: by the names that they shall go by.
        gpus: how many GPUs an instance has, by instance type; empty for jobs that name none.
    """
    return {"version": 1, "rehearsals": {name: _of(one, gpus or {}) for name, one in rehearsals.items()}}


def gpus_are_known(summary: Summary) -> bool:
    """Whether what was lost is known in GPU-hours."""
    return all(one["total"]["lost_gpu_hours"] is not None for one in summary["rehearsals"].values())


def strategies_in_words(summary: RehearsalSummary) -> str:
    """The strategies that mattered, in one line."""
    used = {name: summary["strategies"][name] for name in _STRATEGIES[summary["policy"]]}
    return ", ".join(f"{name}={value}" for name, value in used.items() if value is not None)


def _of(rehearsal: Rehearsal, gpus: Mapping[str, int]) -> RehearsalSummary:
    fairness = rehearsal.fairness
    start, end = rehearsal.span
    lost = _lost_gpu_seconds(rehearsal, gpus)
    return {
        "policy": _POLICIES[type(rehearsal.policy)],
        "strategies": asdict(rehearsal.strategies),
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
    wait, started = share.wait, share.jobs > share.never_ran
    return {
        "jobs": share.jobs,
        "failed": share.failed,
        "never_ran": share.never_ran,
        "wait_seconds": {"mean": wait.mean, "p50": wait.p50, "p95": wait.p95, "max": wait.max} if started else None,
        "mean_use": share.use.integral([span]) / (end - start) if end > start else 0.0,
        "entitlement": share.entitlement,
        "preemptions": share.preemptions,
        "lost_instance_hours": share.lost / 3600,
        "lost_gpu_hours": None if lost_gpu_seconds is None else lost_gpu_seconds / 3600,
    }


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
