"""Metrics of AWS Batch in the namespace `AWS/Batch`: the numbers of jobs that change their status, by queue.

AWS publishes durations, too. The local AWS does not.
"""

from fairlane_local.batch.jobs.job import FAILED, RUNNABLE, Job, ServiceJob
from fairlane_local.batch.store import Batch
from fairlane_local.monitoring.metrics import metric_store


class BatchMetrics:
    """Metrics of the job queues of one account and Region.

    Args:
        batch: Records of the account and Region.
    """

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        self._store = metric_store(batch.account_id, batch.region)

    def count_change(self, job: Job) -> None:
        """Publish the metrics of a job that has changed its status."""
        self.count(f"JobsMovedTo{job.status.capitalize()}", job.queue)
        if job.status == FAILED and job.is_cancelled:
            self.count("JobsCancelled", job.queue)
        elif job.status == FAILED and job.is_terminated:
            self.count("JobsTerminated", job.queue)
        elif job.status == RUNNABLE and _is_retry(job):
            self.count("JobsRetried", job.queue)

    def count(self, name: str, queue_arn: str) -> None:
        """Publish a job of a queue as one sample."""
        dimensions = {"JobQueueName": queue_arn.rpartition("/")[2]}
        self._store.put("AWS/Batch", name, dimensions, 1, self._batch.now(), "Count")


def _is_retry(job: Job) -> bool:
    """Return True if the latest attempt of a job that waits again ended by itself."""
    preempted = job.preempted if isinstance(job, ServiceJob) else []
    return bool(job.attempts) and (not preempted or (job.attempts[-1].stopped or 0) > (preempted[-1].stopped or 0))
