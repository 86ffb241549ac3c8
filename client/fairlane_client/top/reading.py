"""State of queues for a live view, in a bounded number of requests."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from fairlane.scheduling import QuotaManagement
from fairlane_client.clock import Clock
from fairlane_client.queues.calls import Calls, Throttled
from fairlane_client.queues.jobs import HOLDING, QueuedJob, list_jobs, read_job
from fairlane_client.queues.queue import Kind, Queue, find_queue, list_queues, queue_of_record
from fairlane_client.queues.snapshot import Snapshot, read_snapshot
from fairlane_client.top.requests import PacedCalls, collect, is_of_queue, problem_of
from fairlane_client.top.rows import ShareUse, capacities, oldest_wait, row_of, share_uses, total_use

MAX_REQUESTS: Final = 20
"""Maximum number of requests for one refresh of a queue, and for the jobs of a share. Repeats are not counted."""
_SETTINGS_AGE: Final = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockedJob:
    """Job at the head of a queue or of a quota share that AWS reports as blocked.

    Args:
        id: Id of the job.
        name: Name of the job.
        share: Name of the row of its share. Empty in a queue without shares.
        unit: Unit of the row.
        reason: Status reason in AWS's words.
    """

    id: str
    name: str
    share: str
    unit: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueTop:
    """State of a queue.

    Args:
        name: Name.
        kind: `training` or `gpu`. None if the queue could not be read. Default: None.
        policy: Name of the class of the scheduling policy. Default: unknown.
        is_enabled: False if the queue accepts no jobs. Default: True.
        capacity: Capacity by unit. Default: unknown.
        used: Capacity in use by unit. Default: unknown.
        shares: Use by share and unit. Default: unknown.
        waiting: Number of RUNNABLE jobs that were counted, at most 1,000. Default: 0.
        is_counted: True if all RUNNABLE jobs were counted. Default: False.
        oldest_wait: Number of seconds since the submission of the oldest job that was counted. Default: no job.
        blocked: Blocked jobs at the head of the queue and of its quota shares. Default: none.
        neighbors: Names of other queues that use the same capacity. Default: none.
        read_at: Time at which the queue was read, in seconds since 1970. None if it could not be read. Default: None.
        problem: Reason why the state is old or partial. Default: none.
        is_throttled: True if AWS throttled a request or failed, six times in a row. Default: False.
    """

    name: str
    kind: Kind | None = None
    policy: str = ""
    is_enabled: bool = True
    capacity: Mapping[str, float] | None = None
    used: Mapping[str, float] | None = None
    shares: Sequence[ShareUse] = ()
    waiting: int = 0
    is_counted: bool = False
    oldest_wait: float | None = None
    blocked: Sequence[BlockedJob] = ()
    neighbors: Sequence[str] = ()
    read_at: float | None = None
    problem: str = ""
    is_throttled: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareJobs:
    """Jobs of a share: those that hold capacity, then those that wait, in the order of the queue as far as known.

    Args:
        jobs: Jobs.
        positions: Position in the queue of each of the first 100 waiting jobs, from 1, by its id.
        ahead: Number of seconds that AWS's clock is at least ahead of this client's, 0 or more. Default: 0.
        problem: Reason why jobs are missing. Default: none.
    """

    jobs: Sequence[QueuedJob]
    positions: Mapping[str, int]
    ahead: float = 0.0
    problem: str = ""


class TopReader:
    """Reader of queues. Their policies, shares and environments are read again after 5 minutes.

    Args:
        calls: Calls to AWS Batch.
        names: Names or ARNs of queues. Default: all queues of the account and Region.
        clock: Time of this client, in seconds since 1970. Default: the computer's.
    """

    def __init__(self, calls: Calls, names: Sequence[str] = (), clock: Clock | None = None) -> None:
        self.calls = calls
        self.clock = Clock(time.time) if clock is None else clock
        self._names = names
        self._listed_at = float("-inf")
        self._records: list[Mapping[str, Any]] = []
        self._queues: dict[str, Queue] = {}
        self._tops: dict[str, QueueTop] = {}
        self._waiting: dict[str, Sequence[QueuedJob]] = {}
        self._fronts: dict[str, Sequence[str]] = {}
        self._ahead = 0.0

    def queue_names(self) -> list[str]:
        """Return the names of the queues, in alphabetical order, or in the order of `names`.

        Raises:
            LookupError: If the account and Region have no queue of one of the names.
            NotAllowed: If the caller may not list queues.
            Throttled: If AWS throttles the request.
        """
        now = self.clock.now()
        if now - self._listed_at > _SETTINGS_AGE:
            self._records = list_queues(PacedCalls(self.calls, self.clock))
            self._queues, self._listed_at = {}, now
        listed = sorted(str(record["jobQueueName"]) for record in self._records)
        found = [str(find_queue(self._records, name)["jobQueueName"]) for name in self._names]
        return [*dict.fromkeys(found)] if self._names else listed

    def place(self) -> str:
        """Return the Region and the account of the queues. Empty if there is no queue."""
        arn = str(self._records[0]["jobQueueArn"]) if self._records else ""
        return " ".join(arn.split(":")[3:5])

    def refresh(self) -> Iterator[QueueTop]:
        """Yield the state of each queue. After a throttled request, no further queue is read.

        A queue that cannot be read comes in its former state, with the problem.

        Raises:
            LookupError: If the account and Region have no queue of one of the names.
            NotAllowed: If the caller may not list queues.
            Throttled: If AWS throttles the list of queues.
        """
        throttled = False
        for name in self.queue_names():
            if throttled:
                self._note(name, "not read, because requests before it failed", is_throttled=True)
            else:
                self._read(name)
            throttled = self._tops[name].is_throttled
            yield self._tops[name]

    def jobs(self, name: str, share: str, unit: str) -> ShareJobs:
        """Return the jobs of a share, as far as 20 requests list them.

        Args:
            name: Name of a queue that `refresh` yielded.
            share: Name of the share's row.
            unit: Unit of the row.
        """
        queue = self._queues.get(name)
        if queue is None:
            return ShareJobs(jobs=[], positions={}, problem="the queue is not read yet")
        paced = PacedCalls(self.calls, self.clock, MAX_REQUESTS)
        holding, _, error = collect(list_jobs(paced, queue, HOLDING))
        positions = {job: index for index, job in enumerate(self._fronts.get(name, ()), 1)}
        holding.sort(key=lambda job: job.since or job.created)
        waiting = sorted(self._waiting.get(name, ()), key=lambda job: (positions.get(job.id, 101), job.created))
        own = [job for job in (*holding, *waiting) if row_of(queue, job.share, job.unit) == (share, unit)]
        newest = max((job.since or job.created for job in own), default=0.0)
        return ShareJobs(
            jobs=list({job.id: job for job in own}.values()),
            positions=positions,
            ahead=max(self._ahead, newest - self.clock.now()),
            problem=problem_of(error),
        )

    def _read(self, name: str) -> None:
        try:
            self._tops[name] = self._top(name)
        except Exception as error:
            if not is_of_queue(error):
                raise
            self._note(name, problem_of(error), is_throttled=isinstance(error, Throttled))

    def _note(self, name: str, problem: str, *, is_throttled: bool = False) -> None:
        former = self._tops.get(name, QueueTop(name=name))
        self._tops[name] = replace(former, problem=problem, is_throttled=is_throttled)

    def _top(self, name: str) -> QueueTop:
        if name not in self._queues:
            settings = PacedCalls(self.calls, self.clock)
            self._queues[name] = queue_of_record(settings, find_queue(self._records, name), self._records)
        queue, paced = self._queues[name], PacedCalls(self.calls, self.clock, MAX_REQUESTS)
        snapshot = read_snapshot(paced, queue)
        waiting, is_counted, error = collect(list_jobs(paced, queue, ("RUNNABLE",)))
        blocked: list[BlockedJob] = []
        if error is None:
            blocked, _, error = collect(_blocked(paced, queue, snapshot, {job.id: job for job in waiting}))
        self._waiting[name], self._fronts[name] = waiting, snapshot.front
        # AWS's own times are in the past of AWS: a clock of this client that is behind them gives no negative waits.
        now = max([self.clock.now(), snapshot.updated or 0, *(job.created for job in waiting)])
        self._ahead = now - self.clock.now()
        return QueueTop(
            name=name,
            kind=queue.kind,
            policy=type(queue.policy).__name__,
            is_enabled=queue.is_enabled,
            capacity=capacities(queue),
            used=total_use(queue, snapshot),
            shares=share_uses(queue, snapshot, waiting, now),
            waiting=len(waiting),
            is_counted=is_counted,
            oldest_wait=oldest_wait(waiting, now),
            blocked=blocked,
            neighbors=queue.neighbors,
            read_at=self.clock.now(),
            problem=problem_of(error),
            is_throttled=isinstance(error, Throttled),
        )


def read_top(calls: Calls, queues: Sequence[str] = (), clock: Clock | None = None) -> list[QueueTop]:
    """Read the state of queues: use, waiting jobs and blocked jobs.

    For each queue, the requests are at most 2 and one for each 100 quota shares, for its settings, and at most 20 for
    its state: 2 for a training queue and 3 for a GPU queue, and one more for each further page of waiting jobs, each
    array job, and each blocked job behind the first 1,000. Throttled requests are repeated.

    Args:
        calls: Calls to AWS Batch.
        queues: Names or ARNs of queues. Default: all queues of the account and Region.
        clock: Time of this client, in seconds since 1970. Default: the computer's.

    Raises:
        LookupError: If the account and Region have no queue of one of the names.
        NotAllowed: If the caller may not list queues. Another refused request is the problem of its queue.
        Throttled: If AWS throttles the list of queues. Other throttled requests are the problem of their queues.
    """
    return [*TopReader(calls, queues, clock).refresh()]


def _blocked(calls: Calls, queue: Queue, snapshot: Snapshot, waiting: Mapping[str, QueuedJob]) -> Iterator[BlockedJob]:
    heads = [*snapshot.front[:1]]
    if isinstance(queue.policy, QuotaManagement):
        heads += snapshot.share_fronts.values()
    for head in dict.fromkeys(heads):
        try:
            job = waiting[head] if head in waiting else read_job(calls, queue, head)[0]
        except LookupError:  # it ended meanwhile
            continue
        if job.state == "RUNNABLE" and job.blocked_reason:
            share, unit = row_of(queue, job.share, job.unit)
            yield BlockedJob(id=job.id, name=job.name, share=share, unit=unit, reason=job.reason)
