"""HyperPod cluster that exists, for tests of constructs that need one."""

from collections.abc import Collection, Sequence

from aws_cdk import CfnResource, Stack
from aws_cdk import aws_eks_v2 as eks
from constructs import Construct

from fairlane.hyperpod import InstanceGroup, NodePool
from tests.fairlane.hyperpod.governance import group

CLUSTER_ARN = "arn:aws:sagemaker:us-east-1:111122223333:cluster/abcdefghijkl"


class Cluster:
    """HyperPod cluster that exists: what governance needs of it."""

    def __init__(self, stack: Stack, groups: Sequence[InstanceGroup] = (group(),)) -> None:
        self.cluster_name = "gpu"
        self.cluster_arn = CLUSTER_ARN
        self.kubernetes = eks.Cluster.from_cluster_attributes(stack, "Kubernetes", cluster_name="kubernetes")
        self.instance_groups: Sequence[InstanceGroup] = groups
        self.node_pools: Sequence[NodePool] = ()
        self.existing_add_ons: Collection[str] = ()
        self.before = CfnResource(stack, "Cluster", type="AWS::CloudFormation::WaitConditionHandle")

    def add_dependant(self, construct: Construct) -> None:
        construct.node.add_dependency(self.before)
