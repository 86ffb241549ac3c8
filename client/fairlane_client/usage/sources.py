"""Use of a queue from a job archive, the job lists of AWS Batch, and the metrics of `JobMetrics`."""

from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Final

from fairlane_client.queues.archive import read_days
from fairlane_client.queues.archive_records import latest
from fairlane_client.queues.calls import Calls, NotAllowed, Throttled
from fairlane_client.queues.jobs import ENDED, HOLDING, WAITING, QueuedJob, list_jobs
from fairlane_client.queues.queue import Queue, read_queue
from fairlane_client.usage.descriptions import describe_uses
from fairlane_client.usage.holds import HOUR, Gap, Hold, JobUse, archived_use, holds
from fairlane_client.usage.metrics import NO_METRICS, metric_holds, outside

DAY: Final = 86_400_000
KEPT_DAYS: Final = 7
"""Number of days that AWS Batch keeps ended jobs, at least."""
MEANS: Final = "Metrics are hourly means: what was lost to preemption is in own and borrowed."
NO_ARCHIVE: Final = "days without archive and without job list"


@dataclass(slots=True)
class Reading:
    """Use of a queue in a period, as far as it was read.

    Args:
        holds: Capacity that jobs of the queue held.
        others: Capacity that jobs of other queues of the same environments held.
        gaps: Gaps, in which the use is not known completely.
        sources: Sources, for example `archive (31 days)`.
        notes: Sentences about what the numbers do not contain.
    """

    holds: list[Hold] = field(default_factory=list)
    others: list[Hold] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Sources of the use of queues in a period. Times are milliseconds since 1970.

    Days that the archive has come from the archive. Jobs that run now, and jobs that ended in the last 7 days and are
    not in the archive, or there without their capacity, come from lists: a job reaches the archive minutes after its
    end.

    Args:
        start: Start of the period.
        end: End of the period.
        now: Current time.
        calls: Calls to AWS Batch. Default: nothing is read from AWS.
        archive: Folder or S3 URI of a job archive. Default: none.
        metrics: Calls to CloudWatch, for days that have no other source. Default: none.
        progress: Function that gets the number of listed jobs after each page. Default: none.
    """

    start: int
    end: int
    now: int
    calls: Calls | None = None
    archive: str | None = None
    metrics: Calls | None = None
    progress: Callable[[int], None] = lambda count: None

    def read(self, queue: Queue) -> Reading:
        """Read the use of a queue and of the other queues of its environments.

        Raises:
            ConfigurationError: If the archive has mistakes.
            NotAllowed: If the caller may not read the archive, or list or describe jobs.
        """
        reading = Reading()
        for part in self._parts(queue, reading):
            if isinstance(part, Gap):
                reading.gaps.append(part)
            else:
                reading.holds.append(part)
        if self.calls is None:
            reading.notes.append("Jobs that have not ended are not in the archive: they are not counted.")
        else:
            for name in queue.neighbors:
                self._read_neighbor(self.calls, queue, name, reading)
        return reading

    def _read_neighbor(self, calls: Calls, queue: Queue, name: str, reading: Reading) -> None:
        """Add the use by another queue of the same environments. It is unknown if the jobs may run elsewhere."""
        own = Reading()
        try:
            neighbor = read_queue(calls, name)
            parts = [*self._parts(neighbor, own)]
        except (LookupError, NotAllowed, Throttled) as error:
            parts, neighbor = [Gap(self.start, self.end, f"jobs that cannot be read ({error})")], queue
        names = {environment.name for environment in queue.environments}
        is_inside = {environment.name for environment in neighbor.environments} <= names
        for part in parts:
            if isinstance(part, Hold) and is_inside:
                reading.others.append(part)
            else:
                reason = part.reason if isinstance(part, Gap) else "jobs that may have run on other environments"
                reading.gaps.append(Gap(part.start, part.end, f"queue {name}: {reason}"))
        reading.sources += [f"queue {name}: {source}" for source in own.sources]

    def _parts(self, queue: Queue, reading: Reading) -> Iterator[Hold | Gap]:
        missing = _days(self.start, self.end)
        uses: dict[str, JobUse] = {}
        if self.archive is not None:
            days = dict(read_days(self.archive, queue.name, _date(self.start)))
            uses = {job.job_id: archived_use(job) for job in latest(job for jobs in days.values() for job in jobs)}
            reading.sources.append(f"archive ({len(missing & {*days})} of {len(missing)} days)")
            missing -= {*days}
        kept = self.now - KEPT_DAYS * DAY
        if self.calls is not None:
            reading.sources.append("job lists of AWS Batch")
            known = {name for name, use in uses.items() if use.amount}
            for part in self._listed(self.calls, queue, known):
                if isinstance(part, Gap):
                    yield part
                else:
                    uses[part.job_id] = part
        parts = [*holds(uses.values())]
        for first, last in _spans(missing, None if self.calls is None else -(-kept // HOUR) * HOUR):
            found = self._measured(queue, max(first, self.start), min(last, self.end), reading)
            if found:
                parts = [*outside(parts, first, last)]
            yield from found or [Gap(first, last, NO_ARCHIVE)]
        yield from parts

    def _measured(self, queue: Queue, start: int, end: int, reading: Reading) -> list[Hold | Gap]:
        """Return the use from metrics. Empty if they cannot be read, have no value, or have several capacity units."""
        if self.metrics is None or len(queue.units) != 1 or start >= end:
            return []
        try:
            found = [*metric_holds(self.metrics, queue, start, end)]
        except (NotAllowed, Throttled) as error:
            problem = str(error)
        else:
            gaps = sum(part.reason == NO_METRICS for part in found if isinstance(part, Gap))
            hours = (end - start) // HOUR - gaps
            if hours <= 0:
                return []
            reading.sources.append(f"metrics ({hours} hours)")
            reading.notes += [MEANS] if MEANS not in reading.notes else []
            return found
        reading.notes.append(f"Metrics were not read: {problem}.")
        return []

    def _listed(self, calls: Calls, queue: Queue, known: Container[str]) -> Iterator[JobUse | Gap]:
        """Yield jobs from lists. States come in the order of a job's life, so that no job is missed that moves on."""
        states = [*WAITING, *HOLDING, *ENDED]
        jobs: dict[str, QueuedJob] = {}
        problem: Throttled | None = None
        try:
            for job in list_jobs(calls, queue, states, self.progress):
                if job.id not in known and self._may_hold(job, queue):
                    jobs[job.id] = job
        except Throttled as error:
            problem = error
        try:
            yield from describe_uses(calls, queue, jobs.values(), self.now)
        except Throttled as error:
            problem = error
        if problem is not None:
            yield Gap(self.start, self.end, f"partial: jobs that could not be read ({problem})")

    def _may_hold(self, job: QueuedJob, queue: Queue) -> bool:
        """Return False for a job that held nothing in the period according to its list."""
        if job.created * 1000 >= self.end or (job.stopped is not None and job.stopped * 1000 <= self.start):
            return False
        return queue.kind == "gpu" or job.state not in WAITING or job.since is not None or bool(job.reason)


def _days(start: int, end: int) -> set[date]:
    first, last = _date(start), _date(end - 1)
    return {first + timedelta(number) for number in range((last - first).days + 1)}


def _spans(days: Iterable[date], limit: int | None) -> Iterator[tuple[int, int]]:
    """Yield the spans of days in milliseconds since 1970, until a limit."""
    spans: list[list[int]] = []
    for first in map(_milliseconds, sorted(days)):
        last = first + DAY if limit is None else min(first + DAY, limit)
        if last > first and spans and spans[-1][1] == first:
            spans[-1][1] = last
        elif last > first:
            spans.append([first, last])
    for first, last in spans:
        yield first, last


def _date(time: int) -> date:
    return datetime.fromtimestamp(time // 1000, UTC).date()


def _milliseconds(day: date) -> int:
    return round(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000)
