"""Constructs with code in stacks whose synthesizer uploads nothing."""

import aws_cdk as cdk
import pytest

import fairlane as f
from fairlane import ConfigurationError
from fairlane.hyperpod import Governance
from tests.fairlane.hyperpod.governance import team
from tests.fairlane.hyperpod.governed_cluster import Cluster
from tests.fairlane.valid_calls import CONSTRUCTS, HERE, World

REFUSED = {"HyperPodCluster", "JobArchive", "JobMetrics", "ReplicationGate", "TrainingFanOut"}
SENTENCE = (
    "  - scope: the AWS CDK uploads code of the construct, and the synthesizer of stack Bare uploads nothing: "
    "use the DefaultStackSynthesizer in a bootstrapped environment"
)


def bare_stack(app: cdk.App) -> cdk.Stack:
    return cdk.Stack(app, "Bare", env=HERE, synthesizer=cdk.BootstraplessSynthesizer())


@pytest.mark.parametrize("name", CONSTRUCTS)
def test_without_bootstrap_only_constructs_with_code_are_refused(name: str) -> None:
    world = World()
    create, arguments = CONSTRUCTS[name](world)
    stack = bare_stack(world.app)
    if name not in REFUSED:
        create(stack, "New", **arguments)
        return
    with pytest.raises(ConfigurationError) as raised:
        create(stack, "New", **arguments)
    assert str(raised.value).splitlines() == ["Bare/New: 1 problem", SENTENCE]
    assert stack.node.children == []


def test_merged_replication_rules_need_code() -> None:
    stack = bare_stack(cdk.App())
    with pytest.raises(ConfigurationError, match="uploads nothing"):
        f.RegistryReplication(stack, "Rules", mode=f.ReplicationMode.MERGE)
    f.RegistryReplication(stack, "Own")


def test_governance_without_native_resources_needs_code() -> None:
    app = cdk.App()
    cluster = Cluster(cdk.Stack(app, "Stack", env=HERE))
    stack = bare_stack(app)
    with pytest.raises(ConfigurationError, match="uploads nothing"):
        f.TaskGovernance(stack, "Governance", cluster=cluster, governance=Governance(), teams=[team()], native_types=[])
    assert stack.node.children == []


def test_the_synthesizer_may_be_the_default_of_the_app() -> None:
    app = cdk.App(default_stack_synthesizer=cdk.BootstraplessSynthesizer())
    stack = cdk.Stack(app, "Bare")
    queue = f.TrainingQueue(stack, "Queue", queue_name="q", capacity=1, scheduling=f.Fifo())
    with pytest.raises(ConfigurationError, match="uploads nothing"):
        f.JobMetrics(stack, "Metrics", queues=[queue])
    app.synth()


@pytest.mark.parametrize("synthesizer", [cdk.CliCredentialsStackSynthesizer, cdk.LegacyStackSynthesizer])
def test_other_synthesizers_upload_the_code(synthesizer: type[cdk.StackSynthesizer]) -> None:
    app = cdk.App()
    stack = cdk.Stack(app, "Stack", env=HERE, synthesizer=synthesizer())
    queue = f.TrainingQueue(stack, "Queue", queue_name="q", capacity=1, scheduling=f.Fifo())
    f.JobMetrics(stack, "Metrics", queues=[queue])
    template = app.synth().get_stack_by_name("Stack").template
    functions = [each for each in template["Resources"].values() if each["Type"] == "AWS::Lambda::Function"]
    assert len(functions) == 2
    assert all(each["Properties"]["Code"]["S3Bucket"] for each in functions)
