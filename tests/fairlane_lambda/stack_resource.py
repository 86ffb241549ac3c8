"""Resource of a stack with a custom resource's requests, in the order of CloudFormation."""

from collections.abc import Callable
from types import ModuleType
from typing import Any, NamedTuple
from unittest.mock import patch

Event = dict[str, Any]


class Killed(BaseException):
    """Kill of a function during a request."""


class Response(NamedTuple):
    physical_id: str
    failure: str | None


def respond(handler: ModuleType, event: Event, context: Any) -> Response:
    """Run a handler, and return its response."""
    responses: list[Response] = []

    def send_response(_: Event, physical_id: str, failure: str | None) -> None:
        responses.append(Response(physical_id, failure))

    with patch.object(handler, "send_response", send_response):
        handler.handler(event, context)
    (response,) = responses
    return response


class StackResource:
    """Resource in a stack.

    If a function is killed, the request has no response. With `retried`, Lambda runs the request once more. Otherwise
    CloudFormation gives up and rolls back, and the resource has the id that CloudFormation gave it.

    Args:
        call: Function that sends an event, and returns the response.
        request: Function that makes an event, given the type of the request, the properties and further fields.
        first_id: ID that CloudFormation gives to a resource without a response.
        retried: True if Lambda runs a killed create or update again.
    """

    def __init__(
        self,
        call: Callable[[Event], Response],
        request: Callable[..., Event],
        first_id: str,
        *,
        retried: bool = True,
    ) -> None:
        self._call, self._request, self._first_id = call, request, first_id
        self.retried = retried
        self.physical_id = ""
        self.properties: Event | None = None
        self.failures: list[str] = []

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
            fields = {"OldResourceProperties": properties, "PhysicalResourceId": response.physical_id}
            back = self._send("Update", before, again=True, **fields)
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

    def _send(self, kind: str, properties: Event, *, again: bool = False, **fields: Any) -> Response:
        event = self._request(kind, properties, **fields)
        try:
            response = self._call(event)
        except Killed:
            physical_id = fields.get("PhysicalResourceId", self._first_id)
            repeated = self.retried or again or kind == "Delete"
            response = self._call(event) if repeated else Response(physical_id, "no response")
        if response.failure:
            self.failures.append(response.failure)
        return response
