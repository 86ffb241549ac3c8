"""Instance groups of `AWS::SageMaker::Cluster`."""

from collections.abc import Sequence
from typing import Any

from aws_cdk import aws_sagemaker as sagemaker

from fairlane.capacity.rules import Purchase
from fairlane.hyperpod.instance_group import InstanceGroup, Volume
from fairlane.hyperpod.lifecycle_scripts import INIT_SCRIPT

_L1 = sagemaker.CfnCluster


def cluster_group(
    group: InstanceGroup, *, role_arn: str, scripts_uri: str, subnets: Sequence[str], security_groups: Sequence[str]
) -> sagemaker.CfnCluster.ClusterInstanceGroupProperty:
    """Return an instance group as a property of the cluster.

    Args:
        group: Instance group.
        role_arn: ARN of the execution role.
        scripts_uri: S3 URI of the lifecycle scripts.
        subnets: Subnets of the group that are not the cluster's. Empty if the group uses the cluster's.
        security_groups: Security groups of the cluster.
    """
    option = "spot" if group.purchase == Purchase.SPOT else "on_demand"
    network = None
    if subnets:
        groups = [*(group.security_groups or security_groups)]
        network = _L1.VpcConfigProperty(security_group_ids=groups, subnets=[*subnets])
    return _L1.ClusterInstanceGroupProperty(
        instance_group_name=group.group_name,
        execution_role=role_arn,
        instance_type=group.instance_type,
        instance_requirements=_L1.InstanceRequirementsProperty(instance_types=[*group.instance_types])
        if group.instance_types
        else None,
        instance_count=group.instance_count,
        min_instance_count=group.min_instance_count,
        capacity_requirements=None if group.training_plan else _L1.ClusterCapacityRequirementsProperty(**{option: {}}),
        training_plan_arn=group.training_plan,
        on_start_deep_health_checks=[*group.deep_health_checks] or None,
        kubernetes_config=_kubernetes_config(group),
        network_interface=_L1.ClusterNetworkInterfaceProperty(interface_type=group.network_interface)
        if group.network_interface
        else None,
        instance_storage_configs=_volumes(group),
        threads_per_core=group.threads_per_core,
        life_cycle_config=_L1.ClusterLifeCycleConfigProperty(
            source_s3_uri=scripts_uri,
            on_create=group.lifecycle_script,
            on_init_complete=None if group.lifecycle_script else group.init_script or INIT_SCRIPT,
        ),
        auto_patch_config=_L1.AutoPatchConfigProperty(patching_strategy=group.patching) if group.patching else None,
        image_release_version=group.image_release,
        override_vpc_config=network,
    )


def _kubernetes_config(group: InstanceGroup) -> sagemaker.CfnCluster.ClusterKubernetesConfigProperty | None:
    if not group.labels and not group.taints:
        return None
    taints = [
        _L1.ClusterKubernetesTaintProperty(key=taint.key, value=taint.value, effect=taint.effect)
        for taint in group.taints
    ]
    return _L1.ClusterKubernetesConfigProperty(labels=group.labels or None, taints=taints or None)


def _volumes(group: InstanceGroup) -> list[Any] | None:
    volumes = [
        _L1.ClusterInstanceStorageConfigProperty(ebs_volume_config=_volume(volume, root))
        for volume, root in ((group.root_volume, True), (group.data_volume, None))
        if volume is not None
    ]
    return [*volumes] or None


def _volume(volume: Volume, root: bool | None) -> sagemaker.CfnCluster.ClusterEbsVolumeConfigProperty:
    return _L1.ClusterEbsVolumeConfigProperty(
        root_volume=root, volume_size_in_gb=volume.size_gib, volume_kms_key_id=volume.encryption_key
    )
