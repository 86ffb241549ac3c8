"""Jobs of a queue, from ListServiceJobs and ListJobs, page by page."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Final

from fairlane.scheduling import NUM_INSTANCES
from fairlane_client.queues.calls import Calls
from fairlane_client.queues.descriptions import payload_of, size_of
from fairlane_client.queues.queue import Kind, Queue

WAITING: Final = ("SUBMITTED", "PENDING", "RUNNABLE")
HOLDING: Final = ("SCHEDULED", "STARTING", "RUNNING")
"""States in which a job holds capacity. Container jobs have no SCHEDULED."""
ENDED: Final = ("SUCCEEDED", "FAILED")
_LIST: Final = {"training": "list_service_jobs", "gpu": "list_jobs"}
DESCRIBED: Final = {"training": 1, "gpu": 100}
"""Number of jobs that one request describes."""
_PAGE: Final = {"training": 100, "gpu": 1000}
_BLOCKED: Final = ("CAPACITY:", "MISCONFIGURATION:", "ACTION_REQUIRED", "UNDETERMINED")
"""Starts of the status reasons of blocked jobs (source: "Jobs stuck in a RUNNABLE status", AWS Batch User Guide)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuedJob:
    """Job of a queue. Times are seconds since 1970, as AWS reports them, with fractions.

    Args:
        id: Id of the job.
        name: Name of the job.
        share: Share identifier or quota share. Empty in a queue without shares.
        state: State in AWS's words, for example `RUNNABLE`.
        reason: Status reason in AWS's words. Empty if AWS gives none.
        amount: Capacity that the job needs over all its nodes, in `unit`, rounded up. 0 if AWS does not report it.
        unit: Capacity unit: `NUM_INSTANCES`, a SageMaker instance type, or `VCPU`.
        created: Time of submission.
        scheduled: Time since which the latest attempt has held capacity. None before the first attempt.
        started: Start of the work of the latest attempt. None if it has not started.
        stopped: End of the job. None if the job has not ended.
        priority: Scheduling priority. None if it is unknown: lists do not have it.
        definition: ARN of the job definition of a container job. Empty for a service job.
        preemptions: Number of attempts that were preempted. 0 if it is unknown: lists do not have it.
        max_preemptions: Number of preemptions after which the job waits again. None for no limit, or if it is unknown.
        failures: Number of attempts that failed. 0 if it is unknown: lists do not have it.
        max_seconds: Time limit of an attempt in seconds. None for no limit, or if it is unknown.
        array: Size of an array job, if the job is the parent of one. 0 for all other jobs.
    """

    id: str
    name: str
    share: str = ""
    state: str
    reason: str = ""
    amount: int = 1
    unit: str = NUM_INSTANCES
    created: float
    scheduled: float | None = None
    started: float | None = None
    stopped: float | None = None
    priority: int | None = None
    definition: str = ""
    preemptions: int = 0
    max_preemptions: int | None = None
    failures: int = 0
    max_seconds: int | None = None
    array: int = 0

    @property
    def holds_capacity(self) -> bool:
        """True if the job holds capacity."""
        return self.state in HOLDING

    @property
    def since(self) -> float | None:
        """Time since which the job has held capacity. None if it never did."""
        return self.scheduled if self.scheduled is not None else self.started

    @property
    def blocked_reason(self) -> str:
        """AWS's reason why the job blocks its queue. Empty if AWS reports none."""
        return self.reason if self.reason.startswith(_BLOCKED) else ""


def list_jobs(
    calls: Calls, queue: Queue, states: Sequence[str], progress: Callable[[int], None] = lambda count: None
) -> Iterator[QueuedJob]:
    """Yield the jobs of a queue, state by state. A job that changes its state meanwhile can come twice or not at all.

    The parent of an array job is left out, and its children are yielded.

    Args:
        calls: Calls to AWS Batch.
        queue: Queue.
        states: States of the jobs.
        progress: Function that gets the number of jobs after each page.

    Raises:
        NotAllowed: If the caller may not list jobs.
        Throttled: If a page cannot be read. The jobs before it were yielded.
    """
    count = 0
    listed = [*states]
    if queue.kind == "gpu":
        states = [state for state in states if state != "SCHEDULED"]
        listed = [*dict.fromkeys([*states, "PENDING"])]  # the parent of an array job is PENDING while its children run
    for state in listed:
        for page in _pages(calls, queue.kind, jobQueue=queue.name, jobStatus=state):
            jobs = [_job(summary) for summary in page]
            count += len(jobs)
            progress(count)
            for job in jobs:
                if job.array:
                    yield from _children(calls, job, [each for each in states if each in ENDED or state not in ENDED])
                elif state in states:
                    yield job


