"""Answer to when the waiting jobs of a queue start: the live queue is read, simulated, and tested on its history."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from fairlane.errors import ConfigurationError, Problem
from fairlane_client.eta.arrivals import Arrivals
from fairlane_client.eta.back_test import BackTest, back_test
from fairlane_client.eta.estimates import Estimate, basis, percentile
from fairlane_client.eta.past_jobs import (
    PastJob,
    has_starts,
    known_since,
    past_of_queued,
    read_past_jobs,
    union,
)
from fairlane_client.eta.reading import Progress, Reading
from fairlane_client.eta.run_times import LEVELS, RunTimes, keys_of
from fairlane_client.eta.simulation import Simulation, State
from fairlane_client.queues.calls import Calls
from fairlane_client.queues.queue import Queue
from fairlane_client.text import plural

MAX_RUNS: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Estimates for the waiting jobs of a queue. Times are seconds since 1970.

    Args:
        queue: Name of the queue.
        now: Time of the answer, by AWS's clock.
        estimates: Estimates in the order of the 50th percentile. Empty if nothing waits.
        past_jobs: Number of past jobs with a run time.
        runs: Number of simulations.
        seed: Seed of the random numbers.
        accuracy: Back-test on the history. None if the history has no starts.
        notes: Sentences about what the estimates leave out.
        partial: True if AWS throttled, so that jobs are missing.
        calls: Number of requests to AWS.
    """

    queue: str
    now: int
    estimates: Sequence[Estimate]
    past_jobs: int
    runs: int
    seed: int
    accuracy: BackTest | None
    notes: Sequence[str]
    partial: bool
    calls: int


def estimate_starts(
    calls: Calls,
    queue: Queue,
    *,
    job: str | None = None,
    history: str | None = None,
    runs: int = 300,
    seed: int = 0,
    now: float | None = None,
    progress: Progress = lambda text, number: None,
    processes: int = 1,
) -> Answer:
    """Estimate when the waiting jobs of a queue start.

    AWS answers with one request for each 100 training jobs (1,000 container jobs) that wait, hold capacity or ended in
    the past seven days, at least one for each of 8 states, at most 500 requests that describe jobs, and one more.

    Args:
        calls: Calls to AWS Batch.
        queue: Queue.
        job: Id, ARN or name of one job. Default: all waiting jobs.
        history: Folder or S3 URI of a job archive, or a trace. Jobs that AWS lists are added. Default: these only.
        runs: Number of simulations, 10 to 10,000. Default: 300.
        seed: Seed of the random numbers, 0 or more. Default: 0.
        now: Current time, in seconds since 1970. Default: AWS's clock.
        progress: Function that gets a text and a number while the answer is made. Default: none.
        processes: Number of processes for large queues. Default: 1, which is this process.

    Raises:
        ConfigurationError: If an argument is out of range, the history has mistakes, the job does not wait for
            capacity, or it is the parent of an array.
        LookupError: If the queue has no such job.
        NotAllowed: If the caller may not read the jobs.
    """
    problems = []
    if isinstance(runs, bool) or not isinstance(runs, int) or not 10 <= runs <= MAX_RUNS:
        problems.append(Problem(("runs",), runs, f"a whole number, 10 to {MAX_RUNS:,}"))
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        problems.append(Problem(("seed",), seed, "a whole number, 0 or more"))
    if problems:
        raise ConfigurationError("eta", problems)
    read = Reading(calls, queue, progress)
    wanted = None if job is None else read.waiting_job(job)
    if now is None:
        now = read.now()
    past = read_past_jobs(history, queue, now) if history is not None else []
    waiting, holding, ended = read.all_jobs()
    if job is not None and not read.is_partial and all(each.id != wanted for each in waiting):
        wanted = read.waiting_job(job)  # it started or ended meanwhile
    holding, waiting = read.described(holding, waiting)
    now = max([now, *(max(each.created, each.since or 0, each.stopped or 0) for each in [*ended, *holding, *waiting])])
    state = State(queue, now, holding, waiting, ended)
    listed = [past_of_queued(each) for each in [*holding, *waiting, *ended]]
    answer = estimate(
        state,
        union(past, listed),
        start=known_since(past, now),
        wanted=wanted,
        runs=runs,
        seed=seed,
        progress=progress,
        processes=processes,
    )
    return replace(answer, notes=[*read.notes, *answer.notes], partial=read.is_partial, calls=calls.count)


