"""Service jobs: statuses, attempts, retries, preemptions and terminations."""

import gc
import json
import weakref
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto.logs.models import logs_backends

from fairlane_local.server.access import client
from fairlane_local.server.local_aws import LocalAws
from tests.fairlane_local.batch.jobs.support import (
    G5,
    fair_queue,
    fifo_queue,
    notebook_queue,
    payload,
    status,
    submit,
)
from tests.fairlane_local.batch.support import ACCOUNT, message_of


def test_a_job_runs_and_succeeds(aws: LocalAws, batch: Any) -> None:
    job = submit(batch, fifo_queue(batch), run=100)
    assert status(batch, job) == "RUNNABLE"

    aws.timeline.advance(1)
    running = batch.describe_service_job(jobId=job)
    assert (running["status"], running["scheduledAt"], running["startedAt"]) == (
        "RUNNING",
        running["createdAt"],
        running["createdAt"],
    )
    aws.timeline.advance(98)
    assert status(batch, job) == "RUNNING"

    aws.timeline.advance(1)
    ended = batch.describe_service_job(jobId=job.rpartition("/")[2])
    assert ended["status"] == "SUCCEEDED"
    assert ended["stoppedAt"] - ended["startedAt"] == 100_000
    (attempt,) = ended["attempts"]
    assert attempt["serviceResourceId"] == ended["latestAttempt"]["serviceResourceId"]
    assert attempt["statusReason"] == ended["statusReason"] == "Received status from SageMaker: Completed"
    assert ended["serviceRequestPayload"] == payload()


def test_jobs_wait_for_capacity_in_the_order_of_submission(aws: LocalAws, batch: Any) -> None:
    queue = fifo_queue(batch, instances=2)
    first, second, third = (submit(batch, queue, name, run=60) for name in ("first", "second", "third"))
    aws.timeline.advance(1)
    assert [status(batch, job) for job in (first, second, third)] == ["RUNNING", "RUNNING", "RUNNABLE"]

    aws.timeline.advance(61)
    assert [status(batch, job) for job in (first, second, third)] == ["SUCCEEDED", "SUCCEEDED", "RUNNING"]


def test_the_preemptions_of_aws_s_notebook(aws: LocalAws, batch: Any) -> None:
    queue = notebook_queue(batch)
    jobs = {
        name: submit(batch, queue, name, quotaShareName="QS1", schedulingPriority=priority)
        for name, priority in (("high", 3), ("medium", 2), ("low", 1))
    }
    aws.timeline.advance(1)
    assert {name: status(batch, job) for name, job in jobs.items()} == {
        "high": "RUNNING",
        "medium": "RUNNING",
        "low": "RUNNABLE",
    }

    jobs["two"] = submit(batch, queue, "two", quotaShareName="QS2")
    aws.timeline.advance(30)
    medium = batch.describe_service_job(jobId=jobs["medium"])
    assert (medium["status"], status(batch, jobs["two"])) == ("RUNNABLE", "RUNNING")
    summary = medium["preemptionSummary"]
    assert summary["preemptedAttemptCount"] == 1
    assert (
        summary["recentPreemptedAttempts"][0]["statusReason"]
        == "Cross-share preemption triggered to reclaim borrowed capacity"
    )
    assert medium["attempts"] == []

    batch.update_service_job(jobId=jobs["low"], schedulingPriority=4)
    aws.timeline.advance(30)
    assert (status(batch, jobs["high"]), status(batch, jobs["low"])) == ("RUNNABLE", "RUNNING")


def test_submissions_between_passes_compete(aws: LocalAws, batch: Any) -> None:
    queue = fair_queue(batch, instances=1)
    low = submit(batch, queue, "low", shareIdentifier="a", schedulingPriority=1)
    middle = submit(batch, queue, "middle", shareIdentifier="a", schedulingPriority=5)
    aws.timeline.advance(1)

    assert (status(batch, low), status(batch, middle)) == ("RUNNABLE", "RUNNING")


@pytest.mark.parametrize("limit", [0, 1])
def test_a_job_fails_after_its_preemptions(aws: LocalAws, batch: Any, limit: int) -> None:
    queue = notebook_queue(batch)
    submit(batch, queue, "own", quotaShareName="QS1")
    borrower = submit(
        batch,
        queue,
        "borrower",
        quotaShareName="QS1",
        preemptionConfiguration={"preemptionRetriesBeforeTermination": limit},
    )
    for _ in range(limit + 1):
        aws.timeline.advance(1)
        assert status(batch, borrower) == "RUNNING"
        submit(batch, queue, "owner", run=60, quotaShareName="QS2")
        aws.timeline.advance(90)

    assert status(batch, borrower) == "FAILED"
    assert batch.describe_service_job(jobId=borrower)["preemptionSummary"]["preemptedAttemptCount"] == limit + 1


FAILURE = {"fairlane:fails": "InternalServerError: try again"}


