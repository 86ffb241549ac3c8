"""Machines with GPUs, and the job definitions on them, from an environment file."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from fairlane._internal.specs import values_of
from fairlane.capacity import GpuComputeEnvironment, TrainingVpc
from fairlane.environment import GivenNetworkModel, GpuJobSettings, MultiNodeJobSettings, RegionModel
from fairlane.jobs import GpuJobDefinition, MultiNodeGpuJobDefinition
from fairlane.jobs.rules import GpuJobSpec, JobSpec, MultiNodeJobSpec
from fairlane.queues import GpuQueue

if TYPE_CHECKING:
    from aws_cdk import aws_secretsmanager as secretsmanager

AnyJobDefinition: TypeAlias = GpuJobDefinition | MultiNodeGpuJobDefinition

_CONSTRUCTS: Final[dict[type, tuple[type[JobSpec], type[AnyJobDefinition]]]] = {
    GpuJobSettings: (GpuJobSpec, GpuJobDefinition),
    MultiNodeJobSettings: (MultiNodeJobSpec, MultiNodeGpuJobDefinition),
}


def compute_environments(
    scope: Construct, model: RegionModel, tags: Mapping[str, str]
) -> dict[str, GpuComputeEnvironment]:
    """Makes the compute environments of a Region, and their network if it is not given.

    The stack's tags are given to them, too, as machines have no tags but those of their launch template.
    """
    if not model.compute_environments:
        return {}
    vpc, subnets = _network(scope, model)
    inside = Construct(scope, "ComputeEnvironments")
    group_ids = {
        one for environment in model.compute_environments.values() for one in environment.security_group_ids or ()
    }
    given = Construct(scope, "SecurityGroups")
    groups = {
        one: ec2.SecurityGroup.from_security_group_id(given, one, one, mutable=False) for one in sorted(group_ids)
    }
    return {
        name: GpuComputeEnvironment(
            inside,
            name,
            vpc=vpc,
            subnets=subnets,
            security_groups=[groups[one] for one in environment.security_group_ids or ()] or None,
            **environment.with_tags(tags).arguments,
        )
        for name, environment in model.compute_environments.items()
    }


def _network(scope: Construct, model: RegionModel) -> tuple[ec2.IVpc | TrainingVpc, list[ec2.ISubnet] | None]:
    network = model.network
    assert network is not None
    if not isinstance(network, GivenNetworkModel):
        return TrainingVpc(scope, "Network", **dict(network)), None
    inside = Construct(scope, "Network")
    vpc = ec2.Vpc.from_vpc_attributes(
        inside, "Vpc", vpc_id=str(network.vpc_id), availability_zones=["those of its subnets"]
    )
    subnets = [ec2.Subnet.from_subnet_id(inside, subnet_id, subnet_id) for subnet_id in network.subnet_ids]
    for subnet in subnets:  # machines only need the subnets' ids
        cdk.Annotations.of(subnet).acknowledge_warning("@aws-cdk/aws-ec2:noSubnetRouteTableId")
    return vpc, subnets


def job_definitions(scope: Construct, model: RegionModel, queues: dict[str, GpuQueue]) -> dict[str, AnyJobDefinition]:
    """Makes the job definitions of a Region, each held against its queues."""
    if not model.job_definitions:
        return {}
    inside = Construct(scope, "JobDefinitions")
    secrets = Construct(scope, "Secrets")
    made: dict[str, AnyJobDefinition] = {}
    for name, job in model.job_definitions.items():
        spec, kind = _CONSTRUCTS[type(job)]
        arguments: Any = values_of(spec, job) | {
            "job_definition_name": name,
            "secrets": _secrets(Construct(secrets, name), job.secrets),
        }
        made[name] = kind(inside, name, **arguments)
        for queue in job.queues:
            queues[queue].accepts(made[name])
    return made


def _secrets(scope: Construct, arns: Mapping[str, str]) -> "dict[str, secretsmanager.ISecret]":
    if not arns:
        return {}
    from aws_cdk import aws_secretsmanager as secretsmanager  # noqa: PLC0415 (loads for ten milliseconds)

    return {
        variable: secretsmanager.Secret.from_secret_complete_arn(scope, variable, arn) for variable, arn in arns.items()
    }
