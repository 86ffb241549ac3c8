"""Deployment, update, use and deletion of GPU queues in the local AWS."""

import json
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_ec2 as ec2
from botocore.exceptions import ClientError

from fairlane import FairShare, GpuComputeEnvironment, GpuJobDefinition, GpuQueue, Purchase
from fairlane.environment import load_environment
from fairlane_local import LocalAws, client, deployed_queues, queue_locations
from fairlane_local.clock import Clock
from fairlane_stacks import build_stacks
from tests.support import REPOSITORY, template_of

pytestmark = pytest.mark.slow


@pytest.fixture
def aws() -> Iterator[LocalAws]:
    """Local AWS with a manual clock."""
    with LocalAws(clock=Clock(None)) as aws:
        yield aws


@pytest.fixture
def cloudformation(aws: LocalAws) -> Any:
    return client("cloudformation", aws.port, "123456789012", "us-east-1")


def template(max_gpus: int = 16, volume: int = 200, command: str = "one", queue: str = "g5", **tags: str) -> str:
    environment = cdk.Environment(account="123456789012", region="us-east-1")
    stack = cdk.Stack(cdk.App(), "Stack", env=environment, synthesizer=cdk.BootstraplessSynthesizer())
    vpc = ec2.Vpc(stack, "Vpc", availability_zones=["us-east-1a", "us-east-1b"], nat_gateways=0)
    settings: dict[str, Any] = {"vpc": vpc, "instance_types": ["g5.12xlarge"], "max_gpus": max_gpus, "tags": tags}
    on_demand = GpuComputeEnvironment(stack, "OnDemand", root_volume_gib=volume, **settings)
    spot = GpuComputeEnvironment(stack, "Spot", purchase=Purchase.SPOT, **settings)
    g5 = GpuQueue(
        stack, "G5", queue_name=queue, compute_environments=[on_demand, spot], scheduling=FairShare({"a": 1, "b": 3})
    )
    GpuJobDefinition(
        stack,
        "Train",
        job_definition_name="train",
        image="image",
        command=[command],
        instance_type="g5.12xlarge",
        gpus=1,
        queue=g5,
    )
    return json.dumps(template_of(stack))


def compute_environments(batch: Any) -> list[dict[str, Any]]:
    return list(batch.describe_compute_environments()["computeEnvironments"])


def status(cloudformation: Any) -> str:
    return str(cloudformation.describe_stacks(StackName="s")["Stacks"][0]["StackStatus"])


def test_a_gpu_queue_is_deployed_updated_used_and_deleted(aws: LocalAws, cloudformation: Any, batch: Any) -> None:
    cloudformation.create_stack(StackName="s", TemplateBody=template())
    assert status(cloudformation) == "CREATE_COMPLETE"
    (queue,) = batch.describe_job_queues(jobQueues=["g5"])["jobQueues"]
    names = [environment["computeEnvironmentArn"] for environment in compute_environments(batch)]
    assert [order["computeEnvironment"] for order in queue["computeEnvironmentOrder"]] == names
    policies = batch.describe_scheduling_policies(arns=[queue["schedulingPolicyArn"]])["schedulingPolicies"]
    assert len(policies[0]["fairsharePolicy"]["shareDistribution"]) == 2
    assert {environment["computeResources"]["type"] for environment in compute_environments(batch)} == {"EC2", "SPOT"}

    (deployed,) = deployed_queues(batch)
    assert (deployed.capacity, deployed.scheduling) == ({"vCPUs": 384}, FairShare({"a": 1.0, "b": 3.0}))
    assert queue_locations(aws.port) == [("123456789012", "us-east-1")]
    job = batch.submit_job(jobName="j", jobQueue="g5", jobDefinition="train", shareIdentifier="a")["jobId"]
    aws.timeline.advance(61)
    assert batch.describe_jobs(jobs=[job])["jobs"][0]["status"] == "SUCCEEDED"

    cloudformation.update_stack(StackName="s", TemplateBody=template(max_gpus=32, volume=500, team="search"))
    assert status(cloudformation) == "UPDATE_COMPLETE"
    assert [environment["computeEnvironmentArn"] for environment in compute_environments(batch)] == names
    assert {environment["computeResources"]["maxvCpus"] for environment in compute_environments(batch)} == {384}
    assert {
        environment["computeResources"]["launchTemplate"]["version"] for environment in compute_environments(batch)
    } == {"2"}

    cloudformation.update_stack(
        StackName="s", TemplateBody=template(max_gpus=32, volume=500, command="two", team="search")
    )
    revisions = batch.describe_job_definitions(jobDefinitionName="train", status="ACTIVE")["jobDefinitions"]
    assert {revision["revision"]: revision["containerProperties"]["command"] for revision in revisions} == {
        1: ["one"],
        2: ["two"],
    }

    cloudformation.update_stack(StackName="s", TemplateBody=template(queue="g5-new", command="two"))
    assert [queue["jobQueueName"] for queue in batch.describe_job_queues()["jobQueues"]] == ["g5-new"]

    cloudformation.delete_stack(StackName="s")
    with pytest.raises(ClientError, match="does not exist"):
        status(cloudformation)
    assert compute_environments(batch) == []
    assert batch.describe_job_definitions(status="ACTIVE")["jobDefinitions"] == []
    assert batch.list_scheduling_policies()["schedulingPolicies"] == []


