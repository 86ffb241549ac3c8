"""Wait for an image in a deployment, by the two handlers of the CDK's provider."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from fairlane_lambda.replication_gate import handler
from fairlane_lambda.replication_gate.handler import ReplicationError, is_complete, on_event
from tests.fairlane_lambda.replication_gate.gate import ACCOUNT, HOME, Record, ecr, expect_status_call, failed, status

TWO = [{"region": region, "registryId": ACCOUNT} for region in ("eu-west-1", "us-west-2")]
PROPERTIES = {"ServiceToken": "arn", "Repository": "train/llm", "Image": "v1", "Destinations": TWO}


def request(kind: str = "Create", properties: Any = PROPERTIES, **fields: Any) -> Record:
    return {"RequestType": kind, "ResourceProperties": properties, "RequestId": "a-request"} | fields


def waiting(event: Record) -> Record:
    """Return the event of `is_complete`: the request with the result of `on_event`."""
    return event | on_event(event, None)


@pytest.mark.parametrize("kind", ["Create", "Update"])
def test_the_gate_waits_for_an_image(kind: str) -> None:
    with ecr() as stub:
        event = waiting(request(kind))
        stub.add_client_error("describe_image_replication_status", "ImageNotFoundException")
        expect_status_call(stub, status("eu-west-1"))
        expect_status_call(stub, status("eu-west-1"), status("us-west-2", "IN_PROGRESS"))
        expect_status_call(stub, status("eu-west-1"), status("us-west-2"))
        assert [is_complete(event, None)["IsComplete"] for _ in range(4)] == [False, False, False, True]


def test_a_failed_replication_fails_the_deployment() -> None:
    with ecr() as stub:
        event = waiting(request())
        expect_status_call(stub, failed("us-west-2", "b"), failed("eu-west-1", "a"))
        with pytest.raises(
            ReplicationError,
            match=r"^the replication of train/llm v1 failed: eu-west-1 of account \d+: a, us-west-2 of account \d+: b$",
        ):
            is_complete(event, None)


def test_the_gate_waits_for_each_region_of_other_accounts() -> None:
    other = "999999999999"
    destinations = [{"region": "us-west-2", "registryId": account} for account in (ACCOUNT, other)]
    destinations.append({"region": HOME, "registryId": other})
    status_lists = [
        [status("us-west-2"), status(HOME, registry=other)],
        [status("us-west-2"), status("us-west-2", "IN_PROGRESS", other), status(HOME, registry=other)],
        [status("us-west-2"), status("us-west-2", registry=other)],
        [status("us-west-2"), status("us-west-2", registry=other), status(HOME, registry=other)],
    ]
    with ecr() as stub:
        event = waiting(request(properties=PROPERTIES | {"Destinations": destinations}))
        for statuses in status_lists:
            expect_status_call(stub, *statuses)
        assert [is_complete(event, None)["IsComplete"] for _ in status_lists] == [False, False, False, True]


def test_the_error_has_the_account_of_a_failed_replication() -> None:
    destinations = [{"region": "us-west-2", "registryId": account} for account in (ACCOUNT, "999999999999")]
    with ecr() as stub:
        event = waiting(request(properties=PROPERTIES | {"Destinations": destinations}))
        expect_status_call(stub, status("us-west-2"), status("us-west-2", "FAILED", "999999999999", failureCode="x"))
        with pytest.raises(ReplicationError, match=r"failed: us-west-2 of account 999999999999: x$"):
            is_complete(event, None)


def test_a_refused_call_fails_the_deployment() -> None:
    with ecr() as stub:
        stub.add_client_error("describe_image_replication_status", "AccessDeniedException")
        with pytest.raises(ClientError):
            is_complete(request(), None)


@pytest.mark.parametrize("properties", [PROPERTIES, {}, {"Destinations": "wrong"}])
def test_a_delete_makes_no_call(properties: Record) -> None:
    with ecr():
        event = waiting(request("Delete", properties))
        assert is_complete(event, None) == {"IsComplete": True}


@pytest.mark.parametrize("kind", ["Create", "Update"])
@pytest.mark.parametrize(
    ("properties", "message"),
    [
        ({}, "missing properties: use Repository, Image, Destinations, or Backfill, or both"),
        ({"Backfill": []}, "missing properties"),
        ({"Repository": "train/llm", "Image": "v1"}, "Destinations must be a list"),
        (PROPERTIES | {"Destinations": []}, r"Destinations must have one or more destinations, got \[\]"),
        ({"Destinations": TWO}, "repository must be"),
        (PROPERTIES | {"Image": ""}, "image must be"),
        (PROPERTIES | {"Backfill": "all"}, "Backfill must be a list of destinations, got 'all'"),
        (PROPERTIES | {"Backfill": ["eu-west-1"]}, "each of Backfill must be an object with region and registryId"),
        (PROPERTIES | {"Backfill": [{"region": "eu-west-1"}]}, "each of Backfill must be an object"),
        (PROPERTIES | {"Backfill": [{"region": "eu-west-1", "registryId": 5}]}, "each of Backfill must be an object"),
    ],
)
def test_malformed_properties_fail_the_deployment_at_once(kind: str, properties: Record, message: str) -> None:
    with ecr(), pytest.raises(ValueError, match=message):
        on_event(request(kind, properties), None)


def test_on_event_without_a_backfill_makes_no_call() -> None:
    with ecr():
        assert on_event(request(), None) == {"Backfills": []}


def test_the_client_is_created_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    handler._ecr.cache_clear()
    assert handler._ecr() is handler._ecr()
    handler._ecr.cache_clear()
