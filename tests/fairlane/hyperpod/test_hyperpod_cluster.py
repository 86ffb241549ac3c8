import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_eks_v2 as eks
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk.assertions import Annotations, Match
from botocore.session import get_session
from botocore.validate import ParamValidator
from cdk_nag import AwsSolutionsChecks

from fairlane import Purchase, TrainingVpc
from fairlane.hyperpod import (
    DeepHealthCheck,
    InstanceGroup,
    NetworkInterface,
    NodePool,
    PatchingStrategy,
    Taint,
    Volume,
)
from fairlane.hyperpod.cluster_rules import ADD_ONS
from tests import cfn_lint
from tests.cloudformation_updates import update_of
from tests.fairlane.hyperpod.clusters import (
    CHART,
    KEY,
    P5,
    PLAN,
    POOL,
    SYSTEM,
    US_EAST_1,
    WORKSPACE,
    Resources,
    cluster,
    full,
    new_stack,
)
from tests.support import problems_of, recommended_flags, template_of

CLUSTER = "AWS::SageMaker::Cluster"


def properties(**settings: Any) -> dict[str, Any]:
    stack = new_stack()
    cluster(stack, **settings)
    return Resources(template_of(stack)).only(CLUSTER)


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


def warnings(stack: cdk.Stack) -> list[str]:
    return [str(entry.entry.data) for entry in Annotations.from_stack(stack).find_warning("*", Match.any_value())]


def existing(stack: cdk.Stack, **attributes: Any) -> eks.ICluster:
    provider = eks.KubectlProvider.from_kubectl_provider_attributes(
        stack,
        "Provider",
        service_token="arn:aws:lambda:us-east-1:111122223333:function:kubectl",
        role=cdk.aws_iam.Role.from_role_arn(stack, "Handler", "arn:aws:iam::111122223333:role/kubectl"),
    )
    known = {"kubectl_provider": provider, "cluster_security_group_id": "sg-0123456789abcdef0"} | attributes
    return eks.Cluster.from_cluster_attributes(stack, "Known", cluster_name="shared", **known)


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


def test_the_own_kubernetes_cluster_is_private_without_nodes_and_without_hidden_administrators() -> None:
    created = full().only("AWS::EKS::Cluster")
    assert created["AccessConfig"] == {
        "AuthenticationMode": "API",
        "BootstrapClusterCreatorAdminPermissions": False,
    }
    assert created["ResourcesVpcConfig"]["EndpointPublicAccess"] is False
    assert (created["Name"], created["Version"]) == ("training", "1.34")
    assert created["ComputeConfig"] == {"Enabled": False}
    assert len(created["Logging"]["ClusterLogging"]["EnabledTypes"]) == len(eks.ClusterLoggingTypes)
    assert created["EncryptionConfig"] == [{"Provider": {"KeyArn": KEY}, "Resources": ["secrets"]}]
    assert full().ids("AWS::EKS::Nodegroup") == []


def test_chart_cluster_and_add_ons_are_created_in_order() -> None:
    resources = full()
    (nodes,), (chart,) = resources.ids(CLUSTER), resources.ids("Custom::AWSCDK-EKS-HelmChart")
    (scripts,) = resources.ids("Custom::CDKBucketDeployment")
    assert {chart, scripts, *resources.ids("AWS::EC2::Route")} <= resources.come_after(nodes)
    by_name = {resources.by_id[each]["Properties"]["AddonName"]: each for each in resources.ids("AWS::EKS::Addon")}
    assert by_name.keys() == set(ADD_ONS)
    for index, name in enumerate(ADD_ONS):
        earlier = {nodes, *(by_name[each] for each in ADD_ONS[:index])}
        assert resources.come_after(by_name[name]) & {nodes, *by_name.values()} == earlier


def test_kubectl_reaches_the_cluster_until_its_last_object_is_deleted() -> None:
    resources = full()
    for manifest in resources.ids("Custom::AWSCDK-EKS-KubernetesResource"):
        assert {*resources.ids("AWS::EC2::Route")} <= resources.come_after(manifest)


