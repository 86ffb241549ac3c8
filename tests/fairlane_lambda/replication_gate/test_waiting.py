"""Waiting in a deployment: the two handlers of the CDK's provider, and the provider as far as they see it."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from fairlane_lambda.replication_gate import handler
from fairlane_lambda.replication_gate.handler import ReplicationFailed, is_complete, on_event
from tests.fairlane_lambda.replication_gate.gate import Record, ecr, expect_look, failed, status

PROPERTIES = {"ServiceToken": "arn", "Repository": "train/llm", "Image": "v1", "Regions": ["eu-west-1", "us-west-2"]}


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
        with pytest.raises(ReplicationFailed, match=r"^train/llm v1 was not replicated: eu-west-1: a, us-west-2: b$"):
            is_complete(event, None)


def test_what_may_not_be_asked_ends_the_deployment() -> None:
    with ecr() as stub:
        stub.add_client_error("describe_image_replication_status", "AccessDeniedException")
        with pytest.raises(ClientError):
            is_complete(request(), None)


@pytest.mark.parametrize("properties", [PROPERTIES, {}, {"Regions": "wrong"}])
def test_nothing_is_asked_at_the_end(properties: Record) -> None:
    with ecr():
        event = waiting(request("Delete", properties))
        assert is_complete(event, None) == {"IsComplete": True}


@pytest.mark.parametrize("kind", ["Create", "Update"])
@pytest.mark.parametrize(
    ("properties", "message"),
    [
        ({}, "the properties must have Repository, Image, Regions, or Backfill"),
        ({"Backfill": []}, "the properties must have"),
        ({"Repository": "train/llm", "Image": "v1"}, "regions must be a list"),
        ({"Regions": ["eu-west-1"]}, "repository must be"),
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
