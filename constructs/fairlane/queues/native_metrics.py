"""Native metrics of queues, which AWS Batch publishes free of charge in namespace `AWS/Batch`.

The metrics count changes of job states: AWS Batch publishes nothing for a queue without such changes. Publication is
best effort: counts can be inexact.

Source: "Using CloudWatch Metrics with AWS Batch" in the user guide, of October 2026.
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
    """Native metrics of all queues, created in the app or imported.

    Counts have the statistic Sum, and durations the statistic Average. The default period is five minutes. For another
    statistic, for example `p95`, use `metric.with_(statistic=...)`.
    """

    job_queue_name: str
    job_queue_arn: str

    def metric(self, metric_name: str, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Return a metric of the queue in namespace `AWS/Batch`.

        Args:
            metric_name: Name of the metric in AWS Batch. Metrics whose name ends in `Duration` are in milliseconds.
            period: Aggregation period, one minute or more. Default: five minutes.
        """
        is_duration = metric_name.endswith("Duration")
        arn = None if is_token(self.job_queue_arn) else Arn.split(self.job_queue_arn, ArnFormat.SLASH_RESOURCE_NAME)
        cloudwatch = cdk.aws_cloudwatch  # loads lazily, because most apps use no metric
        metric = cloudwatch.Metric(
            namespace="AWS/Batch",
            metric_name=metric_name,
            dimensions_map={"JobQueueName": self.job_queue_name},
            statistic=cloudwatch.Stats.AVERAGE if is_duration else cloudwatch.Stats.SUM,
            unit=cloudwatch.Unit.MILLISECONDS if is_duration else cloudwatch.Unit.COUNT,
            period=period,
            region=arn.region if arn else None,
            account=arn.account if arn else None,
        )
        return metric if arn else metric.attach_to(self)

    def metric_jobs_submitted(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Return the metric of jobs that were submitted. An array job counts once for each child."""
        return self.metric("JobsSubmitted", period=period)

    def metric_jobs_moved_to_pending(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Return the metric of jobs that moved to PENDING, where they wait for jobs that they depend on."""
        return self.metric("JobsMovedToPending", period=period)

    def metric_jobs_moved_to_runnable(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Return the metric of jobs that moved to RUNNABLE, where they wait for capacity."""
        return self.metric("JobsMovedToRunnable", period=period)

    def metric_jobs_moved_to_starting(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Return the metric of jobs that moved to STARTING."""
        return self.metric("JobsMovedToStarting", period=period)

    def metric_jobs_moved_to_running(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Return the metric of jobs that moved to RUNNING."""
        return self.metric("JobsMovedToRunning", period=period)

    def metric_jobs_moved_to_succeeded(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Return the metric of jobs that succeeded."""
        return self.metric("JobsMovedToSucceeded", period=period)

    def metric_jobs_moved_to_failed(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Return the metric of jobs that failed, including cancelled and terminated jobs."""
        return self.metric("JobsMovedToFailed", period=period)

    def metric_jobs_cancelled(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Return the metric of jobs that were cancelled."""
        return self.metric("JobsCancelled", period=period)

    def metric_jobs_terminated(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Return the metric of jobs that were terminated."""
        return self.metric("JobsTerminated", period=period)

    def metric_jobs_retried(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Return the metric of jobs that were retried."""
        return self.metric("JobsRetried", period=period)

    def metric_job_submitted_to_runnable_duration(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Return the metric of the time from submission to RUNNABLE, where a job waits only for capacity."""
        return self.metric("JobSubmittedToRunnableDuration", period=period)

    def metric_job_attempt_starting_to_running_duration(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Return the metric of the time of attempts from STARTING to RUNNING."""
        return self.metric("JobAttemptStartingToRunningDuration", period=period)

    def metric_job_attempt_execution_duration(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Return the metric of the execution time of attempts."""
        return self.metric("JobAttemptExecutionDuration", period=period)

    def metric_job_attempt_duration(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Return the metric of the total time of attempts."""
        return self.metric("JobAttemptDuration", period=period)


class ServiceQueueMetrics(QueueMetrics):
    """Native metrics of a queue for SageMaker training jobs."""

    def metric_jobs_moved_to_scheduled(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Return the metric of jobs that moved to SCHEDULED, when AWS Batch hands them to SageMaker."""
        return self.metric("JobsMovedToScheduled", period=period)

    def metric_jobs_preempted(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Return the metric of jobs that were preempted to return capacity."""
        return self.metric("JobsPreempted", period=period)

    def metric_job_submitted_to_first_scheduled_duration(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Return the metric of the time from submission to the first SCHEDULED: the total wait."""
        return self.metric("JobSubmittedToFirstScheduledDuration", period=period)

    def metric_job_attempt_runnable_to_scheduled_duration(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Return the metric of the time that attempts waited for capacity."""
        return self.metric("JobAttemptRunnableToScheduledDuration", period=period)

    def metric_job_attempt_scheduled_to_starting_duration(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Return the metric of the time of attempts from SCHEDULED to STARTING, when SageMaker has them."""
        return self.metric("JobAttemptScheduledToStartingDuration", period=period)


class ComputeQueueMetrics(QueueMetrics):
    """Native metrics of a queue for containers."""

    def metric_job_submitted_to_first_starting_duration(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Return the metric of the time from submission to the first STARTING on an instance: the total wait."""
        return self.metric("JobSubmittedToFirstStartingDuration", period=period)

    def metric_job_attempt_runnable_to_starting_duration(self, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Return the metric of the time that attempts waited for capacity."""
        return self.metric("JobAttemptRunnableToStartingDuration", period=period)
