"""Mistakes in HyperPod clusters, each a small change of a right configuration."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from hyperpod_configurations import (
    BASE,
    KARPENTER,
    KEY,
    OPERATOR,
    P5,
    PLAN,
    POOL,
    POOLED,
    PUBLIC,
    ROLE,
    SUBNETS,
    SYSTEM,
    Configuration,
    write_chart,
)

from fairlane import Purchase
from fairlane.hyperpod import (
    DeepHealthCheck,
    NetworkInterface,
    NodePool,
    Taint,
    Volume,
)

_SAME = "two names that are alike"


class Mistake(NamedTuple):
    """Mistake in a configuration.

    Attributes:
        kind: Part of the configuration: cluster, governance or team.
        name: Description of the mistake.
        good: Right configuration.
        wrong: Configuration with the mistake.
        expected: Text in the problem that Fairlane reports.
    """

    kind: str
    name: str
    good: Configuration
    wrong: Configuration
    expected: str


def cluster_mistakes(scratch: Path) -> Iterator[Mistake]:
    """Yield mistakes in instance groups and settings of a cluster.

    Args:
        scratch: Empty directory, for a chart without its dependencies.
    """

    def group(name: str, expected: str, **changes: Any) -> Mistake:
        wrong = replace(BASE, groups=[SYSTEM, replace(P5, **changes)])
        return Mistake("cluster", name, BASE, wrong, f"instance_groups[1].{expected}")

    def setting(name: str, **settings: Any) -> Mistake:
        return Mistake("cluster", name, BASE, replace(BASE, settings=settings), next(iter(settings)))

    yield group("two groups of one name", "group_name: another", group_name="system")
    yield group("name with a space", "group_name", group_name="gpu nodes")
    yield group(
        "instance type and a list of types", "instance_type: instance_type and", instance_types=["ml.p5e.48xlarge"]
    )
    yield group("no instance type", "instance_type: missing", instance_type=None)
    yield group("instance type that HyperPod lacks", "instance_type", instance_type="ml.p3.16xlarge")
    yield group("misspelt instance type", "instance_type", instance_type="ml.p5.48xlarg")
    yield group("minimum above the count", "min_instance_count", min_instance_count=33)
    yield group("root volume with a size", "root_volume.size_gib", root_volume=Volume(size_gib=200, encryption_key=KEY))
    yield group("root volume without a key", "root_volume.encryption_key", root_volume=Volume())
    yield group("data volume without a size", "data_volume.size_gib", data_volume=Volume(encryption_key=KEY))
    yield group("data volume of 20 TiB", "data_volume.size_gib", data_volume=Volume(size_gib=20_480))
    yield group(
        "both script hooks", "lifecycle_script: lifecycle_script and", lifecycle_script="a.sh", init_script="b.sh"
    )
    yield group("script that is not in the bucket", "init_script", init_script="mount.sh")
    yield group("Spot with a training plan", "training_plan", training_plan=PLAN, purchase=Purchase.SPOT)
    yield group(
        "capacity reservation as training plan", "training_plan", training_plan=PLAN.replace("training-plan", "job")
    )
    yield group(
        "health checks on tainted nodes",
        "deep_health_checks",
        deep_health_checks=[*DeepHealthCheck],
        taints=[Taint(key="gpu")],
    )
    yield group("taint given twice", "taints[1]", taints=[Taint(key="gpu"), Taint(key="gpu", value="yes")])
    yield group("label that Kubernetes refuses", "labels", labels={"team": "vision and language"})
    elsewhere = PLAN.replace("us-east-1", "us-west-2")
    yield group("training plan of another Region", "training_plan", training_plan=elsewhere)
    key = Volume(size_gib=500, encryption_key=KEY.replace("us-east-1", "us-west-2"))
    yield group("key of a volume in another Region", "data_volume.encryption_key", data_volume=key)
    yield group("image release of two numbers", "image_release", image_release="1.2")
    yield group("three threads per core", "threads_per_core", threads_per_core=3)
    yield group("security groups without subnets", "security_groups", security_groups=["sg-0123456789abcdef0"])
    efa = replace(SYSTEM, network_interface=NetworkInterface.EFA)
    yield Mistake(
        "cluster", "EFA on an instance type without it", BASE, replace(BASE, groups=[efa, P5]), "[0].network_interface"
    )
    tainted = [replace(each, taints=[Taint(key="dedicated")]) for each in (SYSTEM, P5)]
    yield Mistake(
        "cluster", "no group for the add-ons", BASE, replace(BASE, groups=tainted), "no group can run the add-ons"
    )
    yield Mistake("cluster", "no VPC", BASE, replace(BASE, has_vpc=False), "vpc: missing")
    yield Mistake("cluster", "no groups", BASE, replace(BASE, groups=[]), "instance_groups")
    yield setting("name of 64 letters", cluster_name="t" * 64)
    public = replace(BASE, settings={"subnets": PUBLIC})
    yield Mistake("cluster", "nodes in public subnets", BASE, public, "subnets")
    yield setting("EKS version that HyperPod lacks", kubernetes_version="1.29")
    yield setting('bucket whose name does not start with "sagemaker-"', lifecycle_bucket="training-scripts")
    yield setting("chart without its dependencies", chart=str(write_chart(scratch)))
    yield setting("training operator before 1.2", add_on_versions={OPERATOR: "v1.1.0-eksbuild.1"})
    yield setting("tag SageMaker that is not true", tags={"SageMaker": "false"})
    yield setting("administrator given twice", admin_roles=2 * [f"{ROLE}/Admin"])


def karpenter_mistakes() -> Iterator[Mistake]:
    """Yield mistakes in node pools and in the groups that Karpenter scales."""

    def group(name: str, field: str, **changes: Any) -> Mistake:
        wrong = replace(KARPENTER, groups=[SYSTEM, replace(POOLED, **changes)])
        return Mistake("cluster", f"Karpenter: {name}", KARPENTER, wrong, f"instance_groups[1].{field}")

    def setting(name: str, field: str, **settings: Any) -> Mistake:
        wrong = replace(KARPENTER, settings={"node_pools": [POOL], **settings})
        return Mistake("cluster", f"Karpenter: {name}", KARPENTER, wrong, field)

    yield setting("no Continuous provisioning", "continuous_provisioning", continuous_provisioning=False)
    yield setting("no node recovery", "node_recovery", node_recovery=False)
    yield setting("group that does not exist", "instance_groups[0]", node_pools=[replace(POOL, instance_groups=["p5"])])
    yield setting(_SAME, "pool_name", node_pools=[POOL, POOL])
    cpu = NodePool(pool_name="cpu", instance_groups=["system"], max_accelerators=8)
    no_gpus = replace(
        KARPENTER,
        settings={"node_pools": [POOL, cpu]},
        groups=[replace(SYSTEM, group_name="plain"), replace(SYSTEM, instance_count=0), POOLED],
    )
    yield Mistake("cluster", "Karpenter: limit of GPUs on CPU nodes", KARPENTER, no_gpus, "max_accelerators")
    yield group("count above 0", "instance_count", instance_count=32)
    yield group("training plan", "training_plan", training_plan=PLAN)
    yield group("health checks", "deep_health_checks", deep_health_checks=[*DeepHealthCheck])
    yield group("subnets of two zones", "subnets", subnets=SUBNETS)
