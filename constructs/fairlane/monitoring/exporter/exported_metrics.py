"""Metrics of `JobMetrics` with the dimensions, units and statistics of `metrics.json`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aws_cdk as cdk
from aws_cdk import Duration
from constructs import Construct

from fairlane._internal.lambda_package import metrics_catalog

if TYPE_CHECKING:
    from aws_cdk import aws_cloudwatch as cloudwatch


class ExportedMetrics(Construct):
    """Metrics that Fairlane exports, by queue, share or reason.

    Attributes:
        namespace: CloudWatch namespace of the metrics.
        period: Polling interval, in which gauges are published.
    """

    namespace: str
    period: Duration

    def metric(
        self, metric_name: str, queue: str, *, share: str | None = None, reason: str | None = None
    ) -> cloudwatch.Metric:
        """Return a metric by its name. Change the statistic with `metric.with_(statistic="p95")`.

        Args:
            metric_name: Name of a metric in `metrics.json`.
            queue: Name of the queue.
            share: Name of a declared share, or `other`, for metrics of shares.
            reason: Reason, for metrics by reason.

        Raises:
            ValueError: If no such metric exists, or if it does not have these dimensions.
        """
        catalog = metrics_catalog()
        metric = catalog["metrics"].get(metric_name)
        per = "share" if share is not None else "reason" if reason is not None else "queue"
        if metric is None or per not in metric["per"] or (share is not None and reason is not None):
            names = ", ".join(name for name, entry in catalog["metrics"].items() if entry["source"] != "fan_out")
            raise ValueError(f"no metric {metric_name} is published by {per}; the metrics are {names}")
        values = {"JobQueueName": queue, "Share": share, "Reason": reason}
        cloudwatch = cdk.aws_cloudwatch  # imported here, because most apps use no metric
        return cloudwatch.Metric(
            namespace=self.namespace,
            metric_name=metric_name,
            dimensions_map={name: str(values[name]) for name in catalog["dimensions"][per]},
            statistic=metric["statistic"],
            unit=cloudwatch.Unit(metric["unit"].upper()),
            period=self.period,
        ).attach_to(self)

    def metric_attempt_wait_time(self, queue: str, share: str) -> cloudwatch.Metric:
        """Return the wait of an attempt, from submission or from the end of the previous attempt until it ran."""
        return self.metric("AttemptWaitTime", queue, share=share)

    def metric_attempt_run_time(self, queue: str, share: str) -> cloudwatch.Metric:
        """Return the run time of an attempt."""
        return self.metric("AttemptRunTime", queue, share=share)

    def metric_job_wait_time(self, queue: str, share: str) -> cloudwatch.Metric:
        """Return the time that an ended job waited, over all attempts; its whole lifetime if it never ran."""
        return self.metric("JobWaitTime", queue, share=share)

    def metric_job_start_time(self, queue: str, share: str) -> cloudwatch.Metric:
        """Return the time between leaving the queue and running of an ended job, if AWS reports it."""
        return self.metric("JobStartTime", queue, share=share)

    def metric_job_run_time(self, queue: str, share: str) -> cloudwatch.Metric:
        """Return the run time of an ended job, over all attempts."""
        return self.metric("JobRunTime", queue, share=share)

    def metric_job_retries(self, queue: str, share: str) -> cloudwatch.Metric:
        """Return the number of attempts after the first attempt of ended jobs."""
        return self.metric("JobRetries", queue, share=share)

    def metric_jobs_succeeded(self, queue: str, share: str | None = None) -> cloudwatch.Metric:
        """Return the number of jobs that succeeded."""
        return self.metric("JobsSucceeded", queue, share=share)

    def metric_jobs_failed(self, queue: str, share: str | None = None) -> cloudwatch.Metric:
        """Return the number of jobs that failed, without cancelled and terminated jobs."""
        return self.metric("JobsFailed", queue, share=share)

    def metric_jobs_preempted(self, queue: str, share: str) -> cloudwatch.Metric:
        """Return the number of attempts that were stopped for a job of another share or of higher priority."""
        return self.metric("JobsPreempted", queue, share=share)

    def metric_gpu_seconds(self, queue: str, share: str | None = None) -> cloudwatch.Metric:
        """Return GPUs times run time in seconds, counted when jobs end or are preempted."""
        return self.metric("GpuSeconds", queue, share=share)

    def metric_job_failures(self, queue: str, reason: str) -> cloudwatch.Metric:
        """Return the number of jobs that failed, were cancelled or were terminated, by reason."""
        return self.metric("JobFailures", queue, reason=reason)

    def metric_queue_blocked(self, queue: str, reason: str) -> cloudwatch.Metric:
        """Return the number of AWS Batch reports that the job at the head of the queue cannot start, by reason."""
        return self.metric("QueueBlocked", queue, reason=reason)

    def metric_events_rejected(self, queue: str) -> cloudwatch.Metric:
        """Return the number of events that the exporter could not read; they are in the dead-letter queue."""
        return self.metric("EventsRejected", queue)

    def metric_submitted_jobs(self, queue: str) -> cloudwatch.Metric:
        """Return the number of jobs in state SUBMITTED."""
        return self.metric("SubmittedJobs", queue)

    def metric_pending_jobs(self, queue: str) -> cloudwatch.Metric:
        """Return the number of jobs in state PENDING, which wait for other jobs, without parents of array jobs."""
        return self.metric("PendingJobs", queue)

    def metric_runnable_jobs(self, queue: str, share: str | None = None) -> cloudwatch.Metric:
        """Return the number of jobs in state RUNNABLE, which wait for capacity."""
        return self.metric("RunnableJobs", queue, share=share)

    def metric_scheduled_jobs(self, queue: str) -> cloudwatch.Metric:
        """Return the number of service jobs in state SCHEDULED, which were sent to SageMaker but are not starting."""
        return self.metric("ScheduledJobs", queue)

    def metric_starting_jobs(self, queue: str) -> cloudwatch.Metric:
        """Return the number of jobs in state STARTING."""
        return self.metric("StartingJobs", queue)

    def metric_running_jobs(self, queue: str, share: str | None = None) -> cloudwatch.Metric:
        """Return the number of jobs in state RUNNING; for a share, scheduled and starting jobs included."""
        return self.metric("RunningJobs", queue, share=share)

    def metric_oldest_runnable_age(self, queue: str, share: str | None = None) -> cloudwatch.Metric:
        """Return the time since submission of the oldest job in state RUNNABLE; a lower bound in a truncated poll."""
        return self.metric("OldestRunnableAge", queue, share=share)

    def metric_head_of_queue_age(self, queue: str) -> cloudwatch.Metric:
        """Return the longest time that a job has been at the head of the queue or of one of its quota shares."""
        return self.metric("HeadOfQueueAge", queue)

    def metric_capacity_in_use(self, queue: str, share: str | None = None) -> cloudwatch.Metric:
        """Return the capacity that dispatched jobs use, in the queue's unit: instances or vCPUs."""
        return self.metric("CapacityInUse", queue, share=share)

    def metric_capacity_limit(self, queue: str) -> cloudwatch.Metric:
        """Return the maximum capacity that all jobs of the queue can use together."""
        return self.metric("CapacityLimit", queue)

    def metric_capacity_utilization(self, queue: str) -> cloudwatch.Metric:
        """Return the capacity in use as a percentage of the limit."""
        return self.metric("CapacityUtilization", queue)

    def metric_capacity_entitlement(self, queue: str, share: str) -> cloudwatch.Metric:
        """Return the capacity that the share is entitled to when all shares are busy."""
        return self.metric("CapacityEntitlement", queue, share=share)

    def metric_capacity_borrowed(self, queue: str, share: str) -> cloudwatch.Metric:
        """Return the capacity that the share uses beyond its entitlement."""
        return self.metric("CapacityBorrowed", queue, share=share)

    def metric_capacity_lent(self, queue: str, share: str) -> cloudwatch.Metric:
        """Return the capacity of the share's entitlement that other shares use."""
        return self.metric("CapacityLent", queue, share=share)

    def metric_gpus_in_use(self, queue: str, share: str | None = None) -> cloudwatch.Metric:
        """Return the number of GPUs of scheduled, starting and running jobs."""
        return self.metric("GpusInUse", queue, share=share)

    def metric_gpus_wanted(self, queue: str, share: str | None = None) -> cloudwatch.Metric:
        """Return the number of GPUs that jobs in state RUNNABLE wait for."""
        return self.metric("GpusWanted", queue, share=share)

    def metric_truncated(self, queue: str) -> cloudwatch.Metric:
        """Return a metric that is 1 if the queue had more jobs than a poll lists (counts are lower bounds), else 0."""
        return self.metric("Truncated", queue)

    def metric_poll_errors(self, queue: str) -> cloudwatch.Metric:
        """Return the number of failed calls in a poll; the poll leaves out the gauges that need them."""
        return self.metric("PollErrors", queue)

    def metric_poll_seconds(self, queue: str) -> cloudwatch.Metric:
        """Return the duration of the poll of a queue."""
        return self.metric("PollSeconds", queue)
