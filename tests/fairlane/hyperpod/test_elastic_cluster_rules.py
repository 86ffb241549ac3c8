"""Mistakes in elastic jobs on a cluster: teams, classes, quota, cap, capacity, Spot and taints."""

from typing import Any

from aws_cdk import Token

from fairlane.capacity.rules import Purchase
from fairlane.hyperpod import (
    Cap,
    ContainerDefaults,
    ElasticPolicy,
    Governance,
    InstanceGroup,
    PriorityClass,
    Sharing,
    Taint,
    TaintEffect,
    Team,
    job_problems,
)
from tests.fairlane.hyperpod.elastic_jobs import job
from tests.fairlane.hyperpod.governance import P5, group, pool, quota, team

LARGE = ElasticPolicy(min_replicas=4, max_replicas=16, replica_increment_step=4)
INFERENCE = team("inference", count=28)
"""With `team()`, 256 GPUs, of which research has 32 and may borrow 96."""


def mistakes(
    *teams: Team,
    groups: list[InstanceGroup] | None = None,
    governance: Governance | None = None,
    pools: Any = (),
    **options: Any,
) -> list[str]:
    found = job_problems(
        job(**{"policy": LARGE, **options}),
        governance or Governance(),
        teams or [team(borrow_limit=300), INFERENCE],
        [group(32)] if groups is None else groups,
        pools,
    )
    return [str(problem) for problem in found]


def test_a_job_within_its_limits_has_no_mistakes() -> None:
    assert mistakes() == []
    assert mistakes(team(borrow_limit=300, cap=Cap(instances={P5: 16})), INFERENCE) == []
    assert mistakes(groups=[group(0)], pools=[pool("gpu")]) == []


def test_a_maximum_that_quota_and_borrowing_never_reach() -> None:
    """The default borrow limit of 50 % lets 32 GPUs reach 48, never 128."""
    assert mistakes(team(), INFERENCE) == [
        "policy.max_replicas: 16 replicas need 128 nvidia.com/gpu, and team research reaches 48, because the borrow limit of 50 % "
        "of its own 32 is 16: use at most 4 replicas or raise the limit"
    ]
    assert mistakes(team(sharing=Sharing.DONT_LEND), INFERENCE) == [
        "policy.max_replicas: 16 replicas need 128 nvidia.com/gpu, and team research reaches 32, because sharing DontLend neither "
        "lends nor borrows: use at most 4 replicas or raise the limit"
    ]
    (text,) = mistakes(team(borrow_limit=300), groups=[group(16)], governance=Governance(share_unallocated=False))
    assert "reaches 32, because the borrow limit of 300 % of its own 32 is 96, and only 0 can be borrowed" in text


def test_cpu_and_memory_count_where_they_allow_fewer_replicas() -> None:
    (text,) = mistakes(team("research", quota(count=16, vcpus=400)), INFERENCE, policy=LARGE)
    assert text.startswith("policy.max_replicas: 16 replicas need 2864 cpu, and team research reaches 600, because")
    assert text.endswith(": no size ever runs: raise the limit")
    (text,) = mistakes(team("research", quota(count=16, memory_gib=10_000), sharing=Sharing.LEND), INFERENCE)
    assert text.startswith("policy.max_replicas: 16 replicas need 30240 GiB of memory, and team research reaches 10000")
    assert mistakes(team("research", quota(count=16, vcpus=400)), INFERENCE, requests={"cpu": 20}) == []


