import sys
from dataclasses import replace

import aws_cdk as cdk
import pytest
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_eks_v2 as eks
from aws_cdk import aws_lambda as lambda_

from fairlane import TrainingVpc
from fairlane.hyperpod import (
    NodePool,
)
from tests.fairlane.hyperpod.clusters import (
    PLAN,
    SYSTEM,
    US_EAST_1,
    cluster,
    existing,
    new_stack,
    warnings,
)
from tests.support import problems_of


def test_an_existing_kubernetes_cluster_without_kubectl_or_of_another_version_is_refused() -> None:
    stack = new_stack()
    bare = eks.Cluster.from_cluster_attributes(stack, "Bare", cluster_name="bare")
    assert problems_of(lambda: cluster(stack, kubernetes=bare)) == [
        "kubernetes: the EKS cluster has no kubectl provider: create it with kubectl_provider_options",
        "kubernetes: the security group is unknown: import the cluster with cluster_security_group_id",
    ]
    layer = lambda_.LayerVersion.from_layer_version_arn(
        stack, "Layer", "arn:aws:lambda:us-east-1:111122223333:layer:kubectl:1"
    )
    old = eks.Cluster(
        stack,
        "Old",
        version=eks.KubernetesVersion.V1_36,
        vpc=TrainingVpc(stack, "Other").vpc,
        vpc_subnets=[ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS)],
        default_capacity_type=eks.DefaultCapacityType.NODEGROUP,
        default_capacity=0,
        kubectl_provider_options=eks.KubectlProviderOptions(kubectl_layer=layer),
    )
    assert problems_of(lambda: cluster(stack, kubernetes=old)) == [
        "kubernetes_version: got '1.36', allowed: an EKS version that HyperPod supports: "
        "1.30, 1.31, 1.32, 1.33, 1.34, 1.35"
    ]


def test_a_name_is_claimed_once() -> None:
    stack = new_stack()
    cluster(stack)
    assert problems_of(lambda: cluster(stack, "Second")) == [
        "cluster_name: Stack/Cluster already has the name 'training': use another name"
    ]


def test_an_eks_cluster_has_one_hyperpod_cluster() -> None:
    stack = new_stack()
    kubernetes = existing(stack)
    cluster(stack, kubernetes=kubernetes)
    assert problems_of(lambda: cluster(stack, "Second", cluster_name="second", kubernetes=kubernetes)) == [
        "kubernetes: Stack/Cluster has this EKS cluster: an EKS cluster has one HyperPod cluster: use another EKS "
        "cluster, or more instance_groups"
    ]


def test_without_a_vpc_or_with_one_zone_there_is_no_cluster() -> None:
    stack = cdk.Stack(cdk.App(), "Stack", env=US_EAST_1)
    assert problems_of(lambda: cluster(stack, vpc=None)) == [
        "vpc: missing; use the VPC of the nodes, because HyperPod on EKS requires one"
    ]
    small = TrainingVpc(stack, "Small", availability_zones=1)
    assert problems_of(lambda: cluster(stack, vpc=small)) == [
        "vpc: an EKS cluster requires private subnets in two zones: use a VPC with more zones"
    ]


def test_nodes_and_training_plans_are_where_the_cluster_is() -> None:
    stack = new_stack()
    network = ec2.Vpc(stack, "Network", max_azs=2)
    elsewhere = replace(SYSTEM, group_name="gpu", training_plan=PLAN.replace("us-east-1", "eu-west-1"))
    build = lambda: cluster(  # noqa: E731
        stack, vpc=network, subnets=network.public_subnets, instance_groups=[SYSTEM, elsewhere]
    )
    assert problems_of(build) == [
        "subnets: nodes have no public addresses, so public subnets do not connect them: use private subnets",
        "instance_groups[1].training_plan: the plan is in Region eu-west-1: use a plan in Region us-east-1, where the "
        "cluster is",
    ]


def test_all_mistakes_are_reported_at_once() -> None:
    stack = new_stack()
    build = lambda: cluster(  # noqa: E731
        stack,
        cluster_name="-",
        kubernetes_version="1.29",
        instance_groups=[replace(SYSTEM, instance_count=-1), SYSTEM],
        node_pools=[NodePool(pool_name="gpu", instance_groups=["p6"])],
        chart="chart",
        lifecycle_scripts="nowhere",
        encryption_key="key",
        existing_add_ons=["cert-manager"],
    )
    fields = [problem.split(":")[0] for problem in problems_of(build)]
    assert fields == [
        "existing_add_ons",
        "cluster_name",
        "kubernetes_version",
        "instance_groups[0].instance_count",
        "instance_groups[1].group_name",
        "node_pools[0].instance_groups[0]",
        "lifecycle_scripts",
        "chart",
        "encryption_key",
    ]


def test_probable_mistakes_give_warnings() -> None:
    stack = new_stack()
    cluster(
        stack,
        vpc=TrainingVpc(stack, "Closed"),
        instance_groups=[replace(SYSTEM, threads_per_core=1)],
        node_recovery=False,
    )
    found = warnings(stack)
    names = ("threadsPerCore", "noRecovery", "noEndpoints")
    assert [name for name in names if any(f"HyperPodCluster.{name}" in each for each in found)] == [*names]
    assert len(found) == len(names)


def test_an_own_kubernetes_cluster_names_the_package_that_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "aws_cdk.lambda_layer_kubectl_v35", None)
    stack = new_stack()
    with pytest.raises(ImportError, match=r"pip install \"fairlane\[hyperpod\]\""):
        cluster(stack)
    assert stack.node.try_find_child("Cluster") is None
    cluster(stack, "Other", kubernetes=existing(stack))
