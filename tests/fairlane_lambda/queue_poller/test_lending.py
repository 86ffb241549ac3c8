"""Borrowed and lent capacity for any entitlements and any usage."""

from hypothesis import given
from hypothesis import strategies as st

from fairlane_lambda.queue_poller.capacity import borrowed_and_lent

UNITS = ("ml.p4d.24xlarge", "ml.g6.12xlarge", "VCPU")
amounts = st.dictionaries(st.sampled_from(UNITS), st.integers(0, 1_000) | st.floats(0, 1_000, allow_subnormal=False))
shares = st.dictionaries(st.sampled_from("abcdef"), st.tuples(amounts, amounts))


@given(shares)
def test_borrowed_capacity_is_lent_from_idle_entitlement(
    shares: dict[str, tuple[dict[str, float], dict[str, float]]],
) -> None:
    entitlements = {share: entitled for share, (entitled, _) in shares.items()}
    in_use = {share: used for share, (_, used) in shares.items()}
    borrowed, lent = borrowed_and_lent(entitlements, in_use)
    tolerance = 1e-6
    for unit in UNITS:
        total_lent = sum(lent[share].get(unit, 0) for share in shares)
        total_borrowed = sum(borrowed[share].get(unit, 0) for share in shares)
        total_idle = sum(max(0, entitlements[share].get(unit, 0) - in_use[share].get(unit, 0)) for share in shares)
        assert abs(total_lent - min(total_borrowed, total_idle)) <= tolerance
        for share in shares:
            lends, borrows = lent[share].get(unit, 0), borrowed[share].get(unit, 0)
            entitled, used = entitlements[share].get(unit, 0), in_use[share].get(unit, 0)
            assert lends >= 0
            assert borrows >= 0
            assert not (lends and borrows)
            idle = entitled - (used - borrows) - lends
            assert idle >= -tolerance, "an entitlement is used by its share, lent, or idle"
            if total_borrowed >= total_idle and not borrows:
                assert abs(idle) <= tolerance
