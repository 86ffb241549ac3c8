"""Compute environments of EC2 GPU instances that AWS Batch starts and stops."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_batch as batch
from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from fairlane._internal.claims import Claims
from fairlane.capacity.efa_rules import placement_group_problems
from fairlane.capacity.instance_network import (
    cluster_placement_group,
    other_vpc_problems,
    own_security_group,
    warn_of_missing_endpoints,
)
from fairlane.capacity.launch_template import instance_profile, launch_template
from fairlane.capacity.lustre import LUSTRE_MOUNT, LustreMount
from fairlane.capacity.rules import AllocationStrategy, ComputeEnvironmentSpec, Purchase
from fairlane.capacity.training_vpc import TrainingVpc
from fairlane.catalog.gpu_catalog import is_unverified
from fairlane.errors import ConfigurationError, Problem

_IMAGE_TYPE: Final = "ECS_AL2023_NVIDIA"


class GpuComputeEnvironment(Construct):
    """GPU instances that AWS Batch starts when jobs wait and stops when none run.

    The environment uses only the given instance types, with AWS's Amazon Linux 2023 image for NVIDIA GPUs unless `ami`
    is given. It has no instances while no jobs run, unless `min_gpus` is given. It has no physical name, because a name
    would prevent a replacement. Instances accept only IMDSv2 and have an encrypted root volume.

    Jobs on the same instance are not isolated from each other. A job on one instance can read the instance metadata and
    take the credentials of the instance role, which allow acting as an instance of the ECS clusters of AWS Batch in the
    account and Region. A multi-node job cannot read the metadata. The role reads no images and writes no logs: each job
    definition needs an execution role, as `GpuJobDefinition` creates it.

    Updates: in place. A change of the size takes effect at once and stops no job. For any other change, AWS Batch
    starts new instances: jobs on the old instances have `job_execution_timeout_minutes` to finish, and AWS Batch stops
    and retries the jobs that run longer. Only the environment of a capacity block is replaced, because AWS does not
    update environments with BEST_FIT. With EFA, new instances in a subnet of another Availability Zone start only after
    the last instance in the old zone has stopped, because a placement group cannot span zones (unverified). Tags reach
    instances and volumes through the launch template. The environment itself has no tags, because CloudFormation
    changes its tags only by replacement. CloudFormation does not document the effect of stack-level tags on the
    environment (unverified).
    Sources: `CreateComputeEnvironment` and "Update a compute environment" in the Batch documentation; the resource
    schema of `AWS::Batch::ComputeEnvironment`.

    Args:
        scope: Scope of the construct.
        construct_id: Id of the construct.
        vpc: Network that the instances start in.
        instance_types: EC2 instance types with NVIDIA GPUs, one or more, all of the same architecture. With EFA or a
            capacity block, exactly one.
        max_gpus: Maximum number of GPUs at a time, at least the GPUs of the smallest instance type, at most 100,000.
            AWS Batch may exceed it by one instance. Either `max_gpus` or `max_vcpus` is required.
        max_vcpus: Maximum number of vCPUs at a time, at least the vCPUs of the smallest instance type. Replaces
            `max_gpus`. Default: derived from `max_gpus`.
        min_gpus: Number of GPUs that run at all times, also without jobs, in whole instances, at most `max_gpus`. AWS
            bills them. Requires instance types in Fairlane's catalog. Default: 0.
        purchase: Purchase option of the instances: On-Demand, Spot or a capacity block. Default: On-Demand.
        allocation_strategy: Strategy by which AWS Batch chooses among the instance types. Default: BEST_FIT_PROGRESSIVE
            for On-Demand, SPOT_PRICE_CAPACITY_OPTIMIZED for Spot, and BEST_FIT, the only choice, for a capacity block.
        efa: True to connect the instances by Elastic Fabric Adapter (EFA), for multi-node jobs. The instances start in
            one subnet and in one placement group. With a capacity reservation or block, which has its own placement,
            there is no placement group. Default: False.
        placement_group: Cluster placement group that environments with EFA share, in one subnet or Availability Zone.
            EC2 recommends one instance type in a group. Requires `efa`; excludes `capacity_reservation`. A change
            starts new instances. Default: a placement group of this environment alone.
        capacity_reservation: ID of a capacity reservation or a capacity block, or ARN of a resource group of capacity
            reservations. Required for a capacity block. Default: none.
        subnets: Subnets of the VPC that the instances start in. With EFA, instances start in the first one: give
            environments with EFA different subnets if they must not depend on the same Availability Zone. Default: the
            private subnets.
        security_groups: Security groups of the instances. For multi-node jobs, they must allow all traffic between
            each other. With EFA, AWS gives the VPC's default security group to the network interfaces of the jobs: it
            must allow all traffic from itself, and all outbound traffic. Default: a new security group that allows
            inbound traffic only from its own instances.
        root_volume_gib: Size of each instance's root volume in GiB, 30 to 16,384. Images need space there.
            Default: 200.
        job_execution_timeout_minutes: Number of minutes that jobs may continue while an update replaces their
            instances, 1 to 7,200. Default: 1,440 (one day).
        container_insights: True to collect CloudWatch Container Insights, which AWS bills as custom metrics.
            Default: True.
        lustre: FSx for Lustre file systems that each instance mounts, at most 10. Default: none.
        update_to_latest_image_version: True if updates bring AWS's newest Amazon Machine Image (AMI) to the instances.
            While True, changes of `max_gpus` or `max_vcpus` also start new instances. If False, instances keep the AMI
            that the environment was created with. Default: False.
        ami: ID of the Amazon Machine Image (AMI) of the instances, for example ami-0123456789abcdef0, or path of an SSM
            parameter with the ID, for example /images/training, in the same account and Region. CloudFormation reads
            the parameter at each deployment. The AMI is based on Amazon Linux 2023, with the ECS agent, NVIDIA drivers
            and `/dev/xvda` as its root volume, and with the EFA driver for EFA. Excludes
            `update_to_latest_image_version`. Default: the newest AMI of AWS when the environment is created.
        tags: Tags of the instances and their volumes, at most 40. The CDK and AWS Batch add their own tags. Default:
            none.

    Attributes:
        compute_environment: Underlying L1 resource.
        compute_environment_arn: ARN of the compute environment.
        vpc: Network, as given.
        spec: All settings except the network.
        instance_types: Instance types, as given.
        purchase: Purchase option, as given.
        efa: True if the instances have EFA.
        max_vcpus: Maximum number of vCPUs at a time.

    Raises:
        ConfigurationError: If AWS would refuse a value, or if an instance type cannot run GPU jobs.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        vpc: ec2.IVpc | TrainingVpc,
        instance_types: Sequence[str],
        max_gpus: int | None = None,
        max_vcpus: int | None = None,
        min_gpus: int = 0,
        purchase: Purchase = Purchase.ON_DEMAND,
        allocation_strategy: AllocationStrategy | None = None,
        efa: bool = False,
        placement_group: ec2.IPlacementGroup | None = None,
        capacity_reservation: str | None = None,
        subnets: Sequence[ec2.ISubnet] | None = None,
        security_groups: Sequence[ec2.ISecurityGroup] | None = None,
        root_volume_gib: int = 200,
        job_execution_timeout_minutes: int = 24 * 60,
        container_insights: bool = True,
        lustre: Sequence[LustreMount] = (),
        update_to_latest_image_version: bool = False,
        ami: str | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        spec = ComputeEnvironmentSpec(
            instance_types=instance_types,
            max_gpus=max_gpus,
            max_vcpus=max_vcpus,
            min_gpus=min_gpus,
            purchase=purchase,
            allocation_strategy=allocation_strategy,
            efa=efa,
            capacity_reservation=capacity_reservation,
            root_volume_gib=root_volume_gib,
            job_execution_timeout_minutes=job_execution_timeout_minutes,
            container_insights=container_insights,
            lustre=lustre,
            update_to_latest_image_version=update_to_latest_image_version,
            ami=ami,
            tags=tags,
        )
        claims = Claims.regional(scope)
        problems = list(spec.problems())
        if placement_group is not None:
            problems += placement_group_problems(efa, capacity_reservation)
            if not hasattr(placement_group, "placement_group_name"):
                problems.append(Problem(("placement_group",), placement_group, "a placement group of the CDK"))
        if not hasattr(vpc, "vpc_id"):
            problems.append(Problem(("vpc",), vpc, "a TrainingVpc or a VPC of the CDK"))
        for name, constructs in (("subnets", subnets), ("security_groups", security_groups)):
            is_list = isinstance(constructs, Sequence) and not isinstance(constructs, str)
            if constructs is not None and not (is_list and constructs and all(hasattr(c, "node") for c in constructs)):
                problems.append(Problem((name,), constructs, f"a list of one or more CDK {name.replace('_', ' ')}"))
        problems = problems or list(_subnet_problems(vpc, subnets))
        problems += other_vpc_problems(vpc, subnets)
        if problems:
            raise ConfigurationError(f"{scope.node.path}/{construct_id}", problems)
        super().__init__(scope, construct_id)
        claims.adopt(self)
        for mount in lustre:
            claims.add(LUSTRE_MOUNT, mount.mount_path, self)
        self.vpc = vpc
        self.spec = spec
        self.instance_types = tuple(instance_types)
        self.purchase = purchase
        self.efa = efa
        self.max_vcpus = spec.vcpus
        for key, value in (tags or {}).items():
            cdk.Tags.of(self).add(key, value)
        self._security_groups = security_groups
        if security_groups:
            self._group_ids = [group.security_group_id for group in security_groups]
        else:
            self._group_ids = [own_security_group(self, vpc.vpc_id, efa)]
        subnet_ids = [subnet.subnet_id for subnet in subnets] if subnets else self._default_subnet_ids(vpc)
        if efa:
            subnet_ids = subnet_ids[:1]
            if capacity_reservation is None:
                placement_group = placement_group or cluster_placement_group(self)
        warn_of_missing_endpoints(self, vpc, subnet_ids)
        template = launch_template(self, spec, self._group_ids)
        if tags and "Name" in tags:  # the CDK gives its launch template another Name
            cdk.Tags.of(template).add("Name", tags["Name"])
        resources = batch.CfnComputeEnvironment
        self.compute_environment = resources(
            self,
            "Resource",
            type="MANAGED",
            state="ENABLED",
            replace_compute_environment=purchase == Purchase.CAPACITY_BLOCK,
            update_policy=resources.UpdatePolicyProperty(
                terminate_jobs_on_update=False, job_execution_timeout_minutes=job_execution_timeout_minutes
            ),
            ecs_settings=resources.EcsSettingsProperty(
                container_insights="ENABLED" if container_insights else "DISABLED"
            ),
            compute_resources=resources.ComputeResourcesProperty(
                type="SPOT" if purchase == Purchase.SPOT else "EC2",
                allocation_strategy=spec.strategy,
                instance_types=list(instance_types),
                minv_cpus=spec.min_vcpus,
                maxv_cpus=self.max_vcpus,
                instance_role=instance_profile(self, purchase).attr_arn,
                subnets=subnet_ids,
                security_group_ids=None if efa else self._group_ids,
                update_to_latest_image_version=update_to_latest_image_version or None,
                placement_group=placement_group.placement_group_name if placement_group else None,
                ec2_configuration=[
                    resources.Ec2ConfigurationObjectProperty(
                        image_type=_IMAGE_TYPE, image_id_override=_image_id(self, ami)
                    )
                ],
                launch_template=resources.LaunchTemplateSpecificationProperty(
                    launch_template_id=template.launch_template_id, version=template.latest_version_number
                ),
            ),
        )
        self.compute_environment.add_property_deletion_override("Tags")
        self.compute_environment_arn = self.compute_environment.attr_compute_environment_arn
        for advice in spec.advice():
            cdk.Annotations.of(self).add_warning_v2(advice.id, advice.message)
        for name in filter(is_unverified, instance_types):
            self._warn(
                "unverifiedInstanceType",
                f"{name} is not verified for GPU jobs on AWS Batch: check the name, because jobs wait forever for an "
                "instance type that AWS Batch cannot start",
            )
        if efa and not isinstance(vpc, TrainingVpc):
            self._warn(
                "defaultSecurityGroup",
                "with EFA, the nodes of a multi-node job communicate through the VPC's default security group: it must "
                "allow all traffic from itself and all outbound traffic. VPCs of the CDK often remove these rules "
                "(restrictDefaultSecurityGroup)",
            )

    def _default_subnet_ids(self, vpc: ec2.IVpc | TrainingVpc) -> list[str]:
        if isinstance(vpc, TrainingVpc):
            return vpc.subnet_ids
        selected = vpc.select_subnets()
        if self.efa and selected.has_public:
            self._warn(
                "publicSubnets",
                "the VPC has public subnets only, and EC2 gives no public address to instances with EFA: without VPC "
                "endpoints for ECS, the instances never accept jobs",
            )
        return selected.subnet_ids

    def _warn(self, name: str, message: str) -> None:
        cdk.Annotations.of(self).add_warning_v2(f"fairlane:GpuComputeEnvironment.{name}", message)

    @cached_property
    def connections(self) -> ec2.Connections:
        """Connections of the instances' security groups, for rules of other resources, for example a file system."""
        groups = self._security_groups or [
            ec2.SecurityGroup.from_security_group_id(self, "OwnSecurityGroup", group_id) for group_id in self._group_ids
        ]
        return ec2.Connections(security_groups=list(groups))


def _subnet_problems(vpc: ec2.IVpc | TrainingVpc, subnets: Sequence[ec2.ISubnet] | None) -> Iterator[Problem]:
    """Yield a problem if the instances have no subnet, which only an imported VPC leaves open."""
    if subnets or isinstance(vpc, TrainingVpc) or vpc.private_subnets or vpc.isolated_subnets or vpc.public_subnets:
        return
    sentence = "the VPC has no subnets: give private_subnet_ids to Vpc.from_vpc_attributes, or use subnets"
    yield Problem.relation(("vpc",), sentence)


def _image_id(scope: Construct, ami: str | None) -> str | None:
    """Return the id of an AMI. Each deployment reads a parameter of the template, unlike a dynamic reference."""
    if ami is None or not ami.startswith("/"):
        return ami
    from aws_cdk import aws_ssm as ssm  # noqa: PLC0415 (loads for ten milliseconds)

    kind = ssm.ParameterValueType.AWS_EC2_IMAGE_ID
    return ssm.StringParameter.value_for_typed_string_parameter_v2(scope, ami, kind)
