"""Waiting in a deployment: the two handlers of the CDK's provider, and the provider as far as they see it."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from fairlane_lambda.replication_gate import handler
from fairlane_lambda.replication_gate.handler import ReplicationFailed, is_complete, on_event
from tests.fairlane_lambda.replication_gate.gate import ACCOUNT, HOME, Record, ecr, expect_look, failed, status

TWO = [{"region": region, "registryId": ACCOUNT} for region in ("eu-west-1", "us-west-2")]
PROPERTIES = {"ServiceToken": "arn", "Repository": "train/llm", "Image": "v1", "Destinations": TWO}


def request(kind: str = "Create", properties: Any = PROPERTIES, **fields: Any) -> Record:
    return {"RequestType": kind, "ResourceProperties": properties, "RequestId": "a-request"} | fields


def waiting(event: Record) -> Record:
    """What `is_complete` is given: the request, and what `on_event` returned."""
    return event | on_event(event, None)


@pytest.mark.parametrize("kind", ["Create", "Update"])
def test_an_image_is_waited_for(kind: str) -> None:
    with ecr() as stub:
        event = waiting(request(kind))
        stub.add_client_error("describe_image_replication_status", "ImageNotFoundException")
        expect_look(stub, status("eu-west-1"))
        expect_look(stub, status("eu-west-1"), status("us-west-2", "IN_PROGRESS"))
        expect_look(stub, status("eu-west-1"), status("us-west-2"))
        assert [is_complete(event, None)["IsComplete"] for _ in range(4)] == [False, False, False, True]


def test_a_failure_ends_the_deployment() -> None:
    with ecr() as stub:
        event = waiting(request())
        expect_look(stub, failed("us-west-2", "b"), failed("eu-west-1", "a"))
        with pytest.raises(
            ReplicationFailed, match=r"^train/llm v1 was not replicated: eu-west-1 of \d+: a, us-west-2 of \d+: b$"
        ):
            is_complete(event, None)


def test_other_accounts_are_waited_for_in_each_of_their_regions() -> None:
    other = "999999999999"
    places = [{"region": "us-west-2", "registryId": account} for account in (ACCOUNT, other)]
    places.append({"region": HOME, "registryId": other})
    looks = [
        [status("us-west-2"), status(HOME, registry=other)],
        [status("us-west-2"), status("us-west-2", "IN_PROGRESS", other), status(HOME, registry=other)],
        [status("us-west-2"), status("us-west-2", registry=other)],
        [status("us-west-2"), status("us-west-2", registry=other), status(HOME, registry=other)],
    ]
    with ecr() as stub:
        event = waiting(request(properties=PROPERTIES | {"Destinations": places}))
        for statuses in looks:
            expect_look(stub, *statuses)
        assert [is_complete(event, None)["IsComplete"] for _ in looks] == [False, False, False, True]


def test_a_failure_in_another_account_is_told_with_it() -> None:
    places = [{"region": "us-west-2", "registryId": account} for account in (ACCOUNT, "999999999999")]
    with ecr() as stub:
        event = waiting(request(properties=PROPERTIES | {"Destinations": places}))
        expect_look(stub, status("us-west-2"), status("us-west-2", "FAILED", "999999999999", failureCode="x"))
        with pytest.raises(ReplicationFailed, match=r"not replicated: us-west-2 of 999999999999: x$"):
            is_complete(event, None)


def test_what_may_not_be_asked_ends_the_deployment() -> None:
    with ecr() as stub:
        stub.add_client_error("describe_image_replication_status", "AccessDeniedException")
        with pytest.raises(ClientError):
            is_complete(request(), None)


@pytest.mark.parametrize("properties", [PROPERTIES, {}, {"Destinations": "wrong"}])
def test_nothing_is_asked_at_the_end(properties: Record) -> None:
    with ecr():
        event = waiting(request("Delete", properties))
        assert is_complete(event, None) == {"IsComplete": True}


@pytest.mark.parametrize("kind", ["Create", "Update"])
@pytest.mark.parametrize(
    ("properties", "message"),
    [
        ({}, "the properties must have Repository, Image, Destinations, or Backfill"),
        ({"Backfill": []}, "the properties must have"),
        ({"Repository": "train/llm", "Image": "v1"}, "Destinations must be a list"),
        (PROPERTIES | {"Destinations": []}, "Destinations must be one or more"),
        ({"Destinations": TWO}, "repository must be"),
        (PROPERTIES | {"Image": ""}, "image must be"),
        (PROPERTIES | {"Backfill": "all"}, "Backfill must be a list of destinations, got 'all'"),
        (PROPERTIES | {"Backfill": ["eu-west-1"]}, "Backfill must have objects with region and registryId"),
        (PROPERTIES | {"Backfill": [{"region": "eu-west-1"}]}, "Backfill must have objects"),
        (PROPERTIES | {"Backfill": [{"region": "eu-west-1", "registryId": 5}]}, "Backfill must have objects"),
    ],
)
def test_malformed_properties_end_the_deployment_at_once(kind: str, properties: Record, message: str) -> None:
    with ecr(), pytest.raises(ValueError, match=message):
        on_event(request(kind, properties), None)


def test_without_a_backfill_nothing_is_asked_at_the_beginning() -> None:
    with ecr():
        assert on_event(request(), None) == {"Backfills": []}


def test_the_client_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    handler._ecr.cache_clear()
    assert handler._ecr() is handler._ecr()
    handler._ecr.cache_clear()
