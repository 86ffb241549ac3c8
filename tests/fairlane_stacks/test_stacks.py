import json
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk.assertions import Annotations, Match

from fairlane.environment import Environment
from fairlane_stacks import build_stacks
from tests.support import resource, resources, template_of

KEY = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
FIFO = {"capacity": 1, "scheduling": {"policy": "fifo"}}


def environment(**changes: Any) -> Environment:
    return Environment.model_validate({"region": "us-east-1", "queues": {"q": FIFO}} | changes)


def test_each_region_has_a_stack_of_its_own() -> None:
    regions = {"eu-west-1": {"queues": {"q": FIFO}}, "us-west-2": {}}
    stacks = build_stacks(cdk.App(), "prod", environment(account="111122223333", regions=regions))
    assert [(stack.stack_name, stack.region, stack.account) for stack in stacks] == [
        ("fairlane-prod-training", "us-east-1", "111122223333"),
        ("fairlane-prod-eu-west-1-training", "eu-west-1", "111122223333"),
        ("fairlane-prod-us-west-2-training", "us-west-2", "111122223333"),
    ]
    assert [len(resources(stack, "JobQueue")) for stack in stacks] == [1, 1, 0]


def test_without_an_account_that_of_the_cli_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CDK_DEFAULT_ACCOUNT", "444455556666")
    (stack,) = build_stacks(cdk.App(), "prod", environment())
    assert stack.account == "444455556666"
    monkeypatch.delenv("CDK_DEFAULT_ACCOUNT")
    (stack,) = build_stacks(cdk.App(), "prod", environment())
    assert cdk.Token.is_unresolved(stack.account)


def test_tags_and_termination_protection_are_the_stacks() -> None:
    (stack,) = build_stacks(cdk.App(), "prod", environment(tags={"owner": "platform"}, termination_protection=True))
    assert stack.termination_protection is True
    artifact = cdk.App.of(stack).synth().get_stack_by_name("fairlane-prod-training")  # type: ignore[union-attr]
    assert artifact.tags == {"owner": "platform"}


def test_queues_take_shared_environments() -> None:
    shared = {"service_environment": "shared", "scheduling": {"policy": "fifo"}}
    (stack,) = build_stacks(
        cdk.App(),
        "prod",
        environment(service_environments={"shared": {"capacity": 4}}, queues={"one": shared, "two": shared}),
    )
    assert resource(stack, "ServiceEnvironment")["CapacityLimits"] == [
        {"CapacityUnit": "NUM_INSTANCES", "MaxCapacity": 4}
    ]
    assert "ServiceEnvironmentName" not in resource(stack, "ServiceEnvironment")
    assert [queue["JobQueueName"] for queue in resources(stack, "JobQueue")] == ["one", "two"]


def test_queues_whose_names_differ_in_hyphens_only_are_told_apart() -> None:
    (stack,) = build_stacks(cdk.App(), "prod", environment(queues={"a-b": FIFO, "a_b": FIFO, "c": FIFO}))
    outputs = template_of(stack)["Outputs"]
    assert sorted(output["Value"] for output in outputs.values() if isinstance(output["Value"], str)) == [
        "a-b",
        "a_b",
        "c",
    ]
    assert {"cQueueName", "cQueueArn"} < outputs.keys()


def test_execution_roles_have_what_the_file_names() -> None:
    roles = {
        "search": {"read": ["s3://datasets/x/"], "kms_keys": [KEY], "repositories": ["training"], "tags": {"a": "b"}}
    }
    (stack,) = build_stacks(cdk.App(), "prod", environment(execution_roles=roles))
    text = json.dumps(template_of(stack)["Resources"])
    assert all(part in text for part in (":s3:::datasets/x/*", KEY, "repository/training", '"Key": "a"'))
    assert list(stack.execution_roles) == ["search"]


def test_a_draining_queue_is_disabled() -> None:
    (stack,) = build_stacks(cdk.App(), "prod", environment(queues={"q": FIFO | {"state": "draining"}}))
    assert resource(stack, "JobQueue")["State"] == "DISABLED"


def test_an_unknown_hint_is_warned_of() -> None:
    (stack,) = build_stacks(cdk.App(), "prod", environment(queues={"q": FIFO | {"instance_type": "ml.x9.large"}}))
    found = Annotations.from_stack(stack).find_warning("*", Match.any_value())
    assert ["ml.x9.large" in str(entry.entry.data) for entry in found] == [True]
