"""HyperPod clusters by the SageMaker API."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from fairlane.cli import main
from fairlane_local import LocalAws
from tests.fairlane_local.hyperpod.support import BUCKET, ROLE, Json, Place, group

pytestmark = pytest.mark.slow
SPOT: Json = {"CapacityRequirements": {"Spot": {}}}
TAINT = {"Key": "team", "Value": "vision", "Effect": "NoSchedule"}


def test_a_cluster_has_the_nodes_of_its_groups(place: Place) -> None:
    p5 = group(
        "p5", "ml.p5.48xlarge", 1, MinInstanceCount=1, KubernetesConfig={"Labels": {"a": "b"}, "Taints": [TAINT]}
    )
    several = group(
        "g", "", 1, InstanceType=None, InstanceRequirements={"InstanceTypes": ["ml.g5.xlarge", "ml.g6.xlarge"]}, **SPOT
    )
    settings = {"NodeProvisioningMode": "Continuous", "ClusterRole": ROLE}
    request = place.request(
        place.create_kubernetes(),
        p5,
        several,
        AutoScaling={"Mode": "Enable", "AutoScalerType": "Karpenter"},
        **settings,
    )
    arn = place.sagemaker.create_cluster(**request)["ClusterArn"]
    described = place.sagemaker.describe_cluster(ClusterName=arn)
    assert (described["ClusterStatus"], described["ClusterName"]) == ("InService", "training")
    assert described["AutoScaling"] == {"Mode": "Enable", "AutoScalerType": "Karpenter", "Status": "InService"}
    assert described["Orchestrator"] == request["Orchestrator"]
    first, second = described["InstanceGroups"]
    assert (first["CurrentCount"], first["TargetCount"], first["MinCount"]) == (1, 1, 1)
    assert first["KubernetesConfig"]["CurrentTaints"] == [TAINT]
    assert second["InstanceRequirements"]["CurrentInstanceTypes"] == ["ml.g5.xlarge", "ml.g6.xlarge"]
    by_group = {}
    for node_id in place.nodes():
        node = place.sagemaker.describe_cluster_node(ClusterName="training", NodeId=node_id)["NodeDetails"]
        by_group[node["InstanceGroupName"]] = node
        by_logical_id = place.sagemaker.describe_cluster_node(
            ClusterName="training", NodeLogicalId=node["NodeLogicalId"]
        )
        assert by_logical_id["NodeDetails"] == node
    assert by_group["p5"]["InstanceStatus"] == {"Status": "Running"}
    assert by_group["p5"]["KubernetesConfig"]["CurrentLabels"] == {"a": "b"}
    assert by_group["p5"]["Placement"]["AvailabilityZone"].startswith("us-east-1")
    assert (by_group["g"]["InstanceType"], by_group["g"]["CapacityType"]) == ("ml.g5.xlarge", "Spot")
    (node,) = (node for node in place.objects("Node").values() if node["metadata"]["labels"].get("a") == "b")
    assert node["metadata"]["name"] == f"hyperpod-{by_group['p5']['InstanceId']}"
    assert node["metadata"]["labels"]["node.kubernetes.io/instance-type"] == "ml.p5.48xlarge"
    assert node["spec"]["taints"] == [{"key": "team", "value": "vision", "effect": "NoSchedule"}]
    assert {key: node["status"]["capacity"][key] for key in ("cpu", "nvidia.com/gpu", "vpc.amazonaws.com/efa")} == {
        "cpu": "192",
        "nvidia.com/gpu": "8",
        "vpc.amazonaws.com/efa": "32",
    }


def test_an_eks_cluster_must_exist_with_access_entries_and_without_another_cluster(place: Place) -> None:
    arn = place.create_kubernetes()
    old = place.create_kubernetes("old", "CONFIG_MAP", [])
    other_region = arn.replace("us-east-1", "eu-west-1")
    for wrong, message in (
        (arn.replace("kube", "none"), "No cluster found for name: none"),
        (other_region, "is not in the account and Region"),
        (old, "must have authentication mode API"),
    ):
        with pytest.raises(ClientError, match=message):
            place.sagemaker.create_cluster(**place.request(wrong))
    place.sagemaker.create_cluster(**place.request(arn))
    with pytest.raises(place.sagemaker.exceptions.ResourceInUse, match="training already exists"):
        place.sagemaker.create_cluster(**place.request(arn))
    with pytest.raises(ClientError, match="is the orchestrator of training already"):
        place.sagemaker.create_cluster(**place.request(arn) | {"ClusterName": "second"})


def test_a_cluster_without_its_script_fails(place: Place) -> None:
    script = {"SourceS3Uri": f"s3://{BUCKET}/training", "OnCreate": "none.sh"}
    request = place.request(place.create_kubernetes(), group("g", "ml.g5.xlarge", 1, LifeCycleConfig=script))
    place.sagemaker.create_cluster(**request)
    described = place.sagemaker.describe_cluster(ClusterName="training")
    assert described["ClusterStatus"] == "Failed"
    assert "s3://sagemaker-scripts/training/none.sh was not found" in described["FailureMessage"]
    assert place.nodes() == []
    place.s3.put_object(Bucket=BUCKET, Key="training/none.sh", Body=b"")
    place.sagemaker.update_cluster(ClusterName="training", InstanceGroups=request["InstanceGroups"])
    assert place.sagemaker.describe_cluster(ClusterName="training")["ClusterStatus"] == "InService"
    assert len(place.nodes()) == 1


def test_an_update_keeps_the_oldest_nodes_and_the_groups_that_it_does_not_send(place: Place) -> None:
    first, second = group("a", "ml.g5.xlarge", 3), group("b", "ml.g5.xlarge", 1)
    place.sagemaker.create_cluster(**place.request(place.create_kubernetes(), first, second))
    update: Callable[..., Any] = lambda **members: place.sagemaker.update_cluster(ClusterName="training", **members)  # noqa: E731
    before, kept = place.nodes("a"), place.nodes("b")
    update(InstanceGroups=[first | {"InstanceCount": 2}])
    assert place.nodes("a") == before[:2]
    update(InstanceGroups=[first | {"InstanceCount": 4}, group("c", "ml.m5.large", 1)])
    assert place.nodes("a")[:2] == before[:2]
    assert (len(place.nodes("a")), len(place.nodes("c")), place.nodes("b")) == (4, 1, kept)
    update(InstanceGroups=[first | {"InstanceType": "ml.g6.xlarge", "InstanceCount": 1}], InstanceGroupsToDelete=["c"])
    assert place.nodes("a")[0] not in before
    assert place.nodes("c") == []
    assert {name.removeprefix("hyperpod-") for name in place.objects("Node")} == {*place.nodes()}
    labels = {"KubernetesConfig": {"Labels": {"a": "new"}}}
    update(InstanceGroups=[second | labels])
    assert place.objects("Node")[f"hyperpod-{kept[0]}"]["metadata"]["labels"]["a"] == "new"
    for members, message in (
        ({"InstanceGroupsToDelete": ["none"]}, "none do not exist"),
        ({"InstanceGroupsToDelete": ["a", "b"]}, "at least one instance group"),
        ({"InstanceGroups": [first, first]}, "must be unique"),
        (
            {"Orchestrator": {"Eks": {"ClusterArn": place.create_kubernetes("other")}}},
            "orchestrator .* cannot be changed",
        ),
    ):
        with pytest.raises(ClientError, match=message):
            update(**members)
    assert place.nodes("b") == kept


def test_lists_come_in_pages(place: Place) -> None:
    place.sagemaker.create_cluster(**place.request(place.create_kubernetes(), group("a", "ml.g5.xlarge", 5)))
    for name in ("alpha", "beta"):
        arn = place.create_kubernetes(name)
        place.sagemaker.create_cluster(**place.request(arn) | {"ClusterName": name})
    pages = list(place.sagemaker.get_paginator("list_cluster_nodes").paginate(ClusterName="training", MaxResults=2))
    assert [len(page["ClusterNodeSummaries"]) for page in pages] == [2, 2, 1]
    listed = place.sagemaker.list_clusters(SortBy="NAME", SortOrder="Descending", NameContains="a")["ClusterSummaries"]
    assert [cluster["ClusterName"] for cluster in listed] == ["training", "beta", "alpha"]
    assert place.sagemaker.list_clusters(CreationTimeAfter=4e9)["ClusterSummaries"] == []


def test_a_deleted_cluster_takes_its_nodes_with_it(place: Place) -> None:
    arn = place.create_cluster()
    place.sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "team", "Value": "research"}])
    assert place.sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "team", "Value": "research"}]
    place.sagemaker.delete_cluster(ClusterName=arn)
    assert place.objects("Node") == {}
    for call in (place.sagemaker.describe_cluster, place.sagemaker.delete_cluster, place.sagemaker.list_cluster_nodes):
        with pytest.raises(place.sagemaker.exceptions.ResourceNotFound):
            call(ClusterName="training")
    with pytest.raises(ClientError, match="does not exist"):
        place.sagemaker.list_tags(ResourceArn=arn)


def test_a_cluster_has_no_events(place: Place) -> None:
    place.create_cluster()
    assert place.sagemaker.list_cluster_events(ClusterName="training")["Events"] == []
    event = "12345678-1234-1234-1234-123456789012"
    with pytest.raises(ClientError, match=f"Event {event} does not exist in the cluster training"):
        place.sagemaker.describe_cluster_event(ClusterName="training", EventId=event)
    with pytest.raises(ClientError, match="Cluster with name other does not exist"):
        place.sagemaker.list_cluster_events(ClusterName="other")


def test_an_operation_that_is_not_supported_is_refused_in_plain_words(place: Place) -> None:
    place.create_cluster()
    with pytest.raises(ClientError, match="the local AWS does not support BatchRebootClusterNodes"):
        place.sagemaker.batch_reboot_cluster_nodes(ClusterName="training", NodeIds=place.nodes())


def test_an_update_fails_after_the_kubernetes_cluster_is_gone(place: Place) -> None:
    place.create_cluster()
    place.eks.delete_cluster(name="kube")
    place.sagemaker.update_cluster(ClusterName="training", InstanceGroups=[group("system", "ml.m5.2xlarge", 3)])
    described = place.sagemaker.describe_cluster(ClusterName="training")
    assert (described["ClusterStatus"], "no EKS cluster kube" in described["FailureMessage"]) == ("Failed", True)
    place.sagemaker.delete_cluster(ClusterName="training")


def test_the_status_lists_the_clusters(
    place: Place, aws: LocalAws, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    place.create_cluster()
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["local", "status", "--port", str(aws.port)]) == 0
    output = capsys.readouterr().out
    assert "\nHyperPod cluster training in us-east-1\n" in output
    assert "no job queues" not in output
