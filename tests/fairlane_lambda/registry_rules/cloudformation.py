"""CloudFormation as far as custom resources see it: its requests, in the order in which it makes them."""

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


class Answer(NamedTuple):
    physical_id: str
    failure: str | None


class Context:
    """How long the function may still run, in milliseconds: one answer after the other, the last one for ever."""

    def __init__(self, *remaining: int) -> None:
        self._remaining = list(remaining)

    def get_remaining_time_in_millis(self) -> int:
        return self._remaining.pop(0) if len(self._remaining) > 1 else self._remaining[0]


def properties(*rules: Rule, owner: str = "Train/Registry") -> Event:
    return {"ServiceToken": "arn:aws:lambda:us-east-1:111122223333:function:rules", "Owner": owner, "Rules": [*rules]}


def request(kind: str, wanted: Event, *, stack: str = STACK, resource: str = "Rules", **fields: Any) -> Event:
    return {
        "RequestType": kind,
        "ResponseURL": "https://cloudformation-custom-resource-response.s3.amazonaws.com/secret",
        "StackId": stack,
        "RequestId": f"request-{next(_requests)}",
        "ResourceType": "Custom::FairlaneRegistryRules",
        "LogicalResourceId": resource,
        "ResourceProperties": wanted,
    } | fields


def call(registry: Any, event: Event, context: Context | None = None) -> Answer:
    """The answer to a request."""
    answers: list[Answer] = []

    def answer(_: Event, physical_id: str, failure: str | None) -> None:
        answers.append(Answer(physical_id, failure))

    with container(registry), patch.object(handler, "answer", answer):
        handler.handler(event, context or Context(180_000))
    (only,) = answers
    return only


@contextmanager
def container(registry: Any) -> Iterator[None]:
    with patch.object(handler, "_registry", lambda: registry), patch.object(handler, "_sleep", lambda _: None):
        yield


class Resource:
    """One resource in one stack, and what becomes of it.

    A request that gets no answer, as its container was killed, is made once more if `again`, as Lambda does; otherwise
    CloudFormation gives it up, and the resource has the id that CloudFormation gave it.
    """

    def __init__(self, registry: FakeRegistry, name: str, stack: str = STACK) -> None:
        self.registry = registry
        self.properties: Event | None = None
        self.physical_id = ""
        self.again = True
        self.failures: list[str] = []
        self._where = {"stack": stack, "resource": name}

    def create(self, wanted: Event) -> None:
        answer = self._make("Create", wanted)
        if answer.failure:
            self._make("Delete", wanted, PhysicalResourceId=answer.physical_id)
            return
        self.physical_id, self.properties = answer.physical_id, wanted

    def update(self, wanted: Event, *, fails_elsewhere: bool = False) -> None:
        before = self.properties
        assert before is not None
        answer = self._make("Update", wanted, OldResourceProperties=before, PhysicalResourceId=self.physical_id)
        if answer.failure or fails_elsewhere:
            back = self._make("Update", before, OldResourceProperties=wanted, PhysicalResourceId=answer.physical_id)
            assert back.failure is None, back.failure
            if answer.physical_id not in (self.physical_id, back.physical_id):
                self._make("Delete", wanted, PhysicalResourceId=answer.physical_id)
            self.physical_id = back.physical_id
            return
        if answer.physical_id != self.physical_id:
            self._make("Delete", before, PhysicalResourceId=self.physical_id)
        self.physical_id, self.properties = answer.physical_id, wanted

    def delete(self) -> None:
        assert self.properties is not None
        answer = self._make("Delete", self.properties, PhysicalResourceId=self.physical_id)
        assert answer == (self.physical_id, None)
        self.properties = None

    def _make(self, kind: str, wanted: Event, **fields: Any) -> Answer:
        event = request(kind, wanted, **self._where, **fields)
        try:
            answer = call(self.registry, event)
        except Killed:
            given = fields.get("PhysicalResourceId", "train-Rules-1A2B3C")
            answer = call(self.registry, event) if self.again or kind == "Delete" else Answer(given, "no answer")
        if answer.failure:
            self.failures.append(answer.failure)
        return answer
