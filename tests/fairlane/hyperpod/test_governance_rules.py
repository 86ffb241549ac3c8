from collections.abc import Sequence
from typing import Any

import botocore.session
import pytest
from aws_cdk import Token

from fairlane.catalog.hyperpod_catalog import hyperpod_instance_types
from fairlane.hyperpod import Cap, Governance, InstanceGroup, NodePool, PriorityClass, QuotaResource, Sharing, Team
from fairlane.hyperpod.governance_rules import governance_advice, governance_problems
from fairlane.hyperpod.mig_profiles import mig_profiles
from tests.fairlane.hyperpod.governance import EIGHT_TEAMS, EVEN, P5, group, pool, quota, team

PEER = team("inference", count=8)


def problems(
    *teams: Team,
    governance: Governance = EVEN,
    groups: Sequence[InstanceGroup] = (group(),),
    pools: Sequence[NodePool] = (),
) -> list[str]:
    return [str(problem) for problem in governance_problems(governance, teams, groups, pools)]


def classes(*items: tuple[Any, Any]) -> Governance:
    return Governance(priority_classes=[PriorityClass(class_name=name, weight=weight) for name, weight in items])


def test_a_good_configuration_has_no_problems() -> None:
    governance = classes(("training", 70), ("elastic", 0), ("a" * 40, 100))
    teams = [
        team("a" * 38, quota(count=4), quota("ml.p5e.48xlarge", accelerators=12, vcpus=100, memory_gib=512.5)),
        team("x", quota(count=4, accelerators=32), borrow_limit=300),
        team("inference", quota(vcpus=96), quota(partition="mig-1g.10gb", partitions=14), sharing=Sharing.LEND),
        team("alone", quota(memory_gib=2048), sharing=Sharing.DONT_LEND, weight=0),
    ]
    assert problems(*teams, governance=governance, groups=[group(), group(2, "ml.p5e.48xlarge", "more")]) == []
    assert problems(*EIGHT_TEAMS) == []
    assert problems() == []


def test_values_of_other_types_are_refused() -> None:
    wrong: Any = {P5: 4}
    governance = Governance(priority_classes=wrong)
    assert problems(Team(team_name="research", quota=wrong), governance=governance) == [
        "priority_classes: got {'ml.p5.48xlarge': 4}, allowed: a list of PriorityClass",
        "teams.research.quota: got {'ml.p5.48xlarge': 4}, allowed: a list of QuotaResource",
    ]
    assert problems(wrong) == ["teams[0]: got {'ml.p5.48xlarge': 4}, allowed: a list of Team"]


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        (team(["research"]), "team_name: got ['research'], allowed: a text"),  # type: ignore[arg-type]
        (team("a", quota([P5])), f"teams.a.quota.\"['{P5}']\".instance_type: got ['{P5}'], allowed: a text"),  # type: ignore[arg-type]
        (team("a", quota(count=10**400)), "count: got "),
        (team("a", quota(vcpus=float("inf"))), "vcpus: got inf, allowed: a number, 0 to 10000000"),
        (team(borrow_limit=10**400), "borrow_limit: got "),
        (team("a", quota(partition=["mig-1g.10gb"], partitions=1)), "partition: got ['mig-1g.10gb'], allowed: a text"),
    ],
)
def test_lists_and_huge_numbers_are_problems(wrong: Team, problem: str) -> None:
    assert any(problem in text for text in problems(wrong))


def test_a_huge_cap_is_left_to_the_rules_of_teams() -> None:
    instances: Any = {P5: 10**400}
    caps: list[Any] = [Cap(requests={"cpu": "1e999"}), Cap(instances=instances), 3, Cap(requests={1: 2})]  # type: ignore[dict-item]
    assert [problems(team(cap=cap)) for cap in caps] == [[]] * 4


@pytest.mark.parametrize("name", ["", "Research", "a_b", "-a", "a-", "a" * 39, "a\n", 3])
def test_team_names_that_do_not_fit_are_refused(name: Any) -> None:
    (problem,) = problems(team(name))
    assert "team_name: got" in problem
    assert "1 to 38 lower-case letters, digits and -" in problem


def test_the_longest_team_name_fits_the_name_of_its_cluster_queue() -> None:
    assert len(f"hyperpod-ns-{'a' * 38}-clusterqueue") == 63


