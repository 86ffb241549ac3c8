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
    check_whole_number,
    listing,
)
from fairlane._internal.tokens import is_token
from fairlane.catalog.hyperpod_catalog import hyperpod_instance_types
from fairlane.errors import Advice, Problem
from fairlane.hyperpod.group_rules import (
    MAX_SUBNETS,
    NAME_FORM,
    accelerator_resources,
    group_problems,
    group_types,
    has_efa,
    is_name,
)
from fairlane.hyperpod.instance_group import InstanceGroup, NodePool, TaintEffect

KUBERNETES_VERSIONS: Final = ("1.30", "1.31", "1.32", "1.33", "1.34", "1.35")
"""EKS versions in the documentation of HyperPod."""
MAX_GROUPS: Final = 100
MAX_POOL_GROUPS: Final = 10
MAX_CLUSTER_TAGS: Final = 49
TAG: Final = "SageMaker"
"""Key of the tag that policies of AWS for HyperPod's add-ons require, with the value `true`."""

POD_IDENTITY_AGENT: Final = "eks-pod-identity-agent"
CERT_MANAGER: Final = "cert-manager"
TRAINING_OPERATOR: Final = "amazon-sagemaker-hyperpod-training-operator"
OBSERVABILITY: Final = "amazon-sagemaker-hyperpod-observability"
ADD_ONS: Final = (POD_IDENTITY_AGENT, CERT_MANAGER, TRAINING_OPERATOR, OBSERVABILITY)
"""EKS add-ons of a cluster in the order of their installation."""
LOWEST_OPERATOR: Final = (1, 2)

