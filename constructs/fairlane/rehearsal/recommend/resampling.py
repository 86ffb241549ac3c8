"""Traces of past time in another order, to measure how much a number depends on chance."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Final

from fairlane.scheduler.dependencies import among_themselves
from fairlane.scheduler.job import Job, Trace

MAX_TRACES: Final = 1000
"""Maximum number of resampled traces."""
_LENGTHS: Final = (7 * 86_400, 86_400, 6 * 3600, 3600)
_LEAST_BLOCKS: Final = 4


@dataclass(frozen=True, slots=True)
class Range:
    """Range of a number over resampled traces.

    Attributes:
        low: 5th percentile.
        high: 95th percentile.
    """

    low: float
    high: float

    @classmethod
    def of(cls, numbers: Sequence[float]) -> "Range":
        """Return the range of numbers, one or more. Percentiles are numbers of the list."""
        ordered = sorted(numbers)
        return cls(ordered[max(0, -(-5 * len(ordered) // 100) - 1)], ordered[-(-95 * len(ordered) // 100) - 1])


def block_seconds(trace: Trace) -> int:
    """Return the length of the blocks of a trace: weeks, or the longest of days, 6 hours and hours that gives 4 blocks.

    Blocks of weeks keep the days of the week and the hours of the day, and blocks of days the hours of the day.
    """
    span = trace.submits[-1] - trace.submits[0] + 1 if len(trace) else 1
    return next((length for length in _LENGTHS if span >= _LEAST_BLOCKS * length), max(1, span // _LEAST_BLOCKS))


def resampled(trace: Trace, number: int, seed: int) -> Iterator[Trace]:
    """Yield traces of the same length, whose blocks are drawn from those of a trace with replacement.

    The last block of most traces is shorter than the others. It is drawn for the last place only, and another block
    there loses its jobs after this length, so that the traces have neither idle time nor jobs beyond the last one.
    Dependencies on jobs of another block are left out.

    Args:
        trace: Trace with jobs.
        number: Number of traces.
        seed: Seed of the random numbers. The same seed gives the same traces.
    """
    length, random = block_seconds(trace), Random(seed)
    start = trace.submits[0]
    full, rest = divmod(trace.submits[-1] - start + 1, length)
    blocks: list[list[Job]] = [[] for _ in range(full + (rest > 0))]
    for job in trace:
        blocks[(job.submit - start) // length].append(job)
    end = trace.submits[-1]
    for _ in range(number):
        drawn = random.choices(range(full), k=full)
        if rest:
            drawn.append(random.randrange(full + 1))
        yield Trace.of(
            job
            for place, source in enumerate(drawn)
            for job in among_themselves(_moved(blocks[source], (place - source) * length, end), f" ({place})")
        )


def _moved(jobs: Iterable[Job], seconds: int, end: int) -> Iterator[Job]:
    """Yield the jobs that many seconds later, without those after the end."""
    for job in jobs:
        if (submit := job.submit + seconds) <= end:
            yield replace(job, submit=submit, started=None, stopped=None)
