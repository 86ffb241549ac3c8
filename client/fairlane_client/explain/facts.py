"""Facts about a job and its queue that decide why the job waits, read from AWS Batch in a bounded number of calls."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from fairlane.scheduling import QuotaManagement
from fairlane_client.queues.calls import Calls, Throttled
from fairlane_client.queues.jobs import HOLDING, QueuedJob, list_jobs
from fairlane_client.queues.queue import Queue
from fairlane_client.queues.snapshot import Snapshot, read_snapshot

FRONT: Final = 100
"""Number of jobs of a snapshot at most."""


@dataclass(kw_only=True)
class Facts:
    """Facts about the queue of a job.

    Attributes:
        queue: Queue.
        holding: Jobs of the queue that hold capacity.
        others: Jobs that hold capacity of the same environments, with the names of their queues.
        front: Ids of the first RUNNABLE jobs in order. None if AWS does not report them.
        since: Time since which each of them has had its position.
        waiting: RUNNABLE jobs that matter: those of the front, or the earliest ones, and the job itself.
        counts: Number of RUNNABLE jobs by share.
        earlier: Number of RUNNABLE jobs that were submitted before the job.
        is_complete: False if a list of RUNNABLE jobs was cut off.
        holds_all: False if a list of jobs that hold capacity was cut off.
        notes: Facts about missing parts.
    """

    queue: Queue
    holding: list[QueuedJob] = field(default_factory=list)
    others: list[tuple[str, QueuedJob]] = field(default_factory=list)
    front: Sequence[str] | None = None
    since: Mapping[str, float] = field(default_factory=dict)
    waiting: dict[str, QueuedJob] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    earlier: int = 0
    is_complete: bool = True
    holds_all: bool = True
    notes: list[str] = field(default_factory=list)

    @property
    def by_unit(self) -> bool:
        """True if each instance type has its own capacity."""
        return isinstance(self.queue.policy, QuotaManagement)

    def limits(self, unit: str, *, enabled_only: bool = True) -> list[int]:
        """Return the capacity of each environment for jobs of a unit."""
        environments = [each for each in self.queue.environments if each.is_enabled or not enabled_only]
        if self.by_unit:
            return [each.capacity.get(unit, 0) for each in environments]
        return [sum(each.capacity.values()) for each in environments]

    def holders(self, unit: str) -> list[QueuedJob]:
        """Return the jobs of the queue that hold capacity of a unit."""
        return [job for job in self.holding if job.unit == unit or not self.by_unit]

    def free(self, unit: str) -> tuple[int, int]:
        """Return the least and the most capacity that can be free.

        They differ if a job can be on an environment that is disabled, or that the queue does not use.
        """
        total = sum(self.limits(unit))
        held = sum(job.amount for job in self.holders(unit))
        foreign = sum(job.amount for _, job in self.others)
        several = len(self.queue.environments) > 1
        has_disabled = len(self.limits(unit)) < len(self.queue.environments)
        most = total - (0 if has_disabled else held) - (0 if several else foreign)
        return total - held - foreign, most

    def ahead_of(self, job: QueuedJob) -> list[QueuedJob]:
        """Return the jobs ahead, in order: at most those of the front. Jobs that have left the queue are left out."""
        if self.front is None:
            early = sorted(self.waiting.values(), key=lambda each: (each.created, each.id))
            return [each for each in early if each.created < job.created and each.id != job.id]
        ids = list(self.front)
        ids = ids[: ids.index(job.id)] if job.id in ids else ids
        return [self.waiting[each] for each in ids if each in self.waiting]

    def ahead_in_share(self, job: QueuedJob) -> list[QueuedJob]:
        """Return the jobs ahead that wait for the same unit in the same share, in order."""
        return [each for each in self.ahead_of(job) if (each.share, each.unit) == (job.share, job.unit)]


def read_facts(calls: Calls, queue: Queue, job: QueuedJob, progress: Callable[[int], None]) -> Facts:
    """Read the facts about a waiting job.

    There is one request for the snapshot, and one for each page of jobs that wait or hold capacity (100 training jobs,
    1,000 containers) and for each queue on the same environments. Of the waiting jobs, only the first are kept.

    Args:
        calls: Calls to AWS Batch.
        queue: Queue.
        job: Job that waits.
        progress: Function that gets the number of jobs that were read.

    Raises:
        NotAllowed: If a permission is missing.
    """
    facts = Facts(queue=queue)
    snapshot = _snapshot(calls, facts)
    if snapshot is not None and snapshot.front:
        facts.front, facts.since = snapshot.front, snapshot.since
    lists = _Lists(calls, progress)
    kept = set(facts.front or ())
    try:
        for each in lists.read(queue, ["RUNNABLE"]):
            facts.counts[each.share] += 1
            facts.earlier += (each.created, each.id) < (job.created, job.id) and each.id != job.id
            if each.id in kept or each.id == job.id or facts.front is None:
                facts.waiting[each.id] = each
            if facts.front is None and len(facts.waiting) > 2 * FRONT:
                _drop_late(facts, job)
    except Throttled as error:
        facts.is_complete = False
        facts.notes.append(f"part of the waiting jobs is missing: {error}")
    if facts.front is None and facts.waiting:
        _drop_late(facts, job)
    try:
        facts.holding.extend(lists.read(queue, HOLDING))
        for name in queue.neighbors:
            facts.others.extend((name, each) for each in lists.read(replace(queue, name=name), HOLDING))
    except Throttled as error:
        facts.holds_all = False
        facts.notes.append(f"part of the jobs that hold capacity is missing: {error}")
    return facts


class _Lists:
    """Lists of jobs, with the number of jobs of all of them as progress."""

    def __init__(self, calls: Calls, progress: Callable[[int], None]) -> None:
        self._calls = calls
        self._progress = progress
        self._number = 0

    def read(self, queue: Queue, states: Sequence[str]) -> Iterator[QueuedJob]:
        before = self._number

        def count(number: int) -> None:
            self._number = before + number
            self._progress(self._number)

        yield from list_jobs(self._calls, queue, states, count)


def _snapshot(calls: Calls, facts: Facts) -> Snapshot | None:
    try:
        return read_snapshot(calls, facts.queue)
    except Throttled as error:
        facts.notes.append(f"the order of the queue is missing: {error}")
        return None


def _drop_late(facts: Facts, job: QueuedJob) -> None:
    early = sorted(facts.waiting.values(), key=lambda each: (each.created, each.id))[:FRONT]
    facts.waiting = {each.id: each for each in early} | {
        each.id: each for each in facts.waiting.values() if each.id == job.id
    }