def test_names_of_the_queues_of_hyperpod_are_refused() -> None:
    (problem,) = problems(team("idle-resource-sharing"))
    assert "HyperPod's own queues" in problem


def test_teams_of_one_name_are_refused_once() -> None:
    (problem,) = problems(team(), team(), team())
    assert problem == "teams.research: 3 teams have this name: each team needs its own"


@pytest.mark.parametrize("name", ["", "Elastic", "a" * 41, "-a"])
def test_class_names_that_do_not_fit_are_refused(name: str) -> None:
    (problem,) = problems(governance=classes((name, 1)))
    assert "1 to 40 lower-case letters" in problem


def test_classes_of_one_name_and_more_than_ten_classes_are_refused() -> None:
    assert problems(governance=classes(("a", 1), ("b", 1), ("a", 2))) == [
        "priority_classes.a: two classes have this name: each class needs its own"
    ]
    (problem,) = problems(governance=classes(*((f"c{index}", index) for index in range(11))))
    assert problem == "priority_classes: got '11 classes', allowed: at most 10 classes"


@pytest.mark.parametrize("weight", [-1, 101, 1.5, True, "10"])
def test_weights_outside_0_to_100_are_refused(weight: Any) -> None:
    assert problems(governance=classes(("a", weight))) == [
        f"priority_classes.a.weight: got {weight!r}, allowed: a whole number, 0 to 100"
    ]
    assert problems(team(weight=weight), PEER) == [
        f"teams.research.weight: got {weight!r}, allowed: a whole number, 0 to 100"
    ]


def test_weight_0_for_all_is_refused_with_fair_share_only() -> None:
    teams = [team(weight=0), team("inference", weight=0)]
    (problem,) = problems(*teams)
    assert "weight is 0 for all teams that borrow" in problem
    assert problems(*teams, governance=Governance(fair_share=False)) == []
    assert problems(teams[0]) == []
    assert problems(teams[0], team("inference", weight=1)) == []
    assert problems(teams[0], team("inference", weight=0, sharing=Sharing.LEND)) == []


def test_flags_and_words_of_other_values_are_refused() -> None:
    wrong: Any = "yes"
    assert len(problems(governance=Governance(fair_share=wrong, share_unallocated=wrong))) == 2
    assert len(problems(team(sharing=wrong, preempt_lower_priority=wrong))) == 2


@pytest.mark.parametrize("resources", [(), (quota(count=0),), (quota(accelerators=0, vcpus=0, memory_gib=0),)])
def test_a_quota_of_nothing_is_refused(resources: Sequence[QuotaResource]) -> None:
    (problem,) = problems(Team(team_name="research", quota=resources))
    assert "a quota of nothing" in problem


def test_a_resource_without_an_amount_is_refused() -> None:
    (problem,) = problems(
        team("research", quota(count=1), quota("ml.g5.xlarge")), groups=[group(), group(1, "ml.g5.xlarge", "g")]
    )
    assert 'quota."ml.g5.xlarge": missing; use count, accelerators' in problem


@pytest.mark.parametrize(
    "amounts", [{"count": -1}, {"count": 1.5}, {"accelerators": True}, {"vcpus": -0.5}, {"memory_gib": "1"}]
)
def test_amounts_that_are_no_amounts_are_refused(amounts: dict[str, Any]) -> None:
    assert any(f".{next(iter(amounts))}: got" in problem for problem in problems(team("research", quota(**amounts))))


def test_count_and_accelerators_that_differ_are_refused() -> None:
    (problem,) = problems(team("research", quota(count=2, accelerators=8)))
    assert "count 2 has 16 accelerators, and accelerators are 8" in problem


def test_accelerators_of_an_instance_type_without_any_are_refused() -> None:
    (problem,) = problems(team("research", quota("ml.m5.large", accelerators=1)), groups=[group(2, "ml.m5.large")])
    assert "ml.m5.large has no accelerators" in problem


