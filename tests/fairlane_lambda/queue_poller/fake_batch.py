"""Fake AWS Batch for the poller, with AWS's page sizes. botocore's model checks requests and responses."""

from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any

import botocore.session
from botocore import xform_name
from botocore.exceptions import ClientError
from botocore.validate import validate_parameters

_MODEL = botocore.session.get_session().get_service_model("batch")
_OPERATIONS = {xform_name(name): _MODEL.operation_model(name) for name in _MODEL.operation_names}
_PAGE = {"list_jobs": 1000, "list_service_jobs": 100}
_TYPES: dict[str, Any] = {
    "string": str,
    "integer": int,
    "long": int,
    "double": (int, float),
    "boolean": bool,
    "list": list,
    "map": dict,
    "structure": dict,
}

Record = dict[str, Any]


class Jobs:
    """Jobs that are created when they are listed."""

    def __init__(self, count: int, make: Callable[[int], Record]) -> None:
        self.count = count
        self.make = make


class FakeBatch:
    """Fake boto3 client for queues with jobs by state.

    `fails` returns the error code of a call that fails, and None for other calls.
    """

    def __init__(
        self,
        queues: Mapping[str, Mapping[str, Jobs | list[Record]]],
        *,
        snapshots: Mapping[str, Record] | None = None,
        definitions: list[Record] | None = None,
        fails: Callable[[str, Record], str | None] = lambda operation, request: None,
    ) -> None:
        self.calls: list[tuple[str, Record]] = []
        self._queues = queues
        self._snapshots = snapshots or {}
        self._definitions = {definition["jobDefinitionArn"]: definition for definition in definitions or []}
        self._fails = fails

    def count(self, operation: str) -> int:
        return sum(name == operation for name, _ in self.calls)

    def list_jobs(self, **request: Any) -> Record:
        return self._answer("list_jobs", request, self._list)

    def list_service_jobs(self, **request: Any) -> Record:
        return self._answer("list_service_jobs", request, self._list)

    def get_job_queue_snapshot(self, **request: Any) -> Record:
        return self._answer("get_job_queue_snapshot", request, lambda *_: self._snapshots.get(request["jobQueue"], {}))

    def describe_job_definitions(self, **request: Any) -> Record:
        return self._answer("describe_job_definitions", request, self._describe)

    def _answer(self, operation: str, request: Record, answer: Callable[[str, Record], Record]) -> Record:
        model = _OPERATIONS[operation]
        self.calls.append((operation, dict(request)))
        validate_parameters(request, model.input_shape)
        if code := self._fails(operation, request):
            message = f"Cannot serve {request} with secret-job of secret-definition"
            metadata = {"HTTPStatusCode": 429 if code == "TooManyRequestsException" else 400}
            raise ClientError({"Error": {"Code": code, "Message": message}, "ResponseMetadata": metadata}, model.name)
        response = answer(operation, request)
        check_shape(response, model.output_shape)
        return response

    def _list(self, operation: str, request: Record) -> Record:
        jobs = self._queues[request["jobQueue"]].get(request["jobStatus"], [])
        assert request["jobStatus"] != "SCHEDULED" or operation == "list_service_jobs", (
            "compute jobs have no state SCHEDULED"
        )
        start = int(request.get("nextToken", "0"))
        most = min(request.get("maxResults", _PAGE[operation]), _PAGE[operation])
        count = jobs.count if isinstance(jobs, Jobs) else len(jobs)
        end = min(start + most, count)
        page = (jobs.make(index) for index in range(start, end)) if isinstance(jobs, Jobs) else islice(jobs, start, end)
        answer: Record = {"jobSummaryList": [{**job, "status": request["jobStatus"]} for job in page]}
        return {**answer, "nextToken": str(end)} if end < count else answer

    def _describe(self, operation: str, request: Record) -> Record:
        assert len(request["jobDefinitions"]) <= 100, "AWS describes at most 100"
        return {
            "jobDefinitions": [self._definitions[arn] for arn in request["jobDefinitions"] if arn in self._definitions]
        }


def check_shape(value: Any, shape: Any) -> None:
    """Raise AssertionError for a response that AWS cannot return."""
    assert isinstance(value, _TYPES[shape.type_name]), f"{value!r} is not of type {shape.type_name}"
    if shape.type_name == "structure":
        for name, member in value.items():
            assert name in shape.members, f"{shape.name} has no member {name}"
            check_shape(member, shape.members[name])
    elif shape.type_name == "list":
        for member in value:
            check_shape(member, shape.member)
    elif shape.type_name == "map":
        for member in value.values():
            check_shape(member, shape.value)
    elif getattr(shape, "enum", None):
        assert value in shape.enum, f"{value!r} is not a value of {shape.name}"
