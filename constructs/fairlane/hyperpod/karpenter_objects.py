"""Kubernetes objects of node pools, which Karpenter of HyperPod scales. Imports no aws_cdk."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from fairlane.hyperpod.group_rules import accelerator_resources
from fairlane.hyperpod.instance_group import InstanceGroup, NodePool

GROUP: Final = "karpenter.sagemaker.amazonaws.com"
"""API group of HyperPod's node classes."""
_IDLE: Final = "10m"


def node_class(pool: NodePool) -> Mapping[str, Any]:
    """Return the HyperpodNodeClass of a node pool: the instance groups that Karpenter scales."""
    return {
        "apiVersion": f"{GROUP}/v1",
        "kind": "HyperpodNodeClass",
        "metadata": {"name": pool.pool_name},
        "spec": {"instanceGroups": [*pool.instance_groups]},
    }


def node_pool(pool: NodePool, groups: Sequence[InstanceGroup]) -> Mapping[str, Any]:
    """Return the NodePool of a node pool: its limits, and when Karpenter removes nodes.

    Karpenter removes only empty nodes. By Karpenter's own defaults, it would move pods to pack nodes, and replace nodes
    after 30 days, which stops training jobs.

    Args:
        pool: Node pool.
        groups: Instance groups of the cluster.
    """
    requirement = {"key": "node.kubernetes.io/instance-type", "operator": "Exists"}
    reference = {"group": GROUP, "kind": "HyperpodNodeClass", "name": pool.pool_name}
    spec = {
        "disruption": {"consolidationPolicy": "WhenEmpty", "consolidateAfter": _IDLE},
        "template": {"spec": {"nodeClassRef": reference, "requirements": [requirement], "expireAfter": "Never"}},
    }
    limits = _limits(pool, groups)
    return {
        "apiVersion": "karpenter.sh/v1",
        "kind": "NodePool",
        "metadata": {"name": pool.pool_name},
        "spec": spec | ({"limits": limits} if limits else {}),
    }


def _limits(pool: NodePool, groups: Sequence[InstanceGroup]) -> Mapping[str, str]:
    limits = {} if pool.max_vcpus is None else {"cpu": str(pool.max_vcpus)}
    if pool.max_accelerators is not None:
        pooled = (group for group in groups if group.group_name in pool.instance_groups)
        resources = sorted(set().union(*map(accelerator_resources, pooled)))
        limits |= dict.fromkeys(resources, str(pool.max_accelerators))
    return limits
