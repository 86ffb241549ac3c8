"""Rules of Amazon SageMaker for HyperPod clusters on Amazon EKS. Imports no aws_cdk."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final

from fairlane._internal.checks import (
    BUCKET_NAME,
    alternatives,
    check_flag,
    check_list,
    check_tags,
    check_text,
)
from fairlane._internal.tokens import is_token
from fairlane.catalog.hyperpod_catalog import hyperpod_instance_types
from fairlane.errors import Advice, Path, Problem
from fairlane.hyperpod.group_rules import (
    MAX_SUBNETS,
    NAME_FORM,
    group_problems,
    group_types,
    has_efa,
    is_name,
)
from fairlane.hyperpod.instance_group import InstanceGroup, NodePool, TaintEffect
from fairlane.hyperpod.monitoring.prometheus import workspace_problems
from fairlane.hyperpod.pool_rules import pool_groups, pool_problems, zones_of

KUBERNETES_VERSIONS: Final = ("1.30", "1.31", "1.32", "1.33", "1.34", "1.35")
"""EKS versions in the documentation of HyperPod."""
MAX_GROUPS: Final = 100
MAX_CLUSTER_TAGS: Final = 49
TAG: Final = "SageMaker"
"""Key of the tag that policies of AWS for HyperPod's add-ons require, with the value `true`."""

POD_IDENTITY_AGENT: Final = "eks-pod-identity-agent"
CERT_MANAGER: Final = "cert-manager"
TRAINING_OPERATOR: Final = "amazon-sagemaker-hyperpod-training-operator"
OBSERVABILITY: Final = "amazon-sagemaker-hyperpod-observability"
ADD_ONS: Final = (POD_IDENTITY_AGENT, CERT_MANAGER, TRAINING_OPERATOR, OBSERVABILITY)
"""EKS add-ons of a cluster in the order of their installation."""
ONE_CLUSTER: Final = "an EKS cluster has one HyperPod cluster: use another EKS cluster, or more instance_groups"
LOWEST_OPERATOR: Final = (1, 2)
_CONTROL_PLANE_ZONES: Final = 2

_VERSION: Final = re.compile(r"v?(\d+)\.(\d+)")
_ROLE: Final = re.compile(r"arn:aws[a-z-]*:iam::[0-9]{12}:role/\S+")


