import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest
from aws_cdk import Fn, Token

from fairlane import Purchase
from fairlane.hyperpod import DeepHealthCheck, InstanceGroup, NetworkInterface, NodePool, Taint, TaintEffect, Volume
from fairlane.hyperpod.cluster_rules import cluster_advice, cluster_problems, group_subnets
from tests.fairlane.hyperpod.clusters import KEY, P5, PLAN, POOL, SYSTEM, WORKSPACE

SUBNETS = ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"]
ZONES = {SUBNETS[0]: "us-east-1a", SUBNETS[1]: "us-east-1b"}
GPU = replace(P5, group_name="gpu", instance_count=4)
OWN = (
    "no group can run the add-ons: add one outside of node_pools, for example 2 ml.m5.2xlarge, with an "
    "instance_count of 1 or more and without taints NoSchedule and NoExecute"
)
NAME = "1 to 63 characters of A-Z, a-z, 0-9 and -, without - at an end"
LABEL = "a key of Kubernetes: 1 to 63 characters of A-Z, a-z, 0-9, -, _ and ., after an optional domain and /"
VALUE = "at most 63 characters of A-Z, a-z, 0-9, -, _ and ., with a letter or digit at both ends"


def problems(*groups: InstanceGroup, **settings: Any) -> list[str]:
    defaults: dict[str, Any] = {
        "cluster_name": "training",
        "instance_groups": [SYSTEM, *groups],
        "subnets": SUBNETS,
        "zones": ZONES,
        "kubernetes_version": "1.34",
        "scripts": {"fairlane_init.sh", "mount.sh"},
    }
    return [str(problem) for problem in cluster_problems(**{**defaults, **settings})]


