"""Requests for service jobs that are refused, with the code, HTTP status and message of the error."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from fairlane_local.clock import Clock
from fairlane_local.server.access import client
from fairlane_local.server.local_aws import LocalAws
from tests.fairlane_local.batch.jobs.support import fair_queue, fifo_queue, notebook_queue, payload, submit
from tests.fairlane_local.batch.support import ACCOUNT, message_of


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
