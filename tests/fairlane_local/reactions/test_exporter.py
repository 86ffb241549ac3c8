"""Jobs of the example environment, and what its deployed exporter and its alarms say about them."""

import json
from collections import Counter
from collections.abc import Iterator
from threading import Event
from typing import Any

import pytest

from fairlane_local import LocalAws
from fairlane_local.batch.api import batch_api
from fairlane_local.batch.jobs.options import JobOptions
from fairlane_local.clock import Clock
from fairlane_local.monitoring.metrics import metric_store
from tests.fairlane_local.monitoring.test_exporter import MONITORING, TRAINING, _code, synthesized
from tests.fairlane_local.reactions.functions import ACCOUNT, MIDNIGHT, REGION, service

pytestmark = pytest.mark.slow

POLL_SECONDS = 5
QUOTAS, WEIGHTS, FIFO, CONTAINERS = "training-p4", "training-g6", "cpu", "gpu-g5"
SHARES = {
    QUOTAS: ("ProdExp1", "ProdExp2"),
    WEIGHTS: ("HIGHPRI", "MIDPRI", "LOWPRI"),
    FIFO: ("",),
    CONTAINERS: ("production", "research", "sweeps"),
}
TYPES = {QUOTAS: "ml.p4d.24xlarge", WEIGHTS: "ml.g6.12xlarge", FIFO: "ml.c5.xlarge"}


@pytest.fixture
def exporter(speed: float | None) -> Iterator[LocalAws]:
    """Return a local AWS with the deployed example."""
    clock = Clock(speed)
    clock.start = MIDNIGHT
    with LocalAws(clock=clock, options=JobOptions(throttle=False)) as aws:
        templates = synthesized()
        service(aws, "ssm").get_parameter(Name="/cdk-bootstrap/hnb659fds/version")  # creates the bootstrap bucket
        for key, code in _code.items():
            bucket = f"cdk-hnb659fds-assets-{ACCOUNT}-{REGION}"
            service(aws, "s3").put_object(Bucket=bucket, Key=key, Body=code)
        cloudformation = service(aws, "cloudformation")
        for name in (TRAINING, MONITORING):
            cloudformation.create_stack(StackName=name, TemplateBody=templates[name])
            assert cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"] == "CREATE_COMPLETE"
        yield aws


def submit(queue: str, number: int, share: str, *, run: int, fails: bool) -> None:
    """Submit a job without a request: at a high speed, hours would pass until 500 requests are answered."""
    tags = {"fairlane:run-seconds": str(run), **({"fairlane:fails": "it failed"} if fails else {})}
    request: dict[str, Any] = {"jobName": f"j{number}", "jobQueue": queue, "tags": tags}
    api = batch_api(ACCOUNT, REGION)
    if queue == CONTAINERS:
        api.call("SubmitJob", request | {"jobDefinition": "train-one-gpu", "shareIdentifier": share})
        return
    payload = json.dumps({"ResourceConfig": {"InstanceCount": 1, "InstanceType": TYPES[queue]}})
    member = {QUOTAS: "quotaShareName", WEIGHTS: "shareIdentifier", FIFO: ""}[queue]
    request |= {"serviceJobType": "SAGEMAKER_TRAINING", "serviceRequestPayload": payload}
    api.call("SubmitServiceJob", request | ({member: share} if member else {}))


def wait_for_all_jobs(aws: LocalAws, number: int) -> None:
    """Let the clock run until all jobs have ended, and for another 20 minutes."""
    end = None
    while end is None or aws.timeline.second < end:
        wait_a_minute(aws)
        statuses = ("JobsMovedToSucceeded", "JobsMovedToFailed")
        ended = sum(total(status, queue, namespace="AWS/Batch") for status in statuses for queue in SHARES)
        if end is None and ended == number:
            end = aws.timeline.second + 1200


def wait_a_minute(aws: LocalAws) -> None:
    """Let the clock run for a minute."""
    if aws.timeline.clock.speed is None:
        aws.timeline.advance(60)
        return
    is_over = Event()
    with aws.timeline.lock:
        aws.timeline.call_at(aws.timeline.second + 60, lambda second: is_over.set())
    aws.timeline.wake()
    assert is_over.wait(600)


