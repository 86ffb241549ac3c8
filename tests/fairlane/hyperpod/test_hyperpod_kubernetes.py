import json
from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_eks_v2 as eks

from fairlane.hyperpod.cluster_rules import ADD_ONS
from tests.fairlane.hyperpod.clusters import (
    CHART,
    CLUSTER,
    KEY,
    P5,
    WORKSPACE,
    Resources,
    cluster,
    existing,
    full,
    new_stack,
)
from tests.support import template_of


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
