from dataclasses import replace
from pathlib import Path
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_kms as kms
from botocore.session import get_session
from botocore.validate import ParamValidator

from fairlane import Purchase
from fairlane.hyperpod import (
    DeepHealthCheck,
    InstanceGroup,
    NetworkInterface,
    PatchingStrategy,
    Taint,
    Volume,
)
from tests.fairlane.hyperpod.clusters import (
    CLUSTER,
    KEY,
    P5,
    PLAN,
    POOL,
    SYSTEM,
    Resources,
    cluster,
    full,
    new_stack,
    properties,
)
from tests.support import template_of


def without_references(value: Any) -> Any:
    match value:
        case {"Ref": _} | {"Fn::GetAtt": _} | {"Fn::Join": _}:
            return "arn:aws:iam::111122223333:role/some"
        case dict():
            return {key: without_references(each) for key, each in value.items()}
        case list():
            return [without_references(each) for each in value]
        case _:
            return value


def test_a_cluster_has_continuous_provisioning_recovery_and_the_tag_of_hyperpod() -> None:
    created = full().only(CLUSTER)
    assert created["ClusterName"] == "training"
    assert (created["NodeProvisioningMode"], created["NodeRecovery"]) == ("Continuous", "Automatic")
    assert {"Key": "SageMaker", "Value": "true"} in created["Tags"]
    assert {"Key": "team", "Value": "research"} in created["Tags"]
    (kubernetes,) = full().ids("AWS::EKS::Cluster")
    assert created["Orchestrator"] == {"Eks": {"ClusterArn": {"Fn::GetAtt": [kubernetes, "Arn"]}}}


def test_without_node_pools_there_is_no_karpenter() -> None:
    assert properties().keys().isdisjoint({"AutoScaling", "ClusterRole"})


def test_recovery_and_continuous_provisioning_can_be_off() -> None:
    created = properties(node_recovery=False, continuous_provisioning=False)
    assert created["NodeRecovery"] == "None"
    assert "NodeProvisioningMode" not in created


def test_a_group_that_karpenter_scales_starts_in_the_zone_of_the_first_subnet() -> None:
    system, p5 = full().only(CLUSTER)["InstanceGroups"]
    assert "OverrideVpcConfig" not in system
    assert p5["OverrideVpcConfig"]["Subnets"] == full().only(CLUSTER)["VpcConfig"]["Subnets"][:1]


def test_scripts_are_in_an_encrypted_bucket_that_sagemaker_accepts() -> None:
    resources = full()
    (bucket,) = resources.ids("AWS::S3::Bucket")
    created = resources.only("AWS::S3::Bucket")
    assert created["BucketName"].startswith("sagemaker-111122223333-us-east-1-")
    rule = created["BucketEncryption"]["ServerSideEncryptionConfiguration"][0]
    assert rule["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": KEY}
    assert resources.by_id[bucket]["DeletionPolicy"] == "Retain"
    deployed = resources.only("Custom::CDKBucketDeployment")
    assert (deployed["DestinationBucketName"], deployed["DestinationBucketKeyPrefix"]) == ({"Ref": bucket}, "training/")
    for group in resources.only(CLUSTER)["InstanceGroups"]:
        assert group["LifeCycleConfig"] == {
            "SourceS3Uri": {"Fn::Join": ["", ["s3://", {"Ref": bucket}, "/training"]]},
            "OnInitComplete": "fairlane_init.sh",
        }


def test_scripts_can_be_the_users_own_in_an_existing_bucket(tmp_path: Path) -> None:
    for name in ("mount.sh", "bootstrap.sh"):
        (tmp_path / name).write_text("#!/bin/bash\n")
    stack = new_stack()
    groups = [replace(SYSTEM, init_script="mount.sh"), replace(P5, lifecycle_script="bootstrap.sh")]
    cluster(stack, instance_groups=groups, lifecycle_scripts=str(tmp_path), lifecycle_bucket="sagemaker-scripts")
    resources = Resources(template_of(stack))
    assert resources.ids("AWS::S3::Bucket") == []
    uri = "s3://sagemaker-scripts/training"
    assert [group["LifeCycleConfig"] for group in resources.only(CLUSTER)["InstanceGroups"]] == [
        {"SourceS3Uri": uri, "OnInitComplete": "mount.sh"},
        {"SourceS3Uri": uri, "OnCreate": "bootstrap.sh"},
    ]
    assert len(resources.only("Custom::CDKBucketDeployment")["SourceObjectKeys"]) == 2


def test_two_clusters_have_two_buckets() -> None:
    stack = new_stack()
    for name in ("one", "two"):
        cluster(stack, name, cluster_name=name)
    resources = Resources(template_of(stack))
    names = [resources.by_id[each]["Properties"]["BucketName"] for each in resources.ids("AWS::S3::Bucket")]
    assert len({*names}) == 2