def total(name: str, queue: str, share: str = "", namespace: str = "Fairlane") -> float:
    """Return the sum of a metric."""
    dimensions = {"JobQueueName": queue, **({"Share": share} if share else {})}
    store = metric_store(ACCOUNT, REGION)
    return sum(store.series(namespace, name, dimensions, "Sum", 60, MIDNIGHT - 60, MIDNIGHT + 86_400).values())


@pytest.mark.parametrize("speed", [None, 3600])
def test_metrics_and_alarms_agree_with_500_jobs(exporter: LocalAws) -> None:
    ends: Counter[tuple[str, str, bool]] = Counter()
    seconds: Counter[tuple[str, str]] = Counter()
    queues = [CONTAINERS] * 200 + [WEIGHTS] * 150 + [QUOTAS] * 100 + [FIFO] * 50
    with exporter.timeline.lock:  # the clock stands at the next poll
        for number, queue in enumerate(queues):
            share = SHARES[queue][number % len(SHARES[queue])]
            run, fails = 60 + 7 * (number % 20), queue == CONTAINERS and number % 2 == 0
            submit(queue, number, share, run=run, fails=fails)
            ends[queue, share, fails] += 1
            seconds[queue, share] += run
    wait_for_all_jobs(exporter, len(queues))

    for queue, shares in SHARES.items():
        for share in shares:
            succeeded, failed = ends[queue, share, False], ends[queue, share, True]
            assert total("JobsSucceeded", queue, share) == succeeded, (queue, share)
            assert total("JobsFailed", queue, share) == failed, (queue, share)
        moved = [total(f"JobsMovedTo{status}", queue, namespace="AWS/Batch") for status in ("Succeeded", "Failed")]
        expected = [sum(ends[queue, share, fails] for share in shares) for fails in (False, True)]
        assert moved == expected, queue
    for share in SHARES[CONTAINERS]:
        assert total("GpuSeconds", CONTAINERS, share) == seconds[CONTAINERS, share]

    check_gauges(exporter)
    in_alarm = {
        item["AlarmName"]
        for item in service(exporter, "cloudwatch").describe_alarm_history(
            HistoryItemType="StateUpdate", MaxRecords=100
        )["AlarmHistoryItems"]
        if item["HistorySummary"].endswith("to ALARM")
    }
    assert len(in_alarm) == 2, "the alarm on failed jobs, and its composite"
    assert all("-gpu-g5-" in name for name in in_alarm)
    assert any("-failure-rate-" in name for name in in_alarm)
    rejected = service(exporter, "cloudwatch").list_metrics(MetricName="EventsRejected")["Metrics"]
    assert rejected == []


def check_gauges(aws: LocalAws) -> None:
    """Compare the numbers of running jobs at each poll with the times of the jobs."""
    store = metric_store(ACCOUNT, REGION)
    batch, scheduler = service(aws, "batch"), service(aws, "scheduler")
    gauges = {
        queue: store.series(
            "Fairlane", "RunningJobs", {"JobQueueName": queue}, "Average", 60, MIDNIGHT, MIDNIGHT + 86_400
        )
        for queue in (WEIGHTS, QUOTAS, FIFO)
    }
    (schedule,) = scheduler.list_schedules()["Schedules"]
    poller = {"FunctionName": scheduler.get_schedule(Name=schedule["Name"])["Target"]["Arn"].rpartition(":")[2]}
    invocations = store.series("AWS/Lambda", "Invocations", poller, "Sum", 1, MIDNIGHT, MIDNIGHT + 86_400)
    polls: dict[int, list[int]] = {}
    for second in invocations:  # a poll takes real seconds, so that its samples can be of the next minute
        for minute in {second // 60 * 60, (second + POLL_SECONDS) // 60 * 60}:
            polls.setdefault(minute, []).append(second)
    spans: dict[str, list[tuple[float, float]]] = {queue: [] for queue in SHARES}
    for queue in (WEIGHTS, QUOTAS, FIFO):
        pages = batch.get_paginator("list_service_jobs").paginate(jobQueue=queue, jobStatus="SUCCEEDED")
        for job in (job for page in pages for job in page["jobSummaryList"]):
            spans[queue].append((job["startedAt"] / 1000, job["stoppedAt"] / 1000 if "stoppedAt" in job else 0))
    for queue, gauge in gauges.items():
        assert gauge, queue
        for minute, value in gauge.items():
            assert any(
                sum(start < second < end for start, end in spans[queue])
                <= value
                <= sum(start <= second <= end for start, end in spans[queue])
                for second in polls[minute]
            ), (queue, minute, polls[minute])
