"""Requests for HyperPod clusters that SageMaker refuses."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from fairlane_local import LocalAws
from tests.fairlane_local.hyperpod.support import BUCKET, ROLE, Json, Place, group

pytestmark = pytest.mark.slow
SPOT: Json = {"CapacityRequirements": {"Spot": {}}}
PLAN = "arn:aws:sagemaker:us-east-1:123456789012:training-plan/july"


@pytest.fixture(scope="module")
def kubernetes() -> Iterator[tuple[Place, str]]:
    """Return a local AWS with an EKS cluster and no HyperPod cluster, and the ARN of the EKS cluster."""
    with LocalAws() as aws:
        place = Place(aws)
        yield place, place.create_kubernetes()


def scripts(**members: str) -> dict[str, Any]:
    return {"LifeCycleConfig": {"SourceS3Uri": f"s3://{BUCKET}/training", **members}}


def volume(**members: Any) -> dict[str, Any]:
    return {"InstanceStorageConfigs": [{"EbsVolumeConfig": members}]}


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"InstanceType": "ml.p9.large"}, "'ml.p9.large' at 'instanceGroups.1.member.instanceType' .* enum value set"),
        ({"InstanceCount": 6759}, "less than or equal to 6758"),
        ({"InstanceGroupName": "-a"}, "regular expression pattern"),
        ({"LifeCycleConfig": None}, "Instance group g: LifeCycleConfig is required"),
        (scripts(OnCreate="a.sh", OnInitComplete="b.sh"), "exactly one of OnCreate and OnInitComplete"),
        (scripts(), "exactly one of OnCreate and OnInitComplete"),
        (scripts(SourceS3Uri="s3://my-bucket/x", OnCreate="a.sh"), "does not start with 's3://sagemaker-'"),
        ({"InstanceType": None}, "exactly one of InstanceType and InstanceRequirements"),
        ({"InstanceRequirements": {"InstanceTypes": ["ml.g5.xlarge"]}}, "exactly one of InstanceType"),
        ({"MinInstanceCount": 2}, "MinInstanceCount is greater"),
        ({"CapacityRequirements": {"Spot": {}, "OnDemand": {}}}, "one of Spot and OnDemand"),
        ({"TrainingPlanArn": PLAN, **SPOT}, "a training plan cannot be used with Spot"),
        (volume(RootVolume=True, VolumeSizeInGB=100, VolumeKmsKeyId="k"), "a root volume must have VolumeKmsKeyId"),
        (volume(RootVolume=True), "a root volume must have VolumeKmsKeyId"),
        (volume(RootVolume=False), "must have VolumeSizeInGB"),
    ],
)
def test_wrong_groups_are_refused(kubernetes: tuple[Place, str], members: dict[str, Any], message: str) -> None:
    place, arn = kubernetes
    request = place.request(arn, group("g", "ml.g5.xlarge", 1, **members))
    with pytest.raises(ClientError, match=message) as caught:
        place.sagemaker.create_cluster(**request)
    assert caught.value.response["Error"]["Code"] == "ValidationException"
    assert place.sagemaker.list_clusters()["ClusterSummaries"] == []


KARPENTER = {"AutoScaling": {"Mode": "Enable", "AutoScalerType": "Karpenter"}}


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"VpcConfig": None}, "VpcConfig is required"),
        ({"InstanceGroups": None}, "at least one instance group"),
        ({"InstanceGroups": [group("a", "ml.g5.xlarge", 1)] * 2}, "name a is used 2 times"),
        ({**KARPENTER, "ClusterRole": ROLE}, "requires NodeProvisioningMode Continuous"),
        ({**KARPENTER, "NodeProvisioningMode": "Continuous"}, "requires ClusterRole"),
        ({**KARPENTER, "ClusterRole": ROLE, "NodeRecovery": "None"}, "requires NodeRecovery Automatic"),
        ({"ClusterRole": ROLE}, "ClusterRole is supported only with AutoScaling"),
        ({"Orchestrator": None}, "orchestrator Eks only"),
    ],
)
def test_wrong_clusters_are_refused(kubernetes: tuple[Place, str], members: dict[str, Any], message: str) -> None:
    place, arn = kubernetes
    request = place.request(arn) | members
    with pytest.raises(ClientError, match=message):
        place.sagemaker.create_cluster(**{name: value for name, value in request.items() if value is not None})
    assert place.sagemaker.list_clusters()["ClusterSummaries"] == []
