import re
from typing import Any

import pytest

from tests.fairlane_local.batch.support import (
    ACCOUNT,
    ENABLED,
    IN_USE,
    PREFIX,
    compute_environment,
    container_queue,
    ec2,
    fargate,
    managed_instances,
    message_of,
)

SCALING_DOWN = (
    "Manually scaling down compute environment is not supported. Disconnecting job queues from compute environment "
    "will cause it to scale-down to minvCpus."
)


def described(batch: Any, name: str = "gpus") -> dict[str, Any]:
    (environment,) = batch.describe_compute_environments(computeEnvironments=[name])["computeEnvironments"]
    return dict(environment)


def test_the_description_has_the_fields_of_aws(batch: Any) -> None:
    arn = compute_environment(batch, tags={"team": "search"})
    environment = described(batch, arn)
    identifier = environment.pop("uuid")
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", identifier)
    role = "role/aws-service-role/batch.amazonaws.com/AWSServiceRoleForBatch"
    assert environment == {
        "computeEnvironmentName": "gpus",
        "computeEnvironmentArn": f"{PREFIX}compute-environment/gpus",
        "ecsClusterArn": f"arn:aws:ecs:us-east-1:{ACCOUNT}:cluster/gpus_Batch_{identifier}",
        "containerOrchestrationType": "ECS",
        "type": "MANAGED",
        "state": "ENABLED",
        "status": "VALID",
        "statusReason": "ComputeEnvironment Healthy",
        "serviceRole": f"arn:aws:iam::{ACCOUNT}:{role}",
        "computeResources": ec2(minvCpus=0, desiredvCpus=0),
        "tags": {"team": "search"},
    }


@pytest.mark.parametrize(
    "resources", [fargate(), managed_instances(), ec2(type="SPOT", allocationStrategy="SPOT_CAPACITY_OPTIMIZED")]
)
def test_other_types_are_created(batch: Any, resources: dict[str, Any]) -> None:
    compute_environment(batch, computeResources=resources)
    assert resources.items() <= described(batch)["computeResources"].items()


def test_an_unmanaged_environment_has_its_own_role(batch: Any) -> None:
    request = {"computeEnvironmentName": "u", "type": "UNMANAGED", "unmanagedvCpus": 8}
    assert message_of(batch.create_compute_environment, **request) == "ServiceRole is required."
    role = f"arn:aws:iam::{ACCOUNT}:role/aws-service-role/batch.amazonaws.com/AWSServiceRoleForBatch"
    assert message_of(batch.create_compute_environment, **request, serviceRole=role) == (
        "Service Linked Role cannot be used with UNMANAGED Compute Environment"
    )
    batch.create_compute_environment(**request, serviceRole="batch")
    assert described(batch, "u")["unmanagedvCpus"] == 8
    assert "computeResources is not applicable" in message_of(
        batch.update_compute_environment, computeEnvironment="u", computeResources={"maxvCpus": 8}
    )


LAUNCH_TEMPLATE = {"launchTemplateId": "lt-1", "version": "1"}


def override(*targets: str, **changes: Any) -> dict[str, Any]:
    return {"launchTemplateId": "lt-2", "targetInstanceTypes": [*targets]} | changes


@pytest.mark.parametrize(
    ("resources", "message"),
    [
        (ec2(instanceRole=None), "Instance role is required."),
        (ec2(instanceTypes=[]), "Resource instanceTypes are required."),
        (ec2(subnets=[]), "Subnets are required."),
        (ec2(securityGroupIds=None), "Security group ids are required."),
        (ec2(instanceTypes=["g5g.xlarge", "g5"]), "arm-based instance type cannot be used with other instance types"),
        (ec2(instanceTypes=["optimal", "default_arm64"]), "arm-based instance type cannot be used with other instance types"),
        (ec2(minvCpus=-1), "minvCpus should be greater than or equal to 0."),
        (ec2(minvCpus=65), "maxvCpus should be greater than or equal to minvCpus."),
        (ec2(desiredvCpus=65), "desiredvCpus should be between minvCpus and maxvCpus."),
        (ec2(bidPercentage=50), "bidPercentage is only applicable for SPOT."),
        (ec2(type="SPOT", bidPercentage=101), "Bid percentage must be between 0 to 100."),
        (ec2(type="SPOT", allocationStrategy=None), "compute resource spotIamFleetRole is required."),
        (ec2(allocationStrategy="SPOT_CAPACITY_OPTIMIZED"), "Allocation strategy SPOT_CAPACITY_OPTIMIZED is only available for SPOT resources"),
        (ec2(scalingPolicy={"minScaleDownDelayMinutes": 19}), "minScaleDownDelayMinutes must be 0 or between 20 and 10080."),
        (ec2(ec2Configuration=[{"imageType": "ECS_AL2_NVIDIA"}]), "Amazon Linux 2 is end-of-life."),
        (ec2(ec2Configuration=[{"imageType": "EKS_AL2023"}]), "Invalid imageType in ComputeResources.ec2Configuration"),
        (ec2(ec2Configuration=[]), "ComputeResources.ec2Configuration must have 1 or 2 entries"),
        (ec2(launchTemplate={}), "One of LaunchTemplateId and LaunchTemplateName or LaunchTemplate.overrides should be provided"),
        (ec2(launchTemplate={**LAUNCH_TEMPLATE, "version": "new"}), "LaunchTemplateVersion must be either empty or a number or $Default or $Latest"),
        (ec2(launchTemplate={**LAUNCH_TEMPLATE, "overrides": [override("p5")] * 11}), "LaunchTemplate.overrides size cannot be greater than 10"),
        (ec2(launchTemplate={**LAUNCH_TEMPLATE, "overrides": [override()]}), "LaunchTemplate.overrides.targetInstanceTypes[] is required"),
        (ec2(launchTemplate={**LAUNCH_TEMPLATE, "overrides": [override("g6")]}), "LaunchTemplate.overrides have targetInstanceTypes that do not match"),
        (ec2(launchTemplate={**LAUNCH_TEMPLATE, "overrides": [override("g5.12xlarge")] * 2}), "LaunchTemplate.overrides have duplicate targetInstanceTypes"),
        (ec2(launchTemplate={**LAUNCH_TEMPLATE, "overrides": [override("g5.12xlarge", launchTemplateName="n")]}), "LaunchTemplate.overrides should have either LaunchTemplateId or LaunchTemplateName"),
        (fargate(minvCpus=0), "minvCpus is not applicable for Fargate."),
        (fargate(tags={"a": "b"}), "tags is not applicable for Fargate."),
        (fargate(subnets=[f"subnet-{number}" for number in range(17)]), "Fargate supports a maximum of 16 subnets."),
        (fargate(securityGroupIds=[]), "Security group ids are required."),
        (managed_instances(subnets=["subnet-1"]), "subnets is not applicable for managed instances."),
        ({"type": "ECS_MANAGED_INSTANCES", "maxvCpus": 1}, "compute resource managedInstancesProvider is required."),
    ],
)  # fmt: skip
def test_invalid_compute_resources_are_refused(batch: Any, resources: dict[str, Any], message: str) -> None:
    request = {"computeEnvironmentName": "gpus", "type": "MANAGED", "computeResources": resources}
    assert message in message_of(batch.create_compute_environment, **request)
    assert batch.describe_compute_environments()["computeEnvironments"] == []


