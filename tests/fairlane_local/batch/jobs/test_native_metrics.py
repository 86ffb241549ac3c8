"""Metrics of AWS Batch in the namespace `AWS/Batch`: submissions and durations."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from fairlane_local.server.access import client
from fairlane_local.server.local_aws import LocalAws
from tests.fairlane_local.batch.jobs.containers import fifo_queue, submit
from tests.fairlane_local.batch.support import ACCOUNT


@pytest.fixture
def metric(aws: LocalAws) -> Any:
    """Return a function that returns the sum and the unit of a metric of the queue `fifo`."""
    cloudwatch = client("cloudwatch", aws.port, ACCOUNT, "us-east-1")

    def read(name: str) -> tuple[float, str] | None:
        start = datetime.fromtimestamp(aws.timeline.clock.start, UTC) - timedelta(minutes=5)
        points = cloudwatch.get_metric_statistics(
            Namespace="AWS/Batch",
            MetricName=name,
            Dimensions=[{"Name": "JobQueueName", "Value": "fifo"}],
            StartTime=start,
            EndTime=start + timedelta(hours=1),
            Period=60,
            Statistics=["Sum"],
        )["Datapoints"]
        return (sum(point["Sum"] for point in points), points[0]["Unit"]) if points else None

    return read


def test_an_array_job_is_submitted_once_for_each_child(batch: Any, metric: Any) -> None:
    queue = fifo_queue(batch)
    submit(batch, queue)
    submit(batch, queue, arrayProperties={"size": 3})
    assert metric("JobsSubmitted") == (4, "Count")


def test_durations_are_those_of_a_job_that_waited_and_ran(aws: LocalAws, batch: Any, metric: Any) -> None:
    queue = fifo_queue(batch, vcpus=1)
    submit(batch, queue, run=100)
    submit(batch, queue, run=30)
    aws.timeline.advance(60)
    assert metric("JobAttemptExecutionDuration") is None
    aws.timeline.advance(120)
    assert metric("JobSubmittedToRunnableDuration") == (0, "Milliseconds")
    assert metric("JobAttemptExecutionDuration") == (130_000, "Milliseconds")
    assert metric("JobAttemptDuration") == (130_000, "Milliseconds")
    assert metric("JobAttemptStartingToRunningDuration") == (0, "Milliseconds")
    waited, _ = metric("JobSubmittedToFirstStartingDuration")
    assert 100_000 <= waited <= 104_000
    assert metric("JobAttemptRunnableToStartingDuration") == (waited, "Milliseconds")


def test_a_dependent_job_waits_until_it_is_runnable(aws: LocalAws, batch: Any, metric: Any) -> None:
    queue = fifo_queue(batch)
    first = submit(batch, queue, run=100)
    submit(batch, queue, run=30, dependsOn=[{"jobId": first}])
    aws.timeline.advance(180)
    runnable, _ = metric("JobSubmittedToRunnableDuration")
    assert 100_000 <= runnable <= 102_000
    wait, _ = metric("JobAttemptRunnableToStartingDuration")
    assert wait <= 3000


def test_a_retried_job_counts_its_first_start_once(aws: LocalAws, batch: Any, metric: Any) -> None:
    queue = fifo_queue(batch)
    submit(batch, queue, run=10, tags={"fairlane:exit-code": "1"}, retryStrategy={"attempts": 3})
    aws.timeline.advance(120)
    assert metric("JobsRetried") == (2, "Count")
    assert metric("JobAttemptExecutionDuration") == (30_000, "Milliseconds")
    assert metric("JobSubmittedToFirstStartingDuration")[0] <= 2000
    assert metric("JobAttemptRunnableToStartingDuration")[0] <= 6000
