from typing import Any

import pytest

from fairlane.cloudwatch.template import resources, template_text

QUEUE = {"Ref": "Queue"}


@pytest.mark.parametrize(
    "resource", [None, [], "text", {}, {"Type": None}, {"Type": ["A"]}, {"Type": "B"}, {"Properties": {"Type": "A"}}]
)
def test_entries_that_are_not_resources_are_skipped(resource: Any) -> None:
    template = {"Resources": {"Z": resource, "One": {"Type": "A", "Properties": {"x": 1}}, "Two": {"Type": "A"}}}
    assert dict(resources(template, "A")) == {"One": {"x": 1}, "Two": {}}
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
def test_values_of_a_template_as_text(value: Any, text: str) -> None:
    assert template_text(value) == text