def cluster_problems(
    *,
    cluster_name: str,
    instance_groups: Sequence[InstanceGroup],
    node_pools: Sequence[NodePool] = (),
    subnets: Sequence[str] | None = None,
    zones: Mapping[str, str] | None = None,
    kubernetes_version: str | None = None,
    lifecycle_bucket: str | None = None,
    scripts: Collection[str] | None = None,
    node_recovery: bool = True,
    continuous_provisioning: bool = True,
    prometheus_workspace: str | None = None,
    admin_roles: Sequence[str] = (),
    tags: Mapping[str, str] | None = None,
    other_nodes: bool = False,
    add_on_versions: Mapping[str, str] | None = None,
    region: str | None = None,
) -> Iterator[Problem]:
    """Yield settings that Amazon SageMaker or Amazon EKS refuses, or with which a cluster runs no jobs.

    Args:
        cluster_name: Name of the cluster.
        instance_groups: Instance groups of the cluster.
        node_pools: Node pools of Karpenter.
        subnets: IDs of the cluster's subnets. None if they are unknown.
        zones: Availability Zones of subnets by ID, as far as they are known. Default: none.
        kubernetes_version: EKS version. None if it is unknown.
        lifecycle_bucket: Name of an existing bucket. None for a bucket of the cluster's own.
        scripts: Names of the lifecycle scripts. None if they are unknown.
        node_recovery: True if SageMaker replaces faulty nodes.
        continuous_provisioning: True if SageMaker provisions nodes one by one and retries.
        prometheus_workspace: ARN of the Prometheus workspace. None without.
        admin_roles: ARNs of the IAM roles that administer Kubernetes.
        tags: Tags of the cluster.
        other_nodes: True if the Kubernetes cluster has nodes of its own, on which add-ons can run.
        add_on_versions: Versions of EKS add-ons by name.
        region: Region of the cluster. None if it is unknown.
    """
    if is_token(cluster_name):
        yield Problem(("cluster_name",), cluster_name, f"{NAME_FORM}, known at synth")
    else:
        yield from check_text(("cluster_name",), cluster_name, is_name, NAME_FORM)
    if subnets is not None and not 1 <= len(subnets) <= MAX_SUBNETS:
        yield Problem(("subnets",), len(subnets), f"1 to {MAX_SUBNETS} private subnets")
    if kubernetes_version is not None:
        allowed = f"an EKS version that HyperPod supports: {', '.join(KUBERNETES_VERSIONS)}"
        yield from check_text(("kubernetes_version",), kubernetes_version, KUBERNETES_VERSIONS.__contains__, allowed)
    if lifecycle_bucket is not None:
        fits = lambda name: name.startswith("sagemaker-") and re.fullmatch(BUCKET_NAME, name)  # noqa: E731
        allowed = 'a bucket whose name starts with "sagemaker-", because SageMaker refuses others'
        yield from check_text(("lifecycle_bucket",), lifecycle_bucket, fits, allowed)
    yield from check_flag(("node_recovery",), node_recovery)
    yield from check_flag(("continuous_provisioning",), continuous_provisioning)
    if prometheus_workspace is not None:
        yield from workspace_problems(prometheus_workspace)
    yield from _admin_problems(admin_roles)
    yield from _tag_problems(tags)
    yield from _version_problems(add_on_versions)
    problems = [
        *check_list(("instance_groups",), instance_groups, InstanceGroup, "InstanceGroup"),
        *check_list(("node_pools",), node_pools, NodePool, "NodePool"),
    ]
    yield from problems
    if not problems:
        yield from _groups_problems(instance_groups, scripts, region)
        if not other_nodes:
            yield from _plain_group_problems(instance_groups, node_pools)
        yield from pool_problems(
            node_pools,
            instance_groups,
            zones or {},
            node_recovery=node_recovery,
            continuous_provisioning=continuous_provisioning,
        )


def control_plane_problems(field: Path, zones: int) -> Iterator[Problem]:
    """Yield the problem of a network that has too few zones for a new EKS cluster.

    Args:
        field: Path to the network.
        zones: Number of Availability Zones with private subnets.
    """
    if zones < _CONTROL_PLANE_ZONES:
        sentence = "an EKS cluster requires private subnets in two zones: use a VPC with more zones"
        yield Problem.relation(field, sentence)


def cluster_advice(
    instance_groups: Sequence[InstanceGroup],
    node_pools: Sequence[NodePool] = (),
    *,
    zones: Mapping[str, str] | None = None,
    node_recovery: bool = True,
) -> Iterator[Advice]:
    """Yield warnings about settings that SageMaker accepts, and that are probably mistakes."""
    catalog, pooled = hyperpod_instance_types(), {name for pool in node_pools for name in pool.instance_groups}
    for group in instance_groups:
        name, types = group.group_name, [catalog[each] for each in group_types(group) if each in catalog]
        if group.threads_per_core == 1:
            yield Advice(
                "fairlane:HyperPodCluster.threadsPerCore",
                f"instance group {name} has half of the nominal vCPUs with one thread per core, but quotas count the "
                "nominal vCPUs: pods are admitted and stay pending; request at most half of the vCPUs, or use 2",
            )
        if group.deep_health_checks and types and not any(each.accelerators for each in types):
            yield Advice(
                "fairlane:HyperPodCluster.healthChecksWithoutAccelerators",
                f"instance group {name} has no accelerators, which deep health checks test: remove deep_health_checks",
            )
        crossed = zones_of(group.subnets, zones or {})
        if has_efa(group) and len(crossed) > 1 and name not in pooled:
            yield Advice(
                "fairlane:HyperPodCluster.efaZones",
                f"instance group {name} has instances with EFA in the zones {', '.join(crossed)}, and EFA traffic does "
                "not cross zones: give the group the subnets of one zone",
            )
    for pool in node_pools:
        if pool.max_accelerators is None and pool.max_vcpus is None:
            yield Advice(
                "fairlane:HyperPodCluster.poolWithoutLimit",
                f"node pool {pool.pool_name} has no limit, so that Karpenter adds nodes for all pending pods: use "
                "max_accelerators or max_vcpus",
            )
    if node_recovery is False:
        yield Advice(
            "fairlane:HyperPodCluster.noRecovery",
            "SageMaker only labels faulty nodes without node recovery, and jobs continue to fail on them",
        )


