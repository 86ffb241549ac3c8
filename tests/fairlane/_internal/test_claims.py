"""Scopes of constructs, and names that constructs claim."""

from collections.abc import Callable
from typing import Any

import pytest
from aws_cdk import App, Environment, Stack, Stage

from fairlane import (
    ConfigurationError,
    Fifo,
    GpuComputeEnvironment,
    GpuJobDefinition,
    GpuQueue,
    JobArchive,
    JobMetrics,
    QueueDashboard,
    QuotaManagement,
    QuotaShare,
    ReplicatedRepository,
    ServiceEnvironment,
    Sharing,
    SweepStore,
    TrainingQueue,
    TrainingVpc,
)
from fairlane._internal.claims import Claims
from fairlane.jobs import TrainingExecutionRole
from fairlane.monitoring import AlarmTopic


@pytest.mark.parametrize("scope", [None, "stack", 5])
def test_a_scope_that_is_no_construct_is_one_problem(scope: Any) -> None:
    for build in (
        lambda: TrainingQueue(scope, "Queue", queue_name="q", capacity=1, scheduling=Fifo()),
        lambda: TrainingExecutionRole(scope, "Role"),
        lambda: AlarmTopic(scope, "Topic", subscriptions=["gpus@example.com"]),
    ):
        with pytest.raises(ConfigurationError, match="a stack, or a construct in a stack") as raised:
            build()
        assert [problem.field for problem in raised.value.problems] == [("scope",)]


def test_a_scope_outside_a_stack_is_one_problem() -> None:
    with pytest.raises(ConfigurationError) as raised:
        Claims.regional(App())
    assert str(raised.value).splitlines()[1:] == [
        "  - scope: the construct is not in a stack: use a stack, or a construct in a stack"
    ]


Create = Callable[[Stack, str], object]


def training_queue(scope: Stack, name: str) -> TrainingQueue:
    return TrainingQueue(scope, f"{name}Queue", queue_name=name, capacity=1, scheduling=Fifo())


def gpu_queue(scope: Stack, name: str) -> None:
    vpc = TrainingVpc(scope, f"{name}Vpc")
    pool = GpuComputeEnvironment(scope, f"{name}Pool", vpc=vpc, instance_types=["p4d.24xlarge"], max_gpus=8)
    GpuQueue(scope, f"{name}Queue", queue_name=name, compute_environments=[pool], scheduling=Fifo())


def job_definition(scope: Stack, name: str) -> None:
    GpuJobDefinition(scope, f"{name}Job", job_definition_name=name, image="x:1", gpus=1, instance_type="p4d.24xlarge")


NAMED: dict[str, Create] = {
    "queue_name": training_queue,
    "queue_name of containers": gpu_queue,
    "service_environment_name": lambda scope, name: ServiceEnvironment(
        scope, f"{name}Environment", capacity=1, service_environment_name=name
    ),
    "job_definition_name": job_definition,
    "repository_name": lambda scope, name: ReplicatedRepository(scope, f"{name}Images", repository_name=name),
    "name_prefix": lambda scope, name: JobArchive(
        scope, f"{name}Archive", queues=[training_queue(scope, f"{scope.node.id}-{name}-q")], name_prefix=name
    ),
    "store_name": lambda scope, name: SweepStore(scope, f"{name}Store", store_name=name),
    "dashboard_name": lambda scope, name: QueueDashboard(
        scope,
        f"{name}Dashboard",
        dashboard_name=name,
        metrics=[JobMetrics(scope, f"{name}Metrics", queues=[training_queue(scope, f"{scope.node.id}-{name}")])],
    ),
}
OTHER_REMEDY = "use another name, or set env of both stacks if they are in different accounts or Regions"


@pytest.mark.parametrize(("field", "create"), NAMED.items(), ids=NAMED)
def test_stacks_without_an_environment_are_in_the_same_account_and_region(field: str, create: Create) -> None:
    app = App()
    first, second = Stack(app, "First"), Stack(app, "Second")
    create(first, "gpus")
    create(second, "others")
    with pytest.raises(ConfigurationError) as raised:
        create(second, "gpus")
    (problem,) = raised.value.problems
    assert problem.field == (field.partition(" ")[0],)
    assert problem.sentence.startswith("First/gpus")
    assert problem.sentence.endswith(OTHER_REMEDY)


def test_two_names_in_one_stack_have_no_other_remedy() -> None:
    stack = Stack(App(), "Stack")
    ServiceEnvironment(stack, "First", capacity=1, service_environment_name="gpus")
    with pytest.raises(ConfigurationError, match=r"'gpus': use another name$"):
        ServiceEnvironment(stack, "Second", capacity=1, service_environment_name="gpus")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"region": "us-east-1"}, {"region": "us-west-2"}),
        ({"region": "us-east-1"}, {}),
        ({"account": "111122223333"}, {"account": "444455556666"}),
        ({"account": "111122223333", "region": "us-east-1"}, {"account": "111122223333", "region": "us-west-2"}),
        ({"account": "111122223333", "region": "us-east-1"}, {"region": "us-east-1"}),
    ],
)
def test_environments_that_may_differ_may_have_the_same_names(first: dict[str, str], second: dict[str, str]) -> None:
    app = App()
    for number, place in enumerate((first, second)):
        stack = Stack(app, f"Stack{number}", env=Environment(**place))
        training_queue(stack, "gpus")
        with pytest.raises(ConfigurationError, match="already has the name"):
            training_queue(Stack(app, f"Again{number}", env=Environment(**place)), "gpus")


def test_stages_without_an_environment_may_have_the_same_names() -> None:
    app = App()
    for name in ("Dev", "Prod"):
        stage = Stage(app, name)
        training_queue(Stack(stage, "Stack"), "gpus")
        with pytest.raises(ConfigurationError, match=f"{name}/Stack/gpusQueue already has"):
            training_queue(Stack(stage, "Other"), "gpus")


def test_queues_with_quotas_share_no_imported_environment_across_stacks() -> None:
    app = App()
    arn = "arn:aws:batch:us-east-1:111122223333:service-environment/gpus"
    quotas = QuotaManagement(QuotaShare(name="research", capacity={"ml.p4d.24xlarge": 2}, sharing=Sharing.RESERVE))
    for name in ("First", "Second"):
        stack = Stack(app, name)
        environment = ServiceEnvironment.from_service_environment_arn(stack, "Environment", arn)
        if name == "First":
            TrainingQueue(stack, "Queue", queue_name="a", service_environment=environment, scheduling=quotas)
            continue
        with pytest.raises(ConfigurationError, match="First/Queue already uses"):
            TrainingQueue(stack, "Queue", queue_name="b", service_environment=environment, scheduling=Fifo())
