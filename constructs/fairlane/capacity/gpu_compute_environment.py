"""Where GPU jobs of one's own containers run: machines of EC2 that AWS Batch starts and stops."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_batch as batch
from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from fairlane._internal.claims import Claims
from fairlane.capacity.launch_template import instance_profile, launch_template
from fairlane.capacity.lustre import LustreMount
from fairlane.capacity.rules import AllocationStrategy, ComputeEnvironmentSpec, Purchase
from fairlane.capacity.training_vpc import TrainingVpc
from fairlane.catalog.gpu_catalog import is_unverified
from fairlane.errors import ConfigurationError, Problem

_IMAGE_TYPE: Final = "ECS_AL2023_NVIDIA"


class GpuComputeEnvironment(Construct):
    """Machines with GPUs that AWS Batch starts when jobs wait and stops when none run.

    It has exactly the given instance types, AWS's Amazon Linux 2023 image for NVIDIA GPUs, no machines while no jobs
    run, and no name of its own, since a name would stand in the way of a replacement. Machines accept IMDSv2 only and
    have an encrypted root volume. Jobs on them write to any log group and pull any image that others let them.

    Updates: in place. Sizes change at once and stop no job. All else has Batch start new machines, while jobs on
    the old ones have `job_execution_timeout_minutes` to finish; what runs longer is stopped and tried again. Only the
    environment of a capacity block is replaced instead: AWS updates none with BEST_FIT. Tags go to machines and
    volumes by the launch template and never to the environment itself, whose tags CloudFormation could only change by
    replacing it. What CloudFormation does with tags of the stack as a whole is not documented for it (unverified).
    Sources: `CreateComputeEnvironment` and "Update a compute environment" in the Batch documentation; the resource
    schema of `AWS::Batch::ComputeEnvironment`.

    Args:
        scope: where it goes in the app.
        construct_id: its id there.
        vpc: the network that machines start in.
        instance_types: EC2 instance types with NVIDIA GPUs, all of one architecture; one only with EFA or a capacity
            block.
        max_gpus: the most GPUs at a time; Batch may exceed it by one machine. At least those of the smallest machine.
        max_vcpus: instead, the most vCPUs at a time.
        purchase: on demand, Spot, or a capacity block.
        allocation_strategy: which types Batch starts; by default BEST_FIT_PROGRESSIVE on demand,
            SPOT_PRICE_CAPACITY_OPTIMIZED for Spot, and BEST_FIT, the only one, for a capacity block.
        efa: joins the machines by Elastic Fabric Adapter in one subnet, for multi-node jobs, and in one placement
            group, save with a capacity reservation or block, which has its own place.
        capacity_reservation: the id of a capacity reservation or block, or the ARN of a resource group of such.
        subnets: which of its subnets; by default the private ones. With EFA the first of them.
        security_groups: by default one that lets nothing in but what comes from its own machines. Those of your own
            must let each other in, if multi-node jobs run here. With EFA, AWS gives the jobs' own network interfaces
            the VPC's default security group instead: it must let itself in and everything out.
        root_volume_gib: the size of each machine's root volume, 30 to 16384 GiB, 200 by default; images need room.
        job_execution_timeout_minutes: how long jobs may go on while machines are replaced, 1 to 7200 minutes; a
            day by default.
        container_insights: whether CloudWatch gathers Container Insights, which are billed as custom metrics.
        lustre: file systems of FSx for Lustre that each machine mounts.
        update_to_latest_image_version: whether an update brings AWS's newest machine image. While it is True, changes
            of sizes, too, start new machines; without it, machines keep the image that the environment was made with.
        tags: at most 40, for machines and volumes, which get tags of the CDK and of AWS Batch as well.

    Attributes:
        compute_environment: the underlying resource.
        compute_environment_arn: its ARN.
        vpc: as given.
        spec: All settings but the network.
        instance_types: as given.
        purchase: as given.
        efa: as given.
        max_vcpus: the most vCPUs at a time.

    Raises:
        ConfigurationError: with every value that AWS would refuse, and every machine that could run no GPU job.
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
        purchase: Purchase = Purchase.ON_DEMAND,
        allocation_strategy: AllocationStrategy | None = None,
        efa: bool = False,
        capacity_reservation: str | None = None,
        subnets: Sequence[ec2.ISubnet] | None = None,
        security_groups: Sequence[ec2.ISecurityGroup] | None = None,
        root_volume_gib: int = 200,
        job_execution_timeout_minutes: int = 24 * 60,
        container_insights: bool = True,
        lustre: Sequence[LustreMount] = (),
        update_to_latest_image_version: bool = False,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        spec = ComputeEnvironmentSpec(
            instance_types=instance_types,
            max_gpus=max_gpus,
            max_vcpus=max_vcpus,
            purchase=purchase,
            allocation_strategy=allocation_strategy,
            efa=efa,
            capacity_reservation=capacity_reservation,
            root_volume_gib=root_volume_gib,
            job_execution_timeout_minutes=job_execution_timeout_minutes,
            container_insights=container_insights,
            lustre=lustre,
            update_to_latest_image_version=update_to_latest_image_version,
            tags=tags,
        )
        problems = list(spec.problems())
        for name, given in (("subnets", subnets), ("security_groups", security_groups)):
            listed = isinstance(given, Sequence) and not isinstance(given, str)
            if given is not None and not (listed and given and all(hasattr(one, "node") for one in given)):
                problems.append(Problem((name,), given, f"one or more {name.replace('_', ' ')} of the CDK"))
        if problems:
            raise ConfigurationError(f"{scope.node.path}/{construct_id}", problems)
        super().__init__(scope, construct_id)
        Claims.at(scope).adopt(self)
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
            self._group_ids = [_own_security_group(self, vpc.vpc_id, efa)]
        subnet_ids = [subnet.subnet_id for subnet in subnets] if subnets else self._subnet_ids_of(vpc)
        template = launch_template(self, spec, self._group_ids)
        if tags and "Name" in tags:  # the CDK's own launch template has another one
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
                minv_cpus=0,
                maxv_cpus=self.max_vcpus,
                instance_role=instance_profile(self).attr_arn,
                subnets=subnet_ids[:1] if efa else subnet_ids,
                security_group_ids=None if efa else self._group_ids,
                update_to_latest_image_version=update_to_latest_image_version or None,
                placement_group=_placement_group(self) if efa and capacity_reservation is None else None,
                ec2_configuration=[resources.Ec2ConfigurationObjectProperty(image_type=_IMAGE_TYPE)],
                launch_template=resources.LaunchTemplateSpecificationProperty(
                    launch_template_id=template.launch_template_id, version=template.latest_version_number
                ),
            ),
        )
        self.compute_environment.add_property_deletion_override("Tags")
        self.compute_environment_arn = self.compute_environment.attr_compute_environment_arn
        for name in filter(is_unverified, instance_types):
            self._warn(
                "unverifiedInstanceType",
                f"{name} is not known to run GPU jobs on AWS Batch: jobs may wait for it for ever",
            )
        if efa and not isinstance(vpc, TrainingVpc):
            self._warn(
                "defaultSecurityGroup",
                "with EFA, multi-node jobs talk to each other through the VPC's default security group, which must let "
                "itself in and everything out; the CDK's own VPCs close it (restrictDefaultSecurityGroup)",
            )

    def _subnet_ids_of(self, vpc: ec2.IVpc | TrainingVpc) -> list[str]:
        if isinstance(vpc, TrainingVpc):
            return vpc.subnet_ids
        selected = vpc.select_subnets()
        if self.efa and selected.has_public:
            self._warn(
                "publicSubnets",
                "the VPC has public subnets only, and EC2 gives machines with EFA no public address: without endpoints "
                "for ECS they never take jobs",
            )
        return selected.subnet_ids

    def _warn(self, name: str, message: str) -> None:
        cdk.Annotations.of(self).add_warning_v2(f"fairlane:GpuComputeEnvironment.{name}", message)

    @cached_property
    def connections(self) -> ec2.Connections:
        """For rules that let the machines in elsewhere, such as at a file system: their security groups."""
        groups = self._security_groups or [
            ec2.SecurityGroup.from_security_group_id(self, "OwnSecurityGroup", group_id) for group_id in self._group_ids
        ]
        return ec2.Connections(security_groups=list(groups))


