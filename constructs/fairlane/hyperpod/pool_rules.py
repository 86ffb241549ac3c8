"""Rules of HyperPod's Karpenter for node pools and the instance groups that it scales. Imports no aws_cdk."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from fairlane._internal.checks import check_text, check_whole_number, listing
from fairlane._internal.tokens import is_token
from fairlane.catalog.hyperpod_catalog import hyperpod_instance_types
from fairlane.errors import Problem
from fairlane.hyperpod.group_rules import accelerator_resources, group_types, has_efa
from fairlane.hyperpod.instance_group import InstanceGroup, NodePool

MAX_POOL_GROUPS: Final = 10

_POOL_NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


def pool_problems(
    pools: Sequence[NodePool],
    groups: Sequence[InstanceGroup],
    zones: Mapping[str, str],
    *,
    node_recovery: bool,
    continuous_provisioning: bool,
) -> Iterator[Problem]:
    """Yield the problems of node pools and of the instance groups that Karpenter scales.

    Args:
        pools: Node pools.
        groups: Instance groups of the cluster.
        zones: Availability Zones of subnets by ID, as far as they are known.
        node_recovery: True if SageMaker replaces faulty nodes.
        continuous_provisioning: True if SageMaker provisions nodes one by one and retries.
    """
    if not pools:
        return
    for field, value in (("continuous_provisioning", continuous_provisioning), ("node_recovery", node_recovery)):
        if value is False:
            yield Problem.relation((field,), f"Karpenter requires {field}: use True, or remove node_pools")
    by_name = {group.group_name: group for group in groups if isinstance(group.group_name, str)}
    names = [pool.pool_name for pool in pools]
    for index, pool in enumerate(pools):
        yield from (problem.within("node_pools", index) for problem in _pool_problems(pool, by_name))
        if names.index(pool.pool_name) < index:
            sentence = f"another node pool has the name {pool.pool_name!r}: use another name"
            yield Problem.relation(("node_pools", index, "pool_name"), sentence)
    for index, group in enumerate(groups):
        if scaling := [pool.pool_name for pool in pools if group.group_name in pool_groups(pool)]:
            problems = _scaled_problems(group, scaling[0], zones)
            yield from (problem.within("instance_groups", index) for problem in problems)


def pool_groups(pool: NodePool) -> list[str]:
    """Return the names of a pool's instance groups. Values of a wrong type are left out."""
    names: Any = pool.instance_groups
    known = () if isinstance(names, str) or not isinstance(names, Sequence) else names
    return [name for name in known if isinstance(name, str)]


def group_subnets(
    group: InstanceGroup, node_pools: Sequence[NodePool], subnets: Sequence[str], zones: Mapping[str, str]
) -> Sequence[str]:
    """Return the subnets of a group that are not the cluster's. Empty if the group uses the cluster's subnets.

    Groups that Karpenter scales, and groups with EFA, are in one zone. Their default are the cluster's subnets in the
    zone of the first one.
    """
    pooled = any(group.group_name in pool_groups(pool) for pool in node_pools)
    if group.subnets or not (pooled or has_efa(group)):
        return group.subnets
    first = zones.get(subnets[0])
    near = [each for each in subnets if each == subnets[0] or (first is not None and zones.get(each) == first)]
    return () if len(near) == len(subnets) else near


def zones_of(subnets: Sequence[str], zones: Mapping[str, str]) -> list[str]:
    """Return the zones of subnets, without those that are unknown at synth."""
    known = (zones.get(subnet) for subnet in subnets if isinstance(subnet, str))
    return sorted({zone for zone in known if zone is not None and not is_token(zone)})


def _pool_problems(pool: NodePool, groups: Mapping[str, InstanceGroup]) -> Iterator[Problem]:
    allowed = "1 to 63 characters of a-z, 0-9 and -, without - at an end"
    if is_token(pool.pool_name):
        yield Problem(("pool_name",), pool.pool_name, f"{allowed}, known at synth")
    yield from check_text(("pool_name",), pool.pool_name, _POOL_NAME.fullmatch, allowed)
    names = pool_groups(pool)
    if not 1 <= len(names) <= MAX_POOL_GROUPS or [*names] != [*pool.instance_groups]:
        yield Problem(("instance_groups",), pool.instance_groups, f"a list of 1 to {MAX_POOL_GROUPS} group names")
    for index, name in enumerate(names):
        if not is_token(name) and name not in groups:
            yield Problem(("instance_groups", index), name, f"a name in instance_groups: {listing(groups)}")
        if names.index(name) < index:
            yield Problem.relation(("instance_groups", index), f"{name} is listed twice: list each group once")
    for field, value in (("max_accelerators", pool.max_accelerators), ("max_vcpus", pool.max_vcpus)):
        if value is not None:
            yield from check_whole_number((field,), value, 1)
    known = [groups[name] for name in names if name in groups]
    types = {name for group in known for name in group_types(group)}
    offered = types <= hyperpod_instance_types().keys()
    if pool.max_accelerators is not None and known and offered and not any(map(accelerator_resources, known)):
        yield Problem.relation(("max_accelerators",), "no group of the pool has accelerators: use max_vcpus")
    if not offered or not types:
        return
    for unit in ("accelerators", "vcpus"):
        limit: Any = getattr(pool, f"max_{unit}")
        smallest = min(getattr(hyperpod_instance_types()[name], unit) for name in types)
        if isinstance(limit, int) and 0 < limit < smallest:
            sentence = f"{limit} is less than one instance has, so Karpenter adds none: use {smallest} or more"
            yield Problem.relation((f"max_{unit}",), sentence)


def _scaled_problems(group: InstanceGroup, pool: str, zones: Mapping[str, str]) -> Iterator[Problem]:
    by = f"Karpenter scales the group, for node pool {pool}"
    if not is_token(group.instance_count) and group.instance_count != 0:
        sentence = f"{by}: use an instance_count of 0, not {group.instance_count}"
        yield Problem.relation(("instance_count",), sentence)
    for name, feature in (("training_plan", "training plans"), ("deep_health_checks", "deep health checks")):
        if getattr(group, name):
            sentence = f"{by}, and does not support {feature}: remove {name}, or the group from node_pools"
            yield Problem.relation((name,), sentence)
    crossed = zones_of(group.subnets, zones) if isinstance(group.subnets, Sequence) else []
    if len(crossed) > 1:
        listed = ", ".join(crossed)
        sentence = f"{by}, and needs one zone, but the subnets are in {listed}: use a group for each zone"
        yield Problem.relation(("subnets",), sentence)
