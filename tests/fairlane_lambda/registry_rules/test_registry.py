"""Client of the registry: all fields that it reads are written back."""

import json
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from moto import mock_aws
from moto.ecr.models import ecr_backends

from fairlane_lambda.registry_rules import handler
from fairlane_lambda.registry_rules.registry import Registry
from fairlane_lambda.registry_rules.rules import RegistryRulesError
from tests.fairlane_lambda.registry_rules.cloudformation import Resource, call, properties, request
from tests.fairlane_lambda.registry_rules.fake_registry import rule

UNKNOWN = {
    "futureMode": "x",
    "rules": [
        {"futureField": {"b": [1, 2.5, None], "a": True}, "destinations": [], "deleteReplication": {"enabled": True}},
        {"destinations": [{"region": "eu-west-1", "futureField": 5, "registryId": "111122223333"}]},
    ],
}


@pytest.fixture(autouse=True)
def account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")


class Raw:
    """Body of an HTTP response."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self) -> Iterator[bytes]:
        yield self._body


def record_requests(registry: Registry, status: int, body: Any) -> list[Any]:
    """Return the list of sent requests, as (operation, body, headers). Each request gets the same response."""
    sent: list[Any] = []

    def send(request: Any, **_: Any) -> AWSResponse:
        sent.append((request.headers["X-Amz-Target"].decode(), json.loads(request.body), request.headers))
        return AWSResponse(request.url, status, {}, Raw(json.dumps(body).encode()))

    registry._client.meta.events.register_first("before-send.ecr", send)
    return sent


def test_fields_that_boto3_does_not_know_are_kept() -> None:
    registry = Registry()
    sent = record_requests(registry, 200, {"registryId": "111122223333", "replicationConfiguration": UNKNOWN})
    read = registry.read()
    assert json.dumps(read) == json.dumps(UNKNOWN)
    registry.write(read)
    target = "AmazonEC2ContainerRegistry_V20150921"
    assert [operation for operation, _, _ in sent] == [
        f"{target}.DescribeRegistry",
        f"{target}.PutReplicationConfiguration",
    ]
    assert json.dumps(sent[1][1]) == json.dumps({"replicationConfiguration": UNKNOWN})
    assert sent[1][2]["Authorization"].startswith(b"AWS4-HMAC-SHA256")


def test_other_clients_keep_their_model() -> None:
    Registry()
    model = boto3.client("ecr").meta.service_model
    assert not model.shape_for("ReplicationConfiguration").is_document_type


def test_a_boto3_that_removes_fields_is_refused() -> None:
    with (
        patch("botocore.model.StructureShape.is_document_type", False),
        pytest.raises(RegistryRulesError, match="removes unknown fields of rules"),
    ):
        Registry()


@pytest.mark.parametrize("status", [400, 500])
def test_no_call_is_repeated(status: int) -> None:
    registry = Registry()
    sent = record_requests(registry, status, {"__type": "ServerException", "message": "no"})
    with pytest.raises(ClientError, match="ServerException"):
        registry.write({"rules": []})
    assert len(sent) == 1


def test_the_timeouts_of_the_client_fit_into_the_wait() -> None:
    config = Registry()._client.meta.config
    assert 2 * (config.connect_timeout + config.read_timeout) <= handler._SETTLE_SECONDS


def test_requests_match_the_model() -> None:
    registry = Registry()
    resource_rule = rule("a/")
    put: dict[str, Any] = {"replicationConfiguration": {"rules": []}}
    with Stubber(registry._client) as stub:
        stub.add_response("describe_registry", {"replicationConfiguration": {"rules": [resource_rule]}}, {})
        stub.add_response("put_replication_configuration", put, put)
        assert registry.read() == {"rules": [resource_rule]}
        registry.write({"rules": []})
        stub.assert_no_pending_responses()


def test_the_whole_lifecycle_with_moto() -> None:
    """Moto allows one rule in a registry."""
    with mock_aws():
        resource = Resource(Registry(), "Rules")  # type: ignore[arg-type]
        resource.create(properties(rule("a/")))
        resource.update(properties(rule("b/")))
        (stored,) = ecr_backends["123456789012"]["us-east-1"].replication_config["rules"]
        assert [item["filter"] for item in stored["repositoryFilters"]] == ["b/", resource.physical_id]
        resource.delete()
        assert boto3.client("ecr").describe_registry()["replicationConfiguration"] == {"rules": []}


def test_a_refusal_by_moto_is_reported() -> None:
    with mock_aws():
        response = call(
            Registry(),
            request("Create", properties(rule("a/", "us-east-1")) | {"Rules": [_rule_to_its_own_registry()]}),
        )
    assert response.failure is not None
    assert response.failure.startswith("InvalidParameterException: Invalid parameter at 'replicationConfiguration'")


def test_the_client_is_created_once() -> None:
    handler._registry.cache_clear()
    assert handler._registry() is handler._registry()
    handler._registry.cache_clear()


def _rule_to_its_own_registry() -> dict[str, Any]:
    return rule("a/", destinations=[{"region": "us-east-1", "registryId": "123456789012"}])
