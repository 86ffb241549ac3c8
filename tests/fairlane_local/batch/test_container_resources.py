"""CloudFormation resources for containers: what replaces, updates and deletes them."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from fairlane_local import LocalAws, client
from tests.fairlane_local.batch.support import ACCOUNT, container_queue

Deploy = Callable[..., str]


@pytest.fixture
def deploy(aws: LocalAws) -> Deploy:
    cloudformation = client("cloudformation", aws.port, ACCOUNT, "us-east-1")

    def deploy(**resources: Any) -> str:
        body = json.dumps({"Resources": {name: dict(resource) for name, resource in resources.items()}})
        call = cloudformation.update_stack if cloudformation.list_stacks()["StackSummaries"] else None
        (call or cloudformation.create_stack)(StackName="s", TemplateBody=body)
        events = cloudformation.describe_stack_events(StackName="s")["StackEvents"]
        reasons = [event.get("ResourceStatusReason", "") for event in events if "FAILED" in event["ResourceStatus"]]
        status = cloudformation.describe_stacks(StackName="s")["Stacks"][0]["StackStatus"]
        return " ".join([status, *reasons])

    return deploy


def environment(resources: dict[str, Any] | None = None, **properties: Any) -> dict[str, Any]:
    compute_resources = {
        "Type": "EC2",
        "AllocationStrategy": "BEST_FIT_PROGRESSIVE",
        "MaxvCpus": 64,
        "InstanceTypes": ["g5.12xlarge"],
        "Subnets": ["subnet-1"],
        "SecurityGroupIds": ["sg-1"],
        "InstanceRole": "gpu",
    } | (resources or {})
    return {
        "Type": "AWS::Batch::ComputeEnvironment",
        "Properties": {"Type": "managed", "ComputeResources": compute_resources, **properties},
    }


def described(batch: Any) -> dict[str, Any]:
    (environment,) = batch.describe_compute_environments()["computeEnvironments"]
    return dict(environment)


def test_scaling_updates_an_environment_in_place(deploy: Deploy, batch: Any) -> None:
    assert deploy(Gpus=environment(UpdatePolicy={"TerminateJobsOnUpdate": False})) == "CREATE_COMPLETE"
    before = described(batch)
    update = environment({"MaxvCpus": 128}, State="DISABLED", UpdatePolicy={"JobExecutionTimeoutMinutes": 60})
    assert deploy(Gpus=update) == "UPDATE_COMPLETE"
    after = described(batch)
    assert (after["uuid"], after["state"]) == (before["uuid"], "DISABLED")
    assert (after["computeResources"]["maxvCpus"], after["updatePolicy"]) == (128, {"jobExecutionTimeoutMinutes": 60})


@pytest.mark.parametrize(
    ("resources", "properties", "is_replaced"),
    [
        ({"InstanceTypes": ["g6.12xlarge"]}, {}, True),
        ({"InstanceTypes": ["g6.12xlarge"]}, {"ReplaceComputeEnvironment": False}, False),
        ({"UpdateToLatestImageVersion": True}, {"ReplaceComputeEnvironment": False}, False),
        ({"SpotIamFleetRole": "role"}, {"ReplaceComputeEnvironment": False}, True),
        ({}, {"ReplaceComputeEnvironment": False, "Tags": {"team": "search"}}, True),
    ],
)
def test_a_change_of_infrastructure_replaces_an_environment_unless_told_otherwise(
    deploy: Deploy, batch: Any, resources: dict[str, Any], properties: dict[str, Any], is_replaced: bool
) -> None:
    deploy(Gpus=environment())
    before = described(batch)
    assert deploy(Gpus=environment(resources, **properties)) == "UPDATE_COMPLETE"
    after = described(batch)
    assert (after["uuid"] != before["uuid"]) == is_replaced
    assert after["computeResources"]["instanceTypes"] == resources.get("InstanceTypes", ["g5.12xlarge"])


def test_members_of_one_operation_are_not_sent_with_another(deploy: Deploy, batch: Any) -> None:
    spot = {"Type": "SPOT", "AllocationStrategy": "SPOT_CAPACITY_OPTIMIZED", "SpotIamFleetRole": "role"}
    assert deploy(Gpus=environment(spot | {"UpdateToLatestImageVersion": True})) == "CREATE_COMPLETE"
    assert deploy(Gpus=environment(spot | {"MaxvCpus": 1})) == "UPDATE_COMPLETE"
    assert described(batch)["computeResources"]["spotIamFleetRole"] == "role"


def test_the_replacement_of_a_named_environment_fails(deploy: Deploy, batch: Any) -> None:
    deploy(Gpus=environment(ComputeEnvironmentName="gpus"))
    before = described(batch)
    assert "Object already exists" in deploy(Gpus=environment({"InstanceTypes": ["g6"]}, ComputeEnvironmentName="gpus"))
    assert described(batch) == before


def test_an_environment_of_another_queue_is_disabled_but_not_deleted(deploy: Deploy, batch: Any) -> None:
    policy = {"Type": "AWS::Batch::SchedulingPolicy", "Properties": {"FairsharePolicy": {}}}
    deploy(Gpus=environment(), Policy=policy)
    container_queue(batch, described(batch)["computeEnvironmentArn"])
    assert "found existing JobQueue relationship" in deploy(Policy=policy)
    assert described(batch)["state"] == "DISABLED"


def test_names_of_parameters_keep_their_case(deploy: Deploy, batch: Any) -> None:
    log = {"LogDriver": "awslogs", "Options": {"Splunk-URL": "x"}}
    requirements = [{"Type": "VCPU", "Value": "1"}, {"Type": "MEMORY", "Value": "4"}]
    container = {"Image": "image", "ResourceRequirements": requirements, "LogConfiguration": log}
    properties = {
        "JobDefinitionName": "train",
        "Type": "container",
        "Parameters": {"Model": "small"},
        "ContainerProperties": container,
        "SchedulingPriority": 5,
        "ResourceRetentionPolicy": {"SkipDeregisterOnUpdate": True},
    }
    definition = {"Type": "AWS::Batch::JobDefinition", "Properties": properties}
    assert deploy(Train=definition) == "CREATE_COMPLETE"
    properties["SchedulingPriority"] = 6
    assert deploy(Train=definition) == "UPDATE_COMPLETE"
    definitions = batch.describe_job_definitions(jobDefinitionName="train", status="ACTIVE")["jobDefinitions"]
    assert [definition["schedulingPriority"] for definition in definitions] == [5, 6]
    assert definitions[0]["parameters"] == {"Model": "small"}
    assert definitions[0]["containerProperties"]["logConfiguration"]["options"] == {"Splunk-URL": "x"}


def test_a_consumable_resource_is_deployed_and_updated(deploy: Deploy, batch: Any) -> None:
    def licence(quantity: int, **tags: str) -> dict[str, Any]:
        properties = {"TotalQuantity": quantity, "ResourceType": "REPLENISHABLE", "Tags": tags}
        return {"Type": "AWS::Batch::ConsumableResource", "Properties": properties}

    deploy(Licence=licence(4, old="1", kept="2"))
    assert deploy(Licence=licence(6, kept="3", new="4")) == "UPDATE_COMPLETE"
    (resource,) = batch.list_consumable_resources()["consumableResources"]
    assert resource["totalQuantity"] == 6
    tags = batch.list_tags_for_resource(resourceArn=resource["consumableResourceArn"])["tags"]
    assert tags == {"kept": "3", "new": "4"}
    policy = {"Type": "AWS::Batch::SchedulingPolicy", "Properties": {"FairsharePolicy": {}}}
    assert deploy(Policy=policy) == "UPDATE_COMPLETE"
    assert batch.list_consumable_resources()["consumableResources"] == []
