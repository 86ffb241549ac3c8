"""Mistakes in the teams and the governance of HyperPod clusters, each a small change of a right configuration."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from hyperpod_configurations import (
    BASE,
    CAPPED,
    GPU,
    KARPENTER,
    POOL,
    ROLE,
    Configuration,
    team,
)
from hyperpod_mistakes import Mistake

from fairlane.hyperpod import (
    Cap,
    ContainerDefaults,
    Governance,
    PriorityClass,
    QuotaResource,
    Sharing,
    Team,
)

AWS_EXAMPLE = {
    "apiVersion": "v1",
    "kind": "ResourceQuota",
    "metadata": {"name": "hyperpod-quota", "namespace": "hyperpod-ns-vision"},
    "spec": {
        "hard": {
            "nvidia.com/gpu": "64",
            "vpc.amazonaws.com/efa": "256",
            "requests.cpu": "1536",
            "limits.cpu": "1536",
            "requests.memory": "5120Gi",
            "limits.memory": "5120Gi",
        }
    },
}
"""ResourceQuota for 8 ml.p5.48xlarge in "Using elastic training" of the Amazon SageMaker AI Developer Guide."""


def governance_mistakes() -> Iterator[Mistake]:
    """Yield mistakes in teams, quotas and priorities."""
    inference, vision, language = BASE.teams

    def teams(name: str, expected: str, **changes: Any) -> Mistake:
        wrong = replace(BASE, teams=[inference, replace(vision, **changes), language])
        return Mistake("governance", name, BASE, wrong, expected)

    def quota(name: str, expected: str, *resources: QuotaResource) -> Mistake:
        return teams(name, f"teams.vision.quota{expected}", quota=resources)

    def classes(name: str, expected: str, *given: tuple[str, int]) -> Mistake:
        priorities = [PriorityClass(class_name=name, weight=weight) for name, weight in given]
        wrong = replace(BASE, governance=Governance(priority_classes=priorities))
        return Mistake("governance", name, BASE, wrong, expected)

    of = f'."{GPU}"'
    yield teams("team with capital letters", "team_name", team_name="Vision")
    yield teams("team of 45 letters", "team_name", team_name="v" * 45)
    yield teams("team with a name of HyperPod's own queues", "team_name", team_name="idle-resource-sharing")
    yield teams("two teams of one name", "teams.inference", team_name="inference")
    yield classes("two priority classes of one name", "priority_classes.a", ("a", 1), ("a", 2))
    yield classes("priority of 101", "priority_classes.a.weight", ("a", 101))
    yield classes("11 priority classes", "priority_classes", *((f"p{number}", number) for number in range(11)))
    yield teams("weight of 101", "teams.vision.weight", weight=101)
    zero: list[Team] = [replace(each, weight=0) for each in BASE.teams]
    yield Mistake("governance", "weight 0 for all teams", BASE, replace(BASE, teams=zero), "weight is 0 for all")
    yield teams("borrow limit with DontLend", "teams.vision.borrow_limit", sharing=Sharing.DONT_LEND, borrow_limit=50)
    yield teams("borrow limit with Lend", "teams.vision.borrow_limit", sharing=Sharing.LEND, borrow_limit=50)
    yield teams("borrow limit above what the others lend", "teams.vision.borrow_limit", borrow_limit=300)
    yield teams("borrow limit of 20,000 %", "teams.vision.borrow_limit", borrow_limit=20_000)
    yield quota("quota of nothing", ": the team", QuotaResource(instance_type=GPU, count=0))
    yield quota("no quota", ": the team")
    yield quota("quota without an amount", of, QuotaResource(instance_type=GPU))
    yield quota(
        "count and accelerators that differ",
        f"{of}.accelerators",
        QuotaResource(instance_type=GPU, count=8, accelerators=8),
    )
    yield quota("one instance type twice", of, *(QuotaResource(instance_type=GPU, count=each) for each in (4, 8)))
    yield quota(
        "GPUs of a CPU instance",
        '."ml.m5.2xlarge".accelerators',
        QuotaResource(instance_type="ml.m5.2xlarge", accelerators=1),
    )
    yield quota(
        "MIG profile of another GPU",
        f"{of}.partition:",
        QuotaResource(instance_type=GPU, partition="mig-1g.18gb", partitions=8),
    )
    yield quota(
        "MIG profile without a number", f"{of}.partitions", QuotaResource(instance_type=GPU, partition="mig-1g.10gb")
    )
    small = replace(KARPENTER, settings={"node_pools": [replace(POOL, max_accelerators=128)]})
    yield Mistake("governance", "quotas above the limit of Karpenter", KARPENTER, small, "add up to")
    above = replace(BASE, teams=[inference, team(count=16), language])
    yield Mistake("governance", "quotas above the capacity", BASE, above, "add up to")
    absent = replace(BASE, teams=[inference, team(instance_type="ml.p5en.48xlarge"), language])
    yield Mistake("governance", "quota of instances that the cluster lacks", BASE, absent, "of the instance groups")
    mig = QuotaResource(instance_type=GPU, partition="mig-1g.10gb", partitions=7 * 8 * 12 + 1)
    partitions = replace(BASE, teams=[inference, replace(vision, quota=[mig]), language])
    yield Mistake("governance", "MIG partitions above the capacity", BASE, partitions, "add up to")


def team_mistakes() -> Iterator[Mistake]:
    """Yield mistakes in caps, container defaults and roles."""
    inference, vision, language = CAPPED.teams

    def teams(name: str, expected: str, good: Configuration = CAPPED, **changes: Any) -> Mistake:
        wrong = replace(good, teams=[inference, replace(vision, **changes), language])
        return Mistake("team", name, good, wrong, expected)

    def defaults(name: str, field: str, **amounts: Any) -> Mistake:
        return teams(name, f"container_defaults.{field}", container_defaults=ContainerDefaults(**amounts))

    def cap(name: str, expected: str, good: Configuration = CAPPED, **requests: Any) -> Mistake:
        names = {key.replace("__", "/").replace("_", "."): value for key, value in requests.items()}
        return teams(name, expected, good, cap=Cap(requests=names))

    def example(name: str, key: str, amount: str) -> Mistake:
        right = {"requests.cpu": "2304", "requests.memory": "24576Gi", "requests.nvidia.com/gpu": "96"}
        good, wrong = ({**AWS_EXAMPLE, "spec": {"hard": hard}} for hard in (right, right | {key: amount}))
        return Mistake(
            "team",
            f"example of AWS: {name}",
            replace(BASE, title="Example", resource_quotas={"vision": good}),
            replace(BASE, title="Example", resource_quotas={"vision": wrong}),
            key,
        )

    hard = AWS_EXAMPLE["spec"]["hard"]  # type: ignore[index]
    yield example("GPUs not under requests.", "nvidia.com/gpu", hard["nvidia.com/gpu"])
    yield example("EFA interfaces not under requests.", "vpc.amazonaws.com/efa", hard["vpc.amazonaws.com/efa"])
    yield example("memory of the GPUs instead of the instances", "requests.memory", hard["requests.memory"])
    yield example("limits.cpu, which pods must then state", "limits.cpu", hard["limits.cpu"])
    yield example("limits.memory, which pods must then state", "limits.memory", hard["limits.memory"])
    yield teams("Karpenter without a cap", "cap: missing", KARPENTER, cap=None)
    yield cap("Karpenter with a cap without GPUs", "nvidia.com/gpu", KARPENTER, cpu=3072, memory="32Ti")
    yield teams("cap below the quota", "cap.instances", cap=Cap(instances={GPU: 10}))
    yield cap("cap of fewer GPUs than the quota", "cap.requests", nvidia_com__gpu=64)
    yield cap("misspelt device", "nvidia.com/gpus", nvidia_com__gpus=128)
    yield cap("half a GPU", "whole number", nvidia_com__gpu="96.5")
    yield cap("16 TB as an amount", "memory", memory="32 TB")
    yield cap("amount below 0", "0 or more", cpu="-1")
    yield defaults("default request above the limit", "requests.cpu", requests={"cpu": 8}, limits={"cpu": 4})
    yield defaults(
        "default limit above the maximum", "limits.memory", limits={"memory": "3Ti"}, maximum={"memory": "2Ti"}
    )
    yield defaults(
        "requests and limits of GPUs that differ",
        "requests",
        requests={"nvidia.com/gpu": 1},
        limits={"nvidia.com/gpu": 2},
    )
    yield defaults("maximum that becomes the request of all", "maximum.cpu", maximum={"cpu": 192})
    yield teams("IAM user as role", "roles[0]", roles=["arn:aws:iam::111122223333:user/alice"])
    admin = replace(CAPPED, title="Administrator", settings={"admin_roles": [f"{ROLE}/vision"]})
    yield teams("administrator as role of a team", "roles[0]", admin, roles=[f"{ROLE}/vision"])
    yield teams("role given twice", "roles[1]", roles=2 * [f"{ROLE}/vision"])