def of_group(**changes: Any) -> list[str]:
    prefix = "instance_groups[1]."
    found = problems(replace(GPU, **changes))
    assert all(problem.startswith(prefix) for problem in found)
    return [problem.removeprefix(prefix) for problem in found]


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"group_name": "-gpu"}, f"group_name: got '-gpu', allowed: {NAME}"),
        ({"group_name": "g" * 64}, f"group_name: got '{'g' * 64}', allowed: {NAME}"),
        (
            {"instance_types": ["ml.p5en.48xlarge"]},
            "instance_type: instance_type and instance_types exclude each other: remove one of them",
        ),
        ({"instance_type": None}, "instance_type: missing; use either instance_type or instance_types"),
        (
            {"instance_type": "p5.48xlarge"},
            "instance_type: got 'p5.48xlarge', allowed: an instance type that HyperPod offers, for example "
            "ml.p5.48xlarge or ml.p5e.48xlarge or ml.p5.4xlarge",
        ),
        (
            {"instance_type": None, "instance_types": "ml.p5.48xlarge"},
            "instance_types: got 'ml.p5.48xlarge', allowed: a list of instance types",
        ),
        (
            {"instance_type": None, "instance_types": ["ml.p5.48xlarge"] * 2},
            "instance_types[1]: ml.p5.48xlarge is listed twice: list each instance type once",
        ),
        ({"instance_count": 6759}, "instance_count: got 6759, allowed: a whole number of instances, 0 to 6758"),
        ({"instance_count": True}, "instance_count: got True, allowed: a whole number of instances, 0 to 6758"),
        (
            {"min_instance_count": 5},
            "min_instance_count: the minimum of 5 is above instance_count, 4, so that the group would roll back after "
            "three hours: use at most instance_count",
        ),
        ({"min_instance_count": -1}, "min_instance_count: got -1, allowed: a whole number of instances, 0 to 6758"),
        (
            {"purchase": Purchase.CAPACITY_BLOCK},
            "purchase: got 'CAPACITY_BLOCK', allowed: ON_DEMAND or SPOT; reserved instances come by training_plan",
        ),
        (
            {"training_plan": PLAN, "purchase": Purchase.SPOT},
            "training_plan: the instances of a training plan are reserved, not Spot: remove purchase or training_plan",
        ),
        ({"training_plan": "july"}, "training_plan: got 'july', allowed: the ARN of a SageMaker training plan"),
        ({"labels": {"a b": "c"}}, f"labels.\"a b\": got 'a b', allowed: {LABEL}"),
        ({"labels": {"Example.com/a": "c"}}, f"labels.\"Example.com/a\": got 'Example.com/a', allowed: {LABEL}"),
        ({"labels": {"team": "c d"}}, f"labels.team: got 'c d', allowed: {VALUE}"),
        ({"labels": ["a"]}, "labels: got ['a'], allowed: a mapping of label keys to values, known at synth"),
        ({"taints": [Taint(key="-")]}, f"taints[0].key: got '-', allowed: {LABEL}"),
        ({"taints": [Taint(key="a", value="")]}, f"taints[0].value: got '', allowed: none, or {VALUE}"),
        (
            {"taints": [Taint(key="a", value="b"), Taint(key="a")]},
            "taints[1]: the group has another taint a with the effect NoSchedule: remove one of them",
        ),
        ({"taints": ["a"]}, "taints[0]: got 'a', allowed: a list of Taint"),
        (
            {"taints": [Taint(key=f"k{number}") for number in range(51)]},
            "taints: 51 taints are too many: use at most 50",
        ),
        (
            {"taints": [Taint(key="a", effect="Never")]},  # type: ignore[arg-type]
            "taints[0].effect: got 'Never', allowed: NoSchedule, PreferNoSchedule or NoExecute",
        ),
        (
            {"taints": [Taint(key="a")], "deep_health_checks": [DeepHealthCheck.INSTANCE_STRESS]},
            "deep_health_checks: the pods of deep health checks do not tolerate taints: remove taints or "
            "deep_health_checks",
        ),
        (
            {"deep_health_checks": ["InstanceStress", "InstanceStress"]},
            "deep_health_checks[1]: InstanceStress is listed twice: list each check once",
        ),
        (
            {"deep_health_checks": ["Burn"]},
            "deep_health_checks[0]: got 'Burn', allowed: InstanceStress or InstanceConnectivity",
        ),
        (
            {"root_volume": Volume(size_gib=500, encryption_key=KEY)},
            "root_volume.size_gib: SageMaker determines the size of the root volume: remove size_gib, or use data_volume",
        ),
        (
            {"root_volume": Volume()},
            "root_volume.encryption_key: missing; use the ARN of a KMS key, or no root_volume",
        ),
        ({"data_volume": Volume()}, "data_volume.size_gib: missing; use a whole number of GiB, 1 to 16384"),
        (
            {"data_volume": Volume(size_gib=16385)},
            "data_volume.size_gib: got 16385, allowed: a whole number of GiB, 1 to 16384",
        ),
        (
            {"data_volume": Volume(size_gib=1, encryption_key="alias/a")},
            "data_volume.encryption_key: got 'alias/a', allowed: the ARN of a KMS key, not of an alias",
        ),
        ({"data_volume": 500}, "data_volume: got 500, allowed: a Volume"),
        (
            {"instance_type": "ml.m5.2xlarge", "network_interface": NetworkInterface.EFA},
            "network_interface: ml.m5.2xlarge has no EFA: remove network_interface, or use an instance type with EFA",
        ),
        ({"network_interface": True}, "network_interface: got True, allowed: efa or efa-only"),
        ({"threads_per_core": 3}, "threads_per_core: got 3, allowed: a whole number of threads, 1 to 2"),
        (
            {"lifecycle_script": "mount.sh", "init_script": "mount.sh"},
            "lifecycle_script: lifecycle_script and init_script exclude each other: remove one of them",
        ),
        (
            {"init_script": "umount.sh"},
            "init_script: got 'umount.sh', allowed: a script in lifecycle_scripts: fairlane_init.sh, mount.sh; give "
            "the directory of the script as lifecycle_scripts",
        ),
        ({"patching": "Always"}, "patching: got 'Always', allowed: WhenIdle or WhenAllIdle"),
        ({"image_release": "latest"}, "image_release: got 'latest', allowed: a version such as 1.2.3"),
        ({"subnets": ["vpc-1"]}, "subnets[0]: got 'vpc-1', allowed: the ID of one of the subnets"),
        (
            {"security_groups": ["sg-0123456789abcdef0"]},
            "security_groups: SageMaker takes security groups of a group only with subnets: add subnets",
        ),
    ],
)
def test_a_wrong_group_is_refused(changes: dict[str, Any], problem: str) -> None:
    assert of_group(**changes) == [problem]


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


