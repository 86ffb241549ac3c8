"""Errors about arguments of a wrong type: they name the construct, the argument, its value and what is allowed."""

from collections.abc import Callable
from importlib import import_module
from inspect import isabstract
from typing import Any

import pytest
from aws_cdk import App, CfnParameter, Fn, Stack
from aws_cdk import aws_batch as batch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_secretsmanager as secretsmanager

from fairlane import (
    ConfigurationError,
    Fifo,
    GpuComputeEnvironment,
    GpuJobDefinition,
    GpuQueue,
    TrainingExecutionRole,
    TrainingQueue,
)
from fairlane._internal.argument_types import type_problems
from tests.fairlane.valid_calls import CONSTRUCTS, World
from tests.support import REPOSITORY


def changed(name: str, **changes: Any) -> Callable[[World], object]:
    """Return a call that creates a construct with valid arguments, except for the changes."""

    def create(world: World) -> object:
        call, arguments = CONSTRUCTS[name](world)
        return call(**{"scope": world.stack, "construct_id": "New"} | arguments | changes)

    return create


def error_of(call: Callable[[World], object]) -> str:
    world = World()
    with pytest.raises(ConfigurationError) as raised:
        call(world)
    return str(raised.value)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (changed("GpuComputeEnvironment", vpc="vpc-123"), "Stack/New: 1 problem\n  - vpc: got 'vpc-123', allowed: a TrainingVpc or a VPC of the CDK"),
        (changed("GpuJobDefinition", secrets={"A": "arn..."}), "Stack/New: 1 problem\n  - secrets.A: got 'arn...', allowed: an ISecret, such as Secret.from_secret_complete_arn(...)"),
        (lambda w: w.training_queue.grants.submit("arn..."), "Stack/TrainingQueue.grants.submit: 1 problem\n  - grantee: got 'arn...', allowed: an IAM role, user or group, such as Role.from_role_arn(...)"),
        (lambda w: w.store.grants.run("arn..."), "Stack/Store.grants.run: 1 problem\n  - role: got 'arn...', allowed: an IAM role, user or group, such as Role.from_role_arn(...)"),
        (changed("GpuJobDefinition", image=Fn.get_att("Build", "Image"), scheduling_priority=Fn.get_att("Build", "Priority")), "Stack/New: 2 problems\n  - image: got a value known only at deployment, allowed: a text; Token.as_string(...), as_number(...) or as_list(...) converts the value\n  - scheduling_priority: got a value known only at deployment, allowed: a whole number; Token.as_string(...), as_number(...) or as_list(...) converts the value"),
        (changed("TrainingQueue", queue_name=Fn.get_att("Build", "Name")), "Stack/New: 1 problem\n  - queue_name: got a value known only at deployment, allowed: a text; Token.as_string(...), as_number(...) or as_list(...) converts the value"),
        (changed("QueueAlarms", metrics="x"), "Stack/New: 1 problem\n  - metrics: got 'x', allowed: a JobMetrics"),
        (changed("TrainingQueue", scope=None), "TrainingQueue: 1 problem\n  - scope: missing; use a stack, or a construct in a stack"),
        (lambda w: GpuQueue.from_job_queue_arn(w.stack, "Other", "training"), "Stack/Other: 1 problem\n  - job_queue_arn: got 'training', allowed: the ARN of one queue; from_job_queue_name imports a queue by its name"),
        (lambda w: changed("JobMetrics", queues=[batch.JobQueue(w.stack, "L2")])(w), "Stack/New: 1 problem\n  - queues[0]: got the JobQueue Stack/L2, allowed: a list of TrainingQueue and GpuQueue; from_job_queue_arn imports other queues"),
        (changed("TrainingQueue", scope=5, capacity="x"), "TrainingQueue: 2 problems\n  - scope: got 5, allowed: a stack, or a construct in a stack\n  - capacity: got 'x', allowed: a whole number or a mapping of texts to whole numbers"),
        (changed("TrainingFanOut", store="search"), "Stack/New: 1 problem\n  - store: got 'search', allowed: a SweepStore, or SweepStore.from_bucket_name(...)"),
        (changed("GpuJobDefinition", log_retention="ONE_DAY"), "Stack/New: 1 problem\n  - log_retention: got 'ONE_DAY', allowed: a member of RetentionDays, such as RetentionDays.ONE_DAY"),
        (changed("TaskGovernance", cluster="training"), "Stack/New: 1 problem\n  - cluster: got 'training', allowed: a GovernedCluster"),
        (changed("HyperPodCluster", chart_values={"a": {"b": object}}), "Stack/New: 1 problem\n  - chart_values.a: got {'b': <class 'object'>}, allowed: a text, a number, True, False, None, a list or a mapping"),
        (lambda w: w.alarms.add_alarm("training", "a", metric="Failed", threshold=True, meaning="x"), "Stack/Alarms.add_alarm: 2 problems\n  - metric: got 'Failed', allowed: an IMetric\n  - threshold: got True, allowed: a number"),
    ],
)  # fmt: skip
def test_an_argument_of_a_wrong_type_is_refused_in_words(call: Callable[[World], object], text: str) -> None:
    assert error_of(call) == text


