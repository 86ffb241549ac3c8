"""What a rehearsal says of a share, or of all."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from fairlane.rehearsal.timeline import Span, Timeline


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """How long jobs waited in all, in seconds; infinity for those that never run. Percentiles are those of some job.

    Attributes:
        mean: on average.
        p50: the median.
        p95: what 95 of 100 did not exceed.
        max: the longest.
    """

    mean: float
    p50: float
    p95: float
    max: float

    @classmethod
    def of(cls, waits: Iterable[int], *, forever: int = 0) -> "Wait":
        """Sums up waits, and so many that never end; none is no wait."""
        ordered = [*sorted(waits), *[math.inf] * forever] or [0]

        def percentile(percent: int) -> float:
            return ordered[-(-percent * len(ordered) // 100) - 1]

        return cls(mean=sum(ordered) / len(ordered), p50=percentile(50), p95=percentile(95), max=ordered[-1])


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareResult:
    """What a share got, or all together.

    Attributes:
        name: the share's, empty for all together.
        jobs: how many it submitted.
        never_ran: how many of them can never run.
        failed: how many of them failed.
        wait: how long they waited.
        preemptions: how many runs were stopped.
        lost: instance-seconds of work that were in vain.
        stopping: instance-seconds that stopped runs still held.
        entitlement: instances that it gets when all are busy; None where nothing says so.
        use: instances in use over time.
        starvation: spans in which a job waited though the share used less than its entitlement, by a whole instance
            or more; jobs that can never run do not count.
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
        """Seconds of all starvation."""
        return sum(stop - start for start, stop in self.starvation)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fairness:
    """How evenly shares were served while they competed: while two or more had waiting jobs.

    Each share is measured while it waited itself: by its use, divided by its entitlement.

    Attributes:
        jain: Jain's index of these ratios: 1 if all are the same, 1 / n if one of n shares got everything.
        max_min: the least of them: what max-min fairness makes as large as it can be.
    """

    jain: float
    max_min: float

    @classmethod
    def of(cls, ratios: Sequence[float]) -> "Fairness":
        """Sums up the ratios of shares."""
        squares = math.fsum(ratio * ratio for ratio in ratios)
        jain = math.fsum(ratios) ** 2 / (len(ratios) * squares) if squares else 1.0
        return cls(jain=jain, max_min=min(ratios))