def test_a_quota_without_the_accelerators_of_the_job() -> None:
    assert mistakes(team("research", quota(vcpus=3072)), INFERENCE) == [
        "instance_type: team research has no quota of nvidia.com/gpu of this type: add it to the quota"
    ]
    partitions = team("research", quota(partition="mig-3g.40gb", partitions=16), sharing=Sharing.LEND)
    part = {"nvidia.com/gpu": 0, "nvidia.com/mig-3g.40gb": 1, "cpu": 8, "memory": "64Gi", "vpc.amazonaws.com/efa": 0}
    assert mistakes(partitions, requests=part) == []
    assert mistakes(partitions, requests=part | {"nvidia.com/mig-3g.40gb": 2})[0].startswith(
        "policy.max_replicas: 16 replicas need 32 nvidia.com/mig-3g.40gb, and team research reaches 16"
    )
    assert mistakes(partitions, requests=part | {"nvidia.com/mig-3g.40gb": 17}) == [
        'requests."nvidia.com/mig-3g.40gb": 17 does not fit ml.p5.48xlarge: use at most 16'
    ]


def test_a_cap_that_is_too_small() -> None:
    assert mistakes(team(borrow_limit=300, cap=Cap(instances={P5: 8})), INFERENCE) == [
        "policy.max_replicas: 16 replicas need 128 nvidia.com/gpu, and the cap of team research is 64: use at most 8 replicas or "
        "raise the limit"
    ]
    (text,) = mistakes(team(borrow_limit=300, cap=Cap(requests={"vpc.amazonaws.com/efa": 64})), INFERENCE)
    assert "16 replicas need 512 vpc.amazonaws.com/efa, and the cap of team research is 64: no size ever runs" in text


def test_a_cluster_that_is_too_small() -> None:
    text = "policy.max_replicas: 16 replicas never run at a time, because the cluster has 12 ml.p5.48xlarge, and each has room for "
    assert mistakes(team(count=4, borrow_limit=300), team("b", count=12), groups=[group(12)]) == [
        f"{text}one: use at most 12 replicas or raise the limit"
    ]
    halves = ElasticPolicy(min_replicas=4, max_replicas=28, replica_increment_step=8)
    found = mistakes(
        team(count=4, borrow_limit=300),
        team("b", count=12),
        groups=[group(12)],
        policy=halves,
        requests={"nvidia.com/gpu": 4},
    )
    assert found == [f"{text.replace('16', '28')}2: use at most 20 replicas or raise the limit"]
    assert mistakes(groups=[group(8)], pools=[pool("gpu", max_accelerators=64)]) == []


def test_each_limit_is_a_mistake_of_its_own() -> None:
    found = mistakes(team(cap=Cap(instances={P5: 5})), team("b", count=2), groups=[group(8)])
    assert [text.partition(": use")[0].partition(", ")[2][:27] for text in found] == [
        "and team research reaches 4",
        "and the cap of team researc",
        "because the cluster has 8 m",
    ]


def test_an_unknown_team_class_or_instance_type() -> None:
    assert mistakes(team="nobody") == ["team: got 'nobody', allowed: research or inference"]
    classes = Governance(priority_classes=[PriorityClass(class_name="training", weight=50)])
    assert mistakes(priority_class="trainin", governance=classes) == [
        "priority_class: got 'trainin', allowed: training"
    ]
    assert mistakes(priority_class="training", governance=classes) == []
    assert mistakes(priority_class="a") == [
        "priority_class: the cluster has no priority_classes: add a or remove priority_class"
    ]
    assert mistakes(instance_type="ml.g5.48xlarge") == [
        "instance_type: got 'ml.g5.48xlarge', allowed: ml.p5.48xlarge",
        "instance_type: team research has no quota of this type: add it to the quota or use another instance type",
    ]
    assert (
        mistakes(groups=[])[0]
        == "instance_type: got 'ml.p5.48xlarge', allowed: an instance type of the cluster, which has none"
    )


