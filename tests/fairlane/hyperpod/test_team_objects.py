"""Kubernetes objects of teams: amounts, strict schemas, and permissions."""

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlane.catalog.hyperpod_catalog import hyperpod_instance_types
from fairlane.hyperpod import Cap, ContainerDefaults, QuotaResource, Team
from fairlane.hyperpod.kubernetes_schema import object_mistakes
from fairlane.hyperpod.quantities import parse_quantity
from fairlane.hyperpod.team_objects import access_group, cap_requests, cluster_objects, team_objects
from fairlane.hyperpod.team_rules import resource_quota_problems, team_problems

ROLE = "arn:aws:iam::111122223333:role/vision"
EIGHT = (QuotaResource(instance_type="ml.p5.48xlarge", count=8),)
FULL = Team(
    team_name="vision",
    quota=EIGHT,
    cap=Cap(instances={"ml.p5.48xlarge": 8}),
    container_defaults=ContainerDefaults(
        requests={"cpu": 1, "memory": "4Gi"}, limits={"memory": "4Gi"}, maximum={"memory": "2Ti", "nvidia.com/gpu": 8}
    ),
    roles=[ROLE],
)


def by_kind(team: Team) -> dict[str, dict[str, Any]]:
    return {item["kind"]: item for item in team_objects(team)}


def test_eight_instances_are_64_gpus_and_their_whole_memory() -> None:
    assert by_kind(FULL)["ResourceQuota"] == {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "fairlane-cap", "namespace": "hyperpod-ns-vision"},
        "spec": {
            "hard": {
                "requests.cpu": "1536",
                "requests.memory": "16384Gi",
                "requests.nvidia.com/gpu": "64",
                "requests.vpc.amazonaws.com/efa": "256",
            }
        },
    }


def test_requests_replace_amounts_of_instances() -> None:
    cap = Cap(
        instances={"ml.p5.48xlarge": 1, "ml.g6e.12xlarge": 2}, requests={"requests.cpu": 100, "example.com/a": "5"}
    )
    assert cap_requests(cap) == {
        "requests.cpu": "100",
        "requests.memory": "2816Gi",
        "requests.example.com/a": "5",
        "requests.nvidia.com/gpu": "16",
        "requests.vpc.amazonaws.com/efa": "34",
    }


def test_instances_without_accelerators_or_efa_have_no_such_keys() -> None:
    assert cap_requests(Cap(instances={"ml.c5.4xlarge": 2})) == {"requests.cpu": "32", "requests.memory": "64Gi"}


def test_a_container_without_gpus_gets_none_by_default() -> None:
    (item,) = by_kind(FULL)["LimitRange"]["spec"]["limits"]
    assert item == {
        "type": "Container",
        "default": {"nvidia.com/gpu": "0", "memory": "4Gi"},
        "defaultRequest": {"nvidia.com/gpu": "0", "cpu": "1", "memory": "4Gi"},
        "max": {"memory": "2Ti", "nvidia.com/gpu": "8"},
    }


def test_a_stated_default_of_gpus_replaces_none() -> None:
    defaults = ContainerDefaults(limits={"nvidia.com/gpu": 1}, maximum={"nvidia.com/gpu": 8})
    (item,) = by_kind(Team(team_name="a", quota=(), container_defaults=defaults))["LimitRange"]["spec"]["limits"]
    assert item["default"] == {"nvidia.com/gpu": "1"}
    assert "defaultRequest" not in item  # Kubernetes takes that of the limit, and demands that both are equal


@pytest.mark.parametrize("item", [*team_objects(FULL), *cluster_objects()], ids=lambda item: item["kind"])
def test_objects_pass_strict_schemas(item: dict[str, Any]) -> None:
    assert object_mistakes(item) == []


def test_a_team_gets_only_what_it_needs() -> None:
    assert team_objects(Team(team_name="vision", quota=EIGHT)) == []
    assert list(by_kind(FULL)) == ["ResourceQuota", "LimitRange", "Role", "RoleBinding", "ClusterRoleBinding"]


def test_no_object_is_a_namespace_and_each_has_a_name_of_its_own() -> None:
    objects = [*team_objects(FULL), *cluster_objects()]
    names = [(item["kind"], item["metadata"].get("namespace"), item["metadata"]["name"]) for item in objects]
    assert len(set(names)) == len(objects)
    assert all(kind != "Namespace" for kind, _, _ in names)


