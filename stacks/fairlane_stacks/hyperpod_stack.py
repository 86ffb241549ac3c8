"""Stack with one HyperPod cluster and its teams."""

from collections.abc import Sequence
from typing import Unpack

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from fairlane.capacity import TrainingVpc
from fairlane.environment import HyperPodModel, RegionModel
from fairlane.environment.hyperpod import KubernetesModel
from fairlane.hyperpod import HyperPodCluster, TaskGovernance, TeamNamespace
from fairlane.hyperpod.eks_cluster import ExistingKubernetes
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
        vpc, by_id = network(self, model)
        subnets = [*by_id.values()] or None
        existing = self._existing_kubernetes(cluster.kubernetes, vpc, subnets or ())
        self.cluster = HyperPodCluster(
            self,
            "Cluster",
            cluster_name=cluster_name,
            vpc=vpc,
            subnets=subnets,
            chart=str(cluster.kubernetes.chart),
            kubernetes=existing.cluster if existing else None,
            kubernetes_version=cluster.kubernetes.version,
            existing_add_ons=cluster.kubernetes.existing_add_ons,
            lifecycle_scripts=cluster.lifecycle_scripts,
            encryption_key=cluster.encryption_key,
            **cluster.settings,
        )
        if existing is not None:
            self.cluster.node.add_dependency(existing.access)
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

    def _existing_kubernetes(
        self, kubernetes: KubernetesModel, vpc: ec2.IVpc | TrainingVpc, subnets: Sequence[ec2.ISubnet]
    ) -> ExistingKubernetes | None:
        if kubernetes.cluster is None:
            return None
        assert not isinstance(vpc, TrainingVpc)
        return ExistingKubernetes(
            self,
            "Kubernetes",
            cluster_name=kubernetes.cluster,
            security_group_id=str(kubernetes.security_group),
            vpc=vpc,
            subnets=subnets,
        )

    def _add_outputs(self) -> None:
        outputs = {
            "ClusterArn": self.cluster.cluster_arn,
            "KubernetesName": self.cluster.kubernetes.cluster_name,
            "LifecycleBucketName": self.cluster.lifecycle_bucket.bucket_name,
        }
        for name, value in outputs.items():
            cdk.CfnOutput(self, name, value=value)
