"""Jobs with their attempts from DescribeServiceJob and DescribeJobs."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from fairlane.catalog.gpu_catalog import training_gpus
from fairlane.scheduling import NUM_INSTANCES
from fairlane_client.queues.archive_records import ArchivedAttempt
from fairlane_client.queues.calls import Calls
from fairlane_client.queues.descriptions import container_needs, over_nodes
from fairlane_client.queues.jobs import DESCRIBED, ENDED, QueuedJob, batched
from fairlane_client.queues.queue import Queue
from fairlane_client.usage.holds import NO_START, PREEMPTED, Gap, JobUse

OLD_ATTEMPTS: Final = "jobs with earlier preempted attempts that AWS no longer lists"
GONE: Final = "jobs that AWS listed and no longer describes"


def describe_uses(calls: Calls, queue: Queue, jobs: Iterable[QueuedJob], now: int) -> Iterator[JobUse | Gap]:
    """Yield the use of jobs, in one request for each service job, or for each 100 container jobs.

    Args:
        calls: Calls to AWS Batch.
        queue: Queue of the jobs.
        jobs: Jobs from lists.
        now: Current time in milliseconds since 1970.

    Raises:
        NotAllowed: If the caller may not describe jobs.
        Throttled: If a job cannot be read. The jobs before it were yielded.
    """
    if queue.kind == "training":
        for job in jobs:
            try:
                detail = calls("describe_service_job", jobId=job.id)
            except LookupError:
                yield _gone(job, now)
            else:
                yield from job_uses(job, detail, now)
        return
    for some in batched(jobs, DESCRIBED[queue.kind]):
        found = {detail["jobId"]: detail for detail in calls("describe_jobs", jobs=[job.id for job in some])["jobs"]}
        for job in some:
            if job.id in found:
                yield from job_uses(job, found[job.id], now)
            else:
                yield _gone(job, now)


def job_uses(job: QueuedJob, detail: Mapping[str, Any], now: int) -> Iterator[JobUse | Gap]:
    """Yield the use of a job, and a gap if AWS does not list all its attempts.

    Args:
        job: Job from a list, which has its capacity.
        detail: Description of the job.
        now: Current time in milliseconds since 1970.
    """
    created = int(detail["createdAt"])
    ended = detail.get("status") in ENDED
    summary = detail.get("preemptionSummary") or {}
    recent = [_attempt(each, PREEMPTED) for each in summary.get("recentPreemptedAttempts") or []]
    times = {(attempt.started_at, attempt.stopped_at) for attempt in recent}
    listed = [_attempt(each, "FAILED") for each in detail.get("attempts") or []]
    attempts = [*recent, *(each for each in listed if (each.started_at, each.stopped_at) not in times)]
    attempts.sort(key=lambda attempt: attempt.started_at or attempt.stopped_at or created)
    started, stopped = detail.get("startedAt") or None, detail.get("stoppedAt") or None
    scheduled = detail.get("scheduledAt") or (round(job.scheduled * 1000) if job.scheduled else None)
    if ended and started is None and scheduled and not any(_ends_after(each, scheduled) for each in attempts):
        yield Gap(scheduled, stopped or now, NO_START)
    if ended:
        attempts = _with_last(attempts, detail.get("status", ""), scheduled, started, stopped)
    elif detail.get("status") in ("SCHEDULED", "STARTING", "RUNNING"):
        known = {attempt.started_at for attempt in attempts}
        started = None if started in known else started
        attempts.append(ArchivedAttempt(outcome="", scheduled_at=scheduled or started, started_at=started))
    if int(summary.get("preemptedAttemptCount") or 0) > len(recent):
        first = next((attempt.started_at for attempt in attempts if attempt.started_at), None)
        yield Gap(created, first or now, OLD_ATTEMPTS)
    units = detail.get("capacityUsage") or [{}]
    is_mixed = len(units) > 1
    yield JobUse(
        job_id=job.id,
        share=job.share,
        unit=NUM_INSTANCES if is_mixed else job.unit,
        amount=round(sum(each["quantity"] for each in units)) if is_mixed else job.amount,
        gpus=_gpus(job, detail),
        instance_type="" if is_mixed or not job.unit.startswith("ml.") else job.unit,
        created=created,
        end=(stopped or now) if ended else now,
        attempts=tuple(attempts),
    )


def _with_last(
    attempts: Sequence[ArchivedAttempt], status: str, scheduled: int | None, started: int | None, stopped: int | None
) -> list[ArchivedAttempt]:
    """Return the attempts of an ended job. The job has the dispatch and the outcome of the last one."""
    if started is None:
        return list(attempts)
    own = [attempt for attempt in attempts if attempt.started_at == started]
    if own and own[-1].outcome == PREEMPTED:
        return list(attempts)
    end = own[-1].stopped_at if own else stopped
    is_dispatch = scheduled is not None and scheduled <= started
    last = ArchivedAttempt(
        outcome=status, scheduled_at=scheduled if is_dispatch else None, started_at=started, stopped_at=end
    )
    return [*(attempt for attempt in attempts if attempt not in own), last]


def _ends_after(attempt: ArchivedAttempt, time: int) -> bool:
    return attempt.stopped_at is None or attempt.stopped_at > time


def _attempt(attempt: Mapping[str, Any], outcome: str) -> ArchivedAttempt:
    started, stopped = attempt.get("startedAt") or None, attempt.get("stoppedAt") or None
    return ArchivedAttempt(outcome=outcome, started_at=started, stopped_at=stopped)


def _gpus(job: QueuedJob, detail: Mapping[str, Any]) -> int | None:
    """Return the GPUs of a job over all its nodes. None if the instance type is unknown."""
    if "serviceJobType" in detail or "serviceRequestPayload" in detail:
        gpus = training_gpus(job.unit)
        is_mixed = len(detail.get("capacityUsage") or ()) > 1
        return None if gpus is None or is_mixed else gpus * job.amount
    return round(over_nodes(detail, lambda part: container_needs(part, "GPU")))


def _gone(job: QueuedJob, now: int) -> Gap:
    return Gap(round(job.created * 1000), now, GONE)
