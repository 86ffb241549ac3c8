"""Reading of the jobs of a live queue."""

import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from email.utils import parsedate_to_datetime
from typing import Any, Final

from fairlane.errors import ConfigurationError, Problem
from fairlane_client.eta.past_jobs import likeness
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
from fairlane_client.text import plural

MAX_DESCRIPTIONS: Final = 500
"""Maximum number of requests that describe jobs. AWS Batch describes one training job or 100 container jobs each."""
_SKEW: Final = 30

Progress = Callable[[str, int], None]


class Reading:
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
        answer: dict[str, Any] = self._calls("describe_job_queues", jobQueues=[self._queue.name])
        local = time.time()
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
            self.notes.append(
                f"no estimate for {plural(pending, 'PENDING job')}: they wait for other jobs or resources"
            )
        return waiting, [job for job in jobs if job.holds_capacity], [job for job in jobs if job.state in ENDED]

    def _count(self, number: int) -> None:
        self._progress("jobs read", number)

    def waiting_job(self, name: str) -> str:
        """Return the id of a job that waits.

        Raises:
            ConfigurationError: If the job runs, has ended, waits for other jobs, or is the parent of an array.
        """
        job, _ = read_job(self._calls, self._queue, name)
        sentence = ""
        if job.array:
            sentence = f"the job is an array of {job.array:,} jobs: name one of them, for example {job.id}:0"
        elif job.state == "PENDING":
            sentence = "the job waits for other jobs or resources: PENDING"
        elif job.state not in WAITING:
            sentence = f"the job {'runs already' if job.holds_capacity else 'has ended'}: {job.state}"
        if sentence:
            raise ConfigurationError("--job", [Problem.relation((name,), sentence)])
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
