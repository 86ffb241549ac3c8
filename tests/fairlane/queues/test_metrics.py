"""Native metrics of queues for service jobs, as named in the AWS Batch user guide."""

import re

import pytest
from aws_cdk import Duration, Stack

from fairlane import Fifo, TrainingQueue
from fairlane.queues import TrainingQueueBase

COUNTS = [
    "JobsSubmitted",
    "JobsMovedToPending",
    "JobsMovedToRunnable",
    "JobsMovedToStarting",
    "JobsMovedToRunning",
    "JobsMovedToSucceeded",
    "JobsMovedToFailed",
    "JobsCancelled",
    "JobsTerminated",
    "JobsRetried",
    "JobsMovedToScheduled",
    "JobsPreempted",
]
DURATIONS = [
    "JobSubmittedToRunnableDuration",
    "JobAttemptStartingToRunningDuration",
    "JobAttemptExecutionDuration",
    "JobAttemptDuration",
    "JobSubmittedToFirstScheduledDuration",
    "JobAttemptRunnableToScheduledDuration",
    "JobAttemptScheduledToStartingDuration",
]


def method_name(name: str) -> str:
    return "metric_" + re.sub("(?<!^)(?=[A-Z])", "_", name).lower()


@pytest.fixture(params=["owned", "by name", "by arn"])
def queue(stack: Stack, request: pytest.FixtureRequest) -> TrainingQueueBase:
    arn = f"arn:aws:batch:{stack.region}:{stack.account}:job-queue/q"
    match request.param:
        case "owned":
            return TrainingQueue(stack, "Queue", queue_name="q", capacity=1, scheduling=Fifo())
        case "by name":
            return TrainingQueue.from_job_queue_name(stack, "Queue", "q")
        case _:
            return TrainingQueue.from_job_queue_arn(stack, "Queue", arn)


def test_each_native_metric_has_a_method() -> None:
    methods = {name for name in dir(TrainingQueueBase) if name.startswith("metric_")}
    assert methods == {method_name(name) for name in COUNTS + DURATIONS}


@pytest.mark.parametrize("name", COUNTS + DURATIONS)
def test_each_metric_has_its_statistic_unit_and_dimension(queue: TrainingQueueBase, name: str) -> None:
    metric = getattr(queue, method_name(name))(period=Duration.minutes(1))
    assert (metric.namespace, metric.metric_name) == ("AWS/Batch", name)
    assert metric.dimensions == {"JobQueueName": "q"}
    statistic, unit = ("Sum", "COUNT") if name in COUNTS else ("Average", "MILLISECONDS")
    assert (metric.statistic, metric.unit.name) == (statistic, unit)
    assert metric.period.to_seconds() == 60


def test_the_metrics_of_an_imported_queue_have_its_region_and_account(stack: Stack) -> None:
    arn = "arn:aws:batch:eu-west-1:444455556666:job-queue/q"
    metric = TrainingQueue.from_job_queue_arn(stack, "Queue", arn).metric_jobs_submitted()
    assert (metric.region, metric.account) == ("eu-west-1", "444455556666")