def test_the_operator_has_a_version_for_elastic_jobs_and_an_identity_of_its_own() -> None:
    resources = full()
    add_ons = [resources.by_id[each]["Properties"] for each in resources.ids("AWS::EKS::Addon")]
    assert not any("PodIdentityAssociations" in add_on for add_on in add_ons)
    versions = {add_on["AddonName"]: add_on.get("AddonVersion") for add_on in add_ons}
    assert versions["amazon-sagemaker-hyperpod-training-operator"] == "v1.2.1-eksbuild.1"
    assert [version for version in versions.values() if version] == ["v1.2.1-eksbuild.1"]
    identities = [resources.by_id[each]["Properties"] for each in resources.ids("AWS::EKS::PodIdentityAssociation")]
    assert {(each["Namespace"], each["ServiceAccount"]) for each in identities} == {
        ("aws-hyperpod", "hp-training-operator-controller-manager"),
        ("hyperpod-observability", "hyperpod-observability-operator-otel-collector"),
    }


def test_pods_assume_their_role_only_from_this_kubernetes_cluster() -> None:
    resources = full()
    (kubernetes,) = resources.ids("AWS::EKS::Cluster")
    for logical_id in resources.ids("AWS::EKS::PodIdentityAssociation"):
        role = resources.by_id[resources.by_id[logical_id]["Properties"]["RoleArn"]["Fn::GetAtt"][0]]["Properties"]
        statements = role["AssumeRolePolicyDocument"]["Statement"]
        assert {each["Action"] for each in statements} == {"sts:AssumeRole", "sts:TagSession"}
        for each in statements:
            assert each["Condition"]["StringEquals"]["aws:SourceArn"] == {"Fn::GetAtt": [kubernetes, "Arn"]}


def test_observability_collects_training_governance_and_scaling() -> None:
    resources = full()
    (text,) = (
        entry["ConfigurationValues"]
        for each in resources.ids("AWS::EKS::Addon")
        if "ConfigurationValues" in (entry := resources.by_id[each]["Properties"])
    )
    parts = text["Fn::Join"][1]
    configuration = json.loads("".join(part if isinstance(part, str) else "amazonaws.com" for part in parts))
    assert configuration["ampWorkspace"] == {
        "arn": WORKSPACE,
        "prometheusEndpoint": "https://aps-workspaces.us-east-1.amazonaws.com/workspaces/ws-01234567/",
    }
    assert {name: entry["level"] for name, entry in configuration["metricsProvider"].items()} == {
        "trainingMetrics": "BASIC",
        "taskGovernanceMetrics": "BASIC",
        "scalingMetrics": "BASIC",
    }


def test_without_a_workspace_there_is_no_observability() -> None:
    stack = new_stack()
    created = cluster(stack, add_on_versions={"cert-manager": "v1.18.2-eksbuild.2"})
    assert list(created.add_ons) == list(ADD_ONS[:3])
    add_ons = Resources(template_of(stack)).by_id.values()
    assert [entry["Properties"].get("AddonVersion") for entry in add_ons if entry["Type"] == "AWS::EKS::Addon"] == [
        None,
        "v1.18.2-eksbuild.2",
        "v1.2.1-eksbuild.1",
    ]


def test_a_dependant_comes_after_all_add_ons() -> None:
    stack = new_stack()
    created = cluster(stack)
    parameter = cdk.CfnParameter(stack, "Unused")
    dependant = cdk.CfnResource(stack, "Dependant", type="AWS::SNS::Topic", properties={"TopicName": parameter.node.id})
    created.add_dependant(dependant)
    resources = Resources(template_of(stack))
    assert {*resources.ids("AWS::EKS::Addon"), *resources.ids(CLUSTER)} <= resources.come_after("Dependant")


def test_karpenter_gets_a_class_and_a_pool_with_limits_in_manifests_of_their_own() -> None:
    resources = full()
    created = resources.only(CLUSTER)
    assert created["AutoScaling"] == {"Mode": "Enable", "AutoScalerType": "Karpenter"}
    manifests = [
        (logical_id, json.loads(resources.by_id[logical_id]["Properties"]["Manifest"]))
        for logical_id in resources.ids("Custom::AWSCDK-EKS-KubernetesResource")
    ]
    (class_id, [node_class]), (pool_id, [pool]) = manifests
    assert (node_class["kind"], node_class["spec"]) == ("HyperpodNodeClass", {"instanceGroups": ["p5"]})
    assert pool["spec"]["limits"] == {"nvidia.com/gpu": "256"}
    assert pool["spec"]["disruption"]["consolidationPolicy"] == "WhenEmpty"
    assert class_id in resources.come_after(pool_id)
    assert {*resources.ids(CLUSTER)} <= resources.come_after(class_id)


