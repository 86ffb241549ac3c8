"""HyperPod clusters of tests."""

from dataclasses import replace
from functools import cache
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_eks_v2 as eks
from aws_cdk.assertions import Annotations, Match

from fairlane import TrainingVpc
from fairlane.hyperpod import HyperPodCluster, InstanceGroup, NodePool
from fairlane.hyperpod.cluster_rules import cluster_problems
from tests.support import template_of

US_EAST_1 = cdk.Environment(account="111122223333", region="us-east-1")
CHART = "oci://111122223333.dkr.ecr.us-east-1.amazonaws.com/hyperpod-helm-chart:0.1.0"
KEY = "arn:aws:kms:us-east-1:111122223333:key/12345678-1234-1234-1234-123456789012"
PLAN = "arn:aws:sagemaker:us-east-1:111122223333:training-plan/july"
WORKSPACE = "arn:aws:aps:us-east-1:111122223333:workspace/ws-01234567"
SYSTEM = InstanceGroup(group_name="system", instance_type="ml.m5.2xlarge", instance_count=2)
P5 = InstanceGroup(group_name="p5", instance_type="ml.p5.48xlarge", instance_count=0)
POOL = NodePool(pool_name="gpu", instance_groups=["p5"], max_accelerators=256)

SUBNETS = ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"]
ZONES = {SUBNETS[0]: "us-east-1a", SUBNETS[1]: "us-east-1b"}
GPU = replace(P5, group_name="gpu", instance_count=4)
NAME = "1 to 63 characters of A-Z, a-z, 0-9 and -, without - at an end"


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


CLUSTER = "AWS::SageMaker::Cluster"


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


def problems(*groups: InstanceGroup, **settings: Any) -> list[str]:
    """Return the problems of a cluster of two CPU instances and `groups`, with other settings replaced by `settings`."""
    defaults: dict[str, Any] = {
        "cluster_name": "training",
        "instance_groups": [SYSTEM, *groups],
        "subnets": SUBNETS,
        "zones": ZONES,
        "kubernetes_version": "1.34",
        "scripts": {"fairlane_init.sh", "mount.sh"},
    }
    return [str(problem) for problem in cluster_problems(**{**defaults, **settings})]


def properties(**settings: Any) -> dict[str, Any]:
    """Return the properties of the HyperPod cluster."""
    stack = new_stack()
    cluster(stack, **settings)
    return Resources(template_of(stack)).only(CLUSTER)


def existing(stack: cdk.Stack, **attributes: Any) -> eks.ICluster:
    """Import an EKS cluster."""
    provider = eks.KubectlProvider.from_kubectl_provider_attributes(
        stack,
        "Provider",
        service_token="arn:aws:lambda:us-east-1:111122223333:function:kubectl",
        role=cdk.aws_iam.Role.from_role_arn(stack, "Handler", "arn:aws:iam::111122223333:role/kubectl"),
    )
    known = {"kubectl_provider": provider, "cluster_security_group_id": "sg-0123456789abcdef0"} | attributes
    return eks.Cluster.from_cluster_attributes(stack, "Known", cluster_name="shared", **known)


def warnings(stack: cdk.Stack) -> list[str]:
    """Return the warnings of a stack."""
    return [str(entry.entry.data) for entry in Annotations.from_stack(stack).find_warning("*", Match.any_value())]
