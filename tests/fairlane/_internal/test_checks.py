"""Texts of checks."""

from fairlane._internal.checks import listing


def test_a_listing_has_at_most_twenty_names() -> None:
    names = [f"n{number}" for number in range(25)]
    assert listing(names[:3]) == "n0, n1, n2"
    assert listing(names[:20]) == ", ".join(names[:20])
    assert listing(names) == f"{', '.join(names[:20])} and 5 others"
