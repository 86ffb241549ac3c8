"""Results of a rehearsal for one share or for all shares."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from fairlane.rehearsal.timeline import Span, Timeline


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """Total waiting time of jobs, in seconds. A job that can never run waits for infinity.

    Each percentile is the waiting time of a job; percentiles are not interpolated.

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

        Without any waiting time, all statistics are 0.

        Args:
            waits: Waiting times in seconds.
            forever: Number of further jobs, which wait for infinity. Default: 0.
        """
        ordered = [*sorted(waits), *[math.inf] * forever] or [0]

        def percentile(percent: int) -> float:
            return ordered[-(-percent * len(ordered) // 100) - 1]

        return cls(mean=sum(ordered) / len(ordered), p50=percentile(50), p95=percentile(95), max=ordered[-1])


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareResult:
    """Result of one share, or of all shares together.

    Attributes:
        name: Name of the share. Empty for all shares together.
        jobs: Number of submitted jobs.
        never_ran: Number of jobs that can never run.
        failed: Number of jobs that failed.
        wait: Waiting time of the jobs.
        preemptions: Number of runs that were stopped.
        lost: Lost work in instance-seconds: the work since the last checkpoint of each stopped run, and all work of
            jobs that failed.
        stopping: Instance-seconds that preempted runs held between the decision to stop them and their end.
        entitlement: Number of instances that the share gets when all shares are busy. None if the policy has no
            entitlements, and for all shares together.
        use: Number of instances in use over time.
        starvation: Spans in which a job waited and the share used less than its entitlement, by an instance or more.
            Jobs that can never run do not count.
    """

    name: str
    jobs: int
    never_ran: int
    failed: int
    wait: Wait
    preemptions: int
    lost: int
    stopping: int
    entitlement: float | None
    use: Timeline
    starvation: Sequence[Span]

    @property
    def starved(self) -> int:
        """Total length of `starvation` in seconds."""
        return sum(stop - start for start, stop in self.starvation)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fairness:
    """Fairness among shares while they competed, that is, while two or more shares had waiting jobs.

    The measure of a share is the ratio of its use to its entitlement, over the time in which it had waiting jobs.

    Attributes:
        jain: Jain's index of the ratios: 1 if all ratios are equal, 1 / n if one of n shares got everything.
        max_min: Smallest ratio, which max-min fairness maximizes.
    """

    jain: float
    max_min: float

    @classmethod
    def from_ratios(cls, ratios: Sequence[float]) -> "Fairness":
        """Return the fairness of shares with these ratios of use to entitlement."""
        squares = math.fsum(ratio * ratio for ratio in ratios)
        jain = math.fsum(ratios) ** 2 / (len(ratios) * squares) if squares else 1.0
        return cls(jain=jain, max_min=min(ratios))
