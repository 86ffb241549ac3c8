"""Comparison of a rehearsal with the real times of its jobs."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import fsum
from statistics import correlation
from typing import Final

from fairlane.rehearsal.rehearsal import Rehearsal
from fairlane.rehearsal.timeline import Span, Timeline
from fairlane.scheduler.job import Trace

HOUR: Final = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Error:
    """Difference between rehearsed and real numbers.

    Attributes:
        number: Number of pairs.
        real: Mean of the real numbers.
        rehearsed: Mean of the rehearsed numbers.
        absolute: Mean absolute difference.
        correlation: Pearson's correlation, -1 to 1. None if all numbers of one side are equal.
    """

    number: int
    real: float
    rehearsed: float
    absolute: float
    correlation: float | None

    @property
    def bias(self) -> float:
        """Mean difference. Positive if the rehearsed numbers are larger."""
        return self.rehearsed - self.real

    @classmethod
    def of(cls, real: Sequence[float], rehearsed: Sequence[float]) -> "Error":
        """Return the error of pairs of numbers. Without pairs, all means are 0."""
        number = len(real)
        differences = [abs(mine - theirs) for mine, theirs in zip(rehearsed, real, strict=True)]
        return cls(
            number=number,
            real=fsum(real) / max(1, number),
            rehearsed=fsum(rehearsed) / max(1, number),
            absolute=fsum(differences) / max(1, number),
            correlation=_correlation(real, rehearsed),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareComparison:
    """Real and rehearsed waits and use of a share, or of all shares.

    Attributes:
        name: Name of the share. Empty for all shares.
        jobs: Number of jobs with real times.
        never_ran: Number of these jobs that never run in the rehearsal. They have no wait to compare.
        wait: Error of the waits: seconds from the submission of a job to its last start.
        use: Error of the hourly means of the capacity in use by the last runs of the jobs.
        real_use: Capacity in use over time.
        rehearsed_use: Capacity in use over time in the rehearsal.
    """

    name: str
    jobs: int
    never_ran: int
    wait: Error
    use: Error
    real_use: Timeline
    rehearsed_use: Timeline


@dataclass(frozen=True, slots=True)
class LastRuns:
    """Last run of each job with real times.

    Attributes:
        rows: Rows of the jobs in the trace.
        real: Real start and end of each job.
        rehearsed: Start of the work and end in the rehearsal. None for a job that never runs.
    """

    rows: Sequence[int]
    real: Sequence[Span]
    rehearsed: Sequence[Span | None]

    @classmethod
    def of(cls, rehearsal: Rehearsal, start_up_seconds: int) -> "LastRuns":
        """Return the last runs of a rehearsal whose run times have the start-up time in front of them."""
        trace, outcomes = rehearsal.trace, rehearsal.outcomes
        rows = rows_with_times(trace)
        rehearsed: list[Span | None] = []
        for row in rows:
            runs = outcomes[row].runs
            rehearsed.append(
                (min(runs[-1].start + (start_up_seconds if len(runs) == 1 else 0), runs[-1].stop), runs[-1].stop)
                if runs
                else None
            )
        return cls(rows, [(trace.started[row], trace.stopped[row]) for row in rows], rehearsed)

    def waits(self, trace: Trace) -> tuple[list[int], list[int], list[int]]:
        """Return the rows of jobs that run in the rehearsal, their real waits and their rehearsed waits in seconds."""
        pairs = [
            (row, real[0] - trace.submits[row], rehearsed[0] - trace.submits[row])
            for row, real, rehearsed in zip(self.rows, self.real, self.rehearsed, strict=True)
            if rehearsed is not None
        ]
        return [row for row, _, _ in pairs], [real for _, real, _ in pairs], [mine for _, _, mine in pairs]


def rows_with_times(trace: Trace) -> list[int]:
    """Return the rows of the jobs with real times."""
    return [row for row, started in enumerate(trace.started) if started >= 0]


def compare_shares(trace: Trace, runs: LastRuns) -> tuple[ShareComparison, Mapping[str, ShareComparison]]:
    """Return the comparison of all jobs, and of the jobs of each share."""
    spans = [*runs.real, *(span for span in runs.rehearsed if span is not None)]
    start = min((trace.submits[row] for row in runs.rows), default=0)
    grid = [*range(start, max((stop for _, stop in spans), default=start) + HOUR, HOUR)]
    indexes: dict[str, list[int]] = defaultdict(list)
    for index, row in enumerate(runs.rows):
        indexes[trace.share_names[trace.shares[row]]].append(index)
    shares = {name: _compare(name, trace, runs, indexes[name], grid) for name in trace.share_names if name in indexes}
    return _compare("", trace, runs, range(len(runs.rows)), grid), shares


def _compare(name: str, trace: Trace, runs: LastRuns, indexes: Iterable[int], grid: Sequence[int]) -> ShareComparison:
    chosen = [*indexes]
    own = LastRuns(
        [runs.rows[index] for index in chosen],
        [runs.real[index] for index in chosen],
        [runs.rehearsed[index] for index in chosen],
    )
    rows, real, rehearsed = own.waits(trace)
    units = [trace.instances[row] for row in own.rows]
    real_use = _use(zip(own.real, units, strict=True))
    rehearsed_use = _use((span, number) for span, number in zip(own.rehearsed, units, strict=True) if span is not None)
    return ShareComparison(
        name=name,
        jobs=len(chosen),
        never_ran=len(chosen) - len(rows),
        wait=Error.of(real, rehearsed),
        use=Error.of(real_use.means(grid), rehearsed_use.means(grid)),
        real_use=real_use,
        rehearsed_use=rehearsed_use,
    )


def _use(runs: Iterable[tuple[Span, int]]) -> Timeline:
    changes: dict[int, int] = defaultdict(int)
    for (start, stop), units in runs:
        changes[start] += units
        changes[stop] -= units
    return Timeline(changes)


def _correlation(real: Sequence[float], rehearsed: Sequence[float]) -> float | None:
    if len({*real}) < 2 or len({*rehearsed}) < 2:
        return None
    return max(-1.0, min(1.0, correlation(real, rehearsed)))