def test_a_construct_lists_its_own_mistakes_beside_those_of_types() -> None:
    error = error_of(changed("GpuJobDefinition", secrets={"A": "arn..."}, scheduling_priority=-1, image=5))
    assert [line.split(":")[0] for line in error.splitlines()[1:]] == [
        "  - image",
        "  - scheduling_priority",
        "  - secrets.A",
    ]


def test_the_example_of_the_readme_is_the_error_of_a_construct(app: App) -> None:
    with pytest.raises(ConfigurationError) as raised:
        TrainingQueue(Stack(app, "Training"), "P4", queue_name="p4", capacity="100", scheduling=Fifo(), priority=1001)  # type: ignore[arg-type]
    assert str(raised.value) in (REPOSITORY / "README.md").read_text()


def test_a_vpc_without_subnets_is_refused(stack: Stack) -> None:
    vpc = ec2.Vpc.from_vpc_attributes(stack, "Vpc", vpc_id="vpc-1", availability_zones=["us-east-1a"])
    with pytest.raises(ConfigurationError, match="vpc: the VPC has no subnets: give private_subnet_ids"):
        GpuComputeEnvironment(stack, "New", vpc=vpc, instance_types=["p4d.24xlarge"], max_gpus=8)
    subnet = ec2.Subnet.from_subnet_id(stack, "Subnet", "subnet-1")
    GpuComputeEnvironment(stack, "New", vpc=vpc, subnets=[subnet], instance_types=["p4d.24xlarge"], max_gpus=8)


def test_a_refused_construct_leaves_no_node_and_no_name(stack: Stack) -> None:
    wrong: list[Any] = [{"a": object()}, None]
    for tags in wrong:
        before = len(stack.node.children)
        try:
            TrainingQueue(stack, "New", queue_name="q", capacity=1, scheduling=Fifo(), tags=tags)
        except ConfigurationError:
            assert len(stack.node.children) == before
    assert stack.node.try_find_child("New")


def test_tokens_imports_and_positional_arguments_have_the_right_types(stack: Stack) -> None:
    number: Any = CfnParameter(stack, "Number", type="Number").value_as_number
    text = CfnParameter(stack, "Text").value_as_string
    role = iam.Role.from_role_arn(stack, "Role", "arn:aws:iam::111122223333:role/training")
    queue = TrainingQueue(stack, "Queue", queue_name="q", capacity=number, scheduling=Fifo(), tags={"a": text})
    queue.grants.submit(role, max_priority=number)
    key = kms.Key.from_key_arn(
        stack, "Key", "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    )
    TrainingExecutionRole(stack, "ExecutionRole", kms_keys=[key])
    secret = secretsmanager.Secret.from_secret_name_v2(stack, "Secret", "token")
    GpuJobDefinition(
        stack, "Job", job_definition_name="j", image="x:1", gpus=1, instance_type="p4d.24xlarge", secrets={"A": secret}
    )


@pytest.mark.parametrize(
    "module", ["aws_ec2", "aws_ecr", "aws_eks_v2", "aws_iam", "aws_kms", "aws_secretsmanager", "aws_sns"]
)
def test_each_class_of_the_cdk_has_the_type_of_its_interfaces(module: str) -> None:
    classes = vars(import_module(f"aws_cdk.{module}")).values()
    constructable = (value for value in classes if isinstance(value, type) and not isabstract(value))
    implementing = [value for value in constructable if "__jsii_ifaces__" in vars(value)]
    assert implementing
    for value in implementing:
        for interface in vars(value)["__jsii_ifaces__"]:
            assert not list(type_problems(("a",), object.__new__(value), interface))
