"""`log_encryption_key` in an environment file: all log groups of a Region have the key."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from cdk_nag import AwsSolutionsChecks

from fairlane import ConfigurationError
from fairlane.environment import load_environment
from fairlane_stacks import build_stacks
from tests.cfn_lint import findings
from tests.support import REPOSITORY, recommended_flags, template_of

KEY = "arn:aws:kms:{}:{}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
HOME_KEY = KEY.format("us-east-1", "123456789012")
EXAMPLE = (REPOSITORY / "environments" / "example.yaml").read_text()


def keys_by_kind(stacks: list[cdk.Stack]) -> Mapping[str, list[Any]]:
    kinds: dict[str, list[Any]] = {}
    for stack in stacks:
        kind = stack.stack_name.removeprefix("fairlane-prod-")
        for resource in template_of(stack).get("Resources", {}).values():
            if resource["Type"] == "AWS::Logs::LogGroup":
                kinds.setdefault(kind, []).append(resource["Properties"].get("KmsKeyId"))
    return kinds


@pytest.mark.slow
def test_all_log_groups_of_a_region_have_its_key(tmp_path: Path) -> None:
    path = tmp_path / "prod.yaml"
    regions = """
regions:
  eu-west-1: {queues: {q: {capacity: 1, scheduling: {policy: fifo}}}, job_metrics: {}}
"""
    path.write_text(f"log_encryption_key: {HOME_KEY}\n{EXAMPLE}{regions}")
    app = cdk.App(context=recommended_flags())
    stacks = build_stacks(app, "prod", load_environment(path))
    assert keys_by_kind(stacks) == {
        "training": [HOME_KEY] * 5,
        "monitoring": [HOME_KEY] * 2,
        "images": [HOME_KEY] * 2,
        "eu-west-1-monitoring": [None] * 2,
    }
    cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    app.synth()
    assert [finding for stack in stacks for finding in findings(template_of(stack))] == []


@pytest.mark.parametrize(
    ("key", "problem"),
    [
        ("alias/logs", "got 'alias/logs', allowed: the ARN of a KMS key, not of an alias"),
        (
            KEY.format("eu-west-1", "123456789012"),
            "the key is in Region eu-west-1: use a key in Region us-east-1, where",
        ),
        (
            KEY.format("us-east-1", "999999999999"),
            "the key is in account 999999999999: use a key in account 123456789012",
        ),
    ],
)
def test_a_wrong_key_is_refused_with_its_line(tmp_path: Path, key: str, problem: str) -> None:
    path = tmp_path / "prod.yaml"
    path.write_text(
        f"log_encryption_key: {key}\n{EXAMPLE}\nregions:\n  eu-west-1: {{log_encryption_key: {HOME_KEY}}}\n"
    )
    with pytest.raises(ConfigurationError) as raised:
        load_environment(path)
    first, second = map(str, raised.value.problems)
    assert first.startswith(f"line 1, log_encryption_key: {problem}")
    sentence = "the key is in Region us-east-1: use a key in Region eu-west-1, where the log groups are"
    assert second.partition(", ")[2] == f"regions.eu-west-1.log_encryption_key: {sentence}"