@pytest.mark.parametrize(
    ("rules", "attempts"),
    [
        ([], 3),
        ([{"action": "exit", "onStatusReason": "received status from SageMaker: internal*"}], 1),
        ([{"action": "RETRY", "onStatusReason": "*Internal*"}, {"action": "EXIT", "onStatusReason": "*"}], 3),
        ([{"action": "RETRY", "onStatusReason": "Capacity*"}, {"action": "EXIT", "onStatusReason": "*"}], 1),
        ([{"action": "retry", "onStatusReason": "Received*"}, {"action": "EXIT", "onStatusReason": "*"}], 3),
    ],
)
def test_a_failed_attempt_is_retried_as_its_rules_say(
    aws: LocalAws, batch: Any, rules: list[dict[str, str]], attempts: int
) -> None:
    strategy = {"attempts": 3, "evaluateOnExit": rules}
    job = submit(batch, fifo_queue(batch), run=60, tags=FAILURE, retryStrategy=strategy)
    aws.timeline.advance(600)

    failed = batch.describe_service_job(jobId=job)
    assert failed["status"] == "FAILED"
    assert failed["statusReason"] == "Received status from SageMaker: InternalServerError: try again"
    assert len(failed["attempts"]) == attempts
    assert len({attempt["serviceResourceId"]["value"] for attempt in failed["attempts"]}) == attempts


def test_an_attempt_ends_at_its_timeout_and_is_not_retried(aws: LocalAws, batch: Any) -> None:
    job = submit(
        batch,
        fifo_queue(batch),
        run=1000,
        timeoutConfig={"attemptDurationSeconds": 100},
        retryStrategy={"attempts": 3},
    )
    aws.timeline.advance(500)

    failed = batch.describe_service_job(jobId=job)
    assert (failed["status"], failed["statusReason"]) == ("FAILED", "Job attempt duration exceeded timeout")
    assert len(failed["attempts"]) == 1


def test_an_attempt_ends_at_the_maximum_runtime_of_its_training_job(aws: LocalAws, batch: Any) -> None:
    request = payload(StoppingCondition={"MaxRuntimeInSeconds": 200})
    job = submit(batch, fifo_queue(batch), run=1000, serviceRequestPayload=request)
    aws.timeline.advance(500)

    failed = batch.describe_service_job(jobId=job)
    assert (failed["status"], failed["stoppedAt"] - failed["startedAt"]) == ("FAILED", 200_000)


def test_waiting_and_running_jobs_can_be_terminated(aws: LocalAws, batch: Any) -> None:
    queue = fifo_queue(batch, instances=1)
    running, waiting = submit(batch, queue, "running"), submit(batch, queue, "waiting")
    aws.timeline.advance(10)
    response = batch.terminate_service_jobs(jobs=[running, waiting, "unknown"], reason="not needed")
    assert response["successful"] == [running, waiting, "unknown"]
    assert status(batch, waiting) == "FAILED"

    aws.timeline.advance(20)
    for job in (running, waiting):
        ended = batch.describe_service_job(jobId=job)
        assert (ended["status"], ended["isTerminated"], ended["statusReason"]) == ("FAILED", True, "not needed")
    batch.terminate_service_job(jobId=running, reason="again")
    assert batch.describe_service_job(jobId=running)["statusReason"] == "not needed"


def test_deleting_a_queue_terminates_its_jobs(aws: LocalAws, batch: Any) -> None:
    queue = fifo_queue(batch)
    job = submit(batch, queue)
    aws.timeline.advance(10)
    batch.update_job_queue(jobQueue=queue, state="DISABLED")
    batch.delete_job_queue(jobQueue=queue)
    aws.timeline.advance(30)

    assert status(batch, job) == "FAILED"


def test_ended_jobs_are_forgotten_after_seven_days(aws: LocalAws, batch: Any) -> None:
    queue = fifo_queue(batch)
    job = submit(batch, queue, run=60, clientToken="token")
    aws.timeline.advance(7 * 24 * 3600)
    assert status(batch, job) == "SUCCEEDED"
    logs = client("logs", aws.port, ACCOUNT, "us-east-1")
    assert len(logs.describe_log_streams(logGroupName="/aws/sagemaker/TrainingJobs")["logStreams"]) == 1
    group = logs_backends[ACCOUNT]["us-east-1"].groups["/aws/sagemaker/TrainingJobs"]
    (stream,) = map(weakref.ref, group.streams.values())
    with pytest.raises(ClientError, match="already submitted"):
        submit(batch, queue, run=60, clientToken="token")

    aws.timeline.advance(61)
    assert "does not exist" in message_of(batch.describe_service_job, jobId=job)
    assert logs.describe_log_streams(logGroupName="/aws/sagemaker/TrainingJobs")["logStreams"] == []
    gc.collect()
    assert stream() is None
    submit(batch, queue, run=60, clientToken="token")


def test_a_job_is_forgotten_without_its_deleted_log_group(aws: LocalAws, batch: Any) -> None:
    job = submit(batch, fifo_queue(batch), run=60)
    aws.timeline.advance(1)
    client("logs", aws.port, ACCOUNT, "us-east-1").delete_log_group(logGroupName="/aws/sagemaker/TrainingJobs")

    aws.timeline.advance(8 * 24 * 3600)
    assert "does not exist" in message_of(batch.describe_service_job, jobId=job)


def test_all_instance_groups_count(aws: LocalAws, batch: Any) -> None:
    queue = fifo_queue(batch, instances=5)
    groups = [
        {"InstanceType": G5, "InstanceCount": 2, "InstanceGroupName": "a"},
        {"InstanceType": "ml.g6.xlarge", "InstanceCount": 2, "InstanceGroupName": "b"},
    ]
    request = json.dumps({"ResourceConfig": {"InstanceGroups": groups}})
    first = submit(batch, queue, serviceRequestPayload=request)
    second = submit(batch, queue, serviceRequestPayload=payload(2))
    aws.timeline.advance(1)

    assert (status(batch, first), status(batch, second)) == ("RUNNING", "RUNNABLE")
