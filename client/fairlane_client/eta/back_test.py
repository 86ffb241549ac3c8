"""Back-test: estimates at past moments against the starts that followed."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final, Literal

from fairlane_client.eta.arrivals import Arrivals
from fairlane_client.eta.estimates import percentile
from fairlane_client.eta.past_jobs import PastJob
from fairlane_client.eta.run_times import RunTimes
from fairlane_client.eta.simulation import Simulation, State
from fairlane_client.queues.jobs import QueuedJob
from fairlane_client.queues.queue import Queue

MOMENTS: Final = 12
RUNS: Final = 30
_DAYS: Final = 7
_JOBS: Final = 40
_FEWEST_RUNS: Final = 10
_FEWEST_MOMENTS: Final = 4
_FEWEST_INSIDE: Final = 0.75
_MOST_HALVES: Final = 0.8

Verdict = Literal["good", "late", "early", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BackTest:
    """Comparison of estimates at past moments with the starts that followed.

    Args:
        moments: Number of moments at which jobs waited.
        starts: Number of starts of these jobs.
        inside_p50: Number of starts at or before the 50th percentile.
        inside_p90: Number of starts at or before the 90th percentile.
        verdict: `late` if less than 75 % of the starts are inside the 90th percentile; `early` if more than 80 % are
            inside the 50th; `unknown` with fewer than 4 moments; otherwise `good`. Starts after one moment depend on
            each other, so that parts between 75 and 100 % are common for good estimates.
    """

    moments: int
    starts: int
    inside_p50: int
    inside_p90: int
    verdict: Verdict


def back_test(
    queue: Queue,
    jobs: Sequence[PastJob],
    start: float,
    end: float,
    *,
    seed: int = 0,
    progress: Callable[[int], None] | None = None,
) -> BackTest:
    """Estimate the starts at up to 12 moments of the past 7 days, from what was known then, and compare.

    Args:
        queue: Queue as it is now. Earlier policies and capacities are unknown.
        jobs: Jobs of the queue, also those that wait or run.
        start: Time from which all jobs are known, in seconds since 1970.
        end: Time until which all jobs are known.
        seed: Seed of the random numbers. Default: 0.
        progress: Function that gets the number of moments after each. Default: none.
    """
    first = max(end - _DAYS * 24 * 3600, start + (end - start) / 4)
    counts = []
    for number in range(MOMENTS):
        now = first + (end - first) * (number + 0.5) / (MOMENTS + 0.5)
        counts.append(_count(queue, jobs, start, now, end, seed + number))
        if progress is not None:
            progress(number + 1)
    counts = [count for count in counts if count[0]]
    starts, halves, inside = (sum(count[column] for count in counts) for column in range(3))
    return BackTest(
        moments=len(counts),
        starts=starts,
        inside_p50=halves,
        inside_p90=inside,
        verdict=_verdict(len(counts), starts, halves, inside),
    )


def waiting_at(jobs: Iterable[PastJob], now: float) -> list[PastJob]:
    """Return the jobs that waited at a time."""
    return [
        job
        for job in jobs
        if job.created <= now
        and (job.stopped is None or job.stopped > now)
        and not any(start <= now and (stop is None or stop > now) for start, stop in job.attempts)
    ]


def state_at(queue: Queue, jobs: Iterable[PastJob], now: float) -> State:
    """Return the state of a queue at a past time."""
    jobs = [job for job in jobs if job.created <= now and job.amount]
    held = [
        (job, start)
        for job in jobs
        for start, stop in job.attempts
        if start <= now and (stop is None or stop > now) and (job.stopped is None or job.stopped > now)
    ]
    ended = [
        _queued(job, start, stop) for job in jobs for start, stop in job.attempts if stop is not None and stop <= now
    ]
    return State(
        queue,
        now,
        [_queued(job, start) for job, start in held],
        [_queued(job) for job in waiting_at(jobs, now)],
        ended,
    )


def _count(
    queue: Queue, jobs: Sequence[PastJob], start: float, now: float, end: float, seed: int
) -> tuple[int, int, int]:
    """Return the numbers of starts after a moment, and of those inside the 50th and 90th percentile."""
    state = state_at(queue, jobs, now)
    times = RunTimes(job for job in jobs if job.stopped is not None and job.stopped <= now)
    if not state.waiting or times.number < _FEWEST_RUNS:
        return 0, 0, 0
    ids = sorted(job.id for job in state.waiting)
    wanted = Random(seed).sample(ids, min(_JOBS, len(ids)))
    arrivals = Arrivals((job for job in jobs if job.created <= now), start, now)
    found = Simulation(state, times, arrivals).run(RUNS, seed, wanted)
    by_id = {job.id: job for job in jobs}
    total = halves = inside = 0
    for job, simulated in found.items():
        actual = next((begin for begin, _ in by_id[job].attempts if begin > now), None)
        if actual is None and by_id[job].stopped is not None:
            continue  # it was withdrawn
        half, most = (percentile(simulated, percent) or end + 1 for percent in (50, 90))
        if actual is None and most > end:
            continue  # it still waits, and no one knows how long
        total += 1
        halves += actual is not None and actual <= half
        inside += actual is not None and actual <= most
    return total, halves, inside


def _verdict(moments: int, starts: int, halves: int, inside: int) -> Verdict:
    if moments < _FEWEST_MOMENTS:
        return "unknown"
    if inside < _FEWEST_INSIDE * starts:
        return "late"
    return "early" if halves > _MOST_HALVES * starts else "good"


def _queued(job: PastJob, since: float | None = None, stopped: float | None = None) -> QueuedJob:
    state = "RUNNABLE" if since is None else "RUNNING" if stopped is None else "SUCCEEDED"
    return QueuedJob(
        id=job.id,
        name=job.likeness,
        share=job.share,
        state=state,
        amount=job.amount,
        unit=job.unit,
        created=job.created,
        scheduled=since,
        stopped=stopped,
        priority=job.priority,
        max_seconds=job.max_seconds,
    )
