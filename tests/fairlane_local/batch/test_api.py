"""HTTP interface of the Batch API: errors, request IDs, pages and the operations without an implementation."""

import json
from typing import Any
from urllib.request import Request, urlopen
from uuid import UUID

import pytest
from botocore import xform_name
from moto.moto_api._internal.models import moto_api_backend

from fairlane_local import LocalAws, queue_locations
from fairlane_local.batch.api import BatchApi, batch_api
from fairlane_local.batch.errors import RequestError, ServiceError, ThrottlingError
from fairlane_local.batch.parameters import batch_model
from fairlane_local.server.credentials import get_credentials
from tests.fairlane_local.batch.support import (
    COUNTED,
    limits,
    message_of,
    quota_queue,
    quota_share,
    service_environment,
    training_queue,
)


def test_each_response_has_a_request_id(batch: Any) -> None:
    responses = [batch.describe_job_queues()["ResponseMetadata"] for _ in range(2)]
    with pytest.raises(batch.exceptions.ClientException) as raised:
        batch.describe_job_queues(nextToken="x")
    responses.append(raised.value.response["ResponseMetadata"])
    identifiers = {UUID(response["RequestId"]) for response in responses}
    assert len(identifiers) == 3
    received = responses[2]["HTTPHeaders"]
    assert (received["x-amzn-errortype"], received["content-type"]) == ("ClientException", "application/json")


@pytest.mark.parametrize(
    ("error", "code", "status"),
    [
        (RequestError, "ClientException", 400),
        (ServiceError, "ServerException", 500),
        (ThrottlingError, "TooManyRequestsException", 429),
    ],
)
def test_errors_have_the_codes_and_statuses_of_aws(
    aws: LocalAws, batch: Any, monkeypatch: pytest.MonkeyPatch, error: Any, code: str, status: int
) -> None:
    def fail(request: object) -> None:
        raise error("reason")

    api = batch_api("123456789012", "us-east-1")
    monkeypatch.setattr(api._handlers[0], "describe_service_environments", fail)
    request = Request(f"{aws.endpoint_url}/v1/describeserviceenvironments", b"{}", headers=headers(aws))
    with pytest.raises(OSError, match=str(status)) as raised:
        urlopen(request)
    response: Any = raised.value
    assert (response.headers["x-amzn-ErrorType"], json.load(response)) == (code, {"message": "reason"})


def headers(aws: LocalAws) -> dict[str, str]:
    scope = f"{get_credentials(aws.port).access_key}/20260101/us-east-1/batch/aws4_request"
    authorization = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"
    return {"Authorization": authorization, "Content-Type": "application/json"}


def test_a_request_that_is_no_json_is_refused(aws: LocalAws) -> None:
    with pytest.raises(OSError, match="400") as raised:
        urlopen(Request(f"{aws.endpoint_url}/v1/describejobqueues", b"{", headers=headers(aws)))
    response: Any = raised.value
    assert json.load(response) == {"message": "The request is not valid JSON."}


def test_parameters_are_checked(aws: LocalAws) -> None:
    def message(path: str, **request: Any) -> str:
        body = json.dumps(request).encode()
        with pytest.raises(OSError, match="400") as raised:
            urlopen(Request(f"{aws.endpoint_url}/v1/{path}", body, headers=headers(aws)))
        response: Any = raised.value
        return str(json.load(response)["message"])

    assert 'Missing required parameter in input: "arns"' in message("describeschedulingpolicies")
    assert "Invalid type for parameter arns" in message("describeschedulingpolicies", arns=1)
    assert message("updateserviceenvironment", serviceEnvironment="e", state="ON") == (
        "1 validation error detected: Value at 'state' failed to satisfy constraint: "
        "Member must satisfy enum value set: [ENABLED, DISABLED]"
    )
    policy = {"jobExecutionTimeoutMinutes": 7201}
    assert message("updatecomputeenvironment", computeEnvironment="e", updatePolicy=policy) == (
        "1 validation error detected: Value at 'updatePolicy.jobExecutionTimeoutMinutes' failed to satisfy constraint: "
        "Member must have value less than or equal to 7200"
    )


def test_values_are_accepted_in_any_case_and_unknown_members_are_ignored(aws: LocalAws, batch: Any) -> None:
    service_environment(batch)
    body = json.dumps({"serviceEnvironment": "env", "state": "disabled", "future": 1}).encode()
    with urlopen(Request(f"{aws.endpoint_url}/v1/updateserviceenvironment", body, headers=headers(aws))):
        pass
    assert batch.describe_service_environments()["serviceEnvironments"][0]["state"] == "DISABLED"


def test_lists_come_in_pages(batch: Any) -> None:
    for number in range(5):
        service_environment(batch, f"env-{number}")
    pages = list(batch.get_paginator("describe_service_environments").paginate(PaginationConfig={"PageSize": 2}))
    assert [len(page["serviceEnvironments"]) for page in pages] == [2, 2, 1]
    call = batch.describe_service_environments
    token = call(maxResults=2)["nextToken"]
    for refused in ("abc", "2", f"{token}x", batch.list_scheduling_policies().get("nextToken", "Mg==")):
        assert message_of(call, nextToken=refused) == "Invalid nextToken"
    assert message_of(batch.describe_job_queues, nextToken=token) == "Invalid nextToken"
    for number in (0, 101):
        assert message_of(call, maxResults=number) == "maxResults must be between 1 and 100"
    assert message_of(call, serviceEnvironments=["env-1"], maxResults=1) == (
        "ServiceEnvironments and MaxResults cannot both be set"
    )


def test_a_reset_of_moto_deletes_the_records(aws: LocalAws, batch: Any) -> None:
    training_queue(batch, service_environment(batch, capacityLimits=COUNTED))
    assert queue_locations(aws.port) == [("123456789012", "us-east-1")]
    moto_api_backend.reset()
    assert queue_locations(aws.port) == []
    assert batch.describe_job_queues()["jobQueues"] == []


def test_changes_are_announced(batch: Any) -> None:
    records = batch_api("123456789012", "us-east-1").batch
    changes: list[None] = []
    deleted: list[tuple[str, bool]] = []
    records.on_change = lambda: changes.append(None)
    records.on_delete = lambda arn: deleted.append((arn, arn in {**records.queues, **records.quota_shares}))
    queue = quota_queue(batch)
    share = quota_share(batch, queue, capacityLimits=limits(1))
    assert len(changes) == 4
    batch.update_service_environment(serviceEnvironment="env", capacityLimits=limits(2))
    batch.update_quota_share(quotaShareArn=share, state="DISABLED")
    batch.update_job_queue(jobQueue=queue, state="DISABLED")
    assert len(changes) == 7
    batch.delete_quota_share(quotaShareArn=share)
    batch.delete_job_queue(jobQueue=queue)
    assert (len(changes), deleted) == (9, [(share, True), (queue, True)])


def test_every_operation_has_one_handler() -> None:
    names = [xform_name(operation) for operation in batch_model().operation_names]
    handlers = BatchApi("123456789012", "us-east-1")._handlers
    assert {name: sum(hasattr(handler, name) for handler in handlers) for name in names} == dict.fromkeys(names, 1)
