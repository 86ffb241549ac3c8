from dataclasses import replace
from typing import Any

import pytest
from aws_cdk import Aws

from fairlane import Purchase
from fairlane.hyperpod import DeepHealthCheck, NetworkInterface, Taint, Volume
from tests.fairlane.hyperpod.clusters import GPU, KEY, NAME, P5, PLAN, POOL, problems

LABEL = "a key of Kubernetes: 1 to 63 characters of A-Z, a-z, 0-9, -, _ and ., after an optional domain and /"
VALUE = "at most 63 characters of A-Z, a-z, 0-9, -, _ and ., with a letter or digit at both ends"


def of_group(**changes: Any) -> list[str]:
    prefix = "instance_groups[1]."
    found = problems(replace(GPU, **changes))
    assert all(problem.startswith(prefix) for problem in found)
    return [problem.removeprefix(prefix) for problem in found]


def test_a_training_plan_and_the_keys_of_volumes_are_in_the_region_of_the_cluster() -> None:
    groups = [
        replace(GPU, training_plan=PLAN, data_volume=Volume(size_gib=1, encryption_key=KEY)),
        replace(GPU, group_name="other", root_volume=Volume(encryption_key=KEY)),
    ]
    assert problems(*groups) == problems(*groups, region="us-east-1") == []
    assert problems(*groups, region=Aws.REGION) == []
    assert problems(*groups, region="eu-west-1") == [
        "instance_groups[1].training_plan: the plan is in Region us-east-1: use a plan in Region eu-west-1, where the "
        "cluster is",
        "instance_groups[1].data_volume.encryption_key: the key is in Region us-east-1: use a key in Region eu-west-1, "
        "where the cluster is",
        "instance_groups[2].root_volume.encryption_key: the key is in Region us-east-1: use a key in Region eu-west-1, "
        "where the cluster is",
    ]


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


def test_lists_in_the_place_of_texts_are_refused() -> None:
    wrong: Any = ["a"]
    assert problems(replace(GPU, instance_type=wrong))
    assert problems(replace(GPU, taints=[Taint(key=wrong), Taint(key="a", effect=wrong)]))
    assert problems(replace(P5, group_name=wrong), node_pools=[POOL])
    assert problems(replace(P5, subnets=[wrong]), node_pools=[POOL])
