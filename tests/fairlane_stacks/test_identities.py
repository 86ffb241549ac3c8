"""Logical ids, types and physical names stay the same in an update, or the changelog names the changes."""

import json

import pytest

from tests.fairlane_stacks.identities import FILE, Identities, current, template_identities, unannounced
from tests.support import REPOSITORY

OLD: Identities = {"stack": {"QueueA1": ["AWS::Batch::JobQueue", "JobQueueName=a"], "RoleB2": ["AWS::IAM::Role"]}}
CHANGELOG = "# Changelog\n\n## [Unreleased]\n\n- {}\n\n## [0.1.0]\n\n- `QueueA1` and `RoleB2` are new.\n"


def test_identities_are_unchanged_or_announced() -> None:
    published, now = json.loads(FILE.read_text()), current()
    assert list(unannounced(published, now, (REPOSITORY / "CHANGELOG.md").read_text())) == []
    assert published == now, "run make identities"


@pytest.mark.parametrize(
    ("new", "problem"),
    [
        ({"stack": OLD["stack"] | {"NewC3": ["AWS::SQS::Queue"]}}, None),
        ({"stack": {"QueueA1": OLD["stack"]["QueueA1"]}}, "stack RoleB2: was AWS::IAM::Role, is removed"),
        ({"other": OLD["stack"]}, "stack QueueA1: was AWS::Batch::JobQueue JobQueueName=a, is removed"),
        (
            {"stack": OLD["stack"] | {"QueueA1": ["AWS::Batch::JobQueue", "JobQueueName=b"]}},
            "stack QueueA1: was AWS::Batch::JobQueue JobQueueName=a, is AWS::Batch::JobQueue JobQueueName=b",
        ),
        (
            {"stack": OLD["stack"] | {"RoleB2": ["AWS::IAM::Policy"]}},
            "stack RoleB2: was AWS::IAM::Role, is AWS::IAM::Policy",
        ),
    ],
    ids=["added", "removed", "another stack", "renamed", "another type"],
)
def test_removed_and_changed_resources_must_be_announced(new: Identities, problem: str | None) -> None:
    problems = list(unannounced(OLD, new, CHANGELOG.format("Nothing.")))
    assert problems[:1] == ([problem] if problem else [])
    announced = CHANGELOG.format("Replaces `QueueA1` and `RoleB2`: let the queue drain first.")
    assert list(unannounced(OLD, new, announced)) == []
    whole_types = CHANGELOG.format("Replaces all `AWS::Batch::JobQueue` resources and all `AWS::IAM::Role` resources.")
    assert list(unannounced(OLD, new, whole_types)) == []


def test_a_reference_is_not_a_physical_name() -> None:
    properties = {"JobQueueName": "a", "LogGroupName": {"Ref": "Group"}, "Prefix": "x/", "Priority": 1}
    template = {"Resources": {"Queue": {"Type": "T", "Properties": properties}, "Bare": {"Type": "U"}}}
    assert template_identities(template) == {"Bare": ["U"], "Queue": ["T", "JobQueueName=a", "Prefix=x/"]}
