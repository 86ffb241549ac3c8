"""JSON filter patterns: the examples of the CloudWatch Logs documentation, and invalid patterns."""

import json

import pytest

from fairlane_local.monitoring.filter_patterns import FilterPatternError, matches, value_at

EVENT = {
    "eventType": "UpdateTrail",
    "sourceIPAddress": "111.111.111.111",
    "arrayKey": ["value", "another value"],
    "objectList": [{"name": "a", "id": 1}, {"name": "b", "id": 2}],
    "SomeObject": None,
    "ThisFlag": True,
    "detail-type": "State Change",
    "ratio": 2.5,
}
TEXT = json.dumps(EVENT)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("", True),
        ('{ $.eventType = "UpdateTrail" }', True),
        ("{ $.eventType = UpdateTrail }", True),
        ('{ $.eventType != "UpdateTrail" }', False),
        ("{ $.sourceIPAddress != 123.123.* }", True),
        ("{ $.sourceIPAddress = 111.111.* }", True),
        ('{ $.arrayKey[0] = "value" }', True),
        ('{ $.arrayKey[2] = "value" }', False),
        ("{ $.objectList[1].id = 2 }", True),
        ("{ $.objectList[1].id > 2 }", False),
        ("{ $.objectList[1].id >= 2 && $.ratio < 2.6 }", True),
        ("{ $.SomeObject IS NULL }", True),
        ("{ $.SomeOtherObject NOT EXISTS }", True),
        ("{ $.SomeObject NOT EXISTS }", False),
        ("{ $.SomeObject EXISTS }", True),
        ("{ $.ThisFlag IS TRUE }", True),
        ("{ $.ThisFlag IS FALSE }", False),
        ('{ $.eventType = "*Trail" }', True),
        ('{ $.eventType = "Update*" }', True),
        ('{ $.eventType = "*dateT*" }', True),
        ('{ $.eventType = "*" }', True),
        ('{ $.eventType = "Update*ail" }', False),
        ('{ $.detail-type = "State Change" }', True),
        ("{ $['detail-type'] = \"State Change\" }", True),
        ('{ $.objectList = "*" }', False),
        ('{ $.missing != "x" }', False),
        ('{ $.eventType = "x" || $.eventType = "UpdateTrail" && $.ratio > 2 }', True),
        ('{ ($.eventType = "UpdateTrail" || $.ratio > 9) && $.ratio > 9 }', False),
    ],
)
def test_patterns_match_as_documented(pattern: str, expected: bool) -> None:
    assert matches(pattern, TEXT) == expected


def test_an_event_that_is_not_json_matches_only_an_empty_pattern() -> None:
    assert matches("", "START RequestId")
    assert not matches("{ $.a EXISTS }", "START RequestId")


@pytest.mark.parametrize(
    "pattern",
    [
        "ERROR",
        "[ip, user]",
        "{ $.a = }",
        "{ $.a ~ 1 }",
        "{ $.a > b }",
        "{ ($.a = 1 }",
        "{ $.a = 1 $.b }",
        "{ a = 1 }",
        "{ $.a NOT NULL }",
        '{ $.a = "x }',
        "{ }",
    ],
)
def test_other_patterns_are_refused(pattern: str) -> None:
    with pytest.raises(FilterPatternError):
        matches(pattern, TEXT)


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ("$.ratio", 2.5),
        ("$.objectList[0].name", "a"),
        ("$.objectList", None),
        ("$.missing", None),
        ("$.arrayKey.x", None),
    ],
)
def test_values_are_read_at_selectors(selector: str, expected: object) -> None:
    assert value_at(selector, TEXT) == expected
