"""Jobs of a queue by its name, and the reasons why they wait."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from fairlane.scheduler import WaitReason
from fairlane_local.batch.api import BatchApi, batch_apis
from fairlane_local.batch.jobs.job import ENDED, SERVICE_STATUSES, Job
from fairlane_local.batch.jobs.snapshot import capacity_unit
from fairlane_local.batch.store import Record
from fairlane_local.errors import LocalAwsError

_WAITS: Final[Mapping[WaitReason, str]] = {
    WaitReason.ENVIRONMENT_LIMIT: "the job needs more than the limit of each environment of the queue",
    WaitReason.INSTANCE_LIMIT: "the job needs more than the largest instance of the queue",
    WaitReason.QUOTA_LIMIT: "the job needs more than its quota share can own and borrow",
    WaitReason.DISABLED: "all environments of the queue are disabled",
    WaitReason.QUOTA: "the quota of the share is in use, and the share may not borrow enough",
    WaitReason.CAPACITY: "too little capacity is free",
    WaitReason.RESERVATION: "the free capacity is reserved for shares without jobs",
    WaitReason.STOPS: "other jobs are being stopped for the job",
    WaitReason.BEHIND: "another job has to start first",
}


def find_queue(name_or_arn: str) -> tuple[BatchApi, Record]:
    """Return the API of a queue's account and Region, and the queue.

    Args:
        name_or_arn: Name or ARN of the queue. A name must belong to one queue only.

    Raises:
        LocalAwsError: If no queue or several queues have the name.
    """
    queues = [(api, queue) for api in batch_apis() for queue in api.batch.queues.values()]
    found = [(api, queue) for api, queue in queues if name_or_arn in (queue["jobQueueName"], queue["jobQueueArn"])]
    if len(found) > 1:
        arns = " or ".join(queue["jobQueueArn"] for _, queue in found)
        raise LocalAwsError(f"several queues have the name {name_or_arn}: use the ARN {arns}")
    for api, queue in found:
        return api, queue
    names = ", ".join(sorted({queue["jobQueueName"] for _, queue in queues})) or "none"
    raise LocalAwsError(f"the local AWS has no queue {name_or_arn}; its queues: {names}")


def jobs_of(api: BatchApi, queue: Record) -> list[Job]:
    """Return the jobs of a queue that are not forgotten, newest first."""
    return api.lifecycle.jobs.of_queue(queue["jobQueueArn"], SERVICE_STATUSES)


def wait_texts(api: BatchApi, jobs: Iterable[Job]) -> dict[str, str]:
    """Return the reason why each of the jobs waits, by the id of the job. Jobs that do not wait are left out."""
    waiting = {
        job.engine_id: job
        for job in jobs
        if job.engine_id is not None and job.attempt is None and job.status not in ENDED
    }
    names: dict[int | None, str] = {
        other.engine_id: other.name
        for queue in {job.queue for job in waiting.values()}
        for other in api.lifecycle.jobs.of_queue(queue, SERVICE_STATUSES)
    }
    texts = {}
    for engine_id, wait in api.lifecycle.engine.waits(waiting).items():
        text = "the job starts in the next pass of the scheduler" if wait is None else _WAITS[wait.reason]
        if wait is not None and wait.behind in names:
            text = f"job {names[wait.behind]} has to start first"
        texts[waiting[engine_id].id] = text
    return texts


def job_row(job: Job, wait: str, now: int) -> dict[str, Any]:
    """Return the facts of a job that lists of jobs show.

    Args:
        job: Job.
        wait: Reason why the job waits. Empty if it does not wait.
        now: Current time in milliseconds since the epoch.
    """
    attempt = job.latest_attempt
    started = attempt.started if attempt else None
    waited = (started or job.stopped or now) - job.created
    return {
        "id": job.id,
        "name": job.name,
        "share": job.share,
        "status": job.status,
        "priority": job.priority,
        "size": job.units,
        "unit": capacity_unit(job),
        "waited": waited // 1000,
        "reason": job.reason or wait,
    }
