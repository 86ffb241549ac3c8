"""Service jobs: statuses, attempts, retries, preemptions and terminations."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from fairlane_local.clock import Clock
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
    with pytest.raises(ClientError, match="already submitted"):
        submit(batch, queue, run=60, clientToken="token")

    aws.timeline.advance(61)
    assert "does not exist" in message_of(batch.describe_service_job, jobId=job)
    assert logs.describe_log_streams(logGroupName="/aws/sagemaker/TrainingJobs")["logStreams"] == []
    submit(batch, queue, run=60, clientToken="token")


def test_a_job_is_forgotten_without_its_deleted_log_group(aws: LocalAws, batch: Any) -> None:
    job = submit(batch, fifo_queue(batch), run=60)
    aws.timeline.advance(1)
    client("logs", aws.port, ACCOUNT, "us-east-1").delete_log_group(logGroupName="/aws/sagemaker/TrainingJobs")

    aws.timeline.advance(8 * 24 * 3600)
    assert "does not exist" in message_of(batch.describe_service_job, jobId=job)


def test_submissions_are_throttled(aws: LocalAws) -> None:
    clock = Clock(None)
    with LocalAws(clock=clock) as aws:
        batch = client("batch", aws.port, ACCOUNT, "us-east-1")
        batch.meta.events.register("needs-retry.*", lambda **_: None)
        queue = fifo_queue(batch)
        for _ in range(5):
            submit(batch, queue)
        with pytest.raises(ClientError) as raised:
            submit(batch, queue)
        error = raised.value.response
        assert error["Error"]["Code"] == "TooManyRequestsException"
        assert error["ResponseMetadata"]["HTTPStatusCode"] == 429
        aws.timeline.advance(1)
        assert submit(batch, queue)


BAD_REQUESTS: list[tuple[dict[str, Any], str]] = [
    ({"jobName": "a b"}, "Job name"),
    ({"jobName": "a" * 129}, "Job name"),
    ({"jobQueue": "other"}, "other does not exist"),
    ({"serviceRequestPayload": "{"}, "not valid JSON"),
    ({"serviceRequestPayload": "[]"}, "must have ResourceConfig"),
    ({"serviceRequestPayload": "{}"}, "must have ResourceConfig"),
    ({"serviceRequestPayload": payload(0)}, "InstanceCount"),
    ({"serviceRequestPayload": payload(Environment={"A": "x" * 10240})}, "at most 10 KiB"),
    (
        {
            "serviceRequestPayload": payload(Environment={"A": "x" * 10_000}),
            "tags": {f"{number:0128}": "x" * 256 for number in range(50)},
            "retryStrategy": {"attempts": 2, "evaluateOnExit": [{"action": "EXIT", "onStatusReason": "x" * 512}] * 5},
        },
        "Job size must be less than 30 KiB",
    ),
    ({"schedulingPriority": -1}, "between 0 and 9999"),
    ({"schedulingPriority": 10000}, "between 0 and 9999"),
    ({"shareIdentifier": "a"}, "shareIdentifier requires"),
    ({"quotaShareName": "a"}, "quotaShareName requires"),
    ({"retryStrategy": {"attempts": 0}}, "between 1 and 10"),
    ({"retryStrategy": {"attempts": 11}}, "between 1 and 10"),
    (
        {"retryStrategy": {"attempts": 1, "evaluateOnExit": [{"action": "EXIT", "onStatusReason": "a"}] * 6}},
        "exceeds 5",
    ),
    ({"retryStrategy": {"attempts": 1, "evaluateOnExit": [{"action": "EXIT"}]}}, "must have onStatusReason"),
    ({"timeoutConfig": {"attemptDurationSeconds": 59}}, "at least 60"),
    ({"preemptionConfiguration": {"preemptionRetriesBeforeTermination": -1}}, "at least 0"),
    ({"tags": {"fairlane:run-seconds": "soon"}}, "fairlane:run-seconds: got soon"),
]


@pytest.mark.parametrize(("change", "message"), BAD_REQUESTS, ids=[message for _, message in BAD_REQUESTS])
def test_a_bad_request_is_refused(batch: Any, change: dict[str, Any], message: str) -> None:
    queue = fifo_queue(batch)
    request = {
        "jobName": "job",
        "jobQueue": queue,
        "serviceJobType": "SAGEMAKER_TRAINING",
        "serviceRequestPayload": payload(),
    }

    assert message in message_of(batch.submit_service_job, **request | change)
    for name in ("SUBMITTED", "RUNNABLE", "RUNNING"):
        assert batch.list_service_jobs(jobQueue=queue, jobStatus=name)["jobSummaryList"] == []


def test_a_share_is_required_where_the_policy_has_shares(batch: Any) -> None:
    request = {"jobName": "job", "serviceJobType": "SAGEMAKER_TRAINING", "serviceRequestPayload": payload()}
    fair, quota = fair_queue(batch), notebook_queue(batch)

    assert "shareIdentifier must be specified" in message_of(batch.submit_service_job, jobQueue=fair, **request)
    assert "quotaShareName must be specified" in message_of(batch.submit_service_job, jobQueue=quota, **request)
    unknown = message_of(batch.submit_service_job, jobQueue=quota, quotaShareName="QS9", **request)
    assert unknown == f"{quota}/quota-share/QS9 does not exist"


def test_disabled_queues_and_shares_accept_no_jobs(batch: Any) -> None:
    request = {"jobName": "job", "serviceJobType": "SAGEMAKER_TRAINING", "serviceRequestPayload": payload()}
    fifo, quota = fifo_queue(batch), notebook_queue(batch)
    batch.update_job_queue(jobQueue=fifo, state="DISABLED")
    batch.update_quota_share(quotaShareArn=f"{quota}/quota-share/QS1", state="DISABLED")

    assert "DISABLED" in message_of(batch.submit_service_job, jobQueue=fifo, **request)
    assert "DISABLED" in message_of(batch.submit_service_job, jobQueue=quota, quotaShareName="QS1", **request)


def test_a_repeated_client_token_with_the_same_payload_is_refused(batch: Any) -> None:
    queue = fifo_queue(batch)
    request = {"jobQueue": queue, "serviceJobType": "SAGEMAKER_TRAINING", "serviceRequestPayload": payload()}
    submit = batch.submit_service_job
    submit(jobName="job", clientToken="token", **request)

    message = message_of(submit, jobName="job", clientToken="token", **request)
    assert message == "A request with the same clientToken and payload was already submitted."
    submit(jobName="another", clientToken="token", **request)
    submit(jobName="job", clientToken="other-token", **request)


def test_invalid_lists_and_bulk_terminations_are_refused(batch: Any) -> None:
    queue = fifo_queue(batch)

    def refused(**request: Any) -> str:
        return message_of(batch.list_service_jobs, jobQueue=queue, **request)

    by_name = {"name": "JOB_NAME", "values": ["job"]}
    assert refused(filters=[{"name": "JOB_DEFINITION", "values": ["a"]}]).startswith("Invalid filter: JOB_DEFINITION.")
    assert refused(filters=[by_name, by_name]) == "Only one filter can be used."
    assert refused(filters=[by_name | {"values": ["a", "b"]}]) == "Filter JOB_NAME must have one value."
    created = {"name": "AFTER_CREATED_AT", "values": ["yesterday"]}
    assert refused(filters=[created]) == "Filter AFTER_CREATED_AT must have a time in milliseconds."
    assert "jobStatus" in refused(jobStatus="STOPPED")
    assert refused(nextToken="bm9uZQ==") == refused(nextToken="%") == "Invalid nextToken"
    assert "jobQueue" in message_of(batch.list_service_jobs)
    assert message_of(batch.list_service_jobs, jobQueue="none") == "none does not exist"
    for jobs in ([], ["job"] * 51):
        assert message_of(batch.terminate_service_jobs, jobs=jobs, reason="x") == "jobs must have 1 to 50 jobs."
    assert message_of(batch.update_service_job, jobId="none", schedulingPriority=1) == "Service job none does not exist"
    job = submit(batch, queue)
    assert "between 0 and 9999" in message_of(batch.update_service_job, jobId=job, schedulingPriority=10_000)


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