def test_the_role_of_karpenter_only_adds_and_deletes_nodes_and_uses_the_keys_of_volumes() -> None:
    stack = new_stack()
    encrypted = replace(P5, root_volume=Volume(encryption_key=KEY))
    cluster(stack, instance_groups=[SYSTEM, encrypted], node_pools=[POOL])
    resources = Resources(template_of(stack))
    role = resources.by_id[resources.only(CLUSTER)["ClusterRole"]["Fn::GetAtt"][0]]["Properties"]
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "hyperpod.sagemaker.amazonaws.com"}
    nodes, key = role["Policies"][0]["PolicyDocument"]["Statement"]
    assert nodes["Action"] == ["sagemaker:BatchAddClusterNodes", "sagemaker:BatchDeleteClusterNodes"]
    assert (key["Resource"], key["Action"]) == (KEY, ["kms:CreateGrant", "kms:DescribeKey"])
    assert key["Condition"]["Bool"] == {"kms:GrantIsForAWSResource": "true"}


def test_a_group_that_karpenter_scales_starts_in_the_zone_of_the_first_subnet() -> None:
    system, p5 = full().only(CLUSTER)["InstanceGroups"]
    assert "OverrideVpcConfig" not in system
    assert p5["OverrideVpcConfig"]["Subnets"] == full().only(CLUSTER)["VpcConfig"]["Subnets"][:1]