def test_names_states_and_the_number_are_checked(batch: Any) -> None:
    request = {"type": "MANAGED", "computeResources": ec2()}
    create = batch.create_compute_environment
    assert message_of(create, computeEnvironmentName="x y", **request) == (
        "Compute Environment name should match a valid pattern."
    )
    assert message_of(create, computeEnvironmentName="gpus", state="DISABLED", **request) == (
        "Compute Environment must be created in ENABLED state."
    )
    for number in range(50):
        compute_environment(batch, f"gpus-{number}")
    assert message_of(create, computeEnvironmentName="gpus-0", **request) == "Object already exists"
    assert message_of(create, computeEnvironmentName="gpus", **request) == "At most 50 in an account and Region."


def test_an_update_keeps_what_it_does_not_name(batch: Any) -> None:
    arn = compute_environment(batch)
    batch.update_compute_environment(
        computeEnvironment=arn,
        state="DISABLED",
        computeResources={"maxvCpus": 128, "desiredvCpus": 96, "instanceTypes": ["g6"]},
        updatePolicy={"jobExecutionTimeoutMinutes": 60},
    )
    environment = described(batch)
    assert environment["computeResources"] == ec2(minvCpus=0, maxvCpus=128, desiredvCpus=96, instanceTypes=["g6"])
    assert (environment["state"], environment["updatePolicy"]) == ("DISABLED", {"jobExecutionTimeoutMinutes": 60})
    update = {"computeEnvironment": "gpus", "computeResources": {"desiredvCpus": 8}}
    assert message_of(batch.update_compute_environment, **update) == SCALING_DOWN
    batch.update_compute_environment(computeEnvironment="gpus", computeResources={"maxvCpus": 32})
    assert described(batch)["computeResources"]["desiredvCpus"] == 32


def test_invalid_updates_change_nothing(batch: Any) -> None:
    compute_environment(batch)
    before = described(batch)
    for resources in ({"minvCpus": 65}, {"type": "ECS_MANAGED_INSTANCES"}, {"instanceTypes": ["g5", "g5g"]}):
        message_of(batch.update_compute_environment, computeEnvironment="gpus", computeResources=resources)
    assert described(batch) == before


def test_only_an_updatable_environment_gets_new_instances(batch: Any) -> None:
    compute_environment(batch, "best-fit", computeResources=ec2(allocationStrategy=None))
    compute_environment(batch, "custom-role", serviceRole=f"arn:aws:iam::{ACCOUNT}:role/batch")
    for name, message in (("best-fit", "BEST_FIT"), ("custom-role", "AWSServiceRoleForBatch")):
        request = {"computeEnvironment": name, "computeResources": {"instanceTypes": ["g6"]}}
        assert message in message_of(batch.update_compute_environment, **request)
        batch.update_compute_environment(computeEnvironment=name, computeResources={"maxvCpus": 1})
        assert described(batch, name)["computeResources"]["maxvCpus"] == 1


def test_deletion_requires_a_disabled_environment_without_queue(batch: Any) -> None:
    arn = compute_environment(batch)
    container_queue(batch, arn)
    assert message_of(batch.delete_compute_environment, computeEnvironment=arn) == ENABLED
    batch.update_compute_environment(computeEnvironment=arn, state="DISABLED")
    assert message_of(batch.delete_compute_environment, computeEnvironment="gpus") == IN_USE
    batch.update_job_queue(jobQueue="containers", state="DISABLED")
    batch.delete_job_queue(jobQueue="containers")
    batch.delete_compute_environment(computeEnvironment="gpus")
    assert batch.describe_compute_environments()["computeEnvironments"] == []
