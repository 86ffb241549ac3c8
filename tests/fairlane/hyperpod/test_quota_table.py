import math
from collections import defaultdict
from typing import Any

from aws_cdk import Token
from hypothesis import given
from hypothesis import strategies as st

from fairlane.hyperpod import Cap, Governance, InstanceGroup, Sharing, Team
from fairlane.hyperpod.governance_rules import governance_problems
from fairlane.hyperpod.quota_amounts import cap_amounts, quota_amounts
from fairlane.hyperpod.quota_table import QuotaRow, quota_rows
from tests.fairlane.hyperpod.governance import EVEN, P5, group, pool, quota, team

GPU = "nvidia.com/gpu"
TYPES = (P5, "ml.g5.12xlarge", "ml.m5.large")


def gpus(*teams: Team, governance: Governance = EVEN, **options: Any) -> dict[str, QuotaRow]:
    groups = options.pop("groups", [group()])
    return {row.team_name: row for row in quota_rows(governance, teams, groups, **options) if row.resource == GPU}


def test_a_borrow_limit_is_a_percentage_of_the_own_quota() -> None:
    peer = team("inference", count=28)
    row = gpus(team(), peer)["research"]
    assert (row.guaranteed, row.may_borrow, row.ceiling, row.lent) == (32, 16, 48, 32)
    assert row.refused == "above 48: the borrow limit of 50 % of its own 32 is 16"
    assert gpus(team(borrow_limit=300), peer)["research"].ceiling == 128
    assert gpus(team("a", quota(accelerators=5)), peer)["a"].ceiling == 7


def test_a_team_borrows_at_most_what_the_others_lend() -> None:
    governance = Governance(share_unallocated=False)
    teams = [team(borrow_limit=300), team("b", count=2), team("c", count=20, sharing=Sharing.DONT_LEND)]
    rows = gpus(*teams, governance=governance)
    assert rows["research"].may_borrow == 16
    assert rows["research"].refused == (
        "above 48: the borrow limit of 300 % of its own 32 is 96, and only 16 can be borrowed"
    )
    assert gpus(*teams)["research"].may_borrow == 16 + 6 * 8


def test_teams_that_do_not_borrow_reach_their_quota() -> None:
    rows = gpus(team(sharing=Sharing.DONT_LEND), team("b", sharing=Sharing.LEND))
    assert (rows["research"].ceiling, rows["research"].lent) == (32, 0)
    assert (rows["b"].ceiling, rows["b"].lent) == (32, 32)
    assert rows["research"].refused == "above 32: sharing DontLend neither lends nor borrows"
    assert rows["b"].refused == "above 32: sharing Lend does not borrow"


def test_a_cap_limits_the_ceiling() -> None:
    row = gpus(team(cap=Cap(instances={P5: 5})))["research"]
    assert (row.cap, row.ceiling, row.refused) == (40, 40, "above 40: the cap of the team")
    cap = Cap(instances={P5: 5}, requests={"memory": "6000Gi", "requests.nvidia.com/gpu": "200", "cpu": "1500m"})
    rows = {row.resource: row for row in quota_rows(EVEN, [team(cap=cap)], [group()])}
    assert {name: row.cap for name, row in rows.items()} == {GPU: 200, "cpu": 1.5, "memory": 6000}


def test_cap_amounts_that_are_not_known_are_left_out() -> None:
    number: Any = Token.as_number({"Ref": "X"})
    requests = {"cpu": Token.as_string({"Ref": "X"}), GPU: "many", "memory": "1Gi"}
    assert cap_amounts(Cap(instances={P5: number}, requests=requests)) == {"memory": 1}
    assert cap_amounts(None) == {}


def test_pools_without_limits_leave_only_the_borrow_limit() -> None:
    row = gpus(team(borrow_limit=1000), groups=[group(0)], node_pools=[pool("gpu")])["research"]
    assert (row.may_borrow, row.lendable) == (320, math.inf)


