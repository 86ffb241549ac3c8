from dataclasses import replace

from fairlane.hyperpod import InstanceGroup
from fairlane.hyperpod.karpenter_objects import node_class, node_pool
from tests.fairlane.hyperpod.clusters import P5, POOL, SYSTEM

TRN = InstanceGroup(group_name="trn", instance_type="ml.trn1.32xlarge", instance_count=0)


def test_a_pool_limits_each_kind_of_accelerator_and_vcpus() -> None:
    pool = replace(POOL, instance_groups=["p5", "trn"], max_accelerators=16, max_vcpus=384)
    limits = node_pool(pool, [SYSTEM, P5, TRN])["spec"]["limits"]
    assert limits == {"cpu": "384", "nvidia.com/gpu": "16", "aws.amazon.com/neuron": "16"}


def test_a_pool_without_limits_has_none() -> None:
    assert "limits" not in node_pool(replace(POOL, max_accelerators=None), [P5])["spec"]


def test_a_pool_refers_to_its_class_and_never_replaces_busy_nodes() -> None:
    template = node_pool(POOL, [P5])["spec"]["template"]["spec"]
    created = node_class(POOL)
    group, _, _ = created["apiVersion"].partition("/")
    assert template["nodeClassRef"] == {"group": group, "kind": created["kind"], "name": created["metadata"]["name"]}
    assert template["expireAfter"] == "Never"


def test_a_class_keeps_the_order_of_preference() -> None:
    assert node_class(replace(POOL, instance_groups=["spot", "p5"]))["spec"] == {"instanceGroups": ["spot", "p5"]}
