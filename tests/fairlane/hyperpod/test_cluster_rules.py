import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest
from aws_cdk import Fn, Token

from fairlane import Purchase
from fairlane.hyperpod import DeepHealthCheck, NetworkInterface, Taint, TaintEffect, Volume
from fairlane.hyperpod.cluster_rules import cluster_advice
from tests.fairlane.hyperpod.clusters import GPU, KEY, NAME, P5, PLAN, POOL, SUBNETS, SYSTEM, WORKSPACE, ZONES, problems

OWN = (
    "no group can run the add-ons: add one outside of node_pools, for example 2 ml.m5.2xlarge, with an "
    "instance_count of 1 or more and without taints NoSchedule and NoExecute"
)


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"cluster_name": "a_b"}, f"cluster_name: got 'a_b', allowed: {NAME}"),
        ({"instance_groups": []}, "instance_groups: 0 instance groups: use 1 to 100"),
        ({"instance_groups": "system"}, "instance_groups: got 'system', allowed: a list of InstanceGroup"),
        (
            {"instance_groups": [SYSTEM, replace(GPU, group_name="system")]},
            "instance_groups[1].group_name: another instance group has the name 'system': use another name",
        ),
        (
            {"kubernetes_version": "1.36"},
            "kubernetes_version: got '1.36', allowed: an EKS version that HyperPod supports: 1.30, 1.31, 1.32, 1.33, "
            "1.34, 1.35",
        ),
        (
            {"lifecycle_bucket": "scripts"},
            "lifecycle_bucket: got 'scripts', allowed: a bucket whose name starts with \"sagemaker-\", because "
            "SageMaker refuses others",
        ),
        ({"subnets": []}, "subnets: got 0, allowed: 1 to 16 private subnets"),
        ({"node_recovery": "yes"}, "node_recovery: got 'yes', allowed: True or False"),
        ({"continuous_provisioning": 1}, "continuous_provisioning: got 1, allowed: True or False"),
        (
            {"prometheus_workspace": "ws-1"},
            "prometheus_workspace: got 'ws-1', allowed: the ARN of a workspace of Amazon Managed Service for Prometheus",
        ),
        ({"admin_roles": ["Admin"]}, "admin_roles[0]: got 'Admin', allowed: the ARN of an IAM role"),
        (
            {"admin_roles": ["arn:aws:iam::111122223333:role/Admin"] * 2},
            "admin_roles[1]: arn:aws:iam::111122223333:role/Admin is listed twice: list each role once",
        ),
        (
            {"tags": {"SageMaker": "false"}},
            "tags.SageMaker: Fairlane sets this tag to true, as HyperPod requires: remove it",
        ),
        (
            {"tags": {f"k{number}": "v" for number in range(50)}},
            "tags: 50 tags are too many: use at most 49, because SageMaker is another one",
        ),
        (
            {"add_on_versions": {"amazon-sagemaker-hyperpod-training-operator": "v1.0.4-eksbuild.1"}},
            "add_on_versions.amazon-sagemaker-hyperpod-training-operator: version v1.0.4-eksbuild.1 of the training "
            "operator runs no elastic jobs: use 1.2 or later",
        ),
        (
            {"add_on_versions": {"coredns": "v1.2"}},
            "add_on_versions.coredns: coredns is no add-on of the cluster: use eks-pod-identity-agent, cert-manager, "
            "amazon-sagemaker-hyperpod-training-operator or amazon-sagemaker-hyperpod-observability",
        ),
        ({"instance_groups": [replace(SYSTEM, instance_count=0)]}, f"instance_groups: {OWN}"),
        ({"instance_groups": [replace(SYSTEM, taints=[Taint(key="a")])]}, f"instance_groups: {OWN}"),
    ],
)
def test_a_wrong_cluster_is_refused(settings: dict[str, Any], problem: str) -> None:
    (found,) = problems(**settings)
    assert found.startswith(problem)


