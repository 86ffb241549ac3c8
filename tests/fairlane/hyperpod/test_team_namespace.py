"""Templates of teams: one resource for each object, after the quota, and one access entry for each role."""

import json
import re
from collections.abc import Sequence
from typing import Any, cast

import pytest
from aws_cdk import App, CfnWaitConditionHandle, Stack, Validations
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_eks_v2 as eks
from aws_cdk import aws_iam as iam
from aws_cdk.assertions import Annotations, Match
from aws_cdk.lambda_layer_kubectl_v35 import KubectlV35Layer
from cdk_nag import AwsSolutionsChecks
from constructs import Construct

from fairlane.hyperpod import Cap, ContainerDefaults, NodePool, QuotaResource, Team, TeamNamespace
from fairlane.hyperpod.kubernetes_schema import object_mistakes
from tests import cfn_lint
from tests.support import problems_of, template_of

ROLE = "arn:aws:iam::111122223333:role/vision"
OTHER = "arn:aws:iam::111122223333:role/admin"
MANIFEST = "Custom::AWSCDK-EKS-KubernetesResource"
OWN = re.compile("FairlaneTeams|^(vision|language)|Stack/(vision|language)")
DEFAULTS = ContainerDefaults(requests={"cpu": 1, "memory": "4Gi"}, maximum={"nvidia.com/gpu": 8})


class Cluster(Construct):
    """HyperPod cluster, as far as teams need it."""

    def __init__(self, stack: Stack, node_pools: Sequence[NodePool] = ()) -> None:
        super().__init__(stack, "Cluster")
        cluster = eks.Cluster(
            self,
            "Eks",
            version=eks.KubernetesVersion.V1_34,
            vpc=ec2.Vpc(self, "Vpc", max_azs=2),
            default_capacity_type=eks.DefaultCapacityType.NODEGROUP,
            default_capacity=0,
            kubectl_provider_options=eks.KubectlProviderOptions(kubectl_layer=KubectlV35Layer(self, "Kubectl")),
        )
        self.kubernetes = cast(eks.ICluster, cluster)
        self.node_pools = node_pools


@pytest.fixture
def cluster(stack: Stack) -> Cluster:
    return Cluster(stack)


def add_team(cluster: Cluster, name: str = "vision", roles: Sequence[str] = (ROLE,), **settings: Any) -> TeamNamespace:
    stack = Stack.of(cluster)
    given: dict[str, Any] = {"cap": Cap(instances={"ml.p5.48xlarge": 8}), "container_defaults": DEFAULTS} | settings
    team = Team(team_name=name, quota=[QuotaResource(instance_type="ml.p5.48xlarge", count=8)], roles=roles, **given)
    quota = CfnWaitConditionHandle(stack, f"Quota{name}")  # a resource without properties
    return TeamNamespace(stack, name, cluster=cluster, team=team, quota=quota)


