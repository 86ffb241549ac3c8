"""Intervals in which attempts of jobs held capacity, and gaps in which the use of capacity is unknown."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from fairlane_client.queues.archive_records import ArchivedAttempt, ArchivedJob

HOUR: Final = 3_600_000
"""Milliseconds of an hour."""
PREEMPTED: Final = "PREEMPTED"
NO_START: Final = "attempts without a start"
NO_END: Final = "attempts without an end"
NO_AMOUNT: Final = "jobs without an amount of capacity"
BAD_TIMES: Final = "attempts that end before they start"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Capacity that an attempt of a job held. Times are milliseconds since 1970.

    Args:
        share: Share of the job. Empty in a queue without shares.
        unit: Capacity unit.
        amount: Capacity, in `unit`, over all nodes of the job.
        start: Time since which the attempt held capacity, or else the start of its work.
        end: Its end. It does not count.
        lost: True if the attempt was preempted. Default: False.
        gpus: GPUs over all nodes. None if they are unknown.
        instance_type: Instance type. Empty if it is unknown.
    """

    share: str
    unit: str
    amount: int
    start: int
    end: int
    lost: bool = False
    gpus: int | None = None
    instance_type: str = ""


@dataclass(frozen=True, slots=True)
class Gap:
    """Time in which the use of capacity is not known completely. Times are milliseconds since 1970.

    Args:
        start: First millisecond.
        end: End. It does not count.
        reason: Reason, in the plural, for example `days without archive`.
    """

    start: int
    end: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobUse:
    """Job with its attempts. Times are milliseconds since 1970.

    Args:
        job_id: Id of the job.
        share: Share of the job. Empty in a queue without shares.
        unit: Capacity unit.
        amount: Capacity of the job, in `unit`, over all its nodes. 0 if AWS does not report it.
        gpus: GPUs over all nodes. None if they are unknown.
        instance_type: Instance type of attempts that have none of their own. Empty if it is unknown.
        created: Time of submission.
        end: End of the job, or the current time of a job that has not ended.
        attempts: Attempts in any order.
    """

    job_id: str
    share: str
    unit: str
    amount: int
    gpus: int | None
    instance_type: str
    created: int
    end: int
    attempts: Sequence[ArchivedAttempt] = ()


def archived_use(job: ArchivedJob) -> JobUse:
    """Return a job of an archive with its attempts. A job without a list of attempts has at most one."""
    attempts = job.attempts
    if not attempts and (job.started_at is not None or job.status == "SUCCEEDED"):
        attempts = (ArchivedAttempt(outcome=job.status, started_at=job.started_at, stopped_at=job.stopped_at),)
    return JobUse(
        job_id=job.job_id,
        share=job.share,
        unit=job.unit,
        amount=job.amount,
        gpus=job.gpus,
        instance_type=job.instance_type or (job.unit if job.unit.startswith("ml.") else ""),
        created=job.created_at,
        end=job.stopped_at,
        attempts=attempts,
    )


def holds(jobs: Iterable[JobUse]) -> Iterator[Hold | Gap]:
    """Yield what the attempts of jobs held, and the gaps where their times or amounts are missing.

    An attempt holds capacity from its dispatch, or from the start of its work if AWS reports no dispatch, until its
    end. The attempts of a job never hold capacity at the same time: a later attempt starts when the earlier one ends.
    A preempted attempt is lost, also if the job ended with it.

    Args:
        jobs: Jobs, each once.
    """
    for job in jobs:
        yield from _job_holds(job)


def _job_holds(job: JobUse) -> Iterator[Hold | Gap]:
    before = job.created
    attempts = _in_order(job.attempts)
    for index, attempt in enumerate(attempts):
        is_last = index == len(attempts) - 1
        stop = attempt.stopped_at
        if stop is None and is_last:
            stop = job.end
        start = _start(attempt)
        if start is None:
            limit = job.end if stop is None else stop
            yield from _gap(before, limit, NO_START)
            before = max(before, limit)
            continue
        if stop is None:
            following = _start(attempts[index + 1])
            stop = job.end if following is None else following
            yield from _gap(max(before, start), stop, NO_END)
        elif stop < start:
            yield from _gap(max(before, stop), start, BAD_TIMES)
        elif not job.amount:
            yield from _gap(max(before, start), stop, NO_AMOUNT)
        elif stop > max(before, start):
            yield Hold(
                share=job.share,
                unit=job.unit,
                amount=job.amount,
                start=max(before, start),
                end=stop,
                lost=attempt.outcome == PREEMPTED,
                gpus=job.gpus,
                instance_type=attempt.instance_type or job.instance_type,
            )
        before = max(before, stop)


def _start(attempt: ArchivedAttempt) -> int | None:
    return attempt.scheduled_at if attempt.scheduled_at is not None else attempt.started_at


def _in_order(attempts: Sequence[ArchivedAttempt]) -> list[ArchivedAttempt]:
    """Return each attempt once, in the order of time. Attempts without times keep their places."""
    ordered = list(dict.fromkeys(attempts))
    timed = sorted(
        (attempt for attempt in ordered if _start(attempt) is not None), key=lambda attempt: _start(attempt) or 0
    )
    return [attempt if _start(attempt) is None else timed.pop(0) for attempt in ordered]


def _gap(start: int, end: int, reason: str) -> Iterator[Gap]:
    if end > start:
        yield Gap(start, end, reason)
