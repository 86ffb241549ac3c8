"""GPU compute environments and job definitions of an environment file."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from fairlane._internal.specs import field_values
from fairlane.capacity import GpuComputeEnvironment, TrainingVpc
from fairlane.capacity.instance_network import cluster_placement_group
from fairlane.environment import GpuJobSettings, MultiNodeJobSettings, RegionModel
from fairlane.environment.compute_environments import ComputeEnvironmentSettings
from fairlane.environment.network import NewNetworkModel
from fairlane.jobs import GpuJobDefinition, MultiNodeGpuJobDefinition
from fairlane.jobs.rules import GpuJobSpec, JobSpec, MultiNodeJobSpec
from fairlane.queues import GpuQueue
from fairlane_stacks.network import network

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
    """Create the compute environments of a Region, and a VPC unless the file has an existing one.

    Instances have only the tags of their launch template, so that the compute environments get the stack's tags, too.

    Args:
        scope: Stack of the Region.
        model: Settings of the Region.
        tags: Tags of the stack.
    """
    if not model.compute_environments:
        return {}
    vpc, subnets = network(scope, model)
    parent = Construct(scope, "ComputeEnvironments")
    group_ids = {
        group_id
        for environment in model.compute_environments.values()
        for group_id in environment.security_group_ids or ()
    }
    groups_parent = Construct(scope, "SecurityGroups")
    groups = {
        group_id: ec2.SecurityGroup.from_security_group_id(groups_parent, group_id, group_id, mutable=False)
        for group_id in sorted(group_ids)
    }
    shared = {environment.placement_group or "" for environment in model.compute_environments.values()} - {""}
    placement_parent = Construct(scope, "PlacementGroups")
    placement_groups = {name: cluster_placement_group(placement_parent, name) for name in sorted(shared)}
    return {
        name: GpuComputeEnvironment(
            parent,
            name,
            vpc=vpc,
            placement_group=placement_groups.get(environment.placement_group or ""),
            subnets=_subnets(environment, model, vpc, subnets),
            security_groups=[groups[group_id] for group_id in environment.security_group_ids or ()] or None,
            **environment.with_tags(tags).arguments,
        )
        for name, environment in model.compute_environments.items()
    }


def _subnets(
    environment: ComputeEnvironmentSettings,
    model: RegionModel,
    vpc: ec2.IVpc | TrainingVpc,
    existing: Mapping[str, ec2.ISubnet],
) -> list[ec2.ISubnet] | None:
    if (
        environment.availability_zone_ids
        and isinstance(vpc, TrainingVpc)
        and isinstance(model.network, NewNetworkModel)
    ):
        zones = model.network.availability_zone_ids or ()
        by_zone = dict(zip(zones, vpc.vpc.private_subnets, strict=True))
        return [by_zone[zone] for zone in environment.availability_zone_ids]
    return [existing[subnet_id] for subnet_id in environment.subnet_ids or existing] or None


def job_definitions(scope: Construct, model: RegionModel, queues: dict[str, GpuQueue]) -> dict[str, AnyJobDefinition]:
    """Create the job definitions of a Region, and check that their queues have room for the jobs.

    Args:
        scope: Stack of the Region.
        model: Settings of the Region.
        queues: Queues of the Region, by name.
    """
    if not model.job_definitions:
        return {}
    parent = Construct(scope, "JobDefinitions")
    secrets = Construct(scope, "Secrets")
    definitions: dict[str, AnyJobDefinition] = {}
    for name, job in model.job_definitions.items():
        spec, construct = _CONSTRUCTS[type(job)]
        arguments: Any = field_values(spec, job) | {
            "job_definition_name": name,
            "log_encryption_key": model.log_encryption_key,
            "secrets": _secrets(Construct(secrets, name), job.secrets),
        }
        definitions[name] = construct(parent, name, **arguments)
        for queue in job.queues:
            queues[queue].accepts(definitions[name])
    return definitions


def _secrets(scope: Construct, arns: Mapping[str, str]) -> "dict[str, secretsmanager.ISecret]":
    if not arns:
        return {}
    from aws_cdk import aws_secretsmanager as secretsmanager  # noqa: PLC0415 (loads for ten milliseconds)

    return {
        variable: secretsmanager.Secret.from_secret_complete_arn(scope, variable, arn) for variable, arn in arns.items()
    }
