"""Configurations of governed HyperPod clusters as L1 constructs and Kubernetes objects, without Fairlane's rules."""

from collections.abc import Iterator, Mapping
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_eks as eks
from aws_cdk import aws_sagemaker as sagemaker
from hyperpod_configurations import CHART, ENVIRONMENT, OPERATOR, ROLE, SUBNETS, Configuration

from fairlane import Purchase
from fairlane.hyperpod import InstanceGroup, NodePool, QuotaResource, Team, Volume
from fairlane.hyperpod.karpenter_objects import node_class, node_pool
from fairlane.hyperpod.team_objects import cap_requests

CLUSTER = "arn:aws:sagemaker:us-east-1:111122223333:cluster/abcdefghijkl"
KUBERNETES = "arn:aws:eks:us-east-1:111122223333:cluster/training"
SECURITY_GROUP = "sg-0123456789abcdef0"
_CFN = sagemaker.CfnCluster


def create_stack(app: cdk.App, name: str, configuration: Configuration) -> None:
    """Create a stack with the L1 constructs of a configuration."""
    stack = cdk.Stack(app, name, env=ENVIRONMENT)
    settings = configuration.settings
    pools = settings.get("node_pools", ())
    eks.CfnCluster(
        stack,
        "Kubernetes",
        name="training",
        version=settings.get("kubernetes_version", "1.34"),
        role_arn=f"{ROLE}/eks",
        resources_vpc_config=eks.CfnCluster.ResourcesVpcConfigProperty(subnet_ids=[*SUBNETS]),
        access_config=eks.CfnCluster.AccessConfigProperty(authentication_mode="API"),
    )
    cdk.CfnResource(
        stack,
        "Chart",
        type="Custom::AWSCDK-EKS-HelmChart",
        properties={
            "ServiceToken": "arn:aws:lambda:us-east-1:111122223333:function:kubectl",
            "Chart": settings.get("chart", CHART),
        },
    )
    subnets = [each.subnet_id for each in settings.get("subnets", ())] or SUBNETS
    bucket = settings.get("lifecycle_bucket", "sagemaker-111122223333-us-east-1-c2fb788c")
    _CFN(
        stack,
        "Cluster",
        cluster_name=settings.get("cluster_name", "training"),
        orchestrator=_CFN.OrchestratorProperty(eks=_CFN.ClusterOrchestratorEksConfigProperty(cluster_arn=KUBERNETES)),
        vpc_config=_vpc_config(subnets, [SECURITY_GROUP]) if configuration.has_vpc else None,
        node_recovery="Automatic" if settings.get("node_recovery", True) else "None",
        node_provisioning_mode="Continuous" if settings.get("continuous_provisioning", True) else None,
        auto_scaling=_CFN.ClusterAutoScalingConfigProperty(mode="Enable", auto_scaler_type="Karpenter")
        if pools
        else None,
        cluster_role=f"{ROLE}/karpenter" if pools else None,
        instance_groups=[_group(group, bucket) for group in configuration.groups],
        tags=[
            cdk.CfnTag(key=key, value=value) for key, value in {"SageMaker": "true", **settings.get("tags", {})}.items()
        ],
    )
    for number, role in enumerate(settings.get("admin_roles", ())):
        eks.CfnAccessEntry(stack, f"Admin{number}", cluster_name="training", principal_arn=role)
    versions = settings.get("add_on_versions", {OPERATOR: "v1.2.1-eksbuild.1"})
    for name, version in versions.items():
        eks.CfnAddon(stack, name, cluster_name="training", addon_name=name, addon_version=version)
    _govern(stack, configuration)


def kubernetes_objects(configuration: Configuration) -> Iterator[Mapping[str, Any]]:
    """Yield the Kubernetes objects of a configuration."""
    pools: list[NodePool] = configuration.settings.get("node_pools", [])
    for pool in pools:
        yield node_class(pool)
        yield node_pool(pool, configuration.groups)
    yield from configuration.resource_quotas.values()
    for team in configuration.teams:
        metadata = {"name": "limits", "namespace": team.namespace}
        if team.cap:
            yield _object("ResourceQuota", metadata, {"hard": cap_requests(team.cap)})
        if defaults := team.container_defaults:
            parts = {"default": defaults.limits, "defaultRequest": defaults.requests, "max": defaults.maximum}
            limits = {
                name: {key: str(value) for key, value in amounts.items()} for name, amounts in parts.items() if amounts
            }
            yield _object("LimitRange", metadata, {"limits": [{"type": "Container", **limits}]})


def _object(kind: str, metadata: Mapping[str, str], spec: Mapping[str, Any]) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": kind, "metadata": metadata, "spec": spec}


def _vpc_config(subnets: Any, security_groups: Any) -> sagemaker.CfnCluster.VpcConfigProperty:
    return _CFN.VpcConfigProperty(subnets=[*subnets], security_group_ids=[*security_groups])


