"""Log groups with a KMS key: constructs, the key's policy, and refused keys."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from aws_cdk import App, CfnParameter, Environment, Stack, Validations
from aws_cdk import aws_kms as kms
from cdk_nag import AwsSolutionsChecks

from fairlane import (
    Fifo,
    GpuJobDefinition,
    JobArchive,
    JobMetrics,
    MultiNodeGpuJobDefinition,
    RegistryReplication,
    ReplicatedRepository,
    ReplicationGate,
    ReplicationMode,
    TrainingQueue,
    TrainingVpc,
)
from tests import cfn_lint
from tests.support import problems_of, recommended_flags, template_of

KEY = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
HOME = Environment(account="111122223333", region="us-east-1")
JOB: dict[str, Any] = {"job_definition_name": "train", "image": "image", "instance_type": "p5.48xlarge"}


def build_gate(stack: Stack, key: Any) -> None:
    repository = ReplicatedRepository(stack, "Repository", repository_name="train", regions=["eu-west-1"])
    ReplicationGate(stack, "Made", repositories=[repository], log_encryption_key=key).wait(repository, "1")


def build_metrics(stack: Stack, key: Any) -> None:
    queue = TrainingQueue(stack, "Queue", queue_name="q", capacity=1, scheduling=Fifo())
    JobMetrics(stack, "Made", queues=[queue], log_encryption_key=key)


def build_archive(stack: Stack, key: Any) -> None:
    queue = TrainingQueue(stack, "Queue", queue_name="q", capacity=1, scheduling=Fifo())
    JobArchive(stack, "Made", queues=[queue], log_encryption_key=key)


BUILDERS: dict[str, tuple[int, Callable[[Stack, Any], object]]] = {
    "network": (1, lambda stack, key: TrainingVpc(stack, "Made", log_encryption_key=key)),
    "job": (1, lambda stack, key: GpuJobDefinition(stack, "Made", log_encryption_key=key, **JOB)),
    "nodes": (
        1,
        lambda stack, key: MultiNodeGpuJobDefinition(
            stack, "Made", script=["train.py"], nodes=2, log_encryption_key=key, **JOB
        ),
    ),
    "metrics": (2, build_metrics),
    "archive": (1, build_archive),
    "merged rules": (
        1,
        lambda stack, key: RegistryReplication(stack, "Made", mode=ReplicationMode.MERGE, log_encryption_key=key),
    ),
    "gate": (4, build_gate),
}


@pytest.fixture
def home() -> Stack:
    return Stack(App(context=recommended_flags()), "Stack", env=HOME)


def keys_of(stack: Stack) -> list[Any]:
    entries = template_of(stack)["Resources"].values()
    return [entry["Properties"].get("KmsKeyId") for entry in entries if entry["Type"] == "AWS::Logs::LogGroup"]


@pytest.mark.parametrize("builder", BUILDERS)
def test_all_log_groups_have_the_key(home: Stack, builder: str) -> None:
    count, build = BUILDERS[builder]
    Validations.of(home.node.root).add_plugins(AwsSolutionsChecks(home.node.root))
    build(home, KEY)
    assert keys_of(home) == [KEY] * count
    App.of(home).synth()  # type: ignore[union-attr]
    assert cfn_lint.findings(template_of(home)) == []


@pytest.mark.parametrize("builder", BUILDERS)
def test_functions_log_only_to_log_groups_with_the_key(home: Stack, builder: str) -> None:
    BUILDERS[builder][1](home, KEY)
    resources = template_of(home)["Resources"]
    groups = {name for name, entry in resources.items() if entry["Type"] == "AWS::Logs::LogGroup"}
    for entry in resources.values():
        if entry["Type"] == "AWS::Lambda::Function":
            assert entry["Properties"]["LoggingConfig"]["LogGroup"]["Ref"] in groups


@pytest.mark.parametrize("builder", BUILDERS)
def test_without_a_key_log_groups_have_no_key(home: Stack, builder: str) -> None:
    count, build = BUILDERS[builder]
    build(home, None)
    assert keys_of(home) == [None] * (6 if builder == "gate" else count)  # the CDK has one for each of its functions


def test_a_key_of_the_app_allows_cloudwatch_logs_once(home: Stack) -> None:
    key = kms.Key(home, "Key", enable_key_rotation=True)
    for number in range(2):
        TrainingVpc(home, f"Network{number}", log_encryption_key=key)
    resources = template_of(home)["Resources"]
    (policy,) = (entry["Properties"]["KeyPolicy"] for entry in resources.values() if entry["Type"] == "AWS::KMS::Key")
    (statement,) = [entry for entry in policy["Statement"] if "Service" in entry["Principal"]]
    suffix, partition = {"Ref": "AWS::URLSuffix"}, {"Ref": "AWS::Partition"}
    log_groups = {"Fn::Join": ["", ["arn:", partition, ":logs:us-east-1:111122223333:log-group:*"]]}
    assert statement == {
        "Effect": "Allow",
        "Action": ["kms:Decrypt*", "kms:Describe*", "kms:Encrypt*", "kms:GenerateDataKey*", "kms:ReEncrypt*"],
        "Resource": "*",
        "Principal": {"Service": {"Fn::Join": ["", ["logs.us-east-1.", suffix]]}},
        "Condition": {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": log_groups}},
    }
    assert cfn_lint.findings(template_of(home)) == []


def test_imported_keys_and_tokens_are_accepted() -> None:
    stack = Stack(App(), "Stack")
    TrainingVpc(stack, "Imported", log_encryption_key=kms.Key.from_key_arn(stack, "Key", KEY))
    TrainingVpc(stack, "Token", log_encryption_key=CfnParameter(stack, "Parameter").value_as_string)
    assert keys_of(stack) == [KEY, {"Ref": "Parameter"}]


@pytest.mark.parametrize(
    ("key", "problem"),
    [
        (
            KEY.replace("key/", "alias/"),
            f"got '{KEY.replace('key/', 'alias/')}', allowed: the ARN of a KMS key, not of",
        ),
        ("alias/logs", "got 'alias/logs', allowed: the ARN of a KMS key, not of an alias"),
        (5, "got 5, allowed: the ARN of a KMS key"),
        (KEY.replace("us-east-1", "eu-west-1"), "the key is in Region eu-west-1: use a key in Region us-east-1, where"),
        (KEY.replace("1111", "9999"), "the key is in account 999922223333: use a key in account 111122223333, where"),
    ],
)
@pytest.mark.parametrize("builder", BUILDERS)
def test_a_wrong_key_is_refused(home: Stack, builder: str, key: Any, problem: str) -> None:
    (message,) = problems_of(lambda: BUILDERS[builder][1](home, key))
    assert message.startswith(f"log_encryption_key: {problem}")
    assert home.node.try_find_child("Made") is None


def test_an_alias_is_refused(home: Stack) -> None:
    alias = kms.Alias(home, "Alias", alias_name="alias/logs", target_key=kms.Key(home, "Key"))
    for key in (alias, kms.Alias.from_alias_name(home, "Imported", "alias/logs")):
        (message,) = problems_of(partial(TrainingVpc, home, "Made", log_encryption_key=key))
        assert message == "log_encryption_key: the key is an alias: use the key itself"