_VERSION: Final = re.compile(r"v?(\d+)\.(\d+)")
_POOL_NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_WORKSPACE: Final = re.compile(r"arn:aws[a-z-]*:aps:[a-z0-9-]+:[0-9]{12}:workspace/[A-Za-z0-9-]+")
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
) -> Iterator[Problem]:
    """Yield what Amazon SageMaker and Amazon EKS would refuse, or what cannot work.

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
        allowed = "the ARN of a workspace of Amazon Managed Service for Prometheus"
        yield from check_text(("prometheus_workspace",), prometheus_workspace, _WORKSPACE.fullmatch, allowed)
    yield from _admin_problems(admin_roles)
    yield from _tag_problems(tags)
    yield from _version_problems(add_on_versions)
    problems = [
        *check_list(("instance_groups",), instance_groups, InstanceGroup, "InstanceGroup"),
        *check_list(("node_pools",), node_pools, NodePool, "NodePool"),
    ]
    yield from problems
    if not problems:
        yield from _groups_problems(instance_groups, scripts)
        if not other_nodes:
            yield from _plain_group_problems(instance_groups, node_pools)
        pools = _Pools(instance_groups, node_pools, subnets or (), zones or {})
        yield from pools.problems(node_recovery, continuous_provisioning)


def cluster_advice(
    instance_groups: Sequence[InstanceGroup],
    node_pools: Sequence[NodePool] = (),
    *,
    zones: Mapping[str, str] | None = None,
    node_recovery: bool = True,
) -> Iterator[Advice]:
    """Yield advice about a cluster that SageMaker accepts and that is probably not meant."""
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
        crossed = _zones_of(group.subnets, zones or {})
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


def group_subnets(
    group: InstanceGroup, node_pools: Sequence[NodePool], subnets: Sequence[str], zones: Mapping[str, str]
) -> Sequence[str]:
    """Return the subnets of a group that are not the cluster's. Empty if the group uses the cluster's subnets.

    Groups that Karpenter scales, and groups with EFA, are in one zone. Their default are the cluster's subnets in the
    zone of the first one.
    """
    pooled = any(group.group_name in pool.instance_groups for pool in node_pools)
    if group.subnets or not (pooled or has_efa(group)):
        return group.subnets
    first = zones.get(subnets[0])
    near = [each for each in subnets if each == subnets[0] or (first is not None and zones.get(each) == first)]
    return () if len(near) == len(subnets) else near


def _zones_of(subnets: Sequence[str], zones: Mapping[str, str]) -> list[str]:
    """Return the zones of subnets, without those that are unknown at synth."""
    known = (zones.get(subnet) for subnet in subnets)
    return sorted({zone for zone in known if zone is not None and not is_token(zone)})


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


def _groups_problems(groups: Sequence[InstanceGroup], scripts: Collection[str] | None) -> Iterator[Problem]:
    if not 1 <= len(groups) <= MAX_GROUPS:
        yield Problem.relation(("instance_groups",), f"{len(groups)} instance groups: use 1 to {MAX_GROUPS}")
    names = [group.group_name for group in groups]
    for index, group in enumerate(groups):
        yield from (problem.within("instance_groups", index) for problem in group_problems(group, scripts))
        if names.index(group.group_name) < index:
            sentence = f"another instance group has the name {group.group_name!r}: use another name"
            yield Problem.relation(("instance_groups", index, "group_name"), sentence)


def _plain_group_problems(groups: Sequence[InstanceGroup], pools: Sequence[NodePool]) -> Iterator[Problem]:
    pooled = {name for pool in pools for name in _texts(pool.instance_groups)}
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


class _Pools:
    """Node pools of a cluster with the groups that they scale."""

    def __init__(
        self,
        groups: Sequence[InstanceGroup],
        pools: Sequence[NodePool],
        subnets: Sequence[str],
        zones: Mapping[str, str],
    ) -> None:
        self.pools, self.subnets, self.zones = pools, subnets, zones
        self.groups = {group.group_name: (index, group) for index, group in enumerate(groups)}

    def problems(self, node_recovery: bool, continuous_provisioning: bool) -> Iterator[Problem]:
        """Yield the problems of the node pools and of the groups that Karpenter scales."""
        if not self.pools:
            return
        for field, value in (("continuous_provisioning", continuous_provisioning), ("node_recovery", node_recovery)):
            if value is False:
                yield Problem.relation((field,), f"Karpenter requires {field}: use True, or remove node_pools")
        names = [pool.pool_name for pool in self.pools]
        scaled: dict[str, str] = {}
        for index, pool in enumerate(self.pools):
            yield from (problem.within("node_pools", index) for problem in self._pool_problems(pool))
            if names.index(pool.pool_name) < index:
                sentence = f"another node pool has the name {pool.pool_name!r}: use another name"
                yield Problem.relation(("node_pools", index, "pool_name"), sentence)
            for name in _texts(pool.instance_groups):
                scaled.setdefault(name, pool.pool_name)
        for name, pool_name in scaled.items():
            if name in self.groups:
                yield from self._scaled_problems(*self.groups[name], pool_name)

    def _pool_problems(self, pool: NodePool) -> Iterator[Problem]:
        allowed = "1 to 63 characters of a-z, 0-9 and -, without - at an end"
        yield from check_text(("pool_name",), pool.pool_name, _POOL_NAME.fullmatch, allowed)
        names = _texts(pool.instance_groups)
        if not 1 <= len(names) <= MAX_POOL_GROUPS or [*names] != [*pool.instance_groups]:
            yield Problem(("instance_groups",), pool.instance_groups, f"a list of 1 to {MAX_POOL_GROUPS} group names")
        for index, name in enumerate(names):
            if not is_token(name) and name not in self.groups:
                yield Problem(("instance_groups", index), name, f"a name in instance_groups: {listing(self.groups)}")
            if names.index(name) < index:
                yield Problem.relation(("instance_groups", index), f"{name} is listed twice: list each group once")
        for field, value in (("max_accelerators", pool.max_accelerators), ("max_vcpus", pool.max_vcpus)):
            if value is not None:
                yield from check_whole_number((field,), value, 1)
        groups = [self.groups[name][1] for name in names if name in self.groups]
        if pool.max_accelerators is not None and groups and not any(map(accelerator_resources, groups)):
            sentence = "no group of the pool has accelerators: use max_vcpus"
            yield Problem.relation(("max_accelerators",), sentence)

    def _scaled_problems(self, index: int, group: InstanceGroup, pool: str) -> Iterator[Problem]:
        field = ("instance_groups", index)
        by = f"Karpenter scales the group, for node pool {pool}"
        if not is_token(group.instance_count) and group.instance_count != 0:
            sentence = f"{by}: use an instance_count of 0, not {group.instance_count}"
            yield Problem.relation((*field, "instance_count"), sentence)
        for name, feature in (("training_plan", "training plans"), ("deep_health_checks", "deep health checks")):
            if getattr(group, name):
                sentence = f"{by}, and does not support {feature}: remove {name}, or the group from node_pools"
                yield Problem.relation((*field, name), sentence)
        zones = _zones_of(group.subnets, self.zones) if isinstance(group.subnets, Sequence) else []
        if len(zones) > 1:
            sentence = f"{by}, and needs one zone, but the subnets are in {', '.join(zones)}: use a group for each zone"
            yield Problem.relation((*field, "subnets"), sentence)


def _texts(names: Any) -> list[str]:
    return [] if isinstance(names, str) or not isinstance(names, Sequence) else [*filter(_is_text, names)]


def _is_text(name: object) -> bool:
    return isinstance(name, str)