def example(*changes: tuple[str, str]) -> str:
    text = (REPOSITORY / "environments" / "example.yaml").read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "example.yaml"
        path.write_text(text)
        stack, *_ = build_stacks(cdk.App(), "example", load_environment(path))
    return json.dumps(template_of(stack))


def test_the_example_is_deployed_updated_used_and_deleted(aws: LocalAws, cloudformation: Any, batch: Any) -> None:
    ec2_client = client("ec2", aws.port, "123456789012", "us-east-1")
    stack_filter = [{"Name": "tag:aws:cloudformation:stack-name", "Values": ["s"]}]
    cloudformation.create_stack(StackName="s", TemplateBody=example())
    assert status(cloudformation) == "CREATE_COMPLETE"
    arns = [environment["computeEnvironmentArn"] for environment in compute_environments(batch)]
    assert sorted(queue.name for queue in deployed_queues(batch))[1:3] == ["gpu-g5", "gpu-p5"]
    for definition, queue, share in (
        ("train-one-gpu", "gpu-g5", {"shareIdentifier": "research"}),
        ("train-four-gpus", "gpu-g5", {"shareIdentifier": "sweeps"}),
    ):
        job = batch.submit_job(jobName="j", jobQueue=queue, jobDefinition=definition, **share)["jobId"]
        aws.timeline.advance(61)
        assert batch.describe_jobs(jobs=[job])["jobs"][0]["status"] == "SUCCEEDED"
    (multinode,) = batch.describe_job_definitions(jobDefinitionName="pretrain")["jobDefinitions"]
    assert multinode["type"] == "multinode"

    cloudformation.update_stack(
        StackName="s",
        TemplateBody=example(
            ("max_gpus: 64", "max_gpus: 128"),
            ("availability_zones: 2", "availability_zones: 3\n  nat_gateways: 1"),
            ("nodes: 4", "nodes: 2"),
        ),
    )
    assert status(cloudformation) == "UPDATE_COMPLETE"
    assert [environment["computeEnvironmentArn"] for environment in compute_environments(batch)] == arns
    assert sorted(environment["computeResources"]["maxvCpus"] for environment in compute_environments(batch)) == [
        384,
        768,
        1536,
    ]
    assert len(ec2_client.describe_nat_gateways()["NatGateways"]) == 1
    revisions = batch.describe_job_definitions(jobDefinitionName="pretrain", status="ACTIVE")["jobDefinitions"]
    assert [revision["revision"] for revision in revisions] == [1, 2]

    cloudformation.delete_stack(StackName="s")
    with pytest.raises(ClientError, match="does not exist"):
        status(cloudformation)
    assert compute_environments(batch) == []
    assert deployed_queues(batch) == []
    assert ec2_client.describe_vpcs(Filters=stack_filter)["Vpcs"] == []
    assert batch.describe_job_definitions(status="ACTIVE")["jobDefinitions"] == []


def test_a_compute_environment_with_a_queue_cannot_be_deleted(cloudformation: Any, batch: Any) -> None:
    cloudformation.create_stack(StackName="s", TemplateBody=template())
    arn = compute_environments(batch)[0]["computeEnvironmentArn"]
    order = [{"order": 1, "computeEnvironment": arn}]
    batch.create_job_queue(jobQueueName="by-hand", state="ENABLED", priority=1, computeEnvironmentOrder=order)
    cloudformation.delete_stack(StackName="s")
    assert status(cloudformation) == "DELETE_FAILED"
    events = json.dumps(cloudformation.describe_stack_events(StackName="s"), default=str)
    assert "found existing JobQueue relationship" in events
    batch.update_job_queue(jobQueue="by-hand", state="DISABLED")
    batch.delete_job_queue(jobQueue="by-hand")
    cloudformation.delete_stack(StackName="s")
    assert compute_environments(batch) == []
