"""The metrics that AWS Batch publishes for a queue by itself, free of charge, in namespace `AWS/Batch`.

They count what moves: a queue in which nothing moves publishes nothing. AWS calls them best effort: counts need not be
exact. Source: "Using CloudWatch Metrics with AWS Batch" in the user guide, of October 2026.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import aws_cdk as cdk
from aws_cdk import Arn, ArnFormat, Duration
from constructs import Construct

from fairlane._internal.tokens import is_token

if TYPE_CHECKING:
    from aws_cdk import aws_cloudwatch as cloudwatch


class QueueMetrics(Construct):
    """The native metrics of every queue, made here or elsewhere.

    Counts are summed, durations averaged, over five minutes unless `period` says otherwise; any other statistic, such
    as `p95`, by `metric.with_(statistic=...)`.
    """

    job_queue_name: str
    job_queue_arn: str

    def metric(self, metric_name: str, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Any metric of the queue in namespace `AWS/Batch`, by the name that AWS gives it.

        Args:
            metric_name: one of AWS's names; those that end in `Duration` are in milliseconds.
            period: over how long to aggregate, a minute or more; five minutes by default.
        """
        duration = metric_name.endswith("Duration")
        elsewhere = (
            None if is_token(self.job_queue_arn) else Arn.split(self.job_queue_arn, ArnFormat.SLASH_RESOURCE_NAME)
        )
        cloudwatch = cdk.aws_cloudwatch  # loaded here, as most synths ask for no metric
        metric = cloudwatch.Metric(
            namespace="AWS/Batch",
            metric_name=metric_name,
            dimensions_map={"JobQueueName": self.job_queue_name},
            statistic=cloudwatch.Stats.AVERAGE if duration else cloudwatch.Stats.SUM,
            unit=cloudwatch.Unit.MILLISECONDS if duration else cloudwatch.Unit.COUNT,
            period=period,
            region=elsewhere.region if elsewhere else None,
            account=elsewhere.account if elsewhere else None,
        )
        return metric if elsewhere else metric.attach_to(self)

    def metric_jobs_submitted(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Jobs submitted; an array job counts as many as it has children."""
        return self.metric("JobsSubmitted", period=period)

    def metric_jobs_moved_to_pending(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Jobs that began to wait for the jobs that they depend on."""
        return self.metric("JobsMovedToPending", period=period)

    def metric_jobs_moved_to_runnable(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Jobs that began to wait for capacity."""
        return self.metric("JobsMovedToRunnable", period=period)

    def metric_jobs_moved_to_starting(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Jobs that began to start."""
        return self.metric("JobsMovedToStarting", period=period)

    def metric_jobs_moved_to_running(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Jobs that began to run."""
        return self.metric("JobsMovedToRunning", period=period)

    def metric_jobs_moved_to_succeeded(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Jobs that succeeded."""
        return self.metric("JobsMovedToSucceeded", period=period)

    def metric_jobs_moved_to_failed(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Jobs that failed; cancelled and terminated ones count too."""
        return self.metric("JobsMovedToFailed", period=period)

    def metric_jobs_cancelled(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Jobs that were cancelled."""
        return self.metric("JobsCancelled", period=period)

    def metric_jobs_terminated(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Jobs that were terminated."""
        return self.metric("JobsTerminated", period=period)

    def metric_jobs_retried(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Jobs that were tried again."""
        return self.metric("JobsRetried", period=period)

    def metric_job_submitted_to_runnable_duration(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """From submission until nothing was left to wait for but capacity."""
        return self.metric("JobSubmittedToRunnableDuration", period=period)

    def metric_job_attempt_starting_to_running_duration(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """How long attempts took to start."""
        return self.metric("JobAttemptStartingToRunningDuration", period=period)

    def metric_job_attempt_execution_duration(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """How long attempts ran."""
        return self.metric("JobAttemptExecutionDuration", period=period)

    def metric_job_attempt_duration(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """How long attempts took as a whole."""
        return self.metric("JobAttemptDuration", period=period)


class ServiceQueueMetrics(QueueMetrics):
    """The native metrics of a queue for SageMaker training jobs."""

    def metric_jobs_moved_to_scheduled(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Jobs that were handed over to SageMaker."""
        return self.metric("JobsMovedToScheduled", period=period)

    def metric_jobs_preempted(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Jobs that were stopped to give capacity back."""
        return self.metric("JobsPreempted", period=period)

    def metric_job_submitted_to_first_scheduled_duration(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """From submission until the first hand-over to SageMaker: the whole wait."""
        return self.metric("JobSubmittedToFirstScheduledDuration", period=period)

    def metric_job_attempt_runnable_to_scheduled_duration(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """How long attempts waited for capacity."""
        return self.metric("JobAttemptRunnableToScheduledDuration", period=period)

    def metric_job_attempt_scheduled_to_starting_duration(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """How long attempts were with SageMaker before they began to start."""
        return self.metric("JobAttemptScheduledToStartingDuration", period=period)


class ComputeQueueMetrics(QueueMetrics):
    """The native metrics of a queue for containers."""

    def metric_job_submitted_to_first_starting_duration(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """From submission until a machine first began to start the job: the whole wait."""
        return self.metric("JobSubmittedToFirstStartingDuration", period=period)

    def metric_job_attempt_runnable_to_starting_duration(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """How long attempts waited for capacity."""
        return self.metric("JobAttemptRunnableToStartingDuration", period=period)