def test_more_than_15_resources_and_repeated_resources_are_refused() -> None:
    types = sorted(hyperpod_instance_types())[:16]
    groups = [group(1, name, name.replace(".", "-")) for name in types]
    (problem,) = problems(team("research", *(quota(name, count=1) for name in types)), groups=groups)
    assert problem == "teams.research.quota: got '16 resources', allowed: at most 15 resources"
    (problem,) = problems(team("research", quota(count=1), quota(vcpus=4)))
    assert "several resources: add them up in one" in problem
    assert problems(team("research", quota(count=1), quota(partition="mig-1g.10gb", partitions=1))) == []


def test_unknown_instance_types_are_refused() -> None:
    (problem,) = problems(team("research", quota("ml.p99.48xlarge", count=1)))
    assert "allowed: an instance type of HyperPod" in problem


@pytest.mark.parametrize(
    ("instance_type", "profile", "allowed"),
    [
        ("ml.p5.48xlarge", "mig-1g.5gb", "a MIG profile of H100: mig-1g.10gb, "),
        ("ml.p5.4xlarge", "mig-1g.18gb", "a MIG profile of H100"),
        ("ml.p4d.24xlarge", "mig-7g.80gb", "a MIG profile of A100: mig-1g.5gb"),
        ("ml.g6.12xlarge", "mig-1g.10gb", "none: L4 has no MIG profile"),
        ("ml.m5.large", "mig-1g.10gb", "none: no accelerator has no MIG profile"),
    ],
)
def test_mig_profiles_of_another_gpu_are_refused(instance_type: str, profile: str, allowed: str) -> None:
    resource = quota(instance_type, partition=profile, partitions=1)
    (problem,) = problems(team("research", resource), groups=[group(4, instance_type)])
    assert f"got {profile!r}, allowed: {allowed}" in problem


def test_a_profile_and_its_number_belong_together() -> None:
    (problem,) = problems(team("research", quota(partition="mig-1g.10gb", vcpus=1)))
    assert "partitions: missing" in problem
    (problem,) = problems(team("research", quota(partitions=1)))
    assert "partition: missing" in problem


def test_the_profiles_of_all_gpus_are_those_of_the_api() -> None:
    model = botocore.session.get_session().get_service_model("sagemaker")
    profiles = {profile for name in hyperpod_instance_types() for profile in mig_profiles(name)}
    assert profiles == set(model.shape_for("MIGProfileType").enum)


def test_quotas_above_capacity_are_refused_for_each_resource() -> None:
    (problem,) = problems(team(), team("inference", quota(vcpus=6144 - 4 * 192 + 1, memory_gib=1)))
    assert problem == (
        'teams.*.quota."ml.p5.48xlarge": the quotas add up to 6145 cpu and the instance groups and node pools have '
        "6144: lower the quotas or add instances"
    )
    assert len(problems(team(count=33))) == 3


def test_partitions_count_as_the_gpus_that_they_take_at_least() -> None:
    def with_partitions(profile: str, number: int) -> list[str]:
        return problems(
            team("a", quota(count=1)), team("b", quota(partition=profile, partitions=number)), groups=[group(2)]
        )

    assert with_partitions("mig-1g.10gb", 56) == []
    assert "9 nvidia.com/gpu" not in with_partitions("mig-1g.10gb", 56)
    assert len(with_partitions("mig-1g.10gb", 57)) == 1
    assert with_partitions("mig-3g.40gb", 16) == []
    assert len(with_partitions("mig-3g.40gb", 17)) == 1
    assert len(with_partitions("mig-1g.20gb", 33)) == 1


def test_an_instance_type_without_instance_group_is_refused() -> None:
    (problem,) = problems(team("research", quota("ml.g5.xlarge", count=1)))
    assert "allowed: an instance type of the instance groups: ml.p5.48xlarge" in problem


def test_node_pools_count_with_their_limits() -> None:
    groups = [group(0)]
    assert problems(team(count=4), groups=groups) != []
    assert problems(team(count=4), groups=groups, pools=[pool("gpu", max_accelerators=32)]) == []
    assert problems(team(count=5), groups=groups, pools=[pool("gpu", max_accelerators=39)]) != []
    assert problems(team(count=5), groups=groups, pools=[pool("gpu", max_accelerators=99, max_vcpus=4 * 192)]) != []
    assert problems(team(count=500), groups=groups, pools=[pool("gpu")]) == []
    assert problems(team(count=5), groups=groups, pools=[pool("unknown")]) != []


