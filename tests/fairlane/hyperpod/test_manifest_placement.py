"""Manifests that others wrote, compared with a cluster."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from fairlane.capacity.rules import Purchase
from fairlane.hyperpod import (
    Cap,
    ContainerDefaults,
    Governance,
    InstanceGroup,
    PriorityClass,
    Taint,
    Team,
    job_manifest,
    job_problems,
    manifest_placement_problems,
)
from tests.fairlane.hyperpod.elastic_jobs import job, jobs
from tests.fairlane.hyperpod.governance import P5, group, quota, team
from tests.fairlane.hyperpod.test_manifest_rules import ARTICLE, FIRST, GOOD, JSON, MISSING, POD, changed, paths

TEAMS = [team(borrow_limit=100), team("b", count=24)]
CLASSES = Governance(priority_classes=[PriorityClass(class_name="training", weight=50)])
LABEL = ("metadata", "labels", "kueue.x-k8s.io/priority-class")
PLACE = "spec.replicaSpecs[0].template.spec"


def mistakes(
    manifest: dict[str, Any], teams: list[Team] | None = None, groups: list[InstanceGroup] | None = None
) -> list[str]:
    found = manifest_placement_problems(manifest, CLASSES, TEAMS if teams is None else teams, groups or [group(32)])
    return [str(problem) for problem in found]


def test_a_job_that_the_cluster_runs() -> None:
    assert mistakes(GOOD) == []
    assert mistakes(changed(GOOD, LABEL, "training-priority")) == []
    assert mistakes(changed(GOOD, ("spec", "elasticPolicy"), MISSING)) == []
    assert mistakes({"apiVersion": "v1", "kind": "Pod"}) == []


def test_an_unknown_namespace_or_class() -> None:
    known = "hyperpod-ns-research or hyperpod-ns-b"
    assert mistakes(changed(GOOD, ("metadata", "namespace"), "default")) == [
        f"metadata.namespace: got 'default', allowed: {known}"
    ]
    assert mistakes(changed(GOOD, ("metadata", "namespace"), MISSING)) == [f"metadata.namespace: missing; use {known}"]
    assert mistakes(GOOD, []) == [
        "metadata.namespace: got 'hyperpod-ns-research', allowed: a team's: the cluster has no teams"
    ]
    assert mistakes(changed(GOOD, LABEL, "trainin-priority")) == [
        "metadata.labels.\"kueue.x-k8s.io/priority-class\": got 'trainin', allowed: training"
    ]


def test_a_maximum_that_the_quota_the_cap_or_the_cluster_never_reaches() -> None:
    maximum = "spec.elasticPolicy.maxReplicas: 8 replicas"
    assert mistakes(GOOD, [team(cap=Cap(instances={P5: 5}))], [group(7)]) == [
        f"{maximum} need 64 nvidia.com/gpu, and team research reaches 48, because the borrow limit of 50 % of its own 32 is 16: use at "
        "most 6 replicas or raise the limit",
        f"{maximum} need 64 nvidia.com/gpu, and the cap of team research is 40: use at most 4 replicas or raise the limit",
        f"{maximum} never run at a time, because the cluster has 7 ml.p5.48xlarge, and each has room for one: use at most 6 replicas or "
        "raise the limit",
    ]
    assert mistakes(GOOD, [team("research", quota(count=8, vcpus=800), borrow_limit=0)], [group(8)]) == [
        f"{maximum} need 1432 cpu, and team research reaches 800, because the borrow limit of 0 % of its own 800 is 0: use at most 4 "
        "replicas or raise the limit"
    ]


def test_requests_that_are_not_stated_count_nothing() -> None:
    small = [team("research", quota(count=8, vcpus=800), borrow_limit=0)]
    assert mistakes(changed(GOOD, (*FIRST, "resources", "requests", "cpu"), MISSING), small, [group(8)]) == []
    assert mistakes(changed(GOOD, (*FIRST, "resources"), {}), small, [group(8)]) == []


def test_spot_and_taints() -> None:
    (text,) = mistakes(GOOD, groups=[group(32), group(8, name="spot", purchase=Purchase.SPOT)])
    assert text.startswith(
        f'{PLACE}.nodeSelector."node.kubernetes.io/instance-type": the instance groups spot have Spot'
    )
    tainted = [group(32, taints=[Taint(key="team", value="a")])]
    assert "taints that the job does not tolerate, such as team" in mistakes(GOOD, groups=tainted)[0]
    for toleration in (
        {"operator": "Exists"},
        {"key": "team", "operator": "Exists", "effect": "NoSchedule"},
        {"key": "team", "value": "a"},
    ):
        assert mistakes(changed(GOOD, (*POD, "tolerations"), [toleration]), groups=tainted) == []
    wrong = [{"key": "team", "value": "b"}, {"key": "team", "operator": "Exists", "effect": "NoExecute"}]
    assert len(mistakes(changed(GOOD, (*POD, "tolerations"), wrong), groups=tainted)) == 1


def test_an_instance_type_that_the_manifest_does_not_choose() -> None:
    assert [text.partition(":")[0] for text in mistakes(ARTICLE)] == ["metadata.namespace"]


@given(jobs())
def test_a_rendered_job_has_the_mistakes_that_the_job_has(each: Any) -> None:
    teams = [team(each.team, quota(each.instance_type, count=2))]
    groups = [group(4, each.instance_type)]
    found = manifest_placement_problems(job_manifest(each), Governance(), teams, groups)
    own = list(job_problems(each, Governance(), teams, groups))
    assert len(found) == len(own)
    assert [problem.sentence for problem in found if problem.field[-1] == "maxReplicas"] == [
        problem.sentence for problem in own if problem.field[0] == "policy"
    ]


@given(st.sampled_from(paths(GOOD)), JSON)
def test_no_value_raises(path: tuple[Any, ...], value: Any) -> None:
    assert isinstance(mistakes(changed(GOOD, path, value)), list)


def test_a_job_with_halves_of_instances() -> None:
    assert mistakes(job_manifest(job(requests={"nvidia.com/gpu": 4})), groups=[group(4)]) == []


def test_the_default_limit_of_a_container_counts_without_a_limit_of_its_own() -> None:
    teams = [team(borrow_limit=100, container_defaults=ContainerDefaults(limits={"cpu": "64"})), TEAMS[1]]
    (text,) = mistakes(GOOD, teams)
    assert "requests.cpu: 179 is more than the default limit of a container in hyperpod-ns-research" in text
    resources = (*POD, "containers", 0, "resources", "limits", "cpu")
    assert mistakes(changed(GOOD, resources, "179"), teams) == []