def read_job(calls: Calls, queue: Queue, name: str) -> tuple[QueuedJob, Mapping[str, Any]]:
    """Return a job and its description by AWS.

    Args:
        calls: Calls to AWS Batch.
        queue: Queue of the job.
        name: Id, ARN or name of the job. Of several jobs with the name, the one that was submitted last.

    Raises:
        LookupError: If the queue has no such job.
        NotAllowed: If the caller may not read jobs.
    """
    found = _describe(calls, queue.kind, name.rsplit("/", 1)[-1])
    if found is None:
        matches = [
            summary
            for page in _pages(calls, queue.kind, jobQueue=queue.name, filters=[{"name": "JOB_NAME", "values": [name]}])
            for summary in page
            if summary["jobName"] == name
        ]
        if matches:
            newest = max(matches, key=lambda summary: int(summary["createdAt"]))
            found = _describe(calls, queue.kind, newest["jobId"])
    if found is None or found.get("jobQueue", "").rsplit("/", 1)[-1] != queue.name:
        raise LookupError(f"queue {queue.name} has no job {name}: AWS Batch keeps ended jobs for at least 7 days")
    return _job(found), found


def describe_jobs(
    calls: Calls, queue: Queue, jobs: Iterable[QueuedJob], progress: Callable[[int], None] = lambda count: None
) -> Iterator[QueuedJob]:
    """Yield jobs with what only their descriptions have, such as priorities. Jobs that no longer exist are left out.

    A container job takes a hundredth of a request, and a training job takes one request.

    Args:
        calls: Calls to AWS Batch.
        queue: Queue of the jobs.
        jobs: Jobs.
        progress: Function that gets the number of jobs after each request.

    Raises:
        NotAllowed: If the caller may not read jobs.
        Throttled: If AWS throttles. The jobs before were yielded.
    """
    size, count = DESCRIBED[queue.kind], 0
    for batch in batched(jobs, size):
        if queue.kind == "gpu":
            found = calls("describe_jobs", jobs=[job.id for job in batch])["jobs"]
        else:
            found = [one for one in [_describe(calls, queue.kind, batch[0].id)] if one]
        shares = {job.id: job for job in batch}
        for description in found:
            job = _job(description)
            listed = shares[job.id]
            sized = listed if listed.amount else job
            # DescribeJobs has no scheduledAt.
            scheduled = job.scheduled if job.scheduled is not None else listed.scheduled
            share = job.share or listed.share
            yield replace(job, share=share, scheduled=scheduled, amount=sized.amount, unit=sized.unit)
        count += len(batch)
        progress(count)


def batched(jobs: Iterable[QueuedJob], size: int) -> Iterator[list[QueuedJob]]:
    """Yield lists of at most `size` jobs."""
    remaining = iter(jobs)
    while batch := [*islice(remaining, size)]:
        yield batch


def _describe(calls: Calls, kind: Kind, job_id: str) -> Mapping[str, Any] | None:
    if kind == "gpu":
        return next(iter(calls("describe_jobs", jobs=[job_id])["jobs"]), None)
    try:
        return calls("describe_service_job", jobId=job_id)
    except LookupError:
        return None


def _pages(calls: Calls, kind: Kind, **request: object) -> Iterator[list[dict[str, Any]]]:
    size = 100 if "filters" in request else _PAGE[kind]
    yield from calls.pages(_LIST[kind], "jobSummaryList", maxResults=size, **request)


def _children(calls: Calls, parent: QueuedJob, states: Sequence[str]) -> Iterator[QueuedJob]:
    for state in states:
        pages = calls.pages("list_jobs", "jobSummaryList", arrayJobId=parent.id, jobStatus=state, maxResults=1000)
        for page in pages:
            yield from (_job(summary, parent) for summary in page)


def _job(summary: Mapping[str, Any], parent: QueuedJob | None = None) -> QueuedJob:
    amount, unit = size_of(summary)
    array = summary.get("arrayProperties") or {}
    return QueuedJob(
        id=summary["jobId"],
        name=summary.get("jobName", ""),
        share=summary.get("quotaShareName") or summary.get("shareIdentifier") or (parent.share if parent else ""),
        state=summary.get("status", ""),
        reason=summary.get("statusReason") or "",
        amount=amount,
        unit=unit,
        created=summary["createdAt"] / 1000,
        scheduled=_seconds(summary.get("scheduledAt")),
        started=_seconds(summary.get("startedAt")),
        stopped=_seconds(summary.get("stoppedAt")),
        priority=summary.get("schedulingPriority"),
        definition=summary.get("jobDefinition", ""),
        preemptions=(summary.get("preemptionSummary") or {}).get("preemptedAttemptCount", 0),
        max_preemptions=(summary.get("preemptionConfiguration") or {}).get("preemptionRetriesBeforeTermination"),
        failures=len(summary.get("attempts") or []),
        max_seconds=_max_seconds(summary),
        array=0 if "index" in array else int(array.get("size") or 0),
    )


def _max_seconds(description: Mapping[str, Any]) -> int | None:
    """Return the smallest time limit of an attempt: that of AWS Batch, or the training job's stopping condition."""
    limits = [(description.get(key) or {}).get("attemptDurationSeconds") for key in ("timeout", "timeoutConfig")]
    limits.append((payload_of(description).get("StoppingCondition") or {}).get("MaxRuntimeInSeconds"))
    return min((limit for limit in limits if isinstance(limit, int)), default=None)


def _seconds(milliseconds: int | None) -> float | None:
    return milliseconds / 1000 if milliseconds else None
