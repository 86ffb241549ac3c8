"""Instance profile and launch template of the instances of a GPU compute environment."""

from collections.abc import Sequence
from typing import Any, Final

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from constructs import Construct

from fairlane._internal.aws import ARN
from fairlane._internal.claims import Claims
from fairlane._internal.iam_statements import allow
from fairlane._internal.nag import acknowledge_wildcards
from fairlane._internal.service_role import service_role
from fairlane.capacity.lustre import LustreMount
from fairlane.capacity.rules import ComputeEnvironmentSpec, Purchase
from fairlane.catalog import GpuInstanceType, gpu_instance_type

_ROOT_DEVICE: Final = "/dev/xvda"
_AGENT: Final = [
    "ecs:RegisterContainerInstance",
    "ecs:SubmitAttachmentStateChanges",
    "ecs:SubmitContainerStateChange",
    "ecs:SubmitTaskStateChange",
]
_AGENT_ON_INSTANCE: Final = ["ecs:Poll", "ecs:StartTelemetrySession"]
_DRAIN_ON_SPOT_NOTICE: Final = ["ecs:UpdateContainerInstancesState"]
_AGENT_SETTINGS: Final = {
    "ECS_IMAGE_PULL_BEHAVIOR": "once",
    "ECS_ENABLE_SPOT_INSTANCE_DRAINING": "true",
    "ECS_AWSVPC_BLOCK_IMDS": "true",
}


def instance_profile(scope: Construct, purchase: Purchase) -> iam.CfnInstanceProfile:
    """Create the role of the instances, with the permissions that the ECS agent needs to run jobs, and no others.

    Jobs on one instance of AWS Batch use the network of the instance, and can take the credentials of this role: it
    reads no images and writes no logs, for which each job definition has an execution role.

    AWS Batch creates the ECS cluster. Of its name, AWS documents the start, AWSBatch, in `BatchServiceRolePolicy`. The
    rest depends on the compute environment, which needs this role first. A second policy, created after the compute
    environment, could name the cluster, but would be missing during updates of the environment, while jobs run.
    Actions: the source code of the ECS agent, and the Service Authorization Reference for Amazon ECS.
    """
    claims = Claims.regional(scope)
    place = f"{claims.region}:{claims.account}"
    clusters, instances = f"{ARN}:ecs:{place}:cluster/AWSBatch*", f"{ARN}:ecs:{place}:container-instance/*"
    on_instance = [*_AGENT_ON_INSTANCE, *(_DRAIN_ON_SPOT_NOTICE if purchase == Purchase.SPOT else [])]
    statements = [
        allow(_AGENT, [clusters]),
        allow(on_instance, [instances], {"ArnLike": {"ecs:cluster": clusters}}),
        allow(["ecs:DiscoverPollEndpoint"], ["*"]),
    ]
    role = service_role(scope, "InstanceRole", "ec2.amazonaws.com", statements)
    acknowledge_wildcards(
        role,
        {
            "*": "this action does not support resource-level permissions",
            clusters: "AWS Batch creates the cluster; only the start of its name is known at synth",
            instances: "the ids of instances are unknown at synth; a condition limits the clusters",
        },
    )
    return iam.CfnInstanceProfile(scope, "InstanceProfile", roles=[role.ref])


def launch_template(
    scope: Construct, spec: ComputeEnvironmentSpec, security_group_ids: Sequence[str]
) -> ec2.LaunchTemplate:
    """Create the launch template: IMDSv2 only, encrypted root volume, settings of the ECS agent, EFA and file systems.

    A hop limit of 1 stops containers with Docker's bridge network, which AWS Batch does not use. Jobs on one instance
    use the network of the instance (host), where AWS knows no way to block the instance metadata. Multi-node jobs use
    awsvpc, where ECS_AWSVPC_BLOCK_IMDS blocks it.
    Sources: "Networking modes for AWS Batch jobs" in the Batch user guide; "How can I prevent containers from accessing
    Amazon EC2 instance metadata in Amazon ECS?" at AWS re:Post.

    The CDK's launch template construct gives all tags of its scope to instances and volumes.
    """
    template = ec2.LaunchTemplate(
        scope,
        "LaunchTemplate",
        require_imdsv2=True,
        http_put_response_hop_limit=1,
        block_devices=[
            ec2.BlockDevice(
                device_name=_ROOT_DEVICE,
                volume=ec2.BlockDeviceVolume.ebs(
                    spec.root_volume_gib, encrypted=True, volume_type=ec2.EbsDeviceVolumeType.GP3
                ),
            )
        ],
        user_data=_user_data(scope, spec.lustre),
    )
    data: dict[str, Any] = {}
    if spec.purchase == Purchase.CAPACITY_BLOCK:
        data["InstanceMarketOptions"] = {"MarketType": "capacity-block"}
    if spec.capacity_reservation is not None:
        data["CapacityReservationSpecification"] = {"CapacityReservationTarget": _target(spec.capacity_reservation)}
    if spec.efa and (instance := gpu_instance_type(spec.instance_types[0])):
        data["NetworkInterfaces"] = _efa_interfaces(instance, security_group_ids)
    resource = template.node.default_child
    assert isinstance(resource, ec2.CfnLaunchTemplate)
    for name, value in data.items():
        resource.add_property_override(f"LaunchTemplateData.{name}", value)
    return template


def _user_data(scope: Construct, lustre: Sequence[LustreMount]) -> ec2.MultipartUserData:
    """Return settings of the ECS agent and mounts as MIME multi-part, the only format that AWS Batch accepts.

    The ECS agent starts after the script ends, so that no job starts on an instance without its file systems.
    """
    settings = ec2.UserData.for_linux()
    commands = [f"echo {name}={value} >> /etc/ecs/ecs.config" for name, value in _AGENT_SETTINGS.items()]
    if lustre:
        commands.append("until dnf install -y lustre-client; do sleep 10; done")
    for mount in lustre:
        host = f"{mount.file_system_id}.fsx.{Claims.regional(scope).region}.{cdk.Aws.URL_SUFFIX}"
        source, path = f"{host}@tcp:/{mount.mount_name}", mount.mount_path
        commands += [f"mkdir -p {path}", f"until mount -t lustre -o relatime,flock {source} {path}; do sleep 10; done"]
    settings.add_commands(*commands)
    parts = ec2.MultipartUserData()
    parts.add_part(ec2.MultipartBody.from_user_data(settings))
    return parts


def _target(reservation: str) -> dict[str, str]:
    name = "CapacityReservationResourceGroupArn" if reservation.startswith("arn:") else "CapacityReservationId"
    return {name: reservation}


def _efa_interfaces(instance: GpuInstanceType, security_group_ids: Sequence[str]) -> list[dict[str, Any]]:
    """Return an interface for each network card, as in AWS's samples. A first card without EFA gets a plain one."""
    return [
        {
            "NetworkCardIndex": card,
            "DeviceIndex": min(card, 1),
            "InterfaceType": "efa" if card in instance.efa_cards else "interface",
            "Groups": list(security_group_ids),
            "DeleteOnTermination": True,
        }
        for card in sorted({0, *instance.efa_cards})
    ]
