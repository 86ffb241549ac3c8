from typing import Any

import pytest
from aws_cdk import Token

from fairlane import QuotaManagement, QuotaShare, Sharing

P4 = "ml.p4d.24xlarge"
P5 = "ml.p5.48xlarge"


def share(name: str = "a", own: int = 4, sharing: Sharing = Sharing.LEND_AND_BORROW, **options: Any) -> QuotaShare:
    return QuotaShare(**({"name": name, "capacity": {P4: own}, "sharing": sharing} | options))


def ceilings(*shares: QuotaShare, capacity: int = 100) -> dict[str, float]:
    return {name: units[P4] for name, units in QuotaManagement(*shares).ceilings({P4: capacity}).items()}


def test_shares_that_lend_and_borrow_are_entitled_to_their_own_and_can_reach_all_capacity() -> None:
    policy = QuotaManagement(share("ProdExp1", 60), share("ProdExp2", 40))
    assert policy.entitlements({P4: 100}) == {"ProdExp1": {P4: 60}, "ProdExp2": {P4: 40}}
    assert policy.ceilings({P4: 100}) == {"ProdExp1": {P4: 100}, "ProdExp2": {P4: 100}}


def test_only_borrowers_reach_more_than_their_own_capacity_and_only_lent_capacity() -> None:
    reached = ceilings(
        share("borrows", 10), share("lends", 20, Sharing.LEND), share("reserves", 30, Sharing.RESERVE), share("also", 5)
    )
    assert reached == {"borrows": 35, "lends": 20, "reserves": 30, "also": 35}


def test_a_borrow_limit_is_a_percentage_of_the_own_capacity() -> None:
    assert ceilings(share("a", 2, borrow_limit=100), share("b", 10))["a"] == 4
    assert ceilings(share("a", 4, borrow_limit=200), share("b", 4))["a"] == 8
    assert ceilings(share("a", 3, borrow_limit=50), share("b", 4))["a"] == 4
    assert ceilings(share("a", 3, borrow_limit=0), share("b", 4))["a"] == 3
    assert ceilings(share("a", 3, borrow_limit=-1), share("b", 4))["a"] == 7


def test_no_ceiling_is_above_the_capacity_of_the_service_environment() -> None:
    assert ceilings(share("a", 6), share("b", 6), capacity=10) == {"a": 10, "b": 10}


def test_each_instance_type_has_its_own_ceiling() -> None:
    policy = QuotaManagement(share("a", 4), share("b", capacity={P4: 1, P5: 2}))
    assert policy.ceilings({P4: 10, P5: 10}) == {"a": {P4: 5}, "b": {P4: 5, P5: 2}}


@pytest.mark.parametrize(
    ("policy", "problem"),
    [
        (QuotaManagement(), "shares: the queue has 0 quota shares: use 1 to 20"),
        (QuotaManagement(*(share(f"s{n}") for n in range(21))), "shares: the queue has 21 quota shares: use 1 to 20"),
        (QuotaManagement(share("a"), share("a")), "shares.a: 2 shares have this name: give each share its own name"),
        (QuotaManagement("a"), "shares[0]: got 'a', allowed: a QuotaShare"),  # type: ignore[arg-type]
        (QuotaManagement(share("a.b")), 'shares."a.b": got \'a.b\', allowed: 1 to 128 characters of A-Z, a-z, 0-9, - and _'),
        (QuotaManagement(share("x" * 129)), f"shares.{'x' * 120}...: got '{'x' * 119}..., allowed: 1 to 128 characters of A-Z, a-z, 0-9, - and _"),
        (QuotaManagement(share(own=0)), 'shares.a.capacity."ml.p4d.24xlarge": got 0, allowed: a whole number of instances, 1 or more'),
        (QuotaManagement(share(capacity={"p4d.24xlarge": 1})), 'shares.a.capacity."p4d.24xlarge": got \'p4d.24xlarge\', allowed: an ml.* instance type such as ml.p4d.24xlarge'),
        (QuotaManagement(share(capacity={"NUM_INSTANCES": 1})), "shares.a.capacity.NUM_INSTANCES: got 'NUM_INSTANCES', allowed: an ml.* instance type such as ml.p4d.24xlarge"),
        (QuotaManagement(share(capacity={})), "shares.a.capacity: the capacity has 0 instance types: use 1 to 5"),
        (QuotaManagement(share(capacity={f"ml.x{n}.large": 1 for n in range(6)})), "shares.a.capacity: the capacity has 6 instance types: use 1 to 5"),
        (QuotaManagement(share(capacity=4)), "shares.a.capacity: got 4, allowed: a mapping of ml.* instance types to numbers of instances"),
        (QuotaManagement(share(sharing=Sharing.LEND, borrow_limit=50)), "shares.a.borrow_limit: a borrow limit requires sharing LEND_AND_BORROW: remove the limit or change sharing"),
        (QuotaManagement(share(borrow_limit=-2)), "shares.a.borrow_limit: got -2, allowed: a whole number of percent, -1 or more"),
        (QuotaManagement(share(sharing="BORROW")), "shares.a.sharing: got 'BORROW', allowed: RESERVE, LEND or LEND_AND_BORROW"),  # type: ignore[arg-type]
        (QuotaManagement(share(in_share_preemption="yes")), "shares.a.in_share_preemption: got 'yes', allowed: True or False"),
        (QuotaManagement(share(state="draining")), "shares.a.state: got 'draining', allowed: ENABLED or DISABLED"),
    ],
)  # fmt: skip
def test_each_mistake_is_one_problem(policy: QuotaManagement, problem: str) -> None:
    assert [str(yielded) for yielded in policy.problems()] == [problem]


def test_tokens_pass_and_are_left_out_of_sums() -> None:
    text, number, flag = Token.as_string({"Ref": "X"}), Token.as_number("x"), Token.as_any("x")
    policy = QuotaManagement(
        QuotaShare(
            name=text,
            capacity={text: 1, P4: number},  # type: ignore[dict-item]
            sharing=text,  # type: ignore[arg-type]
            borrow_limit=number,  # type: ignore[arg-type]
            in_share_preemption=flag,  # type: ignore[arg-type]
            state=text,  # type: ignore[arg-type]
        )
    )
    assert list(policy.problems()) == []
    assert list(policy.problems_with({text: 5, P4: 5})) == []
    assert list(policy.problems_with({text: 5})) == []
    assert list(policy.advice({P4: 5})) == []


def test_quotas_above_or_below_the_capacity_give_advice() -> None:
    above, below = QuotaManagement(share("a", 60), share("b", 50)), QuotaManagement(share("a", 60))
    (too_much,) = above.advice({P4: 100})
    assert too_much.id == "fairlane:QuotaManagement.quotasAboveCapacity"
    assert (
        "own 110 ml.p4d.24xlarge and the service environment has 100: while all shares have jobs, 10 are missing"
        in too_much.message
    )
    (too_little,) = below.advice({P4: 100})
    assert too_little.id == "fairlane:QuotaManagement.quotasBelowCapacity"
    assert "40 belong to no share" in too_little.message
    assert [advice.id for advice in below.advice({P4: 60, P5: 1})] == [too_little.id]
    assert list(QuotaManagement(share("a", 60), share("b", 40)).advice({P4: 100})) == []
