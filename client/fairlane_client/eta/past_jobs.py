"""Past jobs of a queue, from a job archive, a trace or AWS's lists, in one form."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import floor
from pathlib import Path
from typing import Final

from fairlane.scheduler import KEPT_SECONDS
from fairlane_client.queues.archive import read_archive
from fairlane_client.queues.archive_records import ArchivedJob
from fairlane_client.queues.jobs import QueuedJob
from fairlane_client.queues.queue import Queue

_DIGITS: Final = re.compile(r"\d+")
_WEEKS: Final = 8
_WEEK_SECONDS: Final = 7 * 24 * 3600
_TRACES: Final = (".csv", ".jsonl", ".parquet")


@dataclass(frozen=True, slots=True, kw_only=True)
class PastJob:
    """Job that was submitted to a queue. Times are seconds since 1970.

    Args:
        id: Id of the job.
        likeness: Text that jobs of the same kind have in common: `likeness`.
        share: Share identifier or quota share.
        unit: Capacity unit.
        amount: Capacity that the job needs, in `unit`.
        priority: Scheduling priority. 0 if it is unknown.
        created: Time of submission.
        attempts: Start and end of each attempt, in order. The end is None while the attempt holds capacity.
        stopped: End of the job. None if the job has not ended.
        max_seconds: Time limit of an attempt in seconds. None for no limit.
    """

    id: str
    likeness: str
    share: str
    unit: str
    amount: int
    priority: int = 0
    created: float
    attempts: tuple[tuple[float, float | None], ...] = ()
    stopped: float | None = None
    max_seconds: int | None = None

    @property
    def run(self) -> int | None:
        """Number of seconds of the last attempt. None if it has not ended, or if there was none."""
        if not self.attempts:
            return None
        start, stop = self.attempts[-1]
        return None if stop is None else max(1, round(stop - start))


def likeness(name: str, definition: str) -> str:
    """Return the text that jobs of the same kind have in common: the job definition, or the name without its digits."""
    if definition:
        return definition.rsplit("/", 1)[-1].split(":", maxsplit=1)[0]
    return _DIGITS.sub("#", name)


def past_of_queued(job: QueuedJob) -> PastJob:
    """Return a job that AWS lists, with its latest attempt."""
    since = job.since if job.holds_capacity or job.stopped is not None else None
    return PastJob(
        id=job.id,
        likeness=likeness(job.name, job.definition),
        share=job.share,
        unit=job.unit,
        amount=job.amount,
        priority=job.priority or 0,
        created=job.created,
        attempts=() if since is None else ((since, job.stopped),),
        stopped=job.stopped,
        max_seconds=job.max_seconds,
    )


def past_of_archived(job: ArchivedJob) -> PastJob:
    """Return a job of a job archive, with the attempts that held capacity."""
    attempts = [(attempt.scheduled_at or attempt.started_at, attempt.stopped_at) for attempt in job.attempts]
    if not attempts:
        attempts = [(job.started_at, job.stopped_at)]
    times = [(start / 1000, (stop or job.stopped_at) / 1000) for start, stop in attempts if start is not None]
    return PastJob(
        id=job.job_id,
        likeness=likeness(job.job_name, job.definition),
        share=job.share,
        unit=job.unit,
        amount=job.amount,
        priority=job.priority or 0,
        created=job.created_at / 1000,
        attempts=tuple(times),
        stopped=job.stopped_at / 1000,
        max_seconds=job.max_seconds,
    )


def read_past_jobs(source: str, queue: Queue, now: float) -> list[PastJob]:
    """Read the past jobs of a queue from a job archive, its latest 8 weeks, or from a trace.

    The jobs of a trace have run times and no starts, so that no back-test is possible with them.

    Args:
        source: Folder or S3 URI of a job archive, or path of a trace: a CSV, JSON Lines or Parquet file as for
            `fairlane rehearse`.
        queue: Queue. Jobs of other queues are left out.
        now: Current time, in seconds since 1970.

    Raises:
        ConfigurationError: If the source does not exist, or has mistakes.
        NotAllowed: If the caller may not read the archive.
    """
    if source.endswith(_TRACES):
        return list(_of_trace(Path(source), queue, now))
    start = (datetime.fromtimestamp(now, UTC) - timedelta(weeks=_WEEKS)).date()
    return [past_of_archived(job) for job in read_archive(source, queue.name, start) if job.amount]


def union(*lists: Iterable[PastJob]) -> list[PastJob]:
    """Return each job once, in the order of submission. Of a job in several lists, the one in the first list."""
    found: dict[str, PastJob] = {}
    for jobs in lists:
        for job in jobs:
            found.setdefault(job.id, job)
    return sorted(found.values(), key=lambda job: job.created)


def known_since(past: Iterable[PastJob], now: float) -> float:
    """Return the time since which all submissions are known. AWS lists those of the past 7 days.

    A history that ends earlier leaves a gap, so that its submissions do not count.
    """
    listed = now - KEPT_SECONDS
    ends = [job.stopped for job in past if job.stopped is not None]
    return min(listed, *ends) if ends and max(ends) >= listed - _WEEK_SECONDS else listed


def has_starts(jobs: Iterable[PastJob]) -> bool:
    """Return True if a job started later than at its submission: traces have no starts."""
    return any(job.attempts and job.attempts[0][0] > job.created for job in jobs)


def _of_trace(path: Path, queue: Queue, now: float) -> Iterator[PastJob]:
    """Yield the jobs of a trace, moved by whole weeks so that they come just before those that AWS still lists."""
    from fairlane.rehearsal import read_trace

    trace = read_trace(path)
    last = max((job.submit for job in trace), default=0)
    moved = floor((now - KEPT_SECONDS - last) / _WEEK_SECONDS) * _WEEK_SECONDS
    for number, job in enumerate(trace):
        start = job.submit + moved
        yield PastJob(
            id=f"{path.name}:{number}",
            likeness=likeness(job.name, ""),
            share=job.share,
            unit=job.instance_type or queue.units[0],
            amount=job.instances,
            priority=job.priority,
            created=start,
            attempts=((start, start + job.run),),
            stopped=start + job.run,
        )
