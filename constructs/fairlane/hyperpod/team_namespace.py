"""Kubernetes objects and EKS access entries of a team of a HyperPod cluster."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from typing import Any, Final, Protocol, cast

from aws_cdk import Annotations, Stack, aws_eks
from aws_cdk import aws_eks_v2 as eks
from constructs import Construct, IDependable, Node

from fairlane.errors import ConfigurationError, Problem
from fairlane.hyperpod.instance_group import NodePool
from fairlane.hyperpod.team import Team
from fairlane.hyperpod.team_objects import access_group, cluster_objects, team_objects
from fairlane.hyperpod.team_rules import team_advice, team_problems


class TeamCluster(Protocol):
    """HyperPod cluster with teams, for example a `HyperPodCluster`."""

    @property
    def node(self) -> Node:
        """Node of the construct tree, below which the objects of all teams are created."""
        ...

    @property
    def kubernetes(self) -> eks.ICluster:
        """EKS cluster, with authentication mode API or API_AND_CONFIG_MAP, and a kubectl provider."""
        ...

    @property
    def node_pools(self) -> Sequence[NodePool]:
        """Node pools in which Karpenter adds nodes."""
        ...


class TeamNamespace(Construct):
    """Cap, container defaults and permissions of a team, in the namespace that the team's quota creates.

    Creates a ResourceQuota, a LimitRange, a Role with its bindings, and an EKS access entry for each IAM role. The
    first team of a cluster also creates what all teams share: the PriorityClasses `base` and `elastic`, and a
    ClusterRole that reads queues. An IAM role of several teams has one access entry with the groups of all of them. EKS
    allows one entry for a role, so the roles can have no other entry, for example as administrators.

    Each object is a resource of its own, because the CDK's pruning never deletes ResourceQuotas, LimitRanges or roles.
    The namespace is HyperPod's: nothing here was tried on a live cluster, and it rests on the assumption that the
    namespace exists as soon as CloudFormation reports the quota as created.

    Updates: objects change in place, and those that the team no longer has are deleted. Objects of another team need
    another construct id: the CDK's handler deletes no object whose name changes.

    Sources: "Create access entries" in the Amazon EKS User Guide; `AWS::EKS::AccessEntry`.

    Args:
        scope: Parent construct.
        construct_id: Id of the construct.
        cluster: HyperPod cluster.
        team: Team.
        quota: Resource of the team's quota, which creates the namespace first.

    Attributes:
        manifests: Resource of each object, by kind.
        group: Kubernetes group of the team's users.

    Raises:
        ConfigurationError: If the cap, the container defaults or a role is not valid.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, cluster: TeamCluster, team: Team, quota: IDependable
    ) -> None:
        if problems := [*team_problems(team, cluster.node_pools), *_SharedObjects.role_problems(cluster, team.roles)]:
            raise ConfigurationError(f"{scope.node.path}/{construct_id}", problems)
        super().__init__(scope, construct_id)
        shared = _SharedObjects.of(cluster)
        self.group = access_group(team)
        self.manifests = {
            item["kind"]: _manifest(self, item["kind"], cluster.kubernetes, item) for item in team_objects(team)
        }
        limits = [self.manifests[kind] for kind in ("ResourceQuota", "LimitRange") if kind in self.manifests]
        for kind, manifest in self.manifests.items():
            manifest.node.add_dependency(quota, *(limits if kind == "RoleBinding" else ()))
        for role in team.roles:
            shared.add_user(role, self.group)
        for advice in team_advice(team):
            Annotations.of(self).add_warning_v2(advice.id, advice.message)


class _SharedObjects(Construct):
    """Objects and access entries of a cluster that several teams use."""

    ID: Final = "FairlaneTeams"

    def __init__(self, cluster: TeamCluster) -> None:
        super().__init__(cast(Construct, cluster), self.ID)
        self._cluster = cluster.kubernetes
        for item in cluster_objects():
            _manifest(self, f"{item['kind']}-{item['metadata']['name']}", self._cluster, item)

    @classmethod
    def of(cls, cluster: TeamCluster) -> "_SharedObjects":
        """Return the construct of a cluster, and create it at the first call."""
        return cast(_SharedObjects | None, cluster.node.try_find_child(cls.ID)) or cls(cluster)

    @classmethod
    def role_problems(cls, cluster: TeamCluster, roles: object) -> Iterator[Problem]:
        """Yield the roles that have an access entry of another kind, for example as administrators."""
        entries = [
            cast(aws_eks.CfnAccessEntry, each).principal_arn
            for each in cluster.node.find_all()
            if getattr(each, "cfn_resource_type", None) == aws_eks.CfnAccessEntry.CFN_RESOURCE_TYPE_NAME
            and cast(Construct, each.node.scope).node.id != cls.ID
        ]
        for index, role in enumerate(roles if isinstance(roles, list | tuple) else ()):
            if role in entries:
                sentence = "the role has another access entry, and EKS allows one for a role: use another role"
                yield Problem.relation(("roles", index), sentence)

    def add_user(self, role: str, group: str) -> None:
        """Add an IAM role to a Kubernetes group. EKS allows one access entry for a role."""
        text = json.dumps(Stack.of(self).resolve(role))
        entry_id = f"Role{hashlib.sha256(text.encode()).hexdigest()[:12]}"
        entry = cast(aws_eks.CfnAccessEntry | None, self.node.try_find_child(entry_id)) or aws_eks.CfnAccessEntry(
            self, entry_id, cluster_name=self._cluster.cluster_name, principal_arn=role, kubernetes_groups=[]
        )
        entry.kubernetes_groups = [*(entry.kubernetes_groups or ()), group]


def _manifest(scope: Construct, construct_id: str, cluster: eks.ICluster, item: dict[str, Any]) -> Construct:
    return eks.KubernetesManifest(scope, construct_id, cluster=cluster, manifest=[item], prune=False)
