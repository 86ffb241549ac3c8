"""Stacks with HyperPod clusters, quotas and scheduler configurations."""

import re
from copy import deepcopy
from typing import Any

import pytest
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER

from fairlane.hyperpod import Cap, Team
from fairlane.hyperpod.team import QuotaResource
from fairlane.hyperpod.team_objects import cluster_objects, team_objects
from fairlane_local.eks import resources as eks
from fairlane_local.hyperpod import resources as hyperpod
from fairlane_local.kubernetes.admission import NAMESPACE
from tests.fairlane_local.hyperpod.support import Place, api, group, manifest_resource, resources

CLASSES = (
    *(hyperpod.Cluster, hyperpod.ComputeQuota, hyperpod.ClusterSchedulerConfig),
    *(eks.Cluster, eks.AddOn, eks.AccessEntry, eks.PodIdentityAssociation),
)
ARN = {"Fn::GetAtt": ["Cluster", "ClusterArn"]}
SYSTEM = group("system", "ml.m5.2xlarge", 2)


@pytest.mark.parametrize("resource", CLASSES)
def test_replacement_is_that_of_the_resource_schema(resource: Any) -> None:
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", resource.resource_type).schema
    listed = {path.removeprefix("/properties/") for path in schema["createOnlyProperties"]}
    assert resource.create_only == listed
    assert resource.is_deleted_first == (schema.get("replacementStrategy") == "delete_then_create")


def ids(place: Place) -> list[str]:
    listed = place.sagemaker.list_compute_quotas()["ComputeQuotaSummaries"]
    return [f"{item['Name']} {item['ComputeQuotaVersion']}" for item in listed]


@pytest.mark.slow
def test_a_governed_cluster_is_created_changed_and_deleted(place: Place) -> None:
    stack = resources(place, SYSTEM)
    assert place.deploy(stack, Arn=ARN, Status={"Fn::GetAtt": ["Cluster", "ClusterStatus"]}) == "CREATE_COMPLETE"
    arn, nodes = place.output("Arn"), place.nodes()
    assert (place.output("Status"), len(nodes), place.teams()) == ("InService", 2, {"hyperpod-ns-vision"})
    assert place.deploy(stack, Arn=ARN) == "UPDATE_COMPLETE"
    assert (place.output("Arn"), place.nodes(), ids(place)) == (arn, nodes, ["vision 1"])

    stack = resources(place, SYSTEM, group("p5", "ml.p5.48xlarge", 1), teams=("vision", "audio"))
    stack["Vision"]["Properties"]["ComputeQuotaConfig"]["ComputeQuotaResources"][0]["Count"] = 3
    stack["Cluster"]["Properties"]["Tags"] = [{"Key": "SageMaker", "Value": "true"}]
    assert place.deploy(stack, Arn=ARN) == "UPDATE_COMPLETE"
    assert (place.output("Arn"), place.nodes("system"), len(place.nodes("p5"))) == (arn, nodes, 1)
    assert place.sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "SageMaker", "Value": "true"}]
    assert ids(place) == ["vision 2", "audio 1"]

    assert place.deploy(resources(place, group("p5", "ml.p5.48xlarge", 1), teams=()), Arn=ARN) == "UPDATE_COMPLETE"
    assert (place.nodes("system"), len(place.nodes("p5")), place.teams()) == ([], 1, set())
    place.delete()
    assert place.sagemaker.list_clusters()["ClusterSummaries"] == place.eks.list_clusters()["clusters"] == []
    assert place.sagemaker.list_cluster_scheduler_configs()["ClusterSchedulerConfigSummaries"] == []


@pytest.mark.slow
def test_a_replacement_with_the_same_name_is_refused(place: Place) -> None:
    stack = resources(place, SYSTEM)
    place.deploy(stack, Arn=ARN)
    arn, nodes = place.output("Arn"), place.nodes()
    stack["Cluster"]["Properties"]["VpcConfig"]["Subnets"] = [place.other_subnet]
    assert place.deploy(stack, Arn=ARN) == "UPDATE_ROLLBACK_COMPLETE"
    assert "Cluster with name training already exists" in place.failures()
    assert place.sagemaker.describe_cluster(ClusterName="training")["ClusterArn"] == arn
    assert place.nodes() == nodes