def test_the_execution_role_has_no_managed_policy_and_no_access_beyond_its_cluster() -> None:
    resources = full()
    group = resources.only(CLUSTER)["InstanceGroups"][0]
    role = resources.by_id[group["ExecutionRole"]["Fn::GetAtt"][0]]["Properties"]
    assert "ManagedPolicyArns" not in role
    statements = role["Policies"][0]["PolicyDocument"]["Statement"]
    by_action: dict[str, Any] = {}
    for statement in statements:
        for action in [statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"]:
            by_action.setdefault(action, []).append(statement)
    (kubernetes,) = resources.ids("AWS::EKS::Cluster")
    assert by_action["eks-auth:AssumeRoleForPodIdentity"][0]["Resource"] == {"Fn::GetAtt": [kubernetes, "Arn"]}
    assert by_action["kms:Decrypt"][0]["Resource"] == KEY
    assert by_action["s3:GetObject"][0]["Resource"]["Fn::Join"][1][-1] == "/training/*"
    assert by_action["cloudwatch:PutMetricData"][0]["Condition"] == {
        "StringEquals": {"cloudwatch:namespace": "/aws/sagemaker/Clusters"}
    }
    assert json.dumps(by_action["logs:CreateLogGroup"][0]["Resource"]).count(
        "log-group:/aws/sagemaker/Clusters/training/*"
    )
    everywhere = {action for action, found in by_action.items() if any(each["Resource"] == "*" for each in found)}
    assert everywhere == {
        "cloudwatch:PutMetricData",
        "ecr:GetAuthorizationToken",
        *(action for action in by_action if action.startswith(("ec2:Describe", "ssmmessages:"))),
    }


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


def test_nodes_communicate_with_each_other_and_with_kubernetes() -> None:
    resources = full()
    (group,) = full().only(CLUSTER)["VpcConfig"]["SecurityGroupIds"]
    (kubernetes,) = resources.ids("AWS::EKS::Cluster")
    control_plane = {"Fn::GetAtt": [kubernetes, "ClusterSecurityGroupId"]}
    rules = [resources.by_id[each]["Properties"] for each in resources.ids("AWS::EC2::SecurityGroupIngress")]
    pairs = [(rule["GroupId"], rule["SourceSecurityGroupId"]) for rule in rules if rule["IpProtocol"] == "-1"]
    for pair in ((group, group), (group, control_plane), (control_plane, group)):
        assert pair in pairs
    egress = resources.only("AWS::EC2::SecurityGroupEgress")
    assert egress["DestinationSecurityGroupId"] == group


def test_administrators_have_access_entries() -> None:
    resources = full()
    entries = [resources.by_id[each]["Properties"] for each in resources.ids("AWS::EKS::AccessEntry")]
    (admin,) = (entry for entry in entries if entry["PrincipalArn"] == "arn:aws:iam::111122223333:role/Admin")
    (policy,) = admin["AccessPolicies"]
    assert policy["AccessScope"] == {"Type": "cluster"}
    assert "AmazonEKSClusterAdminPolicy" in json.dumps(policy["PolicyArn"])


def test_the_chart_comes_from_a_registry_an_archive_or_a_directory(tmp_path: Path) -> None:
    (tmp_path / "Chart.yaml").write_text("apiVersion: v2\nname: hyperpod-helm-chart\nversion: 0.1.0\n")
    found = []
    for chart in (CHART, "https://example.com/hyperpod-0.1.0.tgz", str(tmp_path)):
        stack = new_stack()
        cluster(stack, chart=chart, chart_values={"mpi-operator": {"enabled": False}})
        found.append(Resources(template_of(stack)).only("Custom::AWSCDK-EKS-HelmChart"))
    registry, archive, directory = found
    assert registry["Repository"] == CHART.removesuffix(":0.1.0")
    assert (registry["Chart"], registry["Version"]) == ("hyperpod-helm-chart", "0.1.0")
    assert archive["Chart"] == "https://example.com/hyperpod-0.1.0.tgz"
    assert directory["ChartAssetURL"].startswith("s3://cdk-")
    assert {each["Namespace"] for each in found} == {"kube-system"}
    assert {each["Values"] for each in found} == {'{"mpi-operator":{"enabled":false}}'}


def test_an_existing_kubernetes_cluster_is_used() -> None:
    stack = new_stack()
    kubernetes = existing(stack)
    created = cluster(
        stack, kubernetes=kubernetes, instance_groups=[P5], existing_add_ons=["eks-pod-identity-agent", "cert-manager"]
    )
    resources = Resources(template_of(stack))
    assert resources.ids("AWS::EKS::Cluster") == []
    assert list(created.add_ons) == ["amazon-sagemaker-hyperpod-training-operator"]
    assert "cluster/shared" in json.dumps(resources.only(CLUSTER)["Orchestrator"])
    assert resources.only("AWS::EKS::Addon")["ClusterName"] == "shared"


def test_an_existing_kubernetes_cluster_without_kubectl_or_of_another_version_is_refused() -> None:
    stack = new_stack()
    bare = eks.Cluster.from_cluster_attributes(stack, "Bare", cluster_name="bare")
    assert problems_of(lambda: cluster(stack, kubernetes=bare)) == [
        "kubernetes: the EKS cluster has no kubectl provider: create it with kubectl_provider_options",
        "kubernetes: the security group is unknown: import the cluster with cluster_security_group_id",
    ]
    layer = lambda_.LayerVersion.from_layer_version_arn(
        stack, "Layer", "arn:aws:lambda:us-east-1:111122223333:layer:kubectl:1"
    )
    old = eks.Cluster(
        stack,
        "Old",
        version=eks.KubernetesVersion.V1_36,
        vpc=TrainingVpc(stack, "Other").vpc,
        vpc_subnets=[ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS)],
        default_capacity_type=eks.DefaultCapacityType.NODEGROUP,
        default_capacity=0,
        kubectl_provider_options=eks.KubectlProviderOptions(kubectl_layer=layer),
    )
    assert problems_of(lambda: cluster(stack, kubernetes=old)) == [
        "kubernetes_version: got '1.36', allowed: an EKS version that HyperPod supports: "
        "1.30, 1.31, 1.32, 1.33, 1.34, 1.35"
    ]


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


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"cluster_name": "other"}, "replacement"),
        ({"subnets": 1}, "replacement"),
        ({"instance_groups": [replace(SYSTEM, instance_count=3)]}, "in place"),
        ({"instance_groups": [SYSTEM, P5]}, "in place"),
        ({"instance_groups": [SYSTEM, P5], "node_pools": [POOL]}, "in place"),
        ({"node_recovery": False}, "in place"),
        ({"tags": {"team": "other"}}, "in place"),
        ({"kubernetes_version": "1.35"}, "none"),
        ({"prometheus_workspace": WORKSPACE}, "none"),
    ],
    ids=str,
)
def test_only_names_networks_and_kubernetes_clusters_replace_the_cluster(
    settings: dict[str, Any], expected: str
) -> None:
    stack = new_stack()
    vpc = TrainingVpc(stack, "Network", nat_gateways=1)
    if "subnets" in settings:
        settings = {"subnets": vpc.vpc.private_subnets[:1]}
    cluster(stack, vpc=vpc, **settings)
    assert update_of(CLUSTER, properties(), Resources(template_of(stack)).only(CLUSTER)) == expected