def allowed(verb: str, group: str, resource: str, role: dict[str, Any]) -> bool:
    return any(
        verb in rule["verbs"] and group in rule["apiGroups"] and resource in rule["resources"] for rule in role["rules"]
    )


@pytest.mark.parametrize(
    ("verb", "group", "resource", "expected"),
    [
        ("create", "sagemaker.amazonaws.com", "hyperpodpytorchjobs", True),
        ("delete", "kubeflow.org", "pytorchjobs", True),
        ("create", "batch", "jobs", True),
        ("delete", "", "pods", True),
        ("get", "", "pods/log", True),
        ("list", "", "events", True),
        ("get", "", "resourcequotas", True),
        ("get", "kueue.x-k8s.io", "workloads", True),
        ("patch", "kueue.x-k8s.io", "workloads", False),
        ("get", "", "secrets", False),
        ("create", "", "pods/exec", False),
        ("create", "", "serviceaccounts/token", False),
        ("create", "", "services", False),
        ("update", "", "resourcequotas", False),
        ("delete", "", "limitranges", False),
        ("create", "rbac.authorization.k8s.io", "rolebindings", False),
    ],
)
def test_permissions_of_a_team(verb: str, group: str, resource: str, expected: bool) -> None:
    assert allowed(verb, group, resource, by_kind(FULL)["Role"]) == expected


def test_roles_have_no_wildcard_and_the_cluster_role_only_reads() -> None:
    (reader,) = (item for item in cluster_objects() if item["kind"] == "ClusterRole")
    rules = [*by_kind(FULL)["Role"]["rules"], *reader["rules"]]
    assert not any("*" in rule[part] for rule in rules for part in ("apiGroups", "resources", "verbs"))
    assert {verb for rule in reader["rules"] for verb in rule["verbs"]} == {"get", "list", "watch"}


def test_bindings_name_roles_that_exist_and_the_group_of_the_team() -> None:
    objects = [*team_objects(FULL), *cluster_objects()]
    roles = {(item["kind"], item["metadata"]["name"]) for item in objects if item["kind"].endswith("Role")}
    bindings = [item for item in objects if item["kind"].endswith("Binding")]
    assert {(item["roleRef"]["kind"], item["roleRef"]["name"]) for item in bindings} == roles
    assert {subject["name"] for item in bindings for subject in item["subjects"]} == {access_group(FULL)}
    assert not access_group(FULL).startswith(("system:", "eks:", "aws:", "amazon:", "iam:"))  # which EKS refuses


def test_only_kueue_preempts_and_the_elastic_part_goes_first() -> None:
    classes = {item["metadata"]["name"]: item for item in cluster_objects() if item["kind"] == "PriorityClass"}
    assert {item["preemptionPolicy"] for item in classes.values()} == {"Never"}
    assert classes["base"]["value"] > classes["elastic"]["value"]
    assert not any(item.get("globalDefault") for item in classes.values())


instance_counts = st.dictionaries(st.sampled_from(sorted(hyperpod_instance_types())), st.integers(1, 300), min_size=1)


@given(instance_counts)
def test_a_cap_of_the_quota_s_instances_is_good_and_holds_exactly_its_nodes(instances: dict[str, int]) -> None:
    quota = [QuotaResource(instance_type=name, count=count) for name, count in instances.items()]
    team = Team(team_name="vision", quota=quota, cap=Cap(instances=instances))
    assert list(team_problems(team)) == []
    (resource_quota,) = team_objects(team)
    assert object_mistakes(resource_quota) == []
    assert list(resource_quota_problems(resource_quota, quota)) == []
    nodes = [(hyperpod_instance_types()[name], count) for name, count in instances.items()]
    hard = {key.removeprefix("requests."): parse_quantity(text) for key, text in resource_quota["spec"]["hard"].items()}
    assert hard["cpu"] == sum(node.vcpus * count for node, count in nodes)
    assert hard["memory"] == sum(Fraction(node.memory_gib) * 2**30 * count for node, count in nodes)
    for resource in ("nvidia.com/gpu", "aws.amazon.com/neuron"):
        assert hard.get(resource, 0) == sum(
            node.accelerators * count for node, count in nodes if node.resource == resource
        )
    assert hard.get("vpc.amazonaws.com/efa", 0) == sum(node.efa * count for node, count in nodes)