@pytest.mark.slow
def test_another_team_replaces_the_quota_and_a_rollback_brings_it_back(place: Place) -> None:
    stack = resources(place, SYSTEM)
    place.deploy(stack)
    other = deepcopy(stack)
    other["Vision"]["Properties"]["ComputeQuotaTarget"]["TeamName"] = "audio"
    broken = other | {"Broken": manifest_resource({"apiVersion": "v1", "kind": "Nothing"}, DependsOn="Vision")}
    assert place.deploy(broken) == "UPDATE_ROLLBACK_COMPLETE"
    assert 'does not serve the kind "Nothing"' in place.failures()
    assert (place.teams(), ids(place)) == ({"hyperpod-ns-vision"}, ["vision 1"])
    assert place.deploy(other) == "UPDATE_COMPLETE"
    assert (place.teams(), ids(place)) == ({"hyperpod-ns-audio"}, ["vision 1"])
    taken = resources(place, SYSTEM, teams=("vision", "speech"))
    taken["Speech"]["Properties"]["ComputeQuotaTarget"]["TeamName"] = "vision"
    assert place.deploy(taken) == "UPDATE_ROLLBACK_COMPLETE"
    assert place.teams() == {"hyperpod-ns-audio"}
    place.delete()


@pytest.mark.slow
def test_a_quota_whose_replacement_fails_is_created_again(place: Place) -> None:
    stack = resources(place, SYSTEM)
    place.deploy(stack)
    api().create(NAMESPACE, "", {"metadata": {"name": "hyperpod-ns-audio"}})
    stack["Vision"]["Properties"]["ComputeQuotaTarget"]["TeamName"] = "audio"
    assert place.deploy(stack) == "UPDATE_ROLLBACK_COMPLETE"
    assert "the namespace hyperpod-ns-audio already exists" in place.failures()
    assert ids(place) == ["vision 1"]
    assert place.teams() == {"hyperpod-ns-audio", "hyperpod-ns-vision"}
    place.delete()


@pytest.mark.slow
def test_a_failed_creation_leaves_nothing(place: Place) -> None:
    stack = resources(place, SYSTEM)
    del stack["Governance"], stack["Schedule"]["DependsOn"]
    assert place.deploy(stack) == "ROLLBACK_COMPLETE"
    assert "ClusterSchedulerConfig CreateFailed: the EKS cluster kube lacks the add-on" in place.failures()
    assert place.sagemaker.list_clusters()["ClusterSummaries"] == place.eks.list_clusters()["clusters"] == []
    assert ids(place) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"InstanceCount": "many"}, "Invalid type for parameter InstanceGroups"),
        ({"Colour": "red"}, 'Unknown parameter in InstanceGroups.*"Colour"'),
        ({"LifeCycleConfig": {"SourceS3Uri": "s3://sagemaker-scripts/x", "OnCreate": "none"}}, "was not found"),
    ],
)
def test_a_wrong_group_fails_the_stack(place: Place, members: dict[str, Any], message: str) -> None:
    assert place.deploy(resources(place, SYSTEM | members, teams=())) == "ROLLBACK_COMPLETE"
    assert re.search(f"^Cluster: .*{message}", place.failures(), re.MULTILINE)
    assert place.sagemaker.list_clusters()["ClusterSummaries"] == []


@pytest.mark.slow
def test_a_wrong_update_changes_no_group(place: Place) -> None:
    place.deploy(resources(place, SYSTEM))
    nodes = place.nodes()
    missing = {"LifeCycleConfig": {"SourceS3Uri": "s3://sagemaker-scripts/x", "OnCreate": "none"}}
    assert place.deploy(resources(place, SYSTEM | missing | {"InstanceCount": 1})) == "UPDATE_ROLLBACK_COMPLETE"
    described = place.sagemaker.describe_cluster(ClusterName="training")
    assert (described["ClusterStatus"], place.nodes()) == ("InService", nodes)
    assert described["InstanceGroups"][0]["LifeCycleConfig"] == SYSTEM["LifeCycleConfig"]


@pytest.mark.slow
def test_the_objects_of_a_team_live_in_the_namespace_of_its_quota(place: Place) -> None:
    team = Team(
        team_name="vision",
        quota=[QuotaResource(instance_type="ml.p5.48xlarge", count=1)],
        cap=Cap(instances={"ml.p5.48xlarge": 2}),
        roles=["arn:aws:iam::123456789012:role/vision"],
    )
    shared = {f"Shared{number}": manifest_resource(item) for number, item in enumerate(cluster_objects())}
    own = {
        f"Team{number}": manifest_resource(item, DependsOn="Vision") for number, item in enumerate(team_objects(team))
    }
    assert place.deploy(resources(place) | shared | own) == "CREATE_COMPLETE"
    (cap,) = place.objects("ResourceQuota").values()
    assert cap["metadata"]["namespace"] == "hyperpod-ns-vision"
    assert (cap["spec"]["hard"]["requests.nvidia.com/gpu"], cap["status"]["used"]["requests.nvidia.com/gpu"]) == (
        "16",
        "0",
    )
    assert {"base", "elastic"} <= {*place.objects("PriorityClass")}
    assert place.deploy(resources(place, teams=())) == "UPDATE_COMPLETE"
    assert (place.objects("ResourceQuota"), place.teams()) == ({}, set())
