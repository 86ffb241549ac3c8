"""Answer to when the waiting jobs of a queue start: the live queue is read, simulated, and tested on its history."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from typing import Any, Final

from fairlane.errors import ConfigurationError, Problem
from fairlane_client.eta.arrivals import Arrivals
from fairlane_client.eta.back_test import BackTest, back_test
from fairlane_client.eta.estimates import Estimate, basis, percentile
from fairlane_client.eta.past_jobs import (
    PastJob,
    has_starts,
    known_since,
    likeness,
    past_of_queued,
    read_past_jobs,
    union,
)
from fairlane_client.eta.run_times import RunTimes, keys_of
from fairlane_client.eta.simulation import Simulation, State
from fairlane_client.queues.calls import Calls, Throttled
from fairlane_client.queues.jobs import (
    DESCRIBED,
    ENDED,
    HOLDING,
    WAITING,
    QueuedJob,
    describe_jobs,
    list_jobs,
    read_job,
)
from fairlane_client.queues.queue import Queue

MAX_RUNS: Final = 10_000
MAX_DESCRIPTIONS: Final = 500
"""Maximum number of requests that describe jobs. AWS Batch describes one training job or 100 container jobs each."""
_SKEW: Final = 30

Progress = Callable[[str, int], None]


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
        ConfigurationError: If an argument is out of range, the history has mistakes, or the job does not wait.
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
    read = _Reading(calls, queue, progress)
    wanted = None if job is None else read.waiting_job(job)
    if now is None:
        now = read.now()
    past = read_past_jobs(history, queue, now) if history is not None else []
    waiting, holding, ended = read.all_jobs()
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
        level, number = times.level(keys_of(past_of_queued(job)))
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
    for job in state.waiting:
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
            f"{len(old)} running jobs, for example {old[0].name}, have run longer than all jobs of the history: "
            "they are assumed to run as long again, with a probability of 1 to 2"
        )
    if arrivals.hours < 24:
        yield "the history has less than a day of submissions: later jobs that could start first are left out or few"
    if queue.neighbors:
        yield f"other queues use the same environments, and their jobs are left out: {', '.join(queue.neighbors)}"
    if empty := sum(not job.amount for job in state.waiting):
        yield f"AWS does not tell what {empty} waiting jobs need: they have no estimate"


class _Reading:
    """Reading of a live queue.

    Args:
        calls: Calls to AWS Batch.
        queue: Queue.
        progress: Function that gets a text and a number.

    Attributes:
        notes: Sentences about what could not be read.
        is_partial: True if AWS throttled.
    """

    def __init__(self, calls: Calls, queue: Queue, progress: Progress) -> None:
        self._calls = calls
        self._queue = queue
        self._progress = progress
        self.notes: list[str] = []
        self.is_partial = False

    def now(self) -> float:
        """Return the current time by AWS's clock."""
        local = time.time()
        answer: dict[str, Any] = self._calls("describe_job_queues", jobQueues=[self._queue.name])
        date = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
        aws = local
        with suppress(TypeError, ValueError):
            aws = parsedate_to_datetime(date).timestamp()
        if abs(aws - local) <= _SKEW:
            return local
        word = "behind" if aws > local else "ahead of"
        self.notes.append(f"the clock of this computer is {abs(aws - local):.0f} s {word} AWS's: AWS's is used")
        return aws

    def all_jobs(self) -> tuple[list[QueuedJob], list[QueuedJob], list[QueuedJob]]:
        """Return the jobs that wait, hold capacity and have ended, each once: a job can move on meanwhile."""
        found: dict[str, QueuedJob] = {}
        for states in (WAITING, HOLDING, ENDED):
            try:
                for job in list_jobs(self._calls, self._queue, states, self._count):
                    found[job.id] = job
            except Throttled as error:
                self.is_partial = True
                self.notes.append(f"partial: {error}; jobs in {', '.join(states)} are missing")
        jobs = list(found.values())
        waiting = [job for job in jobs if job.state in ("SUBMITTED", "RUNNABLE")]
        if pending := sum(job.state == "PENDING" for job in jobs):
            self.notes.append(f"{pending} jobs wait for other jobs or for resources: they have no estimate")
        return waiting, [job for job in jobs if job.holds_capacity], [job for job in jobs if job.state in ENDED]

    def _count(self, number: int) -> None:
        self._progress("jobs read", number)

    def waiting_job(self, name: str) -> str:
        """Return the id of a job that waits.

        Raises:
            ConfigurationError: If the job runs or has ended.
        """
        job, _ = read_job(self._calls, self._queue, name)
        if job.state not in WAITING:
            verb = "runs already" if job.holds_capacity else "has ended"
            raise ConfigurationError("--job", [Problem.relation((name,), f"the job {verb}: {job.state}")])
        return job.id

    def described(self, holding: list[QueuedJob], waiting: list[QueuedJob]) -> tuple[list[QueuedJob], list[QueuedJob]]:
        """Return jobs with their priorities and time limits.

        Of more jobs than the maximum number of requests allows, those of each likeness are described first, and the
        others get the priority of a like job.
        """
        most = MAX_DESCRIPTIONS * DESCRIBED[self._queue.kind]
        ordered = _mixed([*waiting, *holding])
        found: dict[str, QueuedJob] = {}
        try:
            for job in describe_jobs(
                self._calls, self._queue, ordered[:most], lambda count: self._progress("jobs described", count)
            ):
                found[job.id] = job
        except Throttled as error:
            self.is_partial = True
            self.notes.append(f"partial: {error}; {len(found)} of {len(ordered)} jobs were described before")
        if len(ordered) > most:
            self.notes.append(f"{len(ordered) - most:,} jobs were not described: they get the priority of a like job")
        priorities = {_kind(job): job.priority for job in found.values()}
        limits = {_kind(job): job.max_seconds for job in found.values()}
        full = [
            found.get(job.id) or replace(job, priority=priorities.get(_kind(job)), max_seconds=limits.get(_kind(job)))
            for job in [*holding, *waiting]
        ]
        return [job for job in full if job.holds_capacity], [job for job in full if job.state in WAITING]


def _kind(job: QueuedJob) -> tuple[str, str, int]:
    return job.share, likeness(job.name, job.definition), job.amount


def _mixed(jobs: Iterable[QueuedJob]) -> list[QueuedJob]:
    """Return jobs in an order in which each likeness comes soon."""
    seen: Counter[tuple[str, str, int]] = Counter()
    ranked = []
    for number, job in enumerate(jobs):
        seen[_kind(job)] += 1
        ranked.append((seen[_kind(job)], number, job))
    return [job for *_, job in sorted(ranked, key=lambda rank: rank[:2])]
