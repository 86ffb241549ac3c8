"""Queues with environments of other stacks, accounts and Regions."""

from typing import Any

import pytest
from aws_cdk import App, CfnOutput, Environment, NestedStack, Stack, Stage
from aws_cdk import aws_batch as batch

from fairlane import (
    ConfigurationError,
    Fifo,
    GpuComputeEnvironment,
    GpuQueue,
    Purchase,
    ServiceEnvironment,
    TrainingQueue,
    TrainingVpc,
)

HOME = Environment(account="111122223333", region="us-east-1")
OTHER_REGION = Environment(account="111122223333", region="us-west-2")
OTHER_ACCOUNT = Environment(account="444455556666", region="us-east-1")
OWN = "a queue needs environments of its own account and Region"


def service_environment(scope: Stack, name: str | None = None) -> ServiceEnvironment:
    return ServiceEnvironment(scope, "Instances", capacity=4, service_environment_name=name)


def compute_environment(scope: Stack, **options: Any) -> GpuComputeEnvironment:
    vpc = TrainingVpc(scope, "Vpc")
    return GpuComputeEnvironment(scope, "P4", vpc=vpc, instance_types=["p4d.24xlarge"], max_gpus=8, **options)


def queue(scope: Stack, environment: Any, name: str = "gpus") -> TrainingQueue | GpuQueue:
    if isinstance(environment, GpuComputeEnvironment) or hasattr(environment, "compute_environment_ref"):
        environments = [environment]
        return GpuQueue(scope, name, queue_name=name, compute_environments=environments, scheduling=Fifo())
    return TrainingQueue(scope, name, queue_name=name, service_environment=environment, scheduling=Fifo())


def problems(scope: Stack, environment: Any) -> list[str]:
    with pytest.raises(ConfigurationError) as raised:
        queue(scope, environment)
    assert not scope.node.try_find_child("gpus")
    return [problem.sentence for problem in raised.value.problems]


@pytest.mark.parametrize("place", [HOME, None], ids=["known", "unknown"])
def test_a_service_environment_of_another_stack_is_referred_to_by_its_name(place: Environment | None) -> None:
    app = App()
    platform, team = Stack(app, "Platform", env=place), Stack(app, "Team", env=place)
    queue(team, service_environment(platform, "instances"))
    assembly = app.synth()
    assert "Outputs" not in assembly.get_stack_by_name("Platform").template
    resources = assembly.get_stack_by_name("Team").template["Resources"].values()
    (order,) = [each["Properties"]["ServiceEnvironmentOrder"] for each in resources]
    text = str(order)
    assert "ImportValue" not in text
    assert text.count(":service-environment/instances") == 1
    assert [each.id for each in assembly.get_stack_by_name("Team").dependencies if "assets" not in each.id] == [
        "Platform"
    ]


def test_the_environment_of_a_queue_has_the_name_of_the_queue_in_another_stack() -> None:
    app = App()
    platform, team = Stack(app, "Platform", env=HOME), Stack(app, "Team", env=HOME)
    shared = TrainingQueue(platform, "Shared", queue_name="shared", capacity=4, scheduling=Fifo())
    queue(team, shared.service_environment)
    template = app.synth().get_stack_by_name("Team").template
    assert ":service-environment/shared" in str(template)


def test_an_environment_without_a_name_is_referred_to_as_the_cdk_does() -> None:
    app = App()
    platform, team = Stack(app, "Platform", env=HOME), Stack(app, "Team", env=HOME)
    queue(team, service_environment(platform))
    queue(team, compute_environment(platform), "containers")
    assert str(app.synth().get_stack_by_name("Team").template).count("Fn::ImportValue") == 2


def test_a_nested_stack_refers_to_an_environment_of_its_parent() -> None:
    app = App()
    parent = Stack(app, "Parent", env=HOME)
    queue(NestedStack(parent, "Nested"), service_environment(parent, "instances"))
    block = compute_environment(parent, purchase=Purchase.CAPACITY_BLOCK, capacity_reservation="cr-0123456789abcdef0")
    queue(NestedStack(parent, "Containers"), block, "containers")
    assert "Outputs" not in app.synth().get_stack_by_name("Parent").template


@pytest.mark.parametrize("create", [service_environment, compute_environment])
@pytest.mark.parametrize(
    ("place", "difference"),
    [
        (OTHER_REGION, "is in Region us-east-1, and the queue is in Region us-west-2"),
        (OTHER_ACCOUNT, "is in account 111122223333, and the queue is in account 444455556666"),
    ],
)
def test_an_environment_of_another_account_or_region_is_refused(
    create: Any, place: Environment, difference: str
) -> None:
    app = App()
    environment = create(Stack(app, "Platform", env=HOME))
    assert problems(Stack(app, "Team", env=place), environment) == [f"{environment.node.path} {difference}: {OWN}"]


def test_a_construct_of_the_cdk_in_another_region_is_refused() -> None:
    app = App()
    platform = Stack(app, "Platform", env=HOME)
    environment = batch.CfnComputeEnvironment(platform, "Pool", type="MANAGED")
    assert "is in Region us-east-1" in problems(Stack(app, "Team", env=OTHER_REGION), environment)[0]


@pytest.mark.parametrize(("first", "second", "unknown"), [(HOME, None, "Team"), (None, HOME, "Platform")])
def test_a_stack_with_and_one_without_an_environment_are_refused(
    first: Environment | None, second: Environment | None, unknown: str
) -> None:
    app = App()
    environment = service_environment(Stack(app, "Platform", env=first))
    assert problems(Stack(app, "Team", env=second), environment) == [
        f"Platform/Instances and the queue are in different stacks, and stack {unknown} has no account: "
        "give both stacks the same env"
    ]


def test_an_environment_of_another_stage_is_refused() -> None:
    app = App()
    environment = service_environment(Stack(Stage(app, "Dev"), "Platform", env=HOME))
    assert problems(Stack(Stage(app, "Prod"), "Team", env=HOME), environment) == [
        "Dev/Platform/Instances is in another stage, to which stacks cannot refer: "
        "create the queue in the stage of Dev/Platform"
    ]


def test_the_environment_of_a_capacity_block_needs_a_queue_in_its_stack() -> None:
    app = App()
    platform = Stack(app, "Platform", env=HOME)
    block = compute_environment(platform, purchase=Purchase.CAPACITY_BLOCK, capacity_reservation="cr-0123456789abcdef0")
    assert problems(Stack(app, "Team", env=HOME), block) == [
        "a new capacity block replaces Platform/P4, and a queue in another stack prevents the replacement: "
        "create the queue in stack Platform"
    ]
    queue(platform, block)


def test_an_imported_environment_of_another_place_is_refused() -> None:
    arn = "arn:aws:batch:us-west-2:111122223333:service-environment/instances"
    stack = Stack(App(), "Team", env=HOME)
    imported = ServiceEnvironment.from_service_environment_arn(stack, "Imported", arn)
    assert problems(stack, imported) == [
        f"Team/Imported is in Region us-west-2, and the queue is in Region us-east-1: {OWN}"
    ]


def test_an_imported_environment_of_a_place_that_is_unknown_is_accepted() -> None:
    arn = "arn:aws:batch:us-west-2:111122223333:service-environment/instances"
    stack = Stack(App(), "Team")
    queue(stack, ServiceEnvironment.from_service_environment_arn(stack, "Imported", arn))
    parameter = CfnOutput(stack, "Arn", value="x").import_value
    queue(stack, ServiceEnvironment.from_service_environment_arn(stack, "Token", parameter), "token")