def test_all_settings_of_a_group_reach_the_template() -> None:
    group = InstanceGroup(
        group_name="gpu",
        instance_types=["ml.p5.48xlarge", "ml.p5en.48xlarge"],
        instance_count=8,
        min_instance_count=4,
        deep_health_checks=[DeepHealthCheck.INSTANCE_STRESS],
        labels={"fairlane.dev/pool": "gpu"},
        network_interface=NetworkInterface.EFA_ONLY,
        root_volume=Volume(encryption_key=KEY),
        data_volume=Volume(size_gib=500),
        threads_per_core=2,
        patching=PatchingStrategy.WHEN_IDLE,
        image_release="1.2.3",
        subnets=["subnet-0123456789abcdef0"],
        security_groups=["sg-0123456789abcdef0"],
    )
    created = properties(instance_groups=[SYSTEM, group])["InstanceGroups"][1]
    assert created | {"ExecutionRole": None, "LifeCycleConfig": None} == {
        "InstanceGroupName": "gpu",
        "ExecutionRole": None,
        "LifeCycleConfig": None,
        "InstanceRequirements": {"InstanceTypes": ["ml.p5.48xlarge", "ml.p5en.48xlarge"]},
        "InstanceCount": 8,
        "MinInstanceCount": 4,
        "CapacityRequirements": {"OnDemand": {}},
        "OnStartDeepHealthChecks": ["InstanceStress"],
        "KubernetesConfig": {"Labels": {"fairlane.dev/pool": "gpu"}},
        "NetworkInterface": {"InterfaceType": "efa-only"},
        "InstanceStorageConfigs": [
            {"EbsVolumeConfig": {"RootVolume": True, "VolumeKmsKeyId": KEY}},
            {"EbsVolumeConfig": {"VolumeSizeInGB": 500}},
        ],
        "ThreadsPerCore": 2,
        "AutoPatchConfig": {"PatchingStrategy": "WhenIdle"},
        "ImageReleaseVersion": "1.2.3",
        "OverrideVpcConfig": {
            "SecurityGroupIds": ["sg-0123456789abcdef0"],
            "Subnets": ["subnet-0123456789abcdef0"],
        },
    }


def test_groups_by_training_plan_on_spot_and_with_taints() -> None:
    plan = replace(P5, group_name="plan", instance_count=4, training_plan=PLAN)
    spot = replace(P5, group_name="spot", purchase=Purchase.SPOT, taints=[Taint(key="nvidia.com/gpu", value="true")])
    _, reserved, cheap = properties(instance_groups=[SYSTEM, plan, spot])["InstanceGroups"]
    assert reserved["TrainingPlanArn"] == PLAN
    assert "CapacityRequirements" not in reserved
    assert cheap["CapacityRequirements"] == {"Spot": {}}
    assert cheap["KubernetesConfig"] == {"Taints": [{"Key": "nvidia.com/gpu", "Value": "true", "Effect": "NoSchedule"}]}


def test_the_cluster_passes_the_validation_of_the_api() -> None:
    groups = [
        replace(P5, group_name="plan", training_plan=PLAN, data_volume=Volume(size_gib=10)),
        replace(P5, group_name="spot", purchase=Purchase.SPOT, taints=[Taint(key="a")], threads_per_core=2),
        replace(P5, group_name="rest", network_interface=NetworkInterface.EFA, patching=PatchingStrategy.WHEN_ALL_IDLE),
    ]
    created = properties(instance_groups=[SYSTEM, P5, *groups], node_pools=[POOL])
    request = get_session().get_service_model("sagemaker").operation_model("CreateCluster").input_shape
    assert ParamValidator().validate(without_references(created), request).generate_report() == ""


def test_a_release_of_the_image_passes_the_older_schemas_of_the_cdk() -> None:
    stack = new_stack()
    created = cluster(stack, instance_groups=[replace(SYSTEM, image_release="1.2.3")])
    key = cdk.Validations.ACKNOWLEDGED_RULES_METADATA_KEY
    acknowledged = [str(entry.data) for entry in created.cluster.node.metadata if entry.type == key]
    assert any("F3002" in text for text in acknowledged)


def test_a_cluster_in_a_vpc_of_the_cdk_without_a_region() -> None:
    stack = cdk.Stack(cdk.App(context={"aws:cdk:disable-asset-staging": True}), "Stack")
    vpc = ec2.Vpc(stack, "Vpc", max_azs=2)
    cluster(stack, vpc=vpc, subnets=vpc.private_subnets[:1], instance_groups=[SYSTEM, P5], node_pools=[POOL])
    resources = Resources(template_of(stack))
    assert len(resources.only(CLUSTER)["VpcConfig"]["Subnets"]) == 1
    assert len(resources.only("AWS::EKS::Cluster")["ResourcesVpcConfig"]["SubnetIds"]) == 2


def test_the_key_of_the_app_is_used() -> None:
    stack = new_stack()
    key = kms.Key(stack, "Key")
    cluster(stack, encryption_key=key)
    resources = Resources(template_of(stack))
    (logical_id,) = resources.ids("AWS::KMS::Key")
    provider = resources.only("AWS::EKS::Cluster")["EncryptionConfig"][0]["Provider"]
    assert provider == {"KeyArn": {"Fn::GetAtt": [logical_id, "Arn"]}}


def test_imported_subnets_have_no_known_zone() -> None:
    stack = new_stack()
    names = ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"]
    subnets = [ec2.Subnet.from_subnet_id(stack, name, name) for name in names]
    cluster(stack, subnets=subnets, instance_groups=[SYSTEM, P5], node_pools=[POOL])
    created = Resources(template_of(stack)).only(CLUSTER)
    assert created["VpcConfig"]["Subnets"] == names
    assert created["InstanceGroups"][1]["OverrideVpcConfig"]["Subnets"] == names[:1]
