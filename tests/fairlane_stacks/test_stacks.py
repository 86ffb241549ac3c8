from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk.assertions import Annotations, Match

from fairlane.environment import Environment
from fairlane_stacks import build_stacks
from tests.support import resource, resources

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


def test_a_draining_queue_is_disabled() -> None:
    (stack,) = build_stacks(cdk.App(), "prod", environment(queues={"q": FIFO | {"state": "draining"}}))
    assert resource(stack, "JobQueue")["State"] == "DISABLED"


def test_an_unknown_hint_is_warned_of() -> None:
    (stack,) = build_stacks(cdk.App(), "prod", environment(queues={"q": FIFO | {"instance_type": "ml.x9.large"}}))
    found = Annotations.from_stack(stack).find_warning("*", Match.any_value())
    assert ["ml.x9.large" in str(entry.entry.data) for entry in found] == [True]
