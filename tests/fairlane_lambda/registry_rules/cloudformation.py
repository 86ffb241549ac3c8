"""Fake CloudFormation for custom resources: its requests, in the order of CloudFormation."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count
from typing import Any
from unittest.mock import patch

from fairlane_lambda.registry_rules import handler
from tests.fairlane_lambda.registry_rules.fake_registry import FakeRegistry, Rule
from tests.fairlane_lambda.stack_resource import Event, Response, StackResource, respond

STACK = "arn:aws:cloudformation:us-east-1:111122223333:stack/train/1b2c"
_requests = count()


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
    with container(registry):
        return respond(handler, event, context or Context(180_000))


@contextmanager
def container(registry: Any) -> Iterator[None]:
    with patch.object(handler, "_registry", lambda: registry), patch.object(handler, "_sleep", lambda _: None):
        yield


class Resource(StackResource):
    """Rules in a stack."""

    def __init__(self, registry: FakeRegistry, name: str, stack: str = STACK) -> None:
        identified = partial(request, stack=stack, resource=name)
        self.registry = registry
        super().__init__(lambda event: call(self.registry, event), identified, "train-Rules-1A2B3C")

    def delete(self) -> None:
        super().delete()
        self.properties = None
