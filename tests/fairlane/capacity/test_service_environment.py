from collections.abc import Mapping
from typing import Any

import pytest
from aws_cdk import Annotations as Acknowledgements
from aws_cdk import App, Environment, Stack, Token
from aws_cdk.assertions import Annotations, Match

from fairlane import ServiceEnvironment, State
from tests.support import problems_of, resource, resources

P4, P5 = "ml.p4d.24xlarge", "ml.p5.48xlarge"


def test_a_number_limits_all_instances(stack: Stack) -> None:
    environment = ServiceEnvironment(stack, "Environment", capacity=16)
    assert resource(stack, "ServiceEnvironment") == {
        "ServiceEnvironmentType": "SAGEMAKER_TRAINING",
        "State": "ENABLED",
        "CapacityLimits": [{"CapacityUnit": "NUM_INSTANCES", "MaxCapacity": 16}],
    }
    assert environment.capacity_limits == {"NUM_INSTANCES": 16}
    assert environment.node.default_child is environment.service_environment


def test_a_mapping_limits_each_instance_type(stack: Stack) -> None:
    ServiceEnvironment(
        stack,
        "Environment",
        capacity={P4: 1, P5: 2},
        service_environment_name="shared",
        state=State.DISABLED,
        tags={"team": "search"},
    )
    assert resource(stack, "ServiceEnvironment") == {
        "ServiceEnvironmentName": "shared",
        "ServiceEnvironmentType": "SAGEMAKER_TRAINING",
        "State": "DISABLED",
        "CapacityLimits": [{"CapacityUnit": P4, "MaxCapacity": 1}, {"CapacityUnit": P5, "MaxCapacity": 2}],
        "Tags": {"team": "search"},
    }


SIX = {f"ml.p{n}.large": 1 for n in range(6)}


@pytest.mark.parametrize(
    ("capacity", "problem"),
    [
        ({P4: 1, "NUM_INSTANCES": 1}, "capacity: ml.p4d.24xlarge and NUM_INSTANCES cannot be combined: use NUM_INSTANCES or instance types"),
        ({}, "capacity: the capacity has 0 instance types: use 1 to 5"),
        (None, "capacity: missing; use a whole number of instances, 1 or more"),
        (SIX, "capacity: the capacity has 6 instance types: use 1 to 5"),
        ({"p4d.24xlarge": 1}, "capacity.\"p4d.24xlarge\": got 'p4d.24xlarge', allowed: an ml.* instance type such as ml.p4d.24xlarge"),
        ({"ml.p4d": 1}, "capacity.\"ml.p4d\": got 'ml.p4d', allowed: an ml.* instance type such as ml.p4d.24xlarge"),
        ({7: 1}, "capacity.7: got 7, allowed: an ml.* instance type such as ml.p4d.24xlarge"),
        ({P4: 0}, 'capacity."ml.p4d.24xlarge": got 0, allowed: a whole number of instances, 1 or more'),
        ({"NUM_INSTANCES": -5}, "capacity.NUM_INSTANCES: got -5, allowed: a whole number of instances, 1 or more"),
        (0, "capacity: got 0, allowed: a whole number of instances, 1 or more"),
        ("16", "capacity: got '16', allowed: a whole number of instances, 1 or more"),
        (True, "capacity: got True, allowed: a whole number of instances, 1 or more"),
        (1.5, "capacity: got 1.5, allowed: a whole number of instances, 1 or more"),
    ],
)  # fmt: skip
def test_a_wrong_capacity_is_reported(stack: Stack, capacity: Any, problem: str) -> None:
    assert problems_of(lambda: ServiceEnvironment(stack, "Environment", capacity=capacity)) == [problem]
    assert stack.node.children == []


def test_all_mistakes_are_reported_at_once(stack: Stack) -> None:
    problems = problems_of(
        lambda: ServiceEnvironment(
            stack,
            "Environment",
            capacity=0,
            service_environment_name="n" * 129,
            state="on",  # type: ignore[arg-type]
            tags={"aws:x": "", "long": "v" * 257, "": "x"},
        )
    )
    assert [problem.partition(":")[0] for problem in problems] == [
        "capacity",
        "state",
        'tags."aws',
        "tags.long",
        'tags.""',
        "service_environment_name",
    ]


def test_a_name_is_unique_in_an_account_and_region(app: App, stack: Stack) -> None:
    def make(scope: Stack) -> ServiceEnvironment:
        return ServiceEnvironment(scope, "Environment", capacity=1, service_environment_name="shared")

    make(stack)
    twin = Stack(app, "Twin", env=Environment(account=stack.account, region=stack.region))
    assert problems_of(lambda: make(twin)) == [
        "service_environment_name: Stack/Environment already has the name 'shared': use another name"
    ]
    make(Stack(app, "Elsewhere", env=Environment(account=stack.account, region="eu-west-1")))
    make(Stack(app, "Anywhere"))
    make(Stack(App(), "Stack", env=Environment(account=stack.account, region=stack.region)))


@pytest.mark.parametrize("capacity", [{"ml.p99.48xlarge": 1, P4: 1}])
def test_an_unknown_instance_type_gives_a_warning_that_can_be_acknowledged(
    stack: Stack, capacity: Mapping[str, int]
) -> None:
    environment = ServiceEnvironment(stack, "Environment", capacity=capacity)
    warning = "ml.p99.48xlarge is not in the list of SageMaker training instance types"
    Annotations.from_stack(stack).has_warning("/Stack/Environment", Match.string_like_regexp(warning))
    assert len(Annotations.from_stack(stack).find_warning("*", Match.any_value())) == 1

    Acknowledgements.of(environment).acknowledge_warning("fairlane:ServiceEnvironment.unknownInstanceType")
    assert Annotations.from_stack(stack).find_warning("*", Match.any_value()) == []


def test_tokens_pass(stack: Stack) -> None:
    text, number = Token.as_string({"Ref": "X"}), Token.as_number({"Ref": "X"})
    ServiceEnvironment(stack, "Number", capacity=number)  # type: ignore[arg-type]
    ServiceEnvironment(
        stack,
        "Mapping",
        capacity={text: number},  # type: ignore[dict-item]
        service_environment_name=text,
        state=text,  # type: ignore[arg-type]
        tags={"team": text},
    )
    limits = [environment["CapacityLimits"] for environment in resources(stack, "ServiceEnvironment")]
    assert limits == [
        [{"CapacityUnit": "NUM_INSTANCES", "MaxCapacity": {"Ref": "X"}}],
        [{"CapacityUnit": {"Ref": "X"}, "MaxCapacity": {"Ref": "X"}}],
    ]