def _placement_group(scope: Construct) -> str:
    group = ec2.PlacementGroup(scope, "PlacementGroup", strategy=ec2.PlacementGroupStrategy.CLUSTER)
    resource = group.node.default_child
    assert isinstance(resource, ec2.CfnPlacementGroup)
    resource.add_property_deletion_override("Tags")  # they could be changed only by replacing it
    return group.placement_group_name


def _own_security_group(scope: Construct, vpc_id: str, efa: bool) -> str:
    group = ec2.CfnSecurityGroup(
        scope,
        "SecurityGroup",
        vpc_id=vpc_id,
        group_description="Machines for GPU jobs",
        security_group_egress=[
            ec2.CfnSecurityGroup.EgressProperty(cidr_ip="0.0.0.0/0", ip_protocol="-1", description="To everywhere")
        ],
    )
    group_id = group.attr_group_id
    # The nodes of a multi-node job talk to each other, with EFA or without.
    ec2.CfnSecurityGroupIngress(
        scope,
        "FromItself",
        group_id=group_id,
        source_security_group_id=group_id,
        ip_protocol="-1",
        description="Between the machines",
    )
    if efa:  # EFA traffic needs a rule to the group itself; one for all addresses is not enough
        ec2.CfnSecurityGroupEgress(
            scope,
            "ToItself",
            group_id=group_id,
            destination_security_group_id=group_id,
            ip_protocol="-1",
            description="EFA between the machines",
        )
    return group_id
