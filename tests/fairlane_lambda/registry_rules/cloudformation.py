"""Fake CloudFormation for custom resources: its requests, in the order of CloudFormation."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any, NamedTuple
from unittest.mock import patch

from fairlane_lambda.registry_rules import handler
from tests.fairlane_lambda.registry_rules.fake_registry import FakeRegistry, Killed, Rule

STACK = "arn:aws:cloudformation:us-east-1:111122223333:stack/train/1b2c"
_requests = count()

Event = dict[str, Any]


class Response(NamedTuple):
    physical_id: str
    failure: str | None


class Context:
    """Context with a list of remaining times in milliseconds. The last time repeats."""

    def __init__(self, *remaining: int) -> None:
        self._remaining = list(remaining)

    def get_remaining_time_in_millis(self) -> int:
        return self._remaining.pop(0) if len(self._remaining) > 1 else self._remaining[0]


def properties(*rules: Rule, owner: str = "Train/Registry") -> Event:
    return {"ServiceToken": "arn:aws:lambda:us-east-1:111122223333:function:rules", "Owner": owner, "Rules": [*rules]}


def request(kind: str, properties: Event, *, stack: str = STACK, resource: str = "Rules", **fields: Any) -> Event:
    return {
        "RequestType": kind,
        "ResponseURL": "https://cloudformation-custom-resource-response.s3.amazonaws.com/secret",
        "StackId": stack,
        "RequestId": f"request-{next(_requests)}",
        "ResourceType": "Custom::FairlaneRegistryRules",
        "LogicalResourceId": resource,
        "ResourceProperties": properties,
    } | fields


def call(registry: Any, event: Event, context: Context | None = None) -> Response:
    """Run the handler, and return its response."""
    responses: list[Response] = []

    def send_response(_: Event, physical_id: str, failure: str | None) -> None:
        responses.append(Response(physical_id, failure))

    with container(registry), patch.object(handler, "send_response", send_response):
        handler.handler(event, context or Context(180_000))
    (response,) = responses
    return response


@contextmanager
def container(registry: Any) -> Iterator[None]:
    with patch.object(handler, "_registry", lambda: registry), patch.object(handler, "_sleep", lambda _: None):
        yield


class Resource:
    """Resource in a stack.

    If a container is killed, the request has no response. With `retried`, Lambda runs the request once more. Otherwise
    CloudFormation gives up, and the resource has the id that CloudFormation gave it.
    """

    def __init__(self, registry: FakeRegistry, name: str, stack: str = STACK) -> None:
        self.registry = registry
        self.properties: Event | None = None
        self.physical_id = ""
        self.retried = True
        self.failures: list[str] = []
        self._identity = {"stack": stack, "resource": name}

    def create(self, properties: Event) -> None:
        response = self._send("Create", properties)
        if response.failure:
            self._send("Delete", properties, PhysicalResourceId=response.physical_id)
            return
        self.physical_id, self.properties = response.physical_id, properties

    def update(self, properties: Event, *, fails_elsewhere: bool = False) -> None:
        before = self.properties
        assert before is not None
        response = self._send("Update", properties, OldResourceProperties=before, PhysicalResourceId=self.physical_id)
        if response.failure or fails_elsewhere:
            back = self._send(
                "Update", before, OldResourceProperties=properties, PhysicalResourceId=response.physical_id
            )
            assert back.failure is None, back.failure
            if response.physical_id not in (self.physical_id, back.physical_id):
                self._send("Delete", properties, PhysicalResourceId=response.physical_id)
            self.physical_id = back.physical_id
            return
        if response.physical_id != self.physical_id:
            self._send("Delete", before, PhysicalResourceId=self.physical_id)
        self.physical_id, self.properties = response.physical_id, properties

    def delete(self) -> None:
        assert self.properties is not None
        response = self._send("Delete", self.properties, PhysicalResourceId=self.physical_id)
        assert response == (self.physical_id, None)
        self.properties = None

    def _send(self, kind: str, properties: Event, **fields: Any) -> Response:
        event = request(kind, properties, **self._identity, **fields)
        try:
            response = call(self.registry, event)
        except Killed:
            physical_id = fields.get("PhysicalResourceId", "train-Rules-1A2B3C")
            response = (
                call(self.registry, event) if self.retried or kind == "Delete" else Response(physical_id, "no response")
            )
        if response.failure:
            self.failures.append(response.failure)
        return response
