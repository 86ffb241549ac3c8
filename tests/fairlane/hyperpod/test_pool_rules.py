from dataclasses import replace
from typing import Any

import pytest
from aws_cdk import Fn

from fairlane import Purchase
from fairlane.hyperpod import DeepHealthCheck, NodePool
from fairlane.hyperpod.pool_rules import group_subnets
from tests.fairlane.hyperpod.clusters import GPU, P5, PLAN, POOL, SUBNETS, SYSTEM, ZONES, problems


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
            {},
            {"max_accelerators": 7},
            {},
            "node_pools[0].max_accelerators: 7 is less than one instance has, so Karpenter adds none: use 8 or more",
        ),
        (
            {},
            {"max_vcpus": 191},
            {},
            "node_pools[0].max_vcpus: 191 is less than one instance has, so Karpenter adds none: use 192 or more",
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


def test_the_name_of_a_pool_is_known_at_synth() -> None:
    (problem,) = problems(P5, node_pools=[replace(POOL, pool_name=Fn.ref("Name"))])
    assert problem.endswith("without - at an end, known at synth")