def test_a_group_of_karpenter_runs_no_add_ons() -> None:
    only = replace(SYSTEM, group_name="p5", instance_count=0)
    pool = replace(POOL, max_accelerators=None, max_vcpus=8)
    assert problems(instance_groups=[only], node_pools=[pool]) == [f"instance_groups: {OWN}"]


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"instance_groups": [P5], "other_nodes": True},
        {"instance_groups": [replace(SYSTEM, taints=[Taint(key="a", effect=TaintEffect.PREFER_NO_SCHEDULE)])]},
        {"instance_groups": [SYSTEM, P5], "node_pools": [POOL], "prometheus_workspace": WORKSPACE},
        {"instance_groups": [SYSTEM, replace(GPU, min_instance_count=4, training_plan=PLAN)]},
        {"instance_groups": [SYSTEM, replace(GPU, instance_type=None, instance_types=["ml.p5.48xlarge"])]},
        {"instance_groups": [SYSTEM, replace(GPU, purchase=Purchase.SPOT, network_interface=NetworkInterface.EFA)]},
        {"instance_groups": [SYSTEM, replace(GPU, root_volume=Volume(encryption_key=KEY), threads_per_core=2)]},
        {"instance_groups": [SYSTEM, replace(GPU, subnets=SUBNETS, labels={"example.com/team": ""})]},
        {"instance_groups": [replace(SYSTEM, group_name=f"g{number}") for number in range(100)]},
        {"cluster_name": "a" * 63, "lifecycle_bucket": "sagemaker-scripts", "scripts": None, "tags": {"team": "x"}},
        {"add_on_versions": {"amazon-sagemaker-hyperpod-training-operator": "v1.10.0-eksbuild.1"}},
        {"subnets": None, "zones": None, "kubernetes_version": None},
    ],
)
def test_good_clusters_are_accepted(settings: dict[str, Any]) -> None:
    assert problems(**settings) == []


def test_values_that_are_known_only_at_deployment_are_accepted_except_names_and_purchases() -> None:
    text = Fn.ref("Text")
    number: Any = Token.as_number(Fn.ref("Number"))
    group = replace(
        GPU,
        group_name=text,
        instance_type=text,
        instance_count=number,
        min_instance_count=number,
        training_plan=text,
        data_volume=Volume(size_gib=number, encryption_key=text),
        image_release=text,
        init_script=text,
        labels={"team": text},
        taints=[Taint(key=text, value=text)],
        subnets=[text],
        security_groups=[text],
    )
    tokens = {"lifecycle_bucket": text, "prometheus_workspace": text, "admin_roles": [text], "kubernetes_version": text}
    assert problems(group, **tokens) == []
    hidden = "a value known only at deployment"
    assert problems(replace(GPU, purchase=text), cluster_name=text) == [  # type: ignore[arg-type]
        f"cluster_name: got {hidden}, allowed: {NAME}, known at synth",
        f"instance_groups[1].purchase: got {hidden}, allowed: ON_DEMAND or SPOT, known at synth",
    ]


def test_advice_names_what_is_probably_not_meant() -> None:
    groups = [
        replace(SYSTEM, threads_per_core=1, deep_health_checks=[DeepHealthCheck.INSTANCE_STRESS]),
        replace(GPU, subnets=SUBNETS),
        P5,
    ]
    pool = replace(POOL, max_accelerators=None)
    advice = list(cluster_advice(groups, [pool], zones=ZONES, node_recovery=False))
    assert [entry.id.rpartition(".")[2] for entry in advice] == [
        "threadsPerCore",
        "healthChecksWithoutAccelerators",
        "efaZones",
        "poolWithoutLimit",
        "noRecovery",
    ]
    assert "instance group gpu" in advice[2].message
    assert list(cluster_advice([SYSTEM, GPU, P5], [POOL], zones=ZONES)) == []


def test_the_rules_need_no_cdk() -> None:
    code = (
        "import sys, fairlane.hyperpod.cluster_rules, fairlane.hyperpod.chart_rules, "
        "fairlane.hyperpod.karpenter_objects; sys.exit('aws_cdk' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
