"""Texts of checks."""

import pytest

from fairlane._internal.checks import check_tags, listing


@pytest.mark.parametrize("text", ["*", "a&b", "<x>", "a\tb", "${x}", "a,b"])
def test_tags_have_the_characters_that_iam_accepts(text: str) -> None:
    assert [problem.field for problem in check_tags({text: "x", "key": text})] == [("tags", text), ("tags", "key")]
    assert list(check_tags({"Größe 1+-=._:/@": "東京 2", "empty": ""})) == []


def test_a_listing_has_at_most_twenty_names() -> None:
    names = [f"n{number}" for number in range(25)]
    assert listing(names[:3]) == "n0, n1, n2"
    assert listing(names[:20]) == ", ".join(names[:20])
    assert listing(names) == f"{', '.join(names[:20])} and 5 others"
