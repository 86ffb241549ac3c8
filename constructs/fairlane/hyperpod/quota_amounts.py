"""Amounts of quotas, caps and instance groups by Kubernetes resource. Imports no aws_cdk."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Final

from fairlane._internal.tokens import is_token
from fairlane.catalog.hyperpod_catalog import HyperPodInstanceType, hyperpod_instance_types
from fairlane.hyperpod.instance_group import InstanceGroup, NodePool
from fairlane.hyperpod.mig_profiles import mig_profiles
from fairlane.hyperpod.quantities import parse_quantity
from fairlane.hyperpod.team import Cap, QuotaResource
from fairlane.hyperpod.team_objects import GIB, REQUESTS, cap_requests

MIG_PREFIX: Final = "nvidia.com/"
"""Text in front of a MIG profile in the name of its Kubernetes resource."""
_LARGEST: Final = 10**12
"""Largest number of an environment file."""


def is_amount(value: object) -> bool:
    """Return True if `value` is a number known at synth, not negative and within the range of amounts."""
    number = isinstance(value, int | float) and not isinstance(value, bool) and not is_token(value)
    return number and 0 <= value <= _LARGEST  # type: ignore[operator]


def quota_amounts(quota: QuotaResource) -> dict[str, float]:
    """Return the amounts of a quota by Kubernetes resource, memory in GiB, with those that HyperPod fills in.

    HyperPod fills in vCPUs and memory in proportion to the accelerators, and vCPUs and memory in proportion to each
    other for a quota without accelerators. The amounts that it fills in for MIG partitions are not published, so they
    are not among the amounts. Empty for an instance type that is not in the catalog or known only at deployment.

    Args:
        quota: Quota. Amounts known only at deployment count as not given.
    """
    node = _node(quota.instance_type)
    if node is None:
        return {}
    given = {
        name: float(value)
        for name in ("count", "accelerators", "vcpus", "memory_gib", "partitions")
        if is_amount(value := getattr(quota, name))
    }
    amounts: dict[str, float] = {}
    if "count" in given:
        amounts = node_amounts(node, given["count"])
    elif "accelerators" in given and node.accelerators:
        amounts = node_amounts(node, given["accelerators"] / node.accelerators)
    elif "partitions" not in given:
        parts = [
            given[name] / of for name, of in (("vcpus", node.vcpus), ("memory_gib", node.memory_gib)) if name in given
        ]
        amounts = node_amounts(node, parts[0]) if parts else {}
        amounts.pop(node.resource or "", None)
    if "vcpus" in given:
        amounts["cpu"] = given["vcpus"]
    if "memory_gib" in given:
        amounts["memory"] = given["memory_gib"]
    if "partitions" in given and quota.partition in mig_profiles(node.instance_type):
        amounts[f"{MIG_PREFIX}{quota.partition}"] = given["partitions"]
    return amounts


def node_amounts(node: HyperPodInstanceType, count: float) -> dict[str, float]:
    """Return the nominal amounts of a number of instances: accelerators, `cpu`, and `memory` in GiB."""
    accelerators = {node.resource: node.accelerators * count} if node.resource else {}
    return {**accelerators, "cpu": node.vcpus * count, "memory": node.memory_gib * count}


def team_amounts(quota: Iterable[QuotaResource]) -> dict[str, Counter[str]]:
    """Return the amounts of all resources of a team by instance type and Kubernetes resource."""
    total: dict[str, Counter[str]] = {}
    for resource in quota:
        if amounts := quota_amounts(resource):
            total.setdefault(resource.instance_type, Counter()).update(amounts)
    return total


def cap_amounts(cap: Cap | None) -> dict[str, float]:
    """Return the amounts of a cap by Kubernetes resource, memory in GiB.

    Args:
        cap: Cap. Amounts known only at deployment, and amounts that are no quantities, are left out. A value of another
            type has no amounts.
    """
    if not isinstance(cap, Cap) or not all(isinstance(part or {}, Mapping) for part in (cap.instances, cap.requests)):
        return {}
    instances = {name: count for name, count in (cap.instances or {}).items() if is_amount(count)}
    amounts = {}
    for key, text in cap_requests(Cap(instances=instances, requests=cap.requests)).items():
        name = key.removeprefix(REQUESTS)
        with suppress(ValueError, OverflowError):
            amounts[name] = float(parse_quantity(text) / (GIB if name == "memory" else 1))
    return amounts


def instance_capacity(
    instance_groups: Sequence[InstanceGroup], node_pools: Sequence[NodePool]
) -> dict[str, float] | None:
    """Return the largest number of instances of each type.

    A group of several instance types counts with all of its instances for each of them, and a node pool with its limits
    for each of its types, because HyperPod takes what there is: an upper bound for each type. Infinite for a node pool
    without limits and for a count known only at deployment.

    Args:
        instance_groups: Instance groups of the cluster.
        node_pools: Node pools of the cluster.

    Returns:
        None if an instance type is known only at deployment or not in the catalog.
    """
    capacity: Counter[str] = Counter()
    types = {group.group_name: group_instance_types(group) for group in instance_groups}
    if any(name not in hyperpod_instance_types() for names in types.values() for name in names):
        return None
    for group in instance_groups:
        for name in types[group.group_name]:
            capacity[name] += group.instance_count if is_amount(group.instance_count) else math.inf  # type: ignore[assignment]
    for pool in node_pools:
        for name in {name for group in pool.instance_groups or () for name in types.get(group, ())}:
            capacity[name] += min(_pool_bounds(pool, name), default=math.inf)  # type: ignore[assignment]
    return dict(capacity)


def _pool_bounds(pool: NodePool, instance_type: str) -> Iterator[float]:
    node = _node(instance_type)
    if node is None:
        return
    for limit, each in ((pool.max_accelerators, node.accelerators), (pool.max_vcpus, node.vcpus)):
        if limit is not None and is_amount(limit) and each:
            yield limit // each


def group_instance_types(group: InstanceGroup) -> tuple[str, ...]:
    """Return the instance types of a group."""
    return (group.instance_type,) if group.instance_type is not None else tuple(group.instance_types)


def _node(instance_type: object) -> HyperPodInstanceType | None:
    return hyperpod_instance_types().get(instance_type) if isinstance(instance_type, str) else None