def test_spot_follows_the_guide() -> None:
    spot = group(8, name="spot", purchase=Purchase.SPOT)
    reason = "AWS's guide says that elastic training does not support Spot, although its launch article praises it: use an instance type without Spot"
    assert mistakes(groups=[group(32), spot]) == [
        f"instance_type: the instance groups spot have Spot Instances of this type, and {reason}"
    ]
    assert mistakes(groups=[group(32), spot], pools=[pool("spot")]) == [
        f"instance_type: the instance groups spot and the node pools spare have Spot Instances of this type, and {reason}"
    ]
    mixed = group(8, None, "mixed", instance_types=["ml.g5.xlarge", P5], purchase=Purchase.SPOT)
    assert len(mistakes(groups=[group(32), mixed])) == 1
    assert mistakes(groups=[group(32), group(8, "ml.g5.xlarge", "other", purchase=Purchase.SPOT)]) == []


def test_taints_that_keep_the_pods_away() -> None:
    own, other = Taint(key="nvidia.com/gpu"), Taint(key="team", value="a")
    assert mistakes(groups=[group(32, taints=[own])]) == []
    assert mistakes(groups=[group(32, taints=[own, other])]) == [
        "instance_type: all instance groups of this type have taints that the job does not tolerate, such as team: add them to tolerations"
    ]
    assert mistakes(groups=[group(32, taints=[other])], tolerations=[other]) == []
    assert mistakes(groups=[group(32, taints=[other])], tolerations=[Taint(key="team", value="b")]) != []
    assert mistakes(groups=[group(32, taints=[other]), group(8, name="free")]) == []
    assert mistakes(groups=[group(32, taints=[Taint(key="x", effect=TaintEffect.PREFER_NO_SCHEDULE)])]) == []
    assert mistakes(groups=[group(32, taints=[Taint(key="nvidia.com/gpu", effect=TaintEffect.NO_EXECUTE)])]) != []


def test_nodes_with_half_of_the_vcpus() -> None:
    assert mistakes(groups=[group(32, threads_per_core=1)]) == [
        "requests.cpu: 179 does not fit ml.p5.48xlarge with one thread per core: use at most 89.73, because its daemons need the rest"
    ]
    assert mistakes(groups=[group(32, threads_per_core=1)], requests={"cpu": 80}) == []
    assert mistakes(groups=[group(32), group(4, name="halved", threads_per_core=1)]) == []


def test_the_maximum_of_a_container() -> None:
    defaults = ContainerDefaults(maximum={"cpu": "64", "memory": "4Ti"})
    assert mistakes(team(borrow_limit=300, container_defaults=defaults), INFERENCE) == [
        "requests.cpu: 179 is more than the maximum of a container in hyperpod-ns-research: use at most 64 or raise "
        "container_defaults.maximum"
    ]


def test_the_default_limit_of_a_container() -> None:
    """Kubernetes refuses a pod whose request is above the limit that the LimitRange gives it."""
    defaults = ContainerDefaults(limits={"cpu": "64", "memory": "4Ti", "nvidia.com/gpu": 1})
    assert mistakes(team(borrow_limit=300, container_defaults=defaults), INFERENCE) == [
        "requests.cpu: 179 is more than the default limit of a container in hyperpod-ns-research: use at most 64 or "
        "raise container_defaults.limits"
    ]


def test_values_known_only_at_deployment_pass() -> None:
    text, number = Token.as_string({"Ref": "X"}), Token.as_number({"Ref": "X"})
    assert mistakes(team=text, instance_type=text, priority_class=text) == []
    assert mistakes(groups=[group(number)]) == []  # type: ignore[arg-type]


def test_a_wrong_name_is_one_mistake() -> None:
    classes = Governance(priority_classes=[PriorityClass(class_name="training", weight=50)])
    found = mistakes(team="", instance_type="p5", priority_class="A b", governance=classes)
    assert [text.partition(":")[0] for text in found] == ["team", "instance_type", "priority_class"]


def test_mistakes_in_the_job_itself_come_first() -> None:
    assert mistakes(team="nobody", policy=None) == ["policy: missing; use a mapping"]
    assert [text.partition(":")[0] for text in mistakes(requests={"cpu": 500}, team="nobody")] == [
        "requests.cpu",
        "team",
    ]
