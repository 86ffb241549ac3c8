"""Reasons of refused lines: the error code, and the message of AWS only without values of the line."""

import json
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError, NoCredentialsError, ParamValidationError
from botocore.stub import Stubber

from fairlane_lambda.fan_out.submit import handler
from fairlane_lambda.fan_out.submit.batch import Answer, find, submit
from fairlane_lambda.fan_out.submit.work import CALL_MS

from .fake_batch import failure

PAYLOAD = {
    "HyperParameters": {"learning_rate": "0.1", "epochs": "12", "schedule": "cosine annealing"},
    "Environment": {"CAMPAIGN": "autumn"},
    "InputDataConfig": [{"DataSource": {"S3DataSource": {"S3Uri": "s3://drives/munich/2026"}}}],
    "ResourceConfig": {"InstanceCount": 15, "InstanceType": "ml.p4d.24xlarge"},
}
SERVICE: dict[str, Any] = {
    "kind": "service",
    "name": "campaigns_drives_a_0",
    "digest": "0",
    "queue": "training-p4",
    "request": {
        "jobQueue": "training-p4",
        "serviceJobType": "SAGEMAKER_TRAINING",
        "serviceRequestPayload": json.dumps(PAYLOAD),
        "tags": {"Team": "perception"},
    },
}
ARRAY = SERVICE | {
    "kind": "array",
    "request": {"jobQueue": "containers", "jobDefinition": "train:1", "parameters": {"city": "munich"}},
}


class Client:
    """Client of AWS Batch whose calls all have one result."""

    def __init__(self, result: Any) -> None:
        self.result = result
        self.requests: list[dict[str, Any]] = []

    def call(self, **request: Any) -> Any:
        self.requests.append(request)
        if isinstance(self.result, Exception):
            raise self.result
        return self.result

    submit_service_job = submit_job = list_service_jobs = list_jobs = call


def reason(message: str, line: dict[str, Any] = SERVICE) -> str:
    return submit(Client(failure("ClientException", 400, message, "Submit")), line).reason


@pytest.mark.parametrize(
    "message",
    [
        "Job size must be less than 30 KiB, got 47 KiB",
        "Job queue training-p4 is DISABLED",
        "SAGEMAKER_TRAINING jobs need a share identifier",
        "HyperParameters have too many entries",
    ],
)
def test_message_without_values_is_kept(message: str) -> None:
    assert reason(message) == f"ClientException: {message}"


@pytest.mark.parametrize(
    "message",
    [
        "0.1 is no number",
        "got '12'",
        "Cosine Annealing is unknown",
        "annealing is unknown",
        "key LEARNING_RATE is not allowed",
        "CAMPAIGN is not allowed",
        "bucket of s3://drives/munich/2026/x does not exist",
        "no access to drives",
        "prefix munich is empty",
        "15 instances are too many",
        "ml.p4d.24xlarge: unknown",
        "tag perception",
        "tag Team",
    ],
)
def test_message_with_a_value_is_left_out(message: str) -> None:
    assert reason(message) == "ClientException"


def test_values_of_array_jobs() -> None:
    assert reason("munich", ARRAY) == reason("city", ARRAY) == reason("") == "ClientException"
    assert reason("definition train:1 is INACTIVE", ARRAY) == "ClientException: definition train:1 is INACTIVE"


@pytest.mark.parametrize(
    ("error", "answer"),
    [
        (failure("TooManyRequestsException", 429, "", "Submit"), Answer(is_throttled=True)),
        (failure("ThrottlingException", 400, "", "Submit"), Answer(is_throttled=True)),
        (failure("ServerException", 500, "", "Submit"), Answer()),
        (EndpointConnectionError(endpoint_url="https://batch"), Answer()),
        (ParamValidationError(report="learning_rate"), Answer(reason="ParamValidationError")),
    ],
)
def test_answers_of_errors(error: Exception, answer: Answer) -> None:
    assert submit(Client(error), SERVICE) == answer


def test_other_errors_are_raised() -> None:
    with pytest.raises(NoCredentialsError):
        submit(Client(NoCredentialsError()), SERVICE)


def test_requests() -> None:
    client = Client({"jobId": "j"})
    assert [submit(client, SERVICE).job, submit(client, ARRAY).job] == ["j", "j"]
    token = {"clientToken": "0"}
    assert client.requests == [
        line["request"] | {"jobName": line["name"]} | extra for line, extra in ((SERVICE, token), (ARRAY, {}))
    ]


def test_oldest_job_with_the_exact_name_is_found() -> None:
    name = SERVICE["name"]
    claim = {"kind": "service", "queue": "training-p4", "job_name": name}
    jobs = [("b", name, 2), ("a", name, 1), ("c", f"{name}-2", 0)]
    client = Client({"jobSummaryList": [{"jobId": job, "jobName": text, "createdAt": at} for job, text, at in jobs]})
    assert find(client, claim) == "a"
    assert client.requests == [{"jobQueue": "training-p4", "filters": [{"name": "JOB_NAME", "values": [name]}]}]
    assert find(Client({"jobSummaryList": []}), claim | {"kind": "array"}) is None


def test_all_pages_are_looked_through() -> None:
    last: dict[str, Any] = {"jobSummaryList": [{"jobId": "a", "jobName": SERVICE["name"]}]}
    pages = iter([{"jobSummaryList": [], "nextToken": "2"}, last])

    class Pages:
        def list_service_jobs(self, **request: Any) -> Any:
            page = next(pages)
            assert request.get("nextToken") == (None if "nextToken" in page else "2")
            return page

    assert find(Pages(), {"kind": "service", "queue": "training-p4", "job_name": SERVICE["name"]}) == "a"


def test_requests_have_the_form_of_the_api() -> None:
    client = handler._batch("eu-west-1")
    assert client.meta.region_name == "eu-west-1"
    assert client.meta.config.retries["total_max_attempts"] == 1
    timeouts = client.meta.config.connect_timeout + client.meta.config.read_timeout
    assert 1000 * timeouts < CALL_MS
    job = {"jobArn": "arn:aws:batch:eu-west-1:111122223333:job/j", "jobName": SERVICE["name"], "jobId": "j"}
    with Stubber(client) as stub:
        stub.add_response("submit_service_job", job)
        stub.add_response("submit_job", job)
        assert [submit(client, SERVICE).job, submit(client, ARRAY).job] == ["j", "j"]
        stub.add_client_error("submit_service_job", "TooManyRequestsException", http_status_code=429)
        assert submit(client, SERVICE).is_throttled
        summary = {**job, "createdAt": 1, "serviceJobType": "SAGEMAKER_TRAINING"}
        stub.add_response("list_service_jobs", {"jobSummaryList": [summary]})
        stub.add_response("list_jobs", {"jobSummaryList": []})
        claim = {"kind": "service", "queue": "training-p4", "job_name": SERVICE["name"]}
        assert [find(client, claim), find(client, claim | {"kind": "array"})] == ["j", None]
    assert submit(client, {**SERVICE, "request": {"jobQueue": 1}}).reason == "ParamValidationError"
