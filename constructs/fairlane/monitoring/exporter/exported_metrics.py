"""The metrics of `JobMetrics`, each with the dimensions, the unit and the statistic of `metrics.json`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aws_cdk as cdk
from aws_cdk import Duration
from constructs import Construct

from fairlane._internal.lambda_package import metrics_catalog

if TYPE_CHECKING:
    from aws_cdk import aws_cloudwatch as cloudwatch


class ExportedMetrics(Construct):
    """The metrics that Fairlane exports, by queue, share or reason.

    Attributes:
        namespace: where they are in CloudWatch.
        period: how often gauges are published.
    """

    namespace: str
    period: Duration

    def metric(
        self, metric_name: str, queue: str, *, share: str | None = None, reason: str | None = None
    ) -> cloudwatch.Metric:
        """A metric by its name; another statistic, such as `p95`, by `metric.with_(statistic=...)`.

        Args:
            metric_name: one of `metrics.json`.
            queue: the name of a queue.
            share: a declared share, or `other`; for metrics of shares.
            reason: for metrics by reason.

        Raises:
            ValueError: if there is no such metric, or none with these dimensions.
        """
        catalog = metrics_catalog()
        known = catalog["metrics"].get(metric_name)
        per = "share" if share is not None else "reason" if reason is not None else "queue"
        if known is None or per not in known["per"] or (share is not None and reason is not None):
            raise ValueError(f"no metric {metric_name} by {per}: there are {', '.join(catalog['metrics'])}")
        values = {"JobQueueName": queue, "Share": share, "Reason": reason}
        cloudwatch = cdk.aws_cloudwatch  # loaded here, as most synths ask for no metric
        return cloudwatch.Metric(
            namespace=self.namespace,
            metric_name=metric_name,
            dimensions_map={name: str(values[name]) for name in catalog["dimensions"][per]},
            statistic=known["statistic"],
            unit=cloudwatch.Unit(known["unit"].upper()),
            period=self.period,
        ).attach_to(self)

    def metric_attempt_wait_time(self, queue: str, share: str) -> cloudwatch.Metric:
        """How long an attempt had waited: from submission, or from the end of the one before, until it ran."""
        return self.metric("AttemptWaitTime", queue, share=share)

    def metric_attempt_run_time(self, queue: str, share: str) -> cloudwatch.Metric:
        """How long an attempt ran."""
        return self.metric("AttemptRunTime", queue, share=share)

    def metric_job_wait_time(self, queue: str, share: str) -> cloudwatch.Metric:
        """How long a job that has ended had waited in all its attempts; all its life, if it never ran."""
        return self.metric("JobWaitTime", queue, share=share)

    def metric_job_start_time(self, queue: str, share: str) -> cloudwatch.Metric:
        """How long a job that has ended took from leaving the queue until it ran, where AWS tells."""
        return self.metric("JobStartTime", queue, share=share)

    def metric_job_run_time(self, queue: str, share: str) -> cloudwatch.Metric:
        """How long a job that has ended ran in all its attempts."""
        return self.metric("JobRunTime", queue, share=share)

    def metric_job_retries(self, queue: str, share: str) -> cloudwatch.Metric:
        """Attempts after the first of jobs that have ended."""
        return self.metric("JobRetries", queue, share=share)

    def metric_jobs_succeeded(self, queue: str, share: str | None = None) -> cloudwatch.Metric:
        """Jobs that succeeded."""
        return self.metric("JobsSucceeded", queue, share=share)

    def metric_jobs_failed(self, queue: str, share: str | None = None) -> cloudwatch.Metric:
        """Jobs that failed; those that somebody cancelled or terminated are not among them."""
        return self.metric("JobsFailed", queue, share=share)

    def metric_jobs_preempted(self, queue: str, share: str) -> cloudwatch.Metric:
        """Attempts that were stopped for a job of another share, or of higher priority."""
        return self.metric("JobsPreempted", queue, share=share)

    def metric_gpu_seconds(self, queue: str, share: str | None = None) -> cloudwatch.Metric:
        """GPUs times seconds that jobs ran with them, counted when they end or are preempted."""
        return self.metric("GpuSeconds", queue, share=share)

    def metric_job_failures(self, queue: str, reason: str) -> cloudwatch.Metric:
        """Jobs that failed, were cancelled or terminated, by reason."""
        return self.metric("JobFailures", queue, reason=reason)

    def metric_queue_blocked(self, queue: str, reason: str) -> cloudwatch.Metric:
        """Times that AWS Batch said that the job at the head of the queue cannot start, by reason."""
        return self.metric("QueueBlocked", queue, reason=reason)

    def metric_events_rejected(self, queue: str) -> cloudwatch.Metric:
        """Events that could not be understood; they are in the dead-letter queue."""
        return self.metric("EventsRejected", queue)

    def metric_submitted_jobs(self, queue: str) -> cloudwatch.Metric:
        """Jobs in state SUBMITTED."""
        return self.metric("SubmittedJobs", queue)

    def metric_pending_jobs(self, queue: str) -> cloudwatch.Metric:
        """Jobs in state PENDING, which wait for other jobs; parents of array jobs are not counted."""
        return self.metric("PendingJobs", queue)

    def metric_runnable_jobs(self, queue: str, share: str | None = None) -> cloudwatch.Metric:
        """Jobs in state RUNNABLE, which wait for capacity."""
        return self.metric("RunnableJobs", queue, share=share)

    def metric_scheduled_jobs(self, queue: str) -> cloudwatch.Metric:
        """Service jobs in state SCHEDULED, handed over to SageMaker but not starting yet."""
        return self.metric("ScheduledJobs", queue)

    def metric_starting_jobs(self, queue: str) -> cloudwatch.Metric:
        """Jobs in state STARTING."""
        return self.metric("StartingJobs", queue)

    def metric_running_jobs(self, queue: str, share: str | None = None) -> cloudwatch.Metric:
        """Jobs in state RUNNING; of a share, those that are scheduled or starting too."""
        return self.metric("RunningJobs", queue, share=share)

    def metric_oldest_runnable_age(self, queue: str, share: str | None = None) -> cloudwatch.Metric:
        """Time since the oldest job in state RUNNABLE was submitted; a lower bound when the listing was truncated."""
        return self.metric("OldestRunnableAge", queue, share=share)

    def metric_head_of_queue_age(self, queue: str) -> cloudwatch.Metric:
        """How long the job at the head of the queue, or the longest at the head of any quota share, has been there."""
        return self.metric("HeadOfQueueAge", queue)

    def metric_capacity_in_use(self, queue: str, share: str | None = None) -> cloudwatch.Metric:
        """Capacity that dispatched jobs use, in the units of the queue: instances, or vCPUs."""
        return self.metric("CapacityInUse", queue, share=share)

    def metric_capacity_limit(self, queue: str) -> cloudwatch.Metric:
        """Most capacity that the queue's jobs can use together."""
        return self.metric("CapacityLimit", queue)

    def metric_capacity_utilization(self, queue: str) -> cloudwatch.Metric:
        """Capacity in use as part of the limit."""
        return self.metric("CapacityUtilization", queue)

    def metric_capacity_entitlement(self, queue: str, share: str) -> cloudwatch.Metric:
        """Capacity that the share is entitled to when all want theirs."""
        return self.metric("CapacityEntitlement", queue, share=share)

    def metric_capacity_borrowed(self, queue: str, share: str) -> cloudwatch.Metric:
        """Capacity that the share uses beyond its entitlement."""
        return self.metric("CapacityBorrowed", queue, share=share)

    def metric_capacity_lent(self, queue: str, share: str) -> cloudwatch.Metric:
        """Capacity of the share's entitlement that other shares use."""
        return self.metric("CapacityLent", queue, share=share)

    def metric_gpus_in_use(self, queue: str, share: str | None = None) -> cloudwatch.Metric:
        """GPUs of jobs that are scheduled, starting or running."""
        return self.metric("GpusInUse", queue, share=share)

    def metric_gpus_wanted(self, queue: str, share: str | None = None) -> cloudwatch.Metric:
        """GPUs that jobs in state RUNNABLE wait for."""
        return self.metric("GpusWanted", queue, share=share)

    def metric_truncated(self, queue: str) -> cloudwatch.Metric:
        """1 if there were more jobs than a poll may list, so that counts are lower bounds; else 0."""
        return self.metric("Truncated", queue)

    def metric_poll_errors(self, queue: str) -> cloudwatch.Metric:
        """Calls that failed in a poll; gauges that need them are left out of it."""
        return self.metric("PollErrors", queue)

    def metric_poll_seconds(self, queue: str) -> cloudwatch.Metric:
        """How long the poll of the queue took."""
        return self.metric("PollSeconds", queue)