def test_another_kubernetes_cluster_replaces_the_cluster() -> None:
    stack = new_stack()
    cluster(stack, kubernetes=existing(stack))
    assert update_of(CLUSTER, properties(), Resources(template_of(stack)).only(CLUSTER)) == "replacement"


@pytest.mark.parametrize("flags", [recommended_flags(), {}], ids=["all recommended flags", "no flags"])
def test_cdk_nag_and_cfn_lint_have_no_findings_and_nothing_is_warned_of(flags: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "Chart.yaml").write_text("apiVersion: v2\nname: hyperpod-helm-chart\nversion: 0.1.0\n")
    stack = new_stack(flags)
    encrypted = replace(P5, root_volume=Volume(encryption_key=KEY))
    cluster(
        stack,
        chart=str(tmp_path),
        instance_groups=[SYSTEM, encrypted],
        node_pools=[POOL],
        prometheus_workspace=WORKSPACE,
        encryption_key=KEY,
        admin_roles=["arn:aws:iam::111122223333:role/Admin"],
    )
    app = stack.node.root
    assert isinstance(app, cdk.App)
    cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    app.synth()
    assert cfn_lint.findings(template_of(stack)) == []
    assert warnings(stack) == []


def test_a_name_is_claimed_once() -> None:
    stack = new_stack()
    cluster(stack)
    assert problems_of(lambda: cluster(stack, "Second")) == [
        "cluster_name: Stack/Cluster already has the name 'training': use another name"
    ]


def test_without_a_vpc_or_with_one_zone_there_is_no_cluster() -> None:
    stack = cdk.Stack(cdk.App(), "Stack", env=US_EAST_1)
    assert problems_of(lambda: cluster(stack, vpc=None)) == [
        "vpc: missing; use the VPC of the nodes, because HyperPod on EKS requires one"
    ]
    small = TrainingVpc(stack, "Small", availability_zones=1)
    assert problems_of(lambda: cluster(stack, vpc=small)) == [
        "vpc: an EKS cluster requires private subnets in two zones: use a VPC with more zones"
    ]


def test_all_mistakes_are_reported_at_once() -> None:
    stack = new_stack()
    build = lambda: cluster(  # noqa: E731
        stack,
        cluster_name="-",
        kubernetes_version="1.29",
        instance_groups=[replace(SYSTEM, instance_count=-1), SYSTEM],
        node_pools=[NodePool(pool_name="gpu", instance_groups=["p6"])],
        chart="chart",
        lifecycle_scripts="nowhere",
        encryption_key="key",
        existing_add_ons=["cert-manager"],
    )
    fields = [problem.split(":")[0] for problem in problems_of(build)]
    assert fields == [
        "existing_add_ons",
        "cluster_name",
        "kubernetes_version",
        "instance_groups[0].instance_count",
        "instance_groups[1].group_name",
        "node_pools[0].instance_groups[0]",
        "lifecycle_scripts",
        "chart",
        "encryption_key",
    ]


def test_probable_mistakes_give_warnings() -> None:
    stack = new_stack()
    cluster(
        stack,
        vpc=TrainingVpc(stack, "Closed"),
        instance_groups=[replace(SYSTEM, threads_per_core=1)],
        node_recovery=False,
    )
    found = warnings(stack)
    names = ("threadsPerCore", "noRecovery", "noEndpoints")
    assert [name for name in names if any(f"HyperPodCluster.{name}" in each for each in found)] == [*names]
    assert len(found) == len(names)


def test_an_own_kubernetes_cluster_names_the_package_that_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "aws_cdk.lambda_layer_kubectl_v35", None)
    stack = new_stack()
    with pytest.raises(ImportError, match=r"pip install \"fairlane\[hyperpod\]\""):
        cluster(stack)
    assert stack.node.try_find_child("Cluster") is None
    cluster(stack, "Other", kubernetes=existing(stack))


def test_imported_subnets_have_no_known_zone() -> None:
    stack = new_stack()
    names = ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"]
    subnets = [ec2.Subnet.from_subnet_id(stack, name, name) for name in names]
    cluster(stack, subnets=subnets, instance_groups=[SYSTEM, P5], node_pools=[POOL])
    created = Resources(template_of(stack)).only(CLUSTER)
    assert created["VpcConfig"]["Subnets"] == names
    assert created["InstanceGroups"][1]["OverrideVpcConfig"]["Subnets"] == names[:1]
