"""Templates of the example environment with a fan-out: snapshot, validators, Regions, outputs and sizes."""

import json
import re
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk.assertions import Annotations, Match
from cdk_nag import AwsSolutionsChecks
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.json import JSONSnapshotExtension

from fairlane.environment import Environment, load_environment
from fairlane_stacks import TrainingStack, build_stacks
from tests import cfn_lint
from tests.aws_limits import violations
from tests.support import REPOSITORY, recommended_flags, template_of

FLAGS = {"all recommended flags": recommended_flags(), "no flags": {}}
QUEUE = {"capacity": {"ml.p4d.24xlarge": 60}, "scheduling": {"policy": "fifo"}}
REGIONS = [f"eu-west-{number}" for number in range(1, 21)]


def environment() -> Environment:
    return load_environment(REPOSITORY / "environments" / "fan-out.yaml")


def build(flags: dict[str, Any]) -> tuple[cdk.App, list[cdk.Stack]]:
    app = cdk.App(context=flags)
    return app, build_stacks(app, "fan-out", environment())


def of_many_regions(count: int) -> list[TrainingStack]:
    """Return the training stacks of a fan-out over many Regions with three queues each."""
    home, *others = REGIONS[:count]
    queues = {f"training-queue-{number}": {"capacity": 4, "scheduling": {"policy": "fifo"}} for number in range(3)}
    fan_out = {
        "queues": {region: list(queues) for region in REGIONS[:count]},
        "execution_roles": ["campaigns"],
        "template": str(REPOSITORY / "environments" / "fan-outs" / "campaigns.json"),
    }
    settings = {
        "region": home,
        "account": "123456789012",
        "execution_roles": {"campaigns": {"repositories": ["training/pytorch"]}},
        "queues": queues,
        "fan_outs": {"campaigns": fan_out},
        "regions": {region: {"queues": queues} for region in others},
    }
    stacks = build_stacks(cdk.App(), "prod", Environment.model_validate(settings))
    return [stack for stack in stacks if isinstance(stack, TrainingStack)]


def test_the_templates_are_the_ones_that_were_reviewed(snapshot: SnapshotAssertion) -> None:
    _, stacks = build(FLAGS["all recommended flags"])
    templates = {stack.stack_name: template_of(stack) for stack in stacks if isinstance(stack, TrainingStack)}
    without_hashes = re.sub(r"[0-9a-f]{64}", "HASH", json.dumps(templates))
    assert json.loads(without_hashes) == snapshot(extension_class=JSONSnapshotExtension)


@pytest.mark.parametrize("flags", FLAGS.values(), ids=FLAGS)
def test_all_validators_accept_the_templates(flags: dict[str, Any]) -> None:
    app, stacks = build(flags)
    cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    app.synth()
    for stack in stacks:
        template = template_of(stack)
        assert cfn_lint.findings(template) == []
        assert violations(template) == []
        assert Annotations.from_stack(stack).find_warning("*", Match.any_value()) == []