def estimate(
    state: State,
    jobs: Sequence[PastJob],
    *,
    start: float,
    wanted: str | None = None,
    runs: int = 300,
    seed: int = 0,
    progress: Progress = lambda text, number: None,
    processes: int = 1,
) -> Answer:
    """Estimate when the waiting jobs of a state start, without any call.

    Args:
        state: State of the queue.
        jobs: Past jobs, and all jobs of the state.
        start: Time from which all submissions are known, in seconds since 1970.
        wanted: Id of one job. Default: all waiting jobs.
        runs: Number of simulations. Default: 300.
        seed: Seed of the random numbers. Default: 0.
        progress: Function that gets a text and a number while the answer is made. Default: none.
        processes: Number of processes for large queues. Default: 1, which is this process.
    """
    queue = state.queue
    times = RunTimes(jobs)
    arrivals = Arrivals(jobs, start, state.now)
    simulation = Simulation(state, times, arrivals)
    asked = [job for job in state.waiting if wanted in (None, job.id)]
    starts: Mapping[str, Sequence[int]] = {}
    if times.number and asked:
        ids = None if wanted is None else [wanted]
        starts = simulation.run(runs, seed, ids, lambda number: progress("simulations", number), processes)
    estimates = []
    for job in asked:
        level, number = times.level(keys_of(past_of_queued(job))) if job.amount else (len(LEVELS), 0)
        found = starts.get(job.id, ())
        estimates.append(
            Estimate(
                id=job.id,
                name=job.name,
                share=job.share,
                amount=job.amount,
                unit=job.unit,
                created=job.created,
                p50=percentile(found, 50),
                p90=percentile(found, 90),
                basis=basis(level),
                past_jobs=number,
                never=simulation.never.get(job.id, ""),
            )
        )
    late = float("inf")
    estimates.sort(key=lambda each: (each.p50 or late, each.p90 or late, each.created))
    accuracy = None
    if times.number and has_starts(jobs):
        moments: Callable[[int], None] = lambda number: progress("past moments", number)  # noqa: E731
        accuracy = back_test(queue, jobs, start, state.now, seed=seed, progress=moments)
    return Answer(
        queue=queue.name,
        now=int(state.now),
        estimates=estimates,
        past_jobs=times.number,
        runs=runs if starts else 0,
        seed=seed,
        accuracy=accuracy,
        notes=list(_notes(state, times, arrivals)),
        partial=False,
        calls=0,
    )


def _notes(state: State, times: RunTimes, arrivals: Arrivals) -> Iterator[str]:
    queue = state.queue
    if not times.number:
        yield f"no estimate: the history of queue {queue.name} has no job with a run time"
        return
    missing: Counter[tuple[str, str, str]] = Counter()
    for job in (each for each in state.waiting if each.amount):
        past = past_of_queued(job)
        level, _ = times.level(keys_of(past))
        if level:
            missing[past.likeness, past.share, basis(level)] += 1
    for (kind, share, of), number in sorted(missing.items(), key=lambda item: -item[1])[:5]:
        of_share = f" of share {share}" if share else ""
        yield f"no past job like {kind}{of_share} ({number} waiting): run times are those of the {of}"
    ages = [(state.now - (job.since or state.now), job) for job in state.holding]
    old = [job for age, job in ages if not times.level(keys_of(past_of_queued(job)), int(age))[1]]
    if old:
        yield (
            f"{plural(len(old), 'running job')}, for example {old[0].name}, ran longer than all jobs of the history: "
            "each is assumed to run as long again with a probability of 50 %"
        )
    if arrivals.hours < 24:
        yield "the history has less than a day of submissions: later jobs that could start first are left out or few"
    if queue.neighbors:
        yield f"other queues use the same environments, and their jobs are left out: {', '.join(queue.neighbors)}"
    if empty := sum(not job.amount for job in state.waiting):
        yield f"no estimate for {plural(empty, 'waiting job')}: AWS does not report its capacity"
