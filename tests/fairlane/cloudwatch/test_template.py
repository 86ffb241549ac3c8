from typing import Any

import pytest

from fairlane.cloudwatch.template import plain, resources

QUEUE = {"Ref": "Queue"}


@pytest.mark.parametrize(
    "resource", [None, [], "text", {}, {"Type": None}, {"Type": ["A"]}, {"Type": "B"}, {"Properties": {"Type": "A"}}]
)
def test_what_is_no_resource_is_left_out(resource: Any) -> None:
    given = {"Resources": {"Z": resource, "One": {"Type": "A", "Properties": {"x": 1}}, "Two": {"Type": "A"}}}
    assert dict(resources(given, "A")) == {"One": {"x": 1}, "Two": {}}
    assert dict(resources({}, "A")) == {}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("red", "red"),
        (QUEUE, "${Queue}"),
        ({"Fn::GetAtt": ["Queue", "Arn"]}, "${Queue.Arn}"),
        ({"Fn::GetAtt": "Queue.Arn"}, "${Queue.Arn}"),
        ({"Fn::Sub": "a-${Queue}"}, "a-${Queue}"),
        ({"Fn::Join": ["/", ["a", QUEUE]]}, "a/${Queue}"),
        (
            {"Fn::Select": [1, {"Fn::Split": ["/", QUEUE]}]},
            '{"Fn::Select": [1, {"Fn::Split": ["/", {"Ref": "Queue"}]}]}',
        ),
        (5, "5"),
    ],
)
def test_references_as_text(value: Any, text: str) -> None:
    assert plain(value) == text