def manifests(template: dict[str, Any]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    found = [item for item in template["Resources"].values() if item["Type"] == MANIFEST]
    return [(json.loads(item["Properties"]["Manifest"])[0], item) for item in found]


def access_entries(template: dict[str, Any]) -> list[dict[str, Any]]:
    entries = [item["Properties"] for item in template["Resources"].values() if item["Type"] == "AWS::EKS::AccessEntry"]
    return [entry for entry in entries if "KubernetesGroups" in entry]


def test_each_object_is_a_resource_after_the_quota_and_passes_strict_schemas(cluster: Cluster, stack: Stack) -> None:
    team = add_team(cluster)
    found = manifests(template_of(stack))
    assert sorted(document["kind"] for document, _ in found) == [
        "ClusterRole",
        "ClusterRoleBinding",
        "LimitRange",
        "PriorityClass",
        "PriorityClass",
        "ResourceQuota",
        "Role",
        "RoleBinding",
    ]
    for document, item in found:
        assert object_mistakes(document) == []
        assert len(json.loads(item["Properties"]["Manifest"])) == 1
        assert "PruneLabel" not in item["Properties"]
        shared = document["kind"] in ("ClusterRole", "PriorityClass")
        assert ("Quotavision" in item["DependsOn"]) != shared
    assert list(team.manifests) == ["ResourceQuota", "LimitRange", "Role", "RoleBinding", "ClusterRoleBinding"]


def test_users_of_a_team_get_access_after_its_cap(cluster: Cluster, stack: Stack) -> None:
    add_team(cluster)
    depends = {document["kind"]: item["DependsOn"] for document, item in manifests(template_of(stack))}
    names = " ".join(depends["RoleBinding"])
    assert "ResourceQuota" in names
    assert "LimitRange" in names


def test_a_role_of_two_teams_has_one_access_entry(cluster: Cluster, stack: Stack) -> None:
    add_team(cluster)
    add_team(cluster, "language", roles=[ROLE, "arn:aws:iam::111122223333:role/language"])
    entries = {entry["PrincipalArn"]: entry for entry in access_entries(template_of(stack))}
    assert {role.split("/")[1]: entry["KubernetesGroups"] for role, entry in entries.items()} == {
        "vision": ["fairlane:hyperpod-ns-vision", "fairlane:hyperpod-ns-language"],
        "language": ["fairlane:hyperpod-ns-language"],
    }
    assert all("AccessPolicies" not in entry for entry in entries.values())
    assert sum(document["kind"] == "PriorityClass" for document, _ in manifests(template_of(stack))) == 2


def test_a_role_of_the_same_app(cluster: Cluster, stack: Stack) -> None:
    role = iam.Role(stack, "Scientist", assumed_by=iam.AccountRootPrincipal())
    add_team(cluster, roles=[role.role_arn])
    add_team(cluster, "language", roles=[role.role_arn])
    (entry,) = access_entries(template_of(stack))
    assert list(entry["PrincipalArn"]) == ["Fn::GetAtt"]


def test_a_role_has_no_other_access_entry(cluster: Cluster, stack: Stack) -> None:
    policy = eks.AccessPolicy.from_access_policy_name(
        "AmazonEKSClusterAdminPolicy", access_scope_type=eks.AccessScopeType.CLUSTER
    )
    add_team(cluster, "language")
    eks.AccessEntry(cluster, "Admin", cluster=cluster.kubernetes, principal=OTHER, access_policies=[policy])
    assert problems_of(lambda: add_team(cluster, roles=[ROLE, OTHER])) == [
        "roles[1]: the role has another access entry, and EKS allows one for a role: use another role"
    ]


def test_adding_a_team_leaves_the_resources_of_others_unchanged() -> None:
    def resources(*names: str) -> dict[str, Any]:
        stack = Stack(App(), "Stack")
        cluster = Cluster(stack)
        for name in names:
            add_team(cluster, name, roles=[f"arn:aws:iam::111122223333:role/{name}"])
        return dict(template_of(stack)["Resources"])

    alone = resources("vision")
    both = resources("language", "vision")
    assert {name: both[name] for name in alone} == alone


def test_all_mistakes_are_raised_before_the_construct_enters_the_tree(stack: Stack) -> None:
    cluster = Cluster(stack, [NodePool(pool_name="gpu", instance_groups=["p5"])])
    found = problems_of(lambda: add_team(cluster, cap=None, roles=["vision"]))
    assert [problem.split(":")[0] for problem in found] == ["cap", "roles[0]"]
    assert stack.node.try_find_child("vision") is None
    assert cluster.node.try_find_child("FairlaneTeams") is None


def test_a_warning_about_pods_without_requests(cluster: Cluster, stack: Stack) -> None:
    add_team(cluster, container_defaults=None)
    add_team(cluster, "language")
    annotations = Annotations.from_stack(stack)
    text = Match.string_like_regexp("the cap of team vision counts cpu and memory, .*fairlane:TeamNamespace.requests")
    annotations.has_warning("/Stack/vision", text)
    annotations.has_no_warning("/Stack/language", Match.any_value())


def test_the_resources_of_teams_pass_cfn_lint(cluster: Cluster, stack: Stack) -> None:
    add_team(cluster)
    add_team(cluster, "language")
    template = template_of(stack)
    names = [name for name in template["Resources"] if OWN.search(name)]
    assert len(names) == 14
    assert [finding for finding in cfn_lint.findings(template) if finding.path[1] in names] == []


def test_the_resources_of_teams_pass_cdk_nag(cluster: Cluster, app: App) -> None:
    add_team(cluster)
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    with pytest.raises(RuntimeError, match="AwsSolutions-IAM4") as raised:  # of the EKS cluster and the VPC
        app.synth()
    assert not OWN.search(str(raised.value))
