"""Requests of CloudFormation for policies, and a stack with one resource."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple
from unittest.mock import patch

from fairlane_lambda.hyperpod_governance import handler
from tests.fairlane_lambda.hyperpod_governance.fake_sagemaker import FakeSageMaker, Killed

CLUSTER = "arn:aws:sagemaker:us-east-1:111122223333:cluster/abcdefghijkl"
STACK = "arn:aws:cloudformation:us-east-1:111122223333:stack/hyperpod/1b2c"
QUOTA = "Custom::FairlaneComputeQuota"
SCHEDULER = "Custom::FairlaneSchedulerConfig"
TIME_MS = 900_000

Event = dict[str, Any]


class Response(NamedTuple):
    physical_id: str
    failure: str | None


class Context:
    """Context whose time shrinks by ten seconds with each look."""

    def __init__(self, left: int = TIME_MS) -> None:
        self._left = left

    def get_remaining_time_in_millis(self) -> int:
        self._left -= 10_000
        return self._left


def quota(count: str = "4", team: str = "research", name: str = "research", cluster: str = CLUSTER) -> Event:
    """Properties as CloudFormation passes them: every number is text."""
    return {
        "ServiceToken": "arn:aws:lambda:us-east-1:111122223333:function:governance",
        "Name": name,
        "ClusterArn": cluster,
        "ActivationState": "Enabled",
        "ComputeQuotaTarget": {"TeamName": team, "FairShareWeight": "60"},
        "ComputeQuotaConfig": {
            "ComputeQuotaResources": [
                {"InstanceType": "ml.p5.48xlarge", "Count": count, "MemoryInGiB": "10.5"},
                {"InstanceType": "ml.p5.48xlarge", "AcceleratorPartition": {"Type": "mig-1g.10gb", "Count": "7"}},
            ],
            "ResourceSharingConfig": {"Strategy": "LendAndBorrow", "BorrowLimit": "300"},
            "PreemptTeamTasks": "LowerPriority",
        },
    }


def scheduler(weight: str = "70", name: str = "policy", cluster: str = CLUSTER) -> Event:
    return {
        "ServiceToken": "arn:aws:lambda:us-east-1:111122223333:function:governance",
        "Name": name,
        "ClusterArn": cluster,
        "SchedulerConfig": {
            "PriorityClasses": [{"Name": "training", "Weight": weight}],
            "FairShare": "Enabled",
            "IdleResourceSharing": "Enabled",
        },
    }


def kind_of(properties: Event) -> str:
    return QUOTA if "ComputeQuotaTarget" in properties else SCHEDULER


def request(kind: str, properties: Event, **fields: Any) -> Event:
    return {
        "RequestType": kind,
        "ResponseURL": "https://cloudformation-custom-resource-response.s3.amazonaws.com/secret",
        "StackId": STACK,
        "RequestId": "request-1",
        "ResourceType": kind_of(properties),
        "LogicalResourceId": "Quota",
        "ResourceProperties": properties,
    } | fields


def call(client: FakeSageMaker, event: Event, context: Context | None = None) -> Response:
    responses: list[Response] = []

    def send_response(_: Event, physical_id: str, failure: str | None) -> None:
        responses.append(Response(physical_id, failure))

    with container(client), patch.object(handler, "send_response", send_response):
        handler.handler(event, context or Context())
    (response,) = responses
    return response


@contextmanager
def container(client: FakeSageMaker) -> Iterator[None]:
    with patch.object(handler, "_sagemaker", lambda: client), patch.object(handler, "_sleep", lambda _: None):
        yield


class Resource:
    """Resource in a stack, with the requests of CloudFormation in its order.

    Attributes:
        retried: True if Lambda runs a killed create or update again. Otherwise CloudFormation gives up, and rolls back.
    """

    def __init__(self, client: FakeSageMaker, *, retried: bool = True) -> None:
        self.client, self.retried = client, retried
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
        event = request(kind, properties, **fields)
        try:
            response = call(self.client, event)
        except Killed:
            physical_id = fields.get("PhysicalResourceId", "hyperpod-Quota-1A2B3C")
            repeated = self.retried or again or kind == "Delete"
            response = call(self.client, event) if repeated else Response(physical_id, "no response")
        if response.failure:
            self.failures.append(response.failure)
        return response
