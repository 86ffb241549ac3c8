"""Whatever shares use and are entitled to, what is lent is somebody's, and somebody uses it."""

from hypothesis import given
from hypothesis import strategies as st

from fairlane_lambda.queue_poller._capacity import borrowed_and_lent

UNITS = ("ml.p4d.24xlarge", "ml.g6.12xlarge", "VCPU")
amounts = st.dictionaries(st.sampled_from(UNITS), st.integers(0, 1_000) | st.floats(0, 1_000, allow_subnormal=False))
shares = st.dictionaries(st.sampled_from("abcdef"), st.tuples(amounts, amounts))


@given(shares)
def test_lending(shares: dict[str, tuple[dict[str, float], dict[str, float]]]) -> None:
    entitlements = {share: entitled for share, (entitled, _) in shares.items()}
    in_use = {share: used for share, (_, used) in shares.items()}
    borrowed, lent = borrowed_and_lent(entitlements, in_use)
    near = 1e-6
    for unit in UNITS:
        all_lent = sum(lent[share].get(unit, 0) for share in shares)
        all_borrowed = sum(borrowed[share].get(unit, 0) for share in shares)
        all_idle = sum(max(0, entitlements[share].get(unit, 0) - in_use[share].get(unit, 0)) for share in shares)
        assert abs(all_lent - min(all_borrowed, all_idle)) <= near
        for share in shares:
            lends, borrows = lent[share].get(unit, 0), borrowed[share].get(unit, 0)
            entitled, used = entitlements[share].get(unit, 0), in_use[share].get(unit, 0)
            assert lends >= 0
            assert borrows >= 0
            assert not (lends and borrows)
            idle = entitled - (used - borrows) - lends
            assert idle >= -near, "what a share is entitled to is used by it, lent, or idle"
            if all_borrowed >= all_idle and not borrows:
                assert abs(idle) <= near
