"""HyperPod clusters of tests."""

from functools import cache
from typing import Any

import aws_cdk as cdk

from fairlane import TrainingVpc
from fairlane.hyperpod import HyperPodCluster, InstanceGroup, NodePool
from tests.support import template_of

US_EAST_1 = cdk.Environment(account="111122223333", region="us-east-1")
CHART = "oci://111122223333.dkr.ecr.us-east-1.amazonaws.com/hyperpod-helm-chart:0.1.0"
KEY = "arn:aws:kms:us-east-1:111122223333:key/12345678-1234-1234-1234-123456789012"
PLAN = "arn:aws:sagemaker:us-east-1:111122223333:training-plan/july"
WORKSPACE = "arn:aws:aps:us-east-1:111122223333:workspace/ws-01234567"
SYSTEM = InstanceGroup(group_name="system", instance_type="ml.m5.2xlarge", instance_count=2)
P5 = InstanceGroup(group_name="p5", instance_type="ml.p5.48xlarge", instance_count=0)
POOL = NodePool(pool_name="gpu", instance_groups=["p5"], max_accelerators=256)


def new_stack(context: dict[str, Any] | None = None) -> cdk.Stack:
    """Return a stack of a new app, which copies no assets."""
    app = cdk.App(context={"aws:cdk:disable-asset-staging": True} | (context or {}))
    return cdk.Stack(app, "Stack", env=US_EAST_1)


def cluster(stack: cdk.Stack, construct_id: str = "Cluster", **settings: Any) -> HyperPodCluster:
    """Create a cluster of two CPU instances, with other settings replaced by `settings`."""
    if "vpc" not in settings:
        network = stack.node.try_find_child("Network")
        settings["vpc"] = network or TrainingVpc(stack, "Network", nat_gateways=1)
    defaults: dict[str, Any] = {"cluster_name": "training", "instance_groups": [SYSTEM], "chart": CHART}
    return HyperPodCluster(stack, construct_id, **{**defaults, **settings})


class Resources:
    """Resources of a template."""

    def __init__(self, template: dict[str, Any]) -> None:
        self.by_id: dict[str, Any] = template["Resources"]

    def ids(self, resource_type: str) -> list[str]:
        return [key for key, entry in self.by_id.items() if entry["Type"] == resource_type]

    def only(self, resource_type: str) -> dict[str, Any]:
        (logical_id,) = self.ids(resource_type)
        return dict(self.by_id[logical_id]["Properties"])

    def come_after(self, logical_id: str) -> set[str]:
        """Return all resources that are created before a resource."""
        before: set[str] = set()
        rest = [logical_id]
        while rest:
            for each in _references(self.by_id[rest.pop()]):
                if each in self.by_id and each not in before:
                    before.add(each)
                    rest.append(each)
        return before


def _references(value: Any) -> list[str]:
    match value:
        case {"Ref": str(name)}:
            return [name]
        case {"Fn::GetAtt": [str(name), *_]}:
            return [name]
        case dict():
            own = value.get("DependsOn", [])
            names = [own] if isinstance(own, str) else [*own] if isinstance(own, list) else []
            return names + [name for each in value.values() for name in _references(each)]
        case list():
            return [name for each in value for name in _references(each)]
        case _:
            return []


@cache
def full() -> Resources:
    """Return the resources of a cluster with Karpenter, metrics, administrators and keys."""
    stack = new_stack()
    cluster(
        stack,
        instance_groups=[SYSTEM, P5],
        node_pools=[POOL],
        prometheus_workspace=WORKSPACE,
        admin_roles=["arn:aws:iam::111122223333:role/Admin"],
        encryption_key=KEY,
        tags={"team": "research"},
    )
    return Resources(template_of(stack))
