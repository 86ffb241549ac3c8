from typing import Any

import pytest
from botocore.exceptions import ClientError

P4 = "ml.p4d.24xlarge"
ACCOUNT = "123456789012"
PREFIX = f"arn:aws:batch:us-east-1:{ACCOUNT}:"
IN_USE = "Cannot delete, found existing JobQueue relationship"
ENABLED = "Cannot delete, state must be DISABLED"


def message_of(call: Any, **request: Any) -> str:
    with pytest.raises(ClientError) as raised:
        call(**request)
    error = raised.value.response
    assert (error["Error"]["Code"], error["ResponseMetadata"]["HTTPStatusCode"]) == ("ClientException", 400)
    return str(error["Error"]["Message"])


def limits(number: int = 10, unit: str = P4) -> list[dict[str, Any]]:
    return [{"maxCapacity": number, "capacityUnit": unit}]


COUNTED = limits(10, "NUM_INSTANCES")


def service_environment(batch: Any, name: str = "env", **changes: Any) -> str:
    request = {"serviceEnvironmentType": "SAGEMAKER_TRAINING", "capacityLimits": limits()} | changes
    return str(batch.create_service_environment(serviceEnvironmentName=name, **request)["serviceEnvironmentArn"])


def quota_policy(batch: Any, name: str = "quotas") -> str:
    policy = {"idleResourceAssignmentStrategy": "FIFO"}
    return str(batch.create_scheduling_policy(name=name, quotaSharePolicy=policy)["arn"])


def fair_policy(batch: Any, name: str = "fair", **settings: Any) -> str:
    return str(batch.create_scheduling_policy(name=name, fairsharePolicy=settings)["arn"])


def training_queue(batch: Any, environment: str, name: str = "queue", **more: Any) -> str:
    order = [{"order": 1, "serviceEnvironment": environment}]
    request = {"jobQueueType": "SAGEMAKER_TRAINING", "priority": 1, "serviceEnvironmentOrder": order} | more
    return str(batch.create_job_queue(jobQueueName=name, **request)["jobQueueArn"])


def quota_queue(batch: Any) -> str:
    return training_queue(batch, service_environment(batch), schedulingPolicyArn=quota_policy(batch))


def quota_share(batch: Any, queue: str, name: str = "team", **changes: Any) -> str:
    request = {
        "capacityLimits": limits(5),
        "resourceSharingConfiguration": {"strategy": "LEND_AND_BORROW", "borrowLimit": 50},
        "preemptionConfiguration": {"inSharePreemption": "ENABLED"},
    } | changes
    return str(batch.create_quota_share(quotaShareName=name, jobQueue=queue, **request)["quotaShareArn"])


def ec2(**changes: Any) -> dict[str, Any]:
    resources = {
        "type": "EC2",
        "allocationStrategy": "BEST_FIT_PROGRESSIVE",
        "maxvCpus": 64,
        "instanceTypes": ["g5.12xlarge"],
        "subnets": ["subnet-1"],
        "securityGroupIds": ["sg-1"],
        "instanceRole": f"arn:aws:iam::{ACCOUNT}:instance-profile/gpu",
    } | changes
    return {name: value for name, value in resources.items() if value is not None}


def fargate(**changes: Any) -> dict[str, Any]:
    return {"type": "FARGATE", "maxvCpus": 64, "subnets": ["subnet-1"], "securityGroupIds": ["sg-1"]} | changes


def managed_instances(option: str = "ON_DEMAND", **changes: Any) -> dict[str, Any]:
    template = {
        "ec2InstanceProfileArn": f"arn:aws:iam::{ACCOUNT}:instance-profile/gpu",
        "networkConfiguration": {"subnets": ["subnet-1"], "securityGroups": ["sg-1"]},
        "capacityOptionType": option,
    }
    provider = {"infrastructureRoleArn": f"arn:aws:iam::{ACCOUNT}:role/gpu", "instanceLaunchTemplate": template}
    return {"type": "ECS_MANAGED_INSTANCES", "maxvCpus": 64, "managedInstancesProvider": provider} | changes


def compute_environment(batch: Any, name: str = "gpus", **changes: Any) -> str:
    request = {"type": "MANAGED", "computeResources": ec2()} | changes
    return str(batch.create_compute_environment(computeEnvironmentName=name, **request)["computeEnvironmentArn"])


def container_queue(batch: Any, *environments: str, name: str = "containers", **more: Any) -> str:
    order = [{"order": number, "computeEnvironment": arn} for number, arn in enumerate(environments)]
    request = {"priority": 1, "computeEnvironmentOrder": order} | more
    return str(batch.create_job_queue(jobQueueName=name, **request)["jobQueueArn"])


def container(**changes: Any) -> dict[str, Any]:
    requirements = [
        {"type": "VCPU", "value": "4"},
        {"type": "MEMORY", "value": "16000"},
        {"type": "GPU", "value": "1"},
    ]
    properties = {"image": "image", "command": ["train"], "resourceRequirements": requirements} | changes
    return {name: value for name, value in properties.items() if value is not None}


def job_definition(batch: Any, name: str = "train", **changes: Any) -> str:
    request = {"type": "container", "containerProperties": container()} | changes
    return str(batch.register_job_definition(jobDefinitionName=name, **request)["jobDefinitionArn"])
