from typing import Any

import pytest
from aws_cdk import Token

from fairlane import FairShare


def problems(policy: FairShare) -> list[str]:
    return [str(problem) for problem in policy.problems()]


def test_a_lower_weight_factor_means_more_capacity() -> None:
    entitled = FairShare({"HIGHPRI": 1, "MIDPRI": 3, "LOWPRI": 5}).entitlements(23)
    assert {name: share["NUM_INSTANCES"] for name, share in entitled.items()} == pytest.approx(
        {"HIGHPRI": 15, "MIDPRI": 5, "LOWPRI": 3}
    )


def test_a_larger_proportion_means_more_capacity() -> None:
    policy = FairShare.by_proportion({"prod": 60, "research": 30, "interns": 7})
    assert policy.weight_factors == {"prod": 1.0, "research": 2.0, "interns": 8.5714}
    entitled = policy.entitlements(97)
    assert entitled["prod"]["NUM_INSTANCES"] == pytest.approx(60, rel=1e-4)
    assert entitled["interns"]["NUM_INSTANCES"] == pytest.approx(7, rel=1e-4)
    assert policy == FairShare({"prod": 1, "research": 2, "interns": 8.5714})


@pytest.mark.parametrize(("active", "reserved"), [(1, 0.5), (2, 0.25), (3, 0.125)])
def test_the_reservation_shrinks_with_each_active_share(active: int, reserved: float) -> None:
    policy = FairShare({f"share{n}": 1 for n in range(active)}, compute_reservation=50)
    entitled = sum(share["NUM_INSTANCES"] for share in policy.entitlements(100).values())
    assert entitled == pytest.approx(100 * (1 - reserved))
    assert policy.ceilings(100)["share0"] == {"NUM_INSTANCES": 50}


@pytest.mark.parametrize(
    ("policy", "problem"),
    [
        (FairShare({"a": 0}), "weight_factors.a: got 0, allowed: a number, 0.0001 to 999.9999"),
        (FairShare({"a": 5000}), "weight_factors.a: got 5000, allowed: a number, 0.0001 to 999.9999"),
        (FairShare({"a": "1"}), "weight_factors.a: got '1', allowed: a number, 0.0001 to 999.9999"),  # type: ignore[dict-item]
        (FairShare({"a": True}), "weight_factors.a: got True, allowed: a number, 0.0001 to 999.9999"),
        (FairShare({"a": 1}, compute_reservation=150), "compute_reservation: got 150, allowed: a whole number of percent, 0 to 99"),
        (FairShare({"a": 1}, share_decay_seconds=2_592_000), "share_decay_seconds: got 2592000, allowed: a whole number of seconds, 0 to 604800"),
        (FairShare({"a": 1}, share_decay_seconds=0.5), "share_decay_seconds: got 0.5, allowed: a whole number of seconds, 0 to 604800"),  # type: ignore[arg-type]
        (FairShare({f"s{n}": 1 for n in range(501)}), "weight_factors: 501 share identifiers are too many: use at most 500"),
        (FairShare({"te*am": 1}), 'weight_factors.te*am: got \'te*am\', allowed: a share identifier: 1 to 255 characters of A-Z, a-z, 0-9, - and _, optionally with * at the end'),
        (FairShare({"te am": 1}), 'weight_factors."te am": got \'te am\', allowed: a share identifier: 1 to 255 characters of A-Z, a-z, 0-9, - and _, optionally with * at the end'),
        (FairShare({"team*": 1, "team-a": 1}), 'weight_factors.team-a: "team*" already stands for team-a: remove one of them'),
        (FairShare({"team-a*": 1, "team*": 1}), 'weight_factors.team-a*: "team*" already stands for team-a*: remove one of them'),
        (FairShare(["a", "b"]), "weight_factors: got ['a', 'b'], allowed: a mapping of share identifiers to numbers"),  # type: ignore[arg-type]
        (FairShare.by_proportion({"a": 1, "b": 0}), "proportions.b: got 0, allowed: a number above 0"),
        (FairShare.by_proportion({"a": 1001, "b": 1}), "proportions.b: got 1, allowed: at least the largest proportion divided by 999.9999"),
        (FairShare.by_proportion({"a": Token.as_number("x")}), "proportions.a: got a value known only at deployment, allowed: a number above 0"),
    ],
)  # fmt: skip
def test_each_mistake_is_one_problem(policy: FairShare, problem: str) -> None:
    assert problems(policy) == [problem]


def test_all_mistakes_are_reported_together() -> None:
    policy = FairShare({"a b": 0, "ok": 1000}, share_decay_seconds=-1, compute_reservation=100)
    fields = [problem.field for problem in policy.problems()]
    assert fields == [
        ("weight_factors", "a b"),
        ("weight_factors", "a b"),
        ("weight_factors", "ok"),
        ("share_decay_seconds",),
        ("compute_reservation",),
    ]


@pytest.mark.parametrize(
    "policy",
    [
        FairShare({}),
        FairShare({f"share{n:03}": 1 for n in range(500)}),
        FairShare({"a" * 255: 0.0001, "b" * 254 + "*": 999.9999}, share_decay_seconds=604800, compute_reservation=99),
        FairShare.by_proportion({}),
        FairShare.by_proportion({"a": 999.9999, "b": 1}),
    ],
    ids=["empty", "500 shares", "longest names and bounds", "no proportions", "widest ratio"],
)
def test_the_bounds_are_allowed(policy: FairShare) -> None:
    assert problems(policy) == []


def test_tokens_pass() -> None:
    text, number = Token.as_string({"Ref": "X"}), Token.as_number("x")
    policy = FairShare({text: 1, "b": number}, share_decay_seconds=number, compute_reservation=number)  # type: ignore[arg-type]
    assert problems(policy) == []


def test_a_policy_copies_its_weight_factors() -> None:
    weights: dict[str, Any] = {"a": 1}
    policy = FairShare(weights)
    weights["b"] = 5000
    assert problems(policy) == []
    assert policy.weight_factors == {"a": 1}