def test_a_group_of_several_types_counts_for_each_of_them() -> None:
    groups = [group(4, None, instance_types=[P5, "ml.p5e.48xlarge"])]
    assert problems(team("research", quota(count=4), quota("ml.p5e.48xlarge", count=4)), groups=groups) == []
    assert problems(team(count=5), groups=groups) != []


@pytest.mark.parametrize("sharing", [Sharing.DONT_LEND, Sharing.LEND])
def test_a_borrow_limit_of_a_team_that_does_not_borrow_is_refused(sharing: Sharing) -> None:
    (problem,) = problems(team(sharing=sharing, borrow_limit=50), PEER)
    assert problem == (
        f"teams.research.borrow_limit: sharing {sharing} never borrows: remove borrow_limit or use LendAndBorrow"
    )


@pytest.mark.parametrize("limit", [-1, 10_001, 1.5, "50"])
def test_borrow_limits_out_of_range_are_refused(limit: Any) -> None:
    (problem,) = problems(team(borrow_limit=limit), PEER)
    assert f"borrow_limit: got {limit!r}, allowed: a whole number of percent, 0 to 10000" in problem


def test_borrowing_above_what_the_others_lend_is_refused() -> None:
    governance = Governance(share_unallocated=False)
    teams = [team(count=4, borrow_limit=300), PEER, team("alone", sharing=Sharing.DONT_LEND)]
    assert problems(*teams, governance=governance) == [
        "teams.research.borrow_limit: 300 % of its own 32 nvidia.com/gpu is 96, and 64 can be borrowed: use at most 200"
    ]
    assert problems(team(count=4, borrow_limit=200), PEER, governance=governance) == []


def test_capacity_that_no_quota_covers_can_be_borrowed_if_it_is_shared() -> None:
    teams = [team(count=4, borrow_limit=700)]
    assert problems(*teams) == []
    assert problems(*teams, governance=Governance(share_unallocated=False)) != []
    assert problems(team(count=4, borrow_limit=725)) != []


def test_a_borrow_limit_that_one_instance_type_can_reach_passes() -> None:
    resources = [quota(count=4), quota("ml.g5.xlarge", count=1)]
    groups = [group(), group(1, "ml.g5.xlarge", "small")]
    assert problems(team("research", *resources, borrow_limit=300), PEER, groups=groups) == []


def test_all_mistakes_are_reported_at_once() -> None:
    found = problems(
        team("Research", quota(count=1, accelerators=9), weight=101, sharing=Sharing.DONT_LEND, borrow_limit=10),
        team("b", quota(count=64)),
        governance=classes(("A", -1)),
    )
    assert len(found) == 9


def test_values_known_only_at_deployment_pass() -> None:
    text: Any = Token.as_string({"Ref": "X"})
    number: Any = Token.as_number({"Ref": "X"})
    resource = quota(text, count=number, accelerators=number, partition=text, partitions=number)
    teams = [
        team(text, resource, weight=number, borrow_limit=number),
        team("known", quota(count=number, accelerators=8), quota(partition=text, partitions=number)),
    ]
    assert problems(*teams, governance=classes((text, number))) == []
    assert problems(team(count=1000), groups=[group(number)]) == []
    assert problems(team(count=1000), groups=[group(1, text)]) == []


def test_ray_clusters_are_warned_about_where_a_team_borrows_from_another() -> None:
    def advice(*teams: Team, governance: Governance = EVEN) -> list[str]:
        return [item.id for item in governance_advice(governance, teams, [group()])]

    assert advice(team(), PEER) == ["fairlane:TaskGovernance.idleRayClusters"]
    assert advice(team()) == ["fairlane:TaskGovernance.idleRayClusters"]
    assert advice(team(), governance=Governance(share_unallocated=False)) == []
    assert advice(team(sharing=Sharing.DONT_LEND), team("b", sharing=Sharing.LEND)) == []


def test_quotas_of_nodes_with_half_of_their_vcpus_are_warned_about() -> None:
    (advice,) = governance_advice(EVEN, [team(sharing=Sharing.LEND)], [group(threads_per_core=1)])
    assert advice.id == "fairlane:TaskGovernance.halvedVcpus"
    assert "team research counts all vCPUs of ml.p5.48xlarge" in advice.message
