"""Results of a rehearsal for one share or for all shares."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from fairlane.rehearsal.timeline import Span, Timeline

SHORTEST_RUN: Final = 600
"""Run time in seconds that a shorter job has in the slowdown, so that few short jobs do not determine the mean."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """Total waiting time of the jobs that ran, in seconds.

    Each percentile is the waiting time of a job; percentiles are not interpolated. If there are jobs and none ran, all
    statistics are infinite.

    Attributes:
        mean: Mean.
        p50: Median.
        p95: 95th percentile.
        max: Maximum.
    """

    mean: float
    p50: float
    p95: float
    max: float

    @classmethod
    def from_seconds(cls, waits: Iterable[int], *, forever: int = 0) -> "Wait":
        """Return the statistics of waiting times.

        Args:
            waits: Waiting times of the jobs that ran, in seconds.
            forever: Number of jobs that never ran. Without waiting times, all statistics are infinite if the number is
                above 0, and 0 otherwise. Default: 0.
        """
        ordered: list[float] = sorted(waits) or [math.inf if forever else 0]

        def percentile(percent: int) -> float:
            return ordered[-(-percent * len(ordered) // 100) - 1]

        return cls(mean=sum(ordered) / len(ordered), p50=percentile(50), p95=percentile(95), max=ordered[-1])


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """Work that is left at the end of the window, which is the last submission. Jobs that never run do not count.

    Attributes:
        waiting: Number of jobs that wait.
        running: Number of jobs that run.
        instance_seconds: Instance-seconds that these jobs still use, with what they lose and repeat.
    """

    waiting: int
    running: int
    instance_seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareResult:
    """Result of one share, or of all shares together.

    Attributes:
        name: Name of the share. Empty for all shares together.
        jobs: Number of submitted jobs.
        never_ran: Number of jobs that can never run.
        failed: Number of jobs that failed.
        wait: Waiting time of the jobs that ran.
        slowdown: Mean slowdown of the jobs that ran, 1 or more. The slowdown of a job is `(wait + run) / run`. A run
            counts as `SHORTEST_RUN` seconds or more, and a slowdown as 1 or more (bounded slowdown). None if no job
            ran.
        preemptions: Number of runs that were stopped.
        lost: Lost work in instance-seconds: the work since the last checkpoint of each stopped run, and all work of
            jobs that failed.
        stopping: Instance-seconds that preempted runs held between the decision to stop them and their end.
        entitlement: Number of instances that the share gets when all shares are busy. None if the policy has no
            entitlements, and for all shares together.
        use: Number of instances in use over time.
        backlog: Work that is left at the end of the window.
        starvation: Spans in which a job waited and the share used less than its entitlement, by an instance or more.
            Jobs that can never run do not count.
    """

    name: str
    jobs: int
    never_ran: int
    failed: int
    wait: Wait
    slowdown: float | None
    preemptions: int
    lost: int
    stopping: int
    entitlement: float | None
    use: "Timeline"
    backlog: Backlog
    starvation: "Sequence[Span]"

    @property
    def starved(self) -> int:
        """Total length of `starvation` in seconds."""
        return sum(stop - start for start, stop in self.starvation)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fairness:
    """Fairness among shares while they competed, that is, while two or more shares had waiting jobs.

    The measure of a share is the ratio of its use to its entitlement, over the time in which it had waiting jobs.

    Attributes:
        jain: Jain's index of the ratios, weighted by what the shares were entitled to while they competed: 1 if all
            ratios are equal, 1 / n if one of n shares with the same weight got everything. A share that competed for a
            minute counts less than one that competed for a week.
        max_min: Smallest ratio, which max-min fairness maximizes. It has no weights.
    """

    jain: float
    max_min: float

    @classmethod
    def from_uses(cls, uses: Sequence[tuple[float, float]]) -> "Fairness":
        """Return the fairness of shares, each with what it used and what it was entitled to while it competed."""
        squares = math.fsum(used * used / entitled for used, entitled in uses)
        entitled = math.fsum(entitled for _, entitled in uses)
        jain = math.fsum(used for used, _ in uses) ** 2 / (entitled * squares) if squares else 1.0
        return cls(jain=jain, max_min=min(used / entitled for used, entitled in uses))
