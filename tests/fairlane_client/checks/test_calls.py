"""Calls of a check, which `queue.grants.observe` allows, and job definitions."""

from pathlib import Path
from typing import Any

import boto3
import pytest
from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from botocore.exceptions import ClientError

from fairlane import GpuQueue, TrainingQueue
from fairlane.errors import Advice, Problem
from fairlane_client.checks.definitions import definition_of_environment, read_definition
from fairlane_client.clock import Clock
from fairlane_client.queues.calls import Calls
from fairlane_client.queues.queue import read_queue
from fairlane_local.testing.local_batch import LocalBatch
from tests.iam.roles import Deployment
from tests.iam_evaluator import ACCOUNT, Request, Statement, allowed

OF_QUEUE = ("batch:GetJobQueueSnapshot", "batch:ListQuotaShares")


class Recorder:
    """Client that notes the actions of its calls."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.actions: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        self.actions.add("batch:" + "".join(part.capitalize() for part in name.split("_")))
        return getattr(self._client, name)


@pytest.mark.parametrize("name", ["quota", "fair", "fifo", "gpu"])
def test_all_calls_for_a_queue_are_those_of_an_observer(
    local_batch: LocalBatch, file: Path, stack: Stack, name: str
) -> None:
    local_batch.deploy(file)
    client = Recorder(boto3.client("batch", region_name="us-east-1"))
    read_queue(Calls(client), name)
    arn = f"arn:aws:batch:us-east-1:{ACCOUNT}:job-queue/{name}"
    requests = [Request(action, arn if action in OF_QUEUE else "*") for action in sorted(client.actions)]
    assert len(requests) >= 2
    if name == "gpu":
        requests.append(Request("batch:DescribeJobDefinitions", "*"))
    assert all(allowed(_observer(stack, name), requests)), requests


def _observer(stack: Stack, name: str) -> list[Statement]:
    """Return the statements of a role that observes a queue."""
    kind = GpuQueue if name == "gpu" else TrainingQueue
    role = iam.Role(stack, "Role", assumed_by=iam.AccountRootPrincipal())
    kind.from_job_queue_name(stack, "Queue", name).grants.observe(role)
    return Deployment.of(stack).statements("Role")


def test_a_definition_is_the_newest_active_revision(local_batch: LocalBatch) -> None:
    client = local_batch.client("batch")
    for memory in ("1024", "2048", "4096"):
        client.register_job_definition(
            jobDefinitionName="train",
            type="container",
            containerProperties={
                "image": "train:1",
                "resourceRequirements": [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": memory}],
            },
        )
    client.deregister_job_definition(jobDefinition="train:3")
    calls = Calls(client)
    arn = client.describe_job_definitions(jobDefinitions=["train:1"])["jobDefinitions"][0]["jobDefinitionArn"]
    for reference, revision in (("train", 2), ("train:1", 1), (arn, 1), (arn.rpartition(":")[0], 2)):
        found = read_definition(calls, reference)
        assert not isinstance(found, Advice | Problem)
        assert found["revision"] == revision
    for reference in ("train:3", "nope"):
        assert read_definition(calls, reference) == Problem(
            ("jobDefinition",), reference, "an active job definition of this account and Region"
        )


class _Refusing:
    def describe_job_definitions(self, **request: object) -> None:
        raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "DescribeJobDefinitions")


def test_without_the_permission_a_warning_names_the_action() -> None:
    advice = read_definition(Calls(_Refusing(), Clock()), "train")
    assert isinstance(advice, Advice)
    assert (advice.id, "batch:DescribeJobDefinitions" in advice.message) == ("definition-not-read", True)


def test_a_definition_that_the_file_does_not_have_is_a_warning(file: Path) -> None:
    advice = definition_of_environment(file, "gpu", "other:3")
    assert isinstance(advice, Advice)
    assert "train, spread, huge" in advice.message