def _admin_problems(roles: Any) -> Iterator[Problem]:
    problems = list(check_list(("admin_roles",), roles, str, "ARNs of IAM roles"))
    yield from problems
    for index, role in enumerate(() if problems else roles):
        yield from check_text(("admin_roles", index), role, _ROLE.fullmatch, "the ARN of an IAM role")
        if roles.index(role) < index:
            yield Problem.relation(("admin_roles", index), f"{role} is listed twice: list each role once")


def _tag_problems(tags: Any) -> Iterator[Problem]:
    yield from check_tags(tags)
    if isinstance(tags, Mapping) and len(tags) > MAX_CLUSTER_TAGS:
        sentence = f"{len(tags)} tags are too many: use at most {MAX_CLUSTER_TAGS}, because {TAG} is another one"
        yield Problem.relation(("tags",), sentence)
    if isinstance(tags, Mapping) and TAG in tags:
        yield Problem.relation(("tags", TAG), "Fairlane sets this tag to true, as HyperPod requires: remove it")


def _version_problems(versions: Any) -> Iterator[Problem]:
    if versions is None:
        return
    if not isinstance(versions, Mapping):
        yield Problem(("add_on_versions",), versions, "a mapping of names of add-ons to versions, known at synth")
        return
    for name, version in versions.items():
        field = ("add_on_versions", str(name))
        if name not in ADD_ONS:
            yield Problem.relation(field, f"{name} is no add-on of the cluster: use {alternatives(ADD_ONS)}")
        yield from check_text(field, version, _VERSION.match, "a version of the add-on, for example v1.2.1-eksbuild.1")
        match = _VERSION.match(version) if isinstance(version, str) and not is_token(version) else None
        if name == TRAINING_OPERATOR and match and tuple(map(int, match.groups())) < LOWEST_OPERATOR:
            sentence = f"version {version} of the training operator runs no elastic jobs: use 1.2 or later"
            yield Problem.relation(field, sentence)


def _groups_problems(
    groups: Sequence[InstanceGroup], scripts: Collection[str] | None, region: str | None
) -> Iterator[Problem]:
    if not 1 <= len(groups) <= MAX_GROUPS:
        yield Problem.relation(("instance_groups",), f"{len(groups)} instance groups: use 1 to {MAX_GROUPS}")
    names = [group.group_name for group in groups]
    for index, group in enumerate(groups):
        yield from (problem.within("instance_groups", index) for problem in group_problems(group, scripts, region))
        if names.index(group.group_name) < index:
            sentence = f"another instance group has the name {group.group_name!r}: use another name"
            yield Problem.relation(("instance_groups", index, "group_name"), sentence)


def _plain_group_problems(groups: Sequence[InstanceGroup], pools: Sequence[NodePool]) -> Iterator[Problem]:
    pooled = {name for pool in pools for name in pool_groups(pool)}
    if groups and not any(_is_plain(group) for group in groups if group.group_name not in pooled):
        sentence = (
            "no group can run the add-ons: add one outside of node_pools, for example 2 ml.m5.2xlarge, with an "
            "instance_count of 1 or more and without taints NoSchedule and NoExecute"
        )
        yield Problem.relation(("instance_groups",), sentence)


def _is_plain(group: InstanceGroup) -> bool:
    """Return True if pods without tolerations can run on a group."""
    taints = group.taints if isinstance(group.taints, Sequence) else ()
    keeps_away = any(getattr(taint, "effect", None) != TaintEffect.PREFER_NO_SCHEDULE for taint in taints)
    return (is_token(group.instance_count) or group.instance_count != 0) and not keeps_away
