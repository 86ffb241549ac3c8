"""Weeks of a back-test, and those that no rehearsal explains."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Final

from fairlane.rehearsal.backtest.comparison import LastRuns
from fairlane.rehearsal.timeline import Timeline, as_spans, intersect_spans, total_seconds
from fairlane.scheduler.job import Trace

WEEK: Final = 7 * 86_400
EPOCH: Final = 10**8
"""Seconds from here on count from 1970."""
_MONDAY: Final = 4 * 86_400  # the first Monday of 1970
_PART: Final = 0.5
_LEAST: Final = 600.0
_FULL: Final = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class Week:
    """Jobs with real times that were submitted in one week.

    Attributes:
        start: First second: a Monday in UTC if the times are seconds since 1970, otherwise whole weeks after the first
            submission.
        jobs: Number of jobs.
        real: Mean of the real waits in seconds, of the jobs that ran in the best rehearsal. Of all jobs if none ran.
        rehearsed: Mean of the waits in the best rehearsal. None if no job ran in it.
        is_explained: True if the mean wait of one of the rehearsals differs from the real one of the jobs that ran in
            it by at most the half, or by at most 10 minutes.
        use: Mean part of the capacity that was really in use while jobs really waited, 0 to 1. None if no job waited.
    """

    start: int
    jobs: int
    real: float
    rehearsed: float | None
    is_explained: bool
    use: float | None

    @property
    def lacked_capacity(self) -> bool:
        """True if jobs waited longer than in each rehearsal, although more than a fifth of the capacity was not in use.

        AWS may have had no capacity then.
        """
        longer = self.rehearsed is not None and self.real > self.rehearsed
        return not self.is_explained and longer and self.use is not None and self.use < _FULL


def find_weeks(
    trace: Trace, best: LastRuns, others: Sequence[LastRuns], start_up_seconds: int, capacity: int
) -> list[Week]:
    """Return the weeks in which jobs with real times were submitted.

    Args:
        trace: Past jobs.
        best: Runs of the best rehearsal.
        others: Runs of all rehearsals.
        start_up_seconds: Start-up time of the best rehearsal, in which a job does not wait.
        capacity: Capacity of the queue.
    """
    if not best.rows:
        return []
    origin = _MONDAY if trace.submits[0] >= EPOCH else trace.submits[best.rows[0]]
    real: dict[int, list[int]] = defaultdict(list)
    use_changes: dict[int, int] = defaultdict(int)
    wait_changes: dict[int, int] = defaultdict(int)
    for row, (start, stop) in zip(best.rows, best.real, strict=True):
        submit = trace.submits[row]
        real[(submit - origin) // WEEK].append(start - submit)
        use_changes[start] += trace.instances[row]
        use_changes[stop] -= trace.instances[row]
        if start - start_up_seconds > submit:
            wait_changes[submit] += 1
            wait_changes[start - start_up_seconds] -= 1
    use, waiting = Timeline(use_changes), Timeline(wait_changes).spans_at_least(1)
    means = [_means(trace, runs, origin) for runs in others]
    mine = _means(trace, best, origin)
    weeks = []
    for number, waits in sorted(real.items()):
        start = origin + number * WEEK
        spans = intersect_spans(waiting, as_spans([(start, start + WEEK)]))
        seconds = total_seconds(spans)
        mean, rehearsed = mine.get(number, (fmean(waits), None))
        weeks.append(
            Week(
                start=start,
                jobs=len(waits),
                real=mean,
                rehearsed=rehearsed,
                is_explained=any(_is_close(*each[number]) for each in means if number in each),
                use=use.integral(spans) / (seconds * capacity) if seconds else None,
            )
        )
    return weeks


def _means(trace: Trace, runs: LastRuns, origin: int) -> dict[int, tuple[float, float]]:
    """Return the means of the real and of the rehearsed waits of each week, of the jobs that ran in a rehearsal."""
    waits: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for row, real, rehearsed in zip(*runs.waits(trace), strict=True):
        waits[(trace.submits[row] - origin) // WEEK].append((real, rehearsed))
    return {
        number: (fmean(real for real, _ in pairs), fmean(rehearsed for _, rehearsed in pairs))
        for number, pairs in waits.items()
    }


def _is_close(real: float, rehearsed: float) -> bool:
    return abs(rehearsed - real) <= max(_PART * real, _LEAST)
