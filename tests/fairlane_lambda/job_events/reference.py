"""Expected values of the metrics, computed from the histories of jobs and not from their events."""

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
    """Value of a metric.

    Args:
        metric: Name of the metric.
        dimensions: Names and values of the dimensions, in order.
        value: Seconds or a count.
        minute: Minute of the value in milliseconds. None for the time of writing.
        certain: True for required values, False for allowed values.
    """

    metric: str
    dimensions: Dimensions
    value: float
    minute: int | None = None
    certain: bool = True


@dataclass(slots=True)
class _Spent:
    """Times of a job in milliseconds: one entry per attempt, with preempted attempts apart."""

    waits: list[int] = field(default_factory=list)
    runs: list[int] = field(default_factory=list)
    starts: list[int | None] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    preempted_runs: list[int] = field(default_factory=list)


def _spent(job: Job) -> _Spent:
    """Return the times of a history. A job waits from its creation, or from the end of its last attempt, until it runs.

    A preempted attempt does not count as an attempt: the job waits during the whole attempt.
    """
    spent = _Spent()
    waiting_since = job.transitions[0].time
    left_queue: int | None = None
    running_since: int | None = None
    for transition in job.transitions:
        now = transition.time
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
    end = job.transitions[-1].time
    if job.reporting.omitted == "end":
        end = spent.ends[-1] if spent.ends else job.reported
    return end - job.transitions[0].time


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


def end_samples(job: Job) -> list[Sample]:
    """Return the values of a job's end."""
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
        samples += [Sample(outcome[0], dimensions, 1, certain=outcome[1]) for dimensions in _queue_and_share(job)]
    if share is None:
        return samples
    durations = [("AttemptWaitTime", wait) for wait in spent.waits]
    durations += [("AttemptRunTime", run) for run in spent.runs]
    durations += [("JobWaitTime", _wait(job, spent))]
    durations += [("JobRunTime", sum(spent.runs))] if spent.runs else []
    last_start = spent.starts[-1] if spent.starts and job.reporting.scheduled else None
    durations += [] if last_start is None else [("JobStartTime", last_start)]
    samples += [Sample(metric, share, length / 1000, minute) for metric, length in durations]
    if len(spent.ends) > 1:
        samples.append(Sample("JobRetries", share, len(spent.ends) - 1))
    return samples


def block_samples(job: Job, number: int) -> list[Sample]:
    """Return the values of a blocked queue."""
    return [Sample("QueueBlocked", _reason(job, job.blocked[number][1].reason), 1)]


def preemption_samples(job: Job, number: int) -> list[Sample]:
    """Return the values of a preemption of a job, with its number from 1."""
    time = [t.time for t in job.transitions if t.ending is not None and t.ending.preempted][number - 1]
    share = _share(job)
    counted = [] if share is None else [Sample("JobsPreempted", share, 1)]
    return counted + _gpu_seconds(job, _spent(job).preempted_runs[number - 1], preemption_reported(time))


def event_samples(event: Event) -> list[Sample]:
    """Return the values of an event that arrives one or more times."""
    if event.job is None:
        return [Sample("EventsRejected", _queue(event.queue), 1)]
    match event.kind:
        case "end":
            return end_samples(event.job)
        case "block":
            return block_samples(event.job, event.number)
        case "preemption":
            return preemption_samples(event.job, event.number)
    return []


@dataclass(slots=True)
class Expected:
    """Required values, and allowed values: those of repeated events in a new container."""

    must: list[Sample] = field(default_factory=list)
    may: list[Sample] = field(default_factory=list)


def expected(batches: Sequence[Batch]) -> Expected:
    """Return the values of all events of the batches.

    An event counts once per container. A rejected event counts when its receive count is 1.
    """
    samples, containers = Expected(), Counter[Event]()
    counted: set[Event] = set()
    for batch in batches:
        if batch.new_container:
            counted = set()
        for event, received in batch.records:
            if event.job is None:
                samples.must += event_samples(event) if received == 1 else []
            elif event not in counted:
                counted.add(event)
                containers[event] += 1
    for event, times in containers.items():
        values = event_samples(event)
        samples.must += [sample for sample in values if sample.certain]
        samples.may += [sample for sample in values if not sample.certain] + values * (times - 1)
    return samples


def _minute(reported: int) -> int:
    """Return the minute of a duration: the minute of its event, or the present minute if it is the next one."""
    minute, present = reported // 60_000 * 60_000, NOW_MS // 60_000 * 60_000
    return present if minute == present - 60_000 else minute
