"""Requests of CloudFormation for policies, and a stack with one resource."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from fairlane_lambda.hyperpod_governance import handler
from tests.fairlane_lambda.hyperpod_governance.fake_sagemaker import FakeSageMaker
from tests.fairlane_lambda.stack_resource import Event, Response, StackResource, respond

CLUSTER = "arn:aws:sagemaker:us-east-1:111122223333:cluster/abcdefghijkl"
STACK = "arn:aws:cloudformation:us-east-1:111122223333:stack/hyperpod/1b2c"
QUOTA = "Custom::FairlaneComputeQuota"
SCHEDULER = "Custom::FairlaneSchedulerConfig"
TIME_MS = 900_000


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
    with container(client):
        return respond(handler, event, context or Context())


@contextmanager
def container(client: FakeSageMaker) -> Iterator[None]:
    with patch.object(handler, "_sagemaker", lambda: client), patch.object(handler, "_sleep", lambda _: None):
        yield


class Resource(StackResource):
    """Policy in a stack."""

    def __init__(self, client: FakeSageMaker, *, retried: bool = True) -> None:
        super().__init__(lambda event: call(client, event), request, "hyperpod-Quota-1A2B3C", retried=retried)
