"""Metrics of AWS Batch in the namespace `AWS/Batch`: the numbers of jobs that change their status, by queue.

AWS publishes durations, too. The local AWS does not.
"""

from fairlane_local.batch.jobs.job import FAILED, RUNNABLE, Job, ServiceJob
from fairlane_local.batch.store import Batch
from fairlane_local.monitoring.metrics import metric_store


def count_change(batch: Batch, job: Job) -> None:
    """Publish the metrics of a job that has changed its status.

    Args:
        batch: Records of the account and Region.
        job: Job with its new status.
    """
    names = [f"JobsMovedTo{job.status.capitalize()}"]
    if job.status == FAILED and job.is_cancelled:
        names.append("JobsCancelled")
    elif job.status == FAILED and job.is_terminated:
        names.append("JobsTerminated")
    elif job.status == RUNNABLE and _is_retry(job):
        names.append("JobsRetried")
    for name in names:
        count(batch, name, job.queue)


def count(batch: Batch, name: str, queue_arn: str, number: int = 1) -> None:
    """Publish a number of jobs of a queue."""
    dimensions = {"JobQueueName": queue_arn.rpartition("/")[2]}
    metric_store(batch.account_id, batch.region).put("AWS/Batch", name, dimensions, number, batch.now(), "Count")


def _is_retry(job: Job) -> bool:
    """Return True if the latest attempt of a job that waits again ended by itself."""
    preempted = job.preempted if isinstance(job, ServiceJob) else []
    return bool(job.attempts) and (not preempted or (job.attempts[-1].stopped or 0) > (preempted[-1].stopped or 0))
