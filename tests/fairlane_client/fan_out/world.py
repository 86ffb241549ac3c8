"""Account with the fan-out `campaigns`, its time, its calls and its clients. Nothing here waits."""

import io
import json
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import botocore.session
from botocore.validate import validate_parameters

from fairlane_client.fan_out import FanOut
from fairlane_client.sweeps import Clock
from fairlane_lambda.fan_out.ledger import Ledger
from fairlane_lambda.fan_out.table import Table
from tests.fairlane_client.fan_out.fake_jobs import FakeJobs
from tests.fairlane_client.fan_out.fake_states import FakeStates
from tests.fairlane_client.fan_out.service import Service
from tests.fairlane_client.faults import Calls, client_error
from tests.fairlane_lambda.fan_out.fake_dynamodb import FakeDynamoDB

REGIONS = ("us-east-1", "us-west-2", "eu-west-1", "eu-central-1")
STATE_MACHINE = "arn:aws:states:us-east-1:111122223333:stateMachine:fairlane-campaigns"
START = 1_800_000_000.0
_PLACE = {
    "name": "campaigns",
    "region": "us-east-1",
    "regions": REGIONS,
    "bucket": "campaigns-bucket",
    "table": "campaigns-ledger",
    "state_machine": STATE_MACHINE,
    "database": "campaigns",
    "workgroup": "campaigns",
}


class Objects:
    """Versioned bucket."""

    def __init__(self) -> None:
        self.versions: dict[tuple[str, str], bytes] = {}
        self.latest: dict[str, bytes] = {}

    def write(self, key: str, body: bytes, version: str = "") -> str:
        version = version or f"version-{len(self.versions)}"
        self.versions[key, version] = self.latest[key] = body
        return version

    def put_object(self, **request: Any) -> dict[str, Any]:
        return {"VersionId": self.write(request["Key"], request["Body"].read())}

    def get_object(self, **request: Any) -> dict[str, Any]:
        if request["Key"] not in self.latest:
            raise client_error("NoSuchKey", "", 404, "GetObject")
        return {"Body": io.BytesIO(self.latest[request["Key"]])}


class Parameters:
    """SSM parameters of fan-outs."""

    def __init__(self) -> None:
        self.names = ["campaigns"]

    def get_parameter(self, **request: str) -> dict[str, Any]:
        if request["Name"].removeprefix("/fairlane/fan-out/") not in self.names:
            raise client_error("ParameterNotFound", "", 400, "GetParameter")
        return {"Parameter": {"Value": json.dumps(_PLACE)}}

    def get_parameters_by_path(self, **request: str) -> dict[str, Any]:
        found = [{"Name": f"{request['Path']}{name}"} for name in self.names]
        start = int(request.get("NextToken", 0))
        token = {"NextToken": str(start + 10)} if len(found) > start + 10 else {}
        return {"Parameters": found[start : start + 10], **token}


class Client:
    """Client of a service. Requests are checked as boto3 checks them."""

    class meta:  # noqa: N801
        region_name = "us-east-1"

    def __init__(self, world: "World", service: str, fake: Any) -> None:
        self._world, self._service, self._fake = world, service, fake

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(**request: Any) -> Any:
            operation = _model(self._service).operation_model(name.title().replace("_", ""))
            validate_parameters(request, operation.input_shape)
            return self._world.call(name, lambda: getattr(self._fake, name)(**request))

        return call

    def get_paginator(self, name: str) -> "Paginator":
        return Paginator(getattr(self, name), "NextToken" if self._service == "ssm" else "nextToken")


class Paginator:
    """Pages of a list."""

    def __init__(self, call: Callable[..., Any], token: str) -> None:
        self._call, self._token = call, token

    def paginate(self, **request: Any) -> Iterator[dict[str, Any]]:
        while True:
            page = self._call(**request)
            yield page
            if self._token not in page:
                return
            request[self._token] = page[self._token]


class World(Calls):
    """Account with one fan-out."""

    region_name = "us-east-1"

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.dynamodb = FakeDynamoDB()
        self.ledger = Ledger(Table(self.dynamodb, "campaigns-ledger"))
        self.states = FakeStates(STATE_MACHINE)
        self.objects = Objects()
        self.parameters = Parameters()
        self.batch = {region: FakeJobs(region) for region in REGIONS}
        self.service = Service(self.states, self.ledger, self.batch, self.objects)

    def client(self, service_name: str, *, region_name: str | None = None, **options: Any) -> Client:
        """Return a client, as a session of boto3 does."""
        fakes = {
            "batch": self.batch.get(region_name or "us-east-1"),
            "dynamodb": self.dynamodb,
            "s3": self.objects,
            "ssm": self.parameters,
            "stepfunctions": self.states,
        }
        return Client(self, service_name, fakes[service_name])

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self.now += seconds
        self.service.advance(self.now)

    def call(self, name: str, function: Callable[[], Any]) -> Any:
        """Answer a request."""
        answer = self.answer(name, function)
        self.sleep(0.05)
        return answer

    def open(self) -> FanOut:
        return FanOut.open("campaigns", session=self, clock=Clock(lambda: self.now, self.sleep))

    def jobs(self) -> Counter[str]:
        """Return the number of jobs by name."""
        return Counter(job["name"] for batch in self.batch.values() for job in batch.jobs.values())

    def statuses(self) -> Counter[str]:
        return Counter(job["status"] for batch in self.batch.values() for job in batch.jobs.values())

    def set_jobs(self, status: str, *, only: str | None = None) -> None:
        """Change the status of all jobs that have not ended, or of those in one status."""
        for batch in self.batch.values():
            for job in batch.jobs.values():
                if job["status"] == only or (only is None and job["status"] not in ("SUCCEEDED", "FAILED")):
                    job["status"] = status


def lines(number: int, **members: Any) -> list[dict[str, Any]]:
    """Return lines of a manifest in turn over the Regions."""
    return [
        {"id": f"drive-{index:03}", "region": REGIONS[index % 4], "data": f"s3://drives-{index % 4}/{index}/"} | members
        for index in range(number)
    ]


def jsonl(rows: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


@cache
def _model(service: str) -> Any:
    return botocore.session.get_session().get_service_model(service)
