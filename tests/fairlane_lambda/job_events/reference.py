"""Which values the metrics must have, computed from the histories of jobs alone, never from their events."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from tests.fairlane_lambda.job_events.events import Event, preemption_reported
from tests.fairlane_lambda.job_events.histories import Batch
from tests.fairlane_lambda.job_events.jobs import NOW_MS, Job

Dimensions = tuple[tuple[str, str], ...]

DURATIONS = ("AttemptWaitTime", "AttemptRunTime", "JobWaitTime", "JobRunTime", "JobStartTime")
COUNTS = ("JobRetries", "JobsSucceeded", "JobsFailed", "JobFailures", "QueueBlocked", "JobsPreempted", "EventsRejected")
UNITS = dict.fromkeys((*DURATIONS, "GpuSeconds"), "Seconds") | dict.fromkeys(COUNTS, "Count")

GPUS_OF_INSTANCE = {"ml.p5.48xlarge": 8, "ml.g5.12xlarge": 4, "ml.g5.xlarge": 1}


@dataclass(frozen=True, slots=True)
class Sample:
    """A value of a metric.

    Args:
        metric: The name of the metric.
        dimensions: Names and values of the dimensions, in order.
        value: Seconds or a count.
        minute: The minute it belongs to, in milliseconds; None for the time of emission.
        certain: Whether it must be there; else it may.
    """

    metric: str
    dimensions: Dimensions
    value: float
    minute: int | None = None
    certain: bool = True


@dataclass(slots=True)
class _Spent:
    """Where the time of a job went, in milliseconds: one entry per attempt that ran, those preempted apart."""

    waits: list[int] = field(default_factory=list)
    runs: list[int] = field(default_factory=list)
    starts: list[int | None] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    preempted_runs: list[int] = field(default_factory=list)


def _spent(job: Job) -> _Spent:
    """Go through a history with a clock: it waits since its creation or the end of its last attempt, until it runs.

    A preempted attempt is none: the job has waited all the while.
    """
    spent = _Spent()
    waiting_since = job.transitions[0].at
    left_queue: int | None = None
    running_since: int | None = None
    for transition in job.transitions:
        now = transition.at
        if transition.state == "SCHEDULED":
            left_queue = now
        elif transition.state == "RUNNING":
            running_since = now
        elif left_queue is not None and transition.state in ("RUNNABLE", "SUCCEEDED", "FAILED"):
            run = None if running_since is None else now - running_since
            if transition.ending is not None and transition.ending.preempted:
                spent.preempted_runs.append(run or 0)
            else:
                if running_since is not None:
                    spent.waits.append(running_since - waiting_since)
                    spent.runs.append(now - running_since)
                spent.starts.append(None if running_since is None else running_since - left_queue)
                spent.ends.append(now)
                waiting_since = now
            left_queue = running_since = None
    return spent


def _wait(job: Job, spent: _Spent) -> int:
    if spent.runs:
        return sum(spent.waits)
    end = job.transitions[-1].at
    if job.telling.untold == "end":
        end = spent.ends[-1] if spent.ends else job.reported
    return end - job.transitions[0].at


def _gpus(job: Job) -> int:
    if job.service:
        return sum(GPUS_OF_INSTANCE.get(unit, 0) * quantity for unit, quantity in job.capacity)
    return sum(gpus or 0 for gpus in job.containers)


def _queue(name: str) -> Dimensions:
    return (("JobQueueName", name),)


def _share(job: Job) -> Dimensions | None:
    return (*_queue(job.queue.name), ("Share", job.share.entry)) if job.share.entry else None


def _reason(job: Job, reason: str) -> Dimensions:
    return (*_queue(job.queue.name), ("Reason", reason))


def _gpu_seconds(job: Job, run: int, reported: int) -> list[Sample]:
    seconds, minute = _gpus(job) * run / 1000, _minute(reported)
    return [Sample("GpuSeconds", dimensions, seconds, minute) for dimensions in _queue_and_share(job)]


def _queue_and_share(job: Job) -> Iterable[Dimensions]:
    share = _share(job)
    return (_queue(job.queue.name),) if share is None else (_queue(job.queue.name), share)


def of_end(job: Job) -> list[Sample]:
    """What the end of a job brings."""
    spent, share, ending = _spent(job), _share(job), job.transitions[-1].ending
    assert ending is not None
    minute = _minute(job.reported)
    samples: list[Sample] = []
    if job.role not in ("array parent", "multi-node parent"):
        samples += _gpu_seconds(job, sum(spent.runs), job.reported)
    if job.role in ("array parent", "node"):
        return samples
    failed = job.transitions[-1].state == "FAILED"
    if failed:
        samples.append(Sample("JobFailures", _reason(job, ending.reason), 1))
    outcome: tuple[str, bool] | None = None
    if not failed:
        outcome = ("JobsSucceeded", True)
    elif not (ending.cancelled or ending.terminated):
        outcome = ("JobsFailed", True)
    elif ending.reason == "TimeLimitAction":
        outcome = ("JobsFailed", False)
    if outcome is not None:
        samples += [Sample(outcome[0], one, 1, certain=outcome[1]) for one in _queue_and_share(job)]
    if share is None:
        return samples
    durations = [("AttemptWaitTime", wait) for wait in spent.waits]
    durations += [("AttemptRunTime", run) for run in spent.runs]
    durations += [("JobWaitTime", _wait(job, spent))]
    durations += [("JobRunTime", sum(spent.runs))] if spent.runs else []
    last_start = spent.starts[-1] if spent.starts and job.telling.scheduled else None
    durations += [] if last_start is None else [("JobStartTime", last_start)]
    samples += [Sample(metric, share, length / 1000, minute) for metric, length in durations]
    if len(spent.ends) > 1:
        samples.append(Sample("JobRetries", share, len(spent.ends) - 1))
    return samples


def of_block(job: Job, number: int) -> list[Sample]:
    """What a spell at the front of the blocked queue brings."""
    return [Sample("QueueBlocked", _reason(job, job.blocked[number][1].reason), 1)]


def of_preemption(job: Job, number: int) -> list[Sample]:
    """What the nth preemption of a job brings, from 1."""
    at = [t.at for t in job.transitions if t.ending is not None and t.ending.preempted][number - 1]
    share = _share(job)
    counted = [] if share is None else [Sample("JobsPreempted", share, 1)]
    return counted + _gpu_seconds(job, _spent(job).preempted_runs[number - 1], preemption_reported(at))


def of_event(event: Event) -> list[Sample]:
    """What one event brings, however often it arrives."""
    if event.job is None:
        return [Sample("EventsRejected", _queue(event.queue), 1)]
    match event.tells:
        case "end":
            return of_end(event.job)
        case "block":
            return of_block(event.job, event.number)
        case "preemption":
            return of_preemption(event.job, event.number)
    return []


@dataclass(slots=True)
class Expected:
    """The values that must come out, and those that may: of repetitions after the memory was lost."""

    must: list[Sample] = field(default_factory=list)
    may: list[Sample] = field(default_factory=list)


def expected(batches: Sequence[Batch]) -> Expected:
    """What the events of these batches bring in all.

    An event counts once while it is remembered; a rejected one whenever it is received for the first time.
    """
    found, memories = Expected(), Counter[Event]()
    seen: set[Event] = set()
    for batch in batches:
        if batch.forgotten:
            seen = set()
        for event, received in batch.records:
            if event.job is None:
                found.must += of_event(event) if received == 1 else []
            elif event not in seen:
                seen.add(event)
                memories[event] += 1
    for event, times in memories.items():
        samples = of_event(event)
        found.must += [sample for sample in samples if sample.certain]
        found.may += [sample for sample in samples if not sample.certain] + samples * (times - 1)
    return found


def _minute(reported: int) -> int:
    """The minute that a duration belongs to: that of its event, or the next if that is the present one."""
    minute, present = reported // 60_000 * 60_000, NOW_MS // 60_000 * 60_000
    return present if minute == present - 60_000 else minute