def test_partitions_have_rows_of_their_own() -> None:
    rows = quota_rows(EVEN, [team("a", quota(partition="mig-3g.40gb", partitions=4))], [group(1)])
    (row,) = rows
    assert (row.resource, row.guaranteed, row.ceiling) == ("nvidia.com/mig-3g.40gb", 4, 6)


def test_amounts_that_are_not_given_are_filled_in_like_hyperpod() -> None:
    assert quota_amounts(quota(count=2)) == {GPU: 16, "cpu": 384, "memory": 4096}
    assert quota_amounts(quota(accelerators=4)) == {GPU: 4, "cpu": 96, "memory": 1024}
    assert quota_amounts(quota(accelerators=4, memory_gib=10)) == {GPU: 4, "cpu": 96, "memory": 10}
    assert quota_amounts(quota(vcpus=96)) == {"cpu": 96, "memory": 1024}
    assert quota_amounts(quota(memory_gib=1024)) == {"cpu": 96, "memory": 1024}
    assert quota_amounts(quota(vcpus=1, memory_gib=2)) == {"cpu": 1, "memory": 2}
    assert quota_amounts(quota("ml.trn2.48xlarge", count=1))["aws.amazon.com/neuron"] == 16
    assert quota_amounts(quota("ml.m5.large", accelerators=1)) == {}


@st.composite
def clusters(draw: st.DrawFn) -> tuple[Governance, list[Team], list[InstanceGroup]]:
    counts = {name: draw(st.integers(0, 12)) for name in TYPES}
    groups = [group(count, name, name.replace(".", "-")) for name, count in counts.items()]
    amounts = st.fixed_dictionaries(
        {}, optional={"count": st.integers(0, 12), "vcpus": st.integers(0, 500), "memory_gib": st.integers(0, 4000)}
    )
    resources = st.lists(st.tuples(st.sampled_from(TYPES), amounts), max_size=3, unique_by=lambda item: item[0])
    teams = [
        team(
            f"team-{index}",
            *(quota(name, **values) for name, values in draw(resources)),
            sharing=draw(st.sampled_from(Sharing)),
            borrow_limit=draw(st.none() | st.integers(0, 10_000)),
            cap=draw(st.none() | st.builds(lambda count: Cap(instances={P5: count}), st.integers(0, 12))),
        )
        for index in range(draw(st.integers(1, 5)))
    ]
    return Governance(share_unallocated=draw(st.booleans())), teams, groups


@given(clusters(), st.randoms())
def test_the_order_of_teams_changes_nothing(cluster: Any, random: Any) -> None:
    governance, teams, groups = cluster
    shuffled = random.sample(teams, len(teams))
    assert set(quota_rows(governance, teams, groups)) == set(quota_rows(governance, shuffled, groups))


@given(clusters())
def test_no_team_reaches_more_than_the_capacity_its_cap_or_its_limit(cluster: Any) -> None:
    governance, teams, groups = cluster
    capacity = {item.instance_type: item.instance_count for item in groups}
    per_gpu = {P5: 8, "ml.g5.12xlarge": 4}
    rows = quota_rows(governance, teams, groups)
    for row in rows:
        assert row.ceiling <= row.guaranteed + row.may_borrow
        assert row.may_borrow <= min(row.limit, row.lendable)
        assert row.cap is None or row.ceiling <= row.cap
        if row.resource == GPU:
            assert row.ceiling <= capacity[row.instance_type] * per_gpu[row.instance_type]


@given(clusters())
def test_without_problems_all_guarantees_hold_at_once(cluster: Any) -> None:
    governance, teams, groups = cluster
    if any("add up" in str(problem) for problem in governance_problems(governance, teams, groups)):
        return
    total: dict[tuple[str, str], float] = defaultdict(float)
    for row in quota_rows(governance, teams, groups):
        total[row.instance_type, row.resource] += row.guaranteed
        assert row.cap is not None or row.ceiling >= row.guaranteed
    counts = {item.instance_type: item.instance_count for item in groups}
    assert all(
        amount <= counts[name] * {P5: 192, "ml.g5.12xlarge": 48, "ml.m5.large": 2}[name]
        for (name, resource), amount in total.items()
        if resource == "cpu"
    )