@pytest.mark.parametrize(
    ("group", "pool", "settings", "problem"),
    [
        (
            {"instance_count": 4},
            {},
            {},
            "instance_groups[1].instance_count: Karpenter scales the group, for node pool gpu: use an instance_count of "
            "0, not 4",
        ),
        (
            {"training_plan": PLAN},
            {},
            {},
            "instance_groups[1].training_plan: Karpenter scales the group, for node pool gpu, and does not support "
            "training plans: remove training_plan, or the group from node_pools",
        ),
        (
            {"deep_health_checks": [DeepHealthCheck.INSTANCE_STRESS]},
            {},
            {},
            "instance_groups[1].deep_health_checks: Karpenter scales the group, for node pool gpu, and does not support "
            "deep health checks: remove deep_health_checks, or the group from node_pools",
        ),
        (
            {"subnets": SUBNETS},
            {},
            {},
            "instance_groups[1].subnets: Karpenter scales the group, for node pool gpu, and needs one zone, but the "
            "subnets are in us-east-1a, us-east-1b: use a group for each zone",
        ),
        (
            {},
            {},
            {"continuous_provisioning": False},
            "continuous_provisioning: Karpenter requires continuous_provisioning: use True, or remove node_pools",
        ),
        (
            {},
            {},
            {"node_recovery": False},
            "node_recovery: Karpenter requires node_recovery: use True, or remove node_pools",
        ),
        (
            {},
            {"instance_groups": ["p6"]},
            {},
            "node_pools[0].instance_groups[0]: got 'p6', allowed: a name in instance_groups: system, p5",
        ),
        (
            {},
            {"instance_groups": ["p5", "p5"]},
            {},
            "node_pools[0].instance_groups[1]: p5 is listed twice: list each group once",
        ),
        (
            {},
            {"instance_groups": []},
            {},
            "node_pools[0].instance_groups: got [], allowed: a list of 1 to 10 group names",
        ),
        (
            {},
            {"instance_groups": "p5"},
            {},
            "node_pools[0].instance_groups: got 'p5', allowed: a list of 1 to 10 group names",
        ),
        (
            {},
            {"pool_name": "GPU"},
            {},
            "node_pools[0].pool_name: got 'GPU', allowed: 1 to 63 characters of a-z, 0-9 and -, without - at an end",
        ),
        (
            {},
            {"max_accelerators": 0},
            {},
            "node_pools[0].max_accelerators: got 0, allowed: a whole number, 1 or more",
        ),
        (
            {"instance_type": "ml.m5.2xlarge"},
            {},
            {},
            "node_pools[0].max_accelerators: no group of the pool has accelerators: use max_vcpus",
        ),
    ],
)
def test_a_wrong_node_pool_is_refused(
    group: dict[str, Any], pool: dict[str, Any], settings: dict[str, Any], problem: str
) -> None:
    assert problems(replace(P5, **group), node_pools=[replace(POOL, **pool)], **settings) == [problem]


def test_two_node_pools_with_one_name_are_refused() -> None:
    assert problems(P5, node_pools=[POOL, POOL]) == [
        "node_pools[1].pool_name: another node pool has the name 'gpu': use another name"
    ]


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


@pytest.mark.parametrize(
    "changes",
    [
        dict.fromkeys(["instance_type", "instance_types", "labels", "taints", "deep_health_checks", "subnets"], 7),
        {"group_name": None, "instance_count": "4", "min_instance_count": "1", "purchase": None, "taints": [None]},
        {"root_volume": "x", "init_script": 3, "lifecycle_script": "", "security_groups": "sg", "labels": {1: None}},
    ],
    ids=["numbers", "missing", "texts"],
)
def test_values_of_a_wrong_type_are_problems_and_no_exceptions(changes: dict[str, Any]) -> None:
    fields = {
        problem.split(".", 1)[1].split(":")[0].split("[")[0].split(".")[0]
        for problem in problems(replace(GPU, **changes))
    }
    assert fields >= {*changes} - {"instance_types"}


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


def test_groups_of_karpenter_and_with_efa_get_the_subnets_of_one_zone() -> None:
    three = [*SUBNETS, "subnet-0123456789abcdef2"]
    zones = ZONES | {three[2]: "us-east-1a"}
    assert group_subnets(P5, [POOL], three, zones) == [three[0], three[2]]
    assert group_subnets(P5, [POOL], SUBNETS, {}) == SUBNETS[:1]
    assert group_subnets(P5, [POOL], SUBNETS[:1], {}) == ()
    assert group_subnets(GPU, [], three, zones) == [three[0], three[2]]
    assert group_subnets(SYSTEM, [POOL], three, zones) == ()
    assert group_subnets(replace(SYSTEM, group_name="p5"), [POOL], SUBNETS, ZONES) == SUBNETS[:1]
    assert group_subnets(replace(P5, subnets=SUBNETS[1:]), [POOL], three, zones) == SUBNETS[1:]


def test_pools_of_several_groups_and_pools_are_accepted() -> None:
    spot = replace(P5, group_name="spot", purchase=Purchase.SPOT)
    pools = [NodePool(pool_name="a", instance_groups=["spot", "p5"], max_vcpus=192), POOL]
    assert problems(P5, spot, node_pools=pools) == []


def test_the_rules_need_no_cdk() -> None:
    code = (
        "import sys, fairlane.hyperpod.cluster_rules, fairlane.hyperpod.chart_rules, "
        "fairlane.hyperpod.karpenter_objects; sys.exit('aws_cdk' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
