"""Stack with one HyperPod cluster and its teams."""

from typing import Unpack

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_eks_v2 as eks
from constructs import Construct

from fairlane.capacity import TrainingVpc
from fairlane.environment import HyperPodModel, RegionModel
from fairlane.hyperpod import HyperPodCluster, TaskGovernance, TeamNamespace
from fairlane.hyperpod.eks_cluster import kubectl_layer
from fairlane_stacks.network import network
from fairlane_stacks.regional_stack import RegionalStack, StackSettings


class HyperPodStack(RegionalStack):
    """HyperPod cluster with its EKS cluster, task governance and teams, without references to other stacks.

    The stack is protected against deletion whatever the environment says, because its deletion ends all jobs of the
    cluster, and a new cluster waits for capacity. With a new network, the stack has a VPC of its own: a change of
    `compute_environments` or of another cluster never replaces this cluster.

    Args:
        scope: Scope of the stack.
        construct_id: Id and name of the stack.
        cluster_name: Name of the cluster.
        cluster: Settings of the cluster.
        model: Settings of the Region.
        settings: Account, Region and tags. Termination protection is always on.

    Attributes:
        cluster: HyperPod cluster.
        governance: Task governance. None without teams and priority classes.
        teams: Namespaces by team.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        cluster_name: str,
        cluster: HyperPodModel,
        model: RegionModel,
        **settings: Unpack[StackSettings],
    ) -> None:
        settings["termination_protection"] = True
        super().__init__(scope, construct_id, **settings)
        vpc, subnets = network(self, model)
        kubernetes = self._kubernetes(cluster, vpc, subnets or []) if cluster.kubernetes.cluster else None
        self.cluster = HyperPodCluster(
            self,
            "Cluster",
            cluster_name=cluster_name,
            vpc=vpc,
            subnets=subnets,
            chart=str(cluster.kubernetes.chart),
            kubernetes=kubernetes,
            kubernetes_version=cluster.kubernetes.version,
            existing_add_ons=cluster.kubernetes.existing_add_ons,
            lifecycle_scripts=cluster.lifecycle_scripts,
            encryption_key=cluster.encryption_key,
            **cluster.settings,
        )
        if kubernetes is not None:
            self.cluster.node.add_dependency(self.node.find_child("Kubernetes"))
        self.governance: TaskGovernance | None = None
        self.teams: dict[str, TeamNamespace] = {}
        if cluster.teams or cluster.priority_classes:
            self.governance = TaskGovernance(
                self,
                "TaskGovernance",
                cluster=self.cluster,
                governance=cluster.governance,
                teams=cluster.teams,
                native_types=cluster.native_types,
                log_encryption_key=model.log_encryption_key,
            )
            parent = Construct(self, "Teams")
            for team in cluster.teams:
                quota = self.governance.quotas[team.team_name]
                self.teams[team.team_name] = TeamNamespace(
                    parent, team.team_name, cluster=self.cluster, team=team, quota=quota
                )
        self._add_outputs()

    def _kubernetes(
        self, cluster: HyperPodModel, vpc: ec2.IVpc | TrainingVpc, subnets: list[ec2.ISubnet]
    ) -> eks.ICluster:
        """Import an EKS cluster, with a function in its VPC that administers it."""
        parent = Construct(self, "Kubernetes")
        group = ec2.SecurityGroup.from_security_group_id(
            parent, "SecurityGroup", str(cluster.kubernetes.security_group), mutable=False
        )
        kubernetes = eks.Cluster.from_cluster_attributes(
            parent,
            "Cluster",
            cluster_name=str(cluster.kubernetes.cluster),
            cluster_security_group_id=group.security_group_id,
            vpc=vpc.vpc if isinstance(vpc, TrainingVpc) else vpc,
            kubectl_provider_options=eks.KubectlProviderOptions(
                kubectl_layer=kubectl_layer()(parent, "KubectlLayer"), private_subnets=subnets, security_group=group
            ),
        )
        policy = eks.AccessPolicy.from_access_policy_name(
            "AmazonEKSClusterAdminPolicy", access_scope_type=eks.AccessScopeType.CLUSTER
        )
        provider = kubernetes.kubectl_provider
        assert provider is not None
        assert provider.role is not None
        eks.AccessEntry(
            parent, "Access", cluster=kubernetes, principal=provider.role.role_arn, access_policies=[policy]
        )
        return kubernetes

    def _add_outputs(self) -> None:
        outputs = {
            "ClusterArn": self.cluster.cluster_arn,
            "KubernetesName": self.cluster.kubernetes.cluster_name,
            "LifecycleBucketName": self.cluster.lifecycle_bucket.bucket_name,
        }
        for name, value in outputs.items():
            cdk.CfnOutput(self, name, value=value)
