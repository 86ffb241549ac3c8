"""Templates of the example environment: snapshot, checks by all validators, outputs."""

import json
import re
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk.assertions import Annotations, Match
from cdk_nag import AwsSolutionsChecks
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.json import JSONSnapshotExtension

from fairlane.environment import load_environment
from fairlane_stacks import TrainingStack, build_stacks
from tests import cfn_lint
from tests.aws_limits import violations
from tests.support import REPOSITORY, recommended_flags, template_of

FLAGS = {"all recommended flags": recommended_flags(), "no flags": {}}


def build_all(flags: dict[str, Any]) -> tuple[cdk.App, TrainingStack, *tuple[cdk.Stack, ...]]:
    app = cdk.App(context=flags)
    training, *others = build_stacks(app, "example", load_environment(REPOSITORY / "environments" / "example.yaml"))
    assert isinstance(training, TrainingStack)
    return app, training, *others


def build(flags: dict[str, Any]) -> tuple[cdk.App, TrainingStack]:
    app, training, *_ = build_all(flags)
    return app, training


def test_the_template_is_the_one_that_was_reviewed(snapshot: SnapshotAssertion) -> None:
    _, *stacks = build_all(FLAGS["all recommended flags"])
    templates = {stack.stack_name: template_of(stack) for stack in stacks}
    without_hashes = re.sub(r"[0-9a-f]{64}", "HASH", json.dumps(templates))
    assert json.loads(without_hashes) == snapshot(extension_class=JSONSnapshotExtension)


@pytest.mark.parametrize(
    "flags",
    [
        pytest.param(FLAGS["all recommended flags"], id="all recommended flags"),
        pytest.param(FLAGS["no flags"], id="no flags", marks=pytest.mark.slow),
    ],
)
def test_all_validators_accept_the_templates(flags: dict[str, Any]) -> None:
    app, *stacks = build_all(flags)
    cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    app.synth()
    for stack in stacks:
        template = template_of(stack)
        assert cfn_lint.findings(template) == []
        assert violations(template) == []
        assert Annotations.from_stack(stack).find_warning("*", Match.any_value()) == []


def test_flags_change_only_the_bootstrap_check_and_the_merging_of_statements() -> None:
    templates = [template_of(build(flags)[1]) for flags in FLAGS.values()]
    with_flags, without = ({**template["Resources"]} for template in templates)
    assert with_flags.keys() == without.keys()
    for logical_id, resource in with_flags.items():
        has_statements = resource["Type"] in {
            "AWS::IAM::ManagedPolicy",
            "AWS::IAM::Role",
            "AWS::IAM::Policy",
            "AWS::S3::BucketPolicy",
        }
        assert has_statements or resource == without[logical_id]
    assert templates[0]["Outputs"] == templates[1]["Outputs"]


def test_names_and_arns_are_stack_outputs() -> None:
    outputs = template_of(build({})[1])["Outputs"]
    assert {name: outputs[name]["Value"] for name in ("trainingp4QueueName", "cpuQueueName")} == {
        "trainingp4QueueName": "training-p4",
        "cpuQueueName": "cpu",
    }
    assert outputs["trainingp4QueueArn"]["Value"]["Fn::GetAtt"][1] == "JobQueueArn"
    assert outputs["searchExecutionRoleArn"]["Value"]["Fn::GetAtt"][1] == "Arn"
    assert outputs["gpug5QueueName"]["Value"] == "gpu-g5"
    assert outputs["pretrainJobRoleArn"]["Value"]["Fn::GetAtt"][1] == "Arn"
    assert outputs["searchSweepWorkgroup"]["Value"] == "fairlane-search"
    assert len(outputs) == 2 * 6 + 1 + 4 + 2


def test_the_stack_has_the_account_and_region_of_the_environment() -> None:
    _, stack = build({})
    assert (stack.account, stack.region, stack.stack_name) == (
        "123456789012",
        "us-east-1",
        "fairlane-example-training",
    )
    assert {type(queue).__name__ for queue in stack.training_queues.values()} == {"TrainingQueue"}