def _group(group: InstanceGroup, bucket: str) -> sagemaker.CfnCluster.ClusterInstanceGroupProperty:
    spot = group.purchase == Purchase.SPOT
    volumes = [
        _volume(volume, root) for volume, root in ((group.root_volume, True), (group.data_volume, None)) if volume
    ]
    taints = [
        _CFN.ClusterKubernetesTaintProperty(key=taint.key, value=taint.value, effect=taint.effect)
        for taint in group.taints
    ]
    kubernetes = _CFN.ClusterKubernetesConfigProperty(labels=group.labels, taints=taints or None)
    has_network = bool(group.subnets or group.security_groups)
    return _CFN.ClusterInstanceGroupProperty(
        instance_group_name=group.group_name,
        execution_role=f"{ROLE}/nodes",
        instance_type=group.instance_type,
        instance_requirements=_CFN.InstanceRequirementsProperty(instance_types=[*group.instance_types])
        if group.instance_types
        else None,
        instance_count=group.instance_count,
        min_instance_count=group.min_instance_count,
        capacity_requirements=_CFN.ClusterCapacityRequirementsProperty(**{"spot" if spot else "on_demand": {}})
        if spot or not group.training_plan
        else None,
        training_plan_arn=group.training_plan,
        on_start_deep_health_checks=[*group.deep_health_checks] or None,
        kubernetes_config=kubernetes if group.labels or taints else None,
        network_interface=_CFN.ClusterNetworkInterfaceProperty(interface_type=group.network_interface)
        if group.network_interface
        else None,
        instance_storage_configs=volumes or None,
        threads_per_core=group.threads_per_core,
        life_cycle_config=_CFN.ClusterLifeCycleConfigProperty(
            source_s3_uri=f"s3://{bucket}/training",
            on_create=group.lifecycle_script,
            on_init_complete=group.init_script or (None if group.lifecycle_script else "init.sh"),
        ),
        auto_patch_config=_CFN.AutoPatchConfigProperty(patching_strategy=group.patching) if group.patching else None,
        image_release_version=group.image_release,
        override_vpc_config=_vpc_config(group.subnets, group.security_groups or [SECURITY_GROUP])
        if has_network
        else None,
    )


def _volume(volume: Volume, root: bool | None) -> sagemaker.CfnCluster.ClusterInstanceStorageConfigProperty:
    return _CFN.ClusterInstanceStorageConfigProperty(
        ebs_volume_config=_CFN.ClusterEbsVolumeConfigProperty(
            root_volume=root, volume_size_in_gb=volume.size_gib, volume_kms_key_id=volume.encryption_key
        )
    )


def _govern(stack: cdk.Stack, configuration: Configuration) -> None:
    governance = configuration.governance
    config = sagemaker.CfnClusterSchedulerConfig
    config(
        stack,
        "Scheduler",
        name="training",
        cluster_arn=CLUSTER,
        scheduler_config=config.SchedulerConfigProperty(
            priority_classes=[
                config.PriorityClassProperty(name=each.class_name, weight=each.weight)
                for each in governance.priority_classes
            ],
            fair_share="Enabled" if governance.fair_share else "Disabled",
            idle_resource_sharing="Enabled" if governance.share_unallocated else "Disabled",
        ),
    )
    entries: dict[str, eks.CfnAccessEntry] = {}  # EKS allows one for a role of several teams
    for number, team in enumerate(configuration.teams):
        cdk.CfnResource(stack, f"Quota{number}", type="AWS::SageMaker::ComputeQuota", properties=_quota(team))
        others = dict(entries)
        for index, role in enumerate(team.roles):
            groups, entry = [f"fairlane:{team.namespace}"], others.get(role)
            if entry:
                entry.kubernetes_groups = [*(entry.kubernetes_groups or ()), *groups]
            else:
                entries[role] = eks.CfnAccessEntry(
                    stack,
                    f"Role{number}-{index}",
                    cluster_name="training",
                    principal_arn=role,
                    kubernetes_groups=groups,
                )


def _quota(team: Team) -> dict[str, Any]:
    sharing = {"Strategy": str(team.sharing)} | (
        {} if team.borrow_limit is None else {"BorrowLimit": team.borrow_limit}
    )
    return {
        "Name": team.team_name,
        "ClusterArn": CLUSTER,
        "ActivationState": "Enabled",
        "ComputeQuotaTarget": {"TeamName": team.team_name, "FairShareWeight": team.weight},
        "ComputeQuotaConfig": {
            "ComputeQuotaResources": [_resource(resource) for resource in team.quota],
            "ResourceSharingConfig": sharing,
            "PreemptTeamTasks": "LowerPriority" if team.preempt_lower_priority else "Never",
        },
    }


def _resource(quota: QuotaResource) -> dict[str, Any]:
    partition = {"Type": quota.partition, "Count": quota.partitions}
    amounts = {
        "Count": quota.count,
        "Accelerators": quota.accelerators,
        "VCpu": quota.vcpus,
        "MemoryInGiB": quota.memory_gib,
        "AcceleratorPartition": {name: value for name, value in partition.items() if value is not None},
    }
    return {"InstanceType": quota.instance_type} | {
        name: value for name, value in amounts.items() if value not in (None, {})
    }
