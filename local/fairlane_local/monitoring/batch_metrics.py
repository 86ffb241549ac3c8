"""Metrics of AWS Batch in the namespace `AWS/Batch`: jobs that change their status and durations, by queue."""

from fairlane_local.batch.jobs.job import FAILED, RUNNABLE, Attempt, Job, ServiceJob
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
        self._time_change(job)

    def time_attempt(self, job: Job, attempt: Attempt) -> None:
        """Publish the durations of an attempt that has ended."""
        for name, start in (("Execution", attempt.started), ("", attempt.scheduled)):
            if start is not None and attempt.stopped is not None:
                self._time(f"JobAttempt{name}Duration", job, attempt.stopped - start)

    def count(self, name: str, queue_arn: str, number: int = 1) -> None:
        """Publish jobs of a queue as one sample."""
        self._put(name, queue_arn, number, "Count")

    def _time_change(self, job: Job) -> None:
        """Publish the durations that end with the current status of a job."""
        now, attempt = self._batch.now(), job.attempt
        first, *others = job.starting_statuses
        is_first = not job.attempts and not (isinstance(job, ServiceJob) and job.preempted)
        if job.status == RUNNABLE:
            job.runnable = now
            if is_first:
                self._time("JobSubmittedToRunnableDuration", job, now - job.created)
        elif job.status == first:
            self._time(f"JobAttemptRunnableTo{first.capitalize()}Duration", job, now - (job.runnable or job.created))
            if is_first:
                self._time(f"JobSubmittedToFirst{first.capitalize()}Duration", job, now - job.created)
        elif attempt is not None and attempt.scheduled is not None:
            if job.status in others:
                self._time("JobAttemptScheduledToStartingDuration", job, now - attempt.scheduled)
            elif job.status == "RUNNING":
                self._time("JobAttemptStartingToRunningDuration", job, now - attempt.scheduled)

    def _time(self, name: str, job: Job, milliseconds: int) -> None:
        self._put(name, job.queue, max(0, milliseconds), "Milliseconds")

    def _put(self, name: str, queue_arn: str, value: int, unit: str) -> None:
        dimensions = {"JobQueueName": queue_arn.rpartition("/")[2]}
        self._store.put("AWS/Batch", name, dimensions, value, self._batch.now(), unit)


def _is_retry(job: Job) -> bool:
    """Return True if the latest attempt of a job that waits again ended by itself."""
    preempted = job.preempted if isinstance(job, ServiceJob) else []
    return bool(job.attempts) and (not preempted or (job.attempts[-1].stopped or 0) > (preempted[-1].stopped or 0))
