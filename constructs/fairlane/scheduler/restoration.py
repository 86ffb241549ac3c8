"""Engines in the state of a queue that has been running: jobs with the runs that they already have."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from fairlane.scheduler.job_table import FRONT_OFFSET
from fairlane.scheduler.submission import Submission

if TYPE_CHECKING:
    from fairlane.scheduler.engine import Engine

_END: Final = 0
_START: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoredJob:
    """Job of a queue before the current second of an engine.

    Args:
        job: Job as it was submitted, with the second of its submission.
        start: Second since which its latest run has held capacity. Default: the job waits.
        stop: Second at which this run ended, and the job with it. Default: it has not ended.
        preemptions: Number of runs that were preempted. Default: 0.
        failures: Number of runs that failed. With 1 or more, a job that waits is before all others of its priority,
            except under quota management. Default: 0.
    """

    job: Submission
    start: int | None = None
    stop: int | None = None
    preemptions: int = 0
    failures: int = 0


def restore(engine: "Engine", jobs: Iterable[RestoredJob], now: int) -> list[int]:
    """Add jobs with the runs that they already have to a new engine, make a second the current one, and return the ids.

    Jobs get their positions by the order of the list. A run takes capacity even if the limits no longer allow it.
    Ended runs count as past use of a fair-share queue. The run of a job with an unknown run time ends by
    `Engine.finish` or `Engine.set_run`.

    Args:
        engine: Engine with its environments and queues, and without jobs, at second 0.
        jobs: Jobs in the order of their submission.
        now: Current second. No submission, start or stop is later.

    Raises:
        KeyError: If a queue does not exist.
        ValueError: If the engine has jobs, or if seconds are not in order.
    """
    if len(engine.jobs) or engine.now:
        raise ValueError("jobs are restored in a new engine only")
    events = []
    jobs_table, record = engine.jobs, engine.record
    for each in jobs:
        stop = now if each.stop is None else each.stop
        start = stop if each.start is None else each.start
        if not (each.job.submit or 0) <= start <= stop <= now or (each.stop is not None and start == stop):
            raise ValueError(f"not in the order of time: {each}, now {now}")
        row = jobs_table.row(engine.submit(each.job if each.stop is None else replace(each.job, run=None)))
        if each.preemptions:
            engine._preemptions[row] = each.preemptions
        if each.failures:
            engine._failures[row] = each.failures
        if each.start is not None:
            record.unrunnable.discard(row)
            events.append((each.start, _START, row))
            if each.stop is not None:
                events.append((each.stop, _END, row))
        elif each.failures and jobs_table.lanes[row].scheduler.retries_first:
            jobs_table.order[row] &= ~FRONT_OFFSET
    for second, kind, row in sorted(events):
        lane = jobs_table.lanes[row]
        if kind == _START:
            lane.scheduler.resume(lane, row, second)
        else:
            run = jobs_table.last_run[row]
            record.stops[run] = second
            engine._end(run, second)
    engine._begin(now)
    return [jobs_table.id(row) for row in range(len(jobs_table))]
