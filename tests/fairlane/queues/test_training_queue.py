from typing import Any

import pytest
from aws_cdk import Annotations as Acknowledgements
from aws_cdk import App, Environment, Stack, Token
from aws_cdk import aws_batch as batch
from aws_cdk.assertions import Annotations, Match

from fairlane import (
    FairShare,
    Fifo,
    JobStateTimeLimitAction,
    QuotaManagement,
    QuotaShare,
    ServiceEnvironment,
    Sharing,
    State,
    TimeLimitReason,
    TrainingQueue,
)
from tests.support import resource, resources, template_of

P4 = "ml.p4d.24xlarge"


def quotas(*owned: int, **options: Any) -> QuotaManagement:
    shares = (
        QuotaShare(**({"name": f"s{n}", "capacity": {P4: instances}, "sharing": Sharing.LEND_AND_BORROW} | options))
        for n, instances in enumerate(owned)
    )
    return QuotaManagement(*shares)


def test_a_fifo_queue_has_an_environment_of_its_name_and_no_policy(stack: Stack) -> None:
    queue = TrainingQueue(stack, "Queue", queue_name="cpu", capacity=10, scheduling=Fifo(), priority=2)
    assert resource(stack, "ServiceEnvironment")["ServiceEnvironmentName"] == "cpu"
    (environment,) = (
        key
        for key, value in template_of(stack)["Resources"].items()
        if value["Type"] == "AWS::Batch::ServiceEnvironment"
    )
    assert resource(stack, "JobQueue") == {
        "JobQueueName": "cpu",
        "JobQueueType": "SAGEMAKER_TRAINING",
        "Priority": 2,
        "State": "ENABLED",
        "ServiceEnvironmentOrder": [
            {"Order": 1, "ServiceEnvironment": {"Fn::GetAtt": [environment, "ServiceEnvironmentArn"]}}
        ],
    }
    assert resources(stack, "SchedulingPolicy") == []
    assert queue.scheduling_policy is None
    assert dict(queue.quota_shares) == {}
    assert queue.node.default_child is queue.job_queue


def test_a_fair_share_queue_has_aws_weight_factors(stack: Stack) -> None:
    TrainingQueue(
        stack,
        "Queue",
        queue_name="training-g6",
        capacity=16,
        scheduling=FairShare({"HIGHPRI": 1, "MIDPRI": 3}, share_decay_seconds=3600, compute_reservation=10),
    )
    assert resource(stack, "SchedulingPolicy") == {
        "FairsharePolicy": {
            "ShareDecaySeconds": 3600,
            "ComputeReservation": 10,
            "ShareDistribution": [
                {"ShareIdentifier": "HIGHPRI", "WeightFactor": 1},
                {"ShareIdentifier": "MIDPRI", "WeightFactor": 3},
            ],
        }
    }
    assert list(resource(stack, "JobQueue")["SchedulingPolicyArn"]) == ["Fn::GetAtt"]


def test_a_queue_with_quotas_has_its_shares_under_their_names(stack: Stack) -> None:
    queue = TrainingQueue(
        stack,
        "Queue",
        queue_name="training-p4",
        capacity={P4: 100},
        scheduling=QuotaManagement(
            QuotaShare(name="a", capacity={P4: 60}, sharing=Sharing.LEND_AND_BORROW, in_share_preemption=True),
            QuotaShare(name="b", capacity={P4: 40}, sharing=Sharing.LEND, state=State.DISABLED),
        ),
    )
    assert resource(stack, "SchedulingPolicy") == {"QuotaSharePolicy": {"IdleResourceAssignmentStrategy": "FIFO"}}
    queue_id = stack.get_logical_id(queue.job_queue)
    assert resources(stack, "QuotaShare") == [
        {
            "QuotaShareName": "a",
            "JobQueue": {"Fn::GetAtt": [queue_id, "JobQueueArn"]},
            "State": "ENABLED",
            "CapacityLimits": [{"CapacityUnit": P4, "MaxCapacity": 60}],
            "ResourceSharingConfiguration": {"Strategy": "LEND_AND_BORROW", "BorrowLimit": -1},
            "PreemptionConfiguration": {"InSharePreemption": "ENABLED"},
        },
        {
            "QuotaShareName": "b",
            "JobQueue": {"Fn::GetAtt": [queue_id, "JobQueueArn"]},
            "State": "DISABLED",
            "CapacityLimits": [{"CapacityUnit": P4, "MaxCapacity": 40}],
            "ResourceSharingConfiguration": {"Strategy": "LEND"},
            "PreemptionConfiguration": {"InSharePreemption": "DISABLED"},
        },
    ]
    assert queue.quota_shares["a"].node.path == "Stack/Queue/Shares/a"


def test_a_borrow_limit_is_rendered(stack: Stack) -> None:
    TrainingQueue(stack, "Queue", queue_name="q", capacity={P4: 2}, scheduling=quotas(1, 1, borrow_limit=50))
    sharing = resources(stack, "QuotaShare")[0]["ResourceSharingConfiguration"]
    assert sharing == {"Strategy": "LEND_AND_BORROW", "BorrowLimit": 50}


def test_state_and_time_limit_actions_are_rendered(stack: Stack) -> None:
    TrainingQueue(
        stack,
        "Queue",
        queue_name="q",
        capacity=1,
        scheduling=Fifo(),
        state=State.DISABLED,
        time_limit_actions=[
            JobStateTimeLimitAction(reason=TimeLimitReason.SERVICE_ENVIRONMENT_MAX_RESOURCE, max_time_seconds=600)
        ],
    )
    properties = resource(stack, "JobQueue")
    assert properties["State"] == "DISABLED"
    assert properties["JobStateTimeLimitActions"] == [
        {
            "Action": "TERMINATE",
            "MaxTimeSeconds": 600,
            "Reason": "MISCONFIGURATION:SERVICE_ENVIRONMENT_MAX_RESOURCE",
            "State": "RUNNABLE",
        }
    ]
    assert resource(stack, "ServiceEnvironment")["State"] == "ENABLED", "a draining queue's jobs may still start"


def test_all_resources_have_the_tags(stack: Stack) -> None:
    TrainingQueue(stack, "Queue", queue_name="q", capacity={P4: 1}, scheduling=quotas(1), tags={"team": "search"})
    everything = [value["Properties"]["Tags"] for value in template_of(stack)["Resources"].values()]
    assert everything == [{"team": "search"}] * 4


def test_several_queues_share_an_environment_that_counts_instances(stack: Stack) -> None:
    shared = ServiceEnvironment(stack, "Shared", capacity=16)
    for name, scheduling in {"one": Fifo(), "two": FairShare({"a": 1})}.items():
        TrainingQueue(stack, name, queue_name=name, service_environment=shared, scheduling=scheduling)
    assert len(resources(stack, "ServiceEnvironment")) == 1
    orders = [queue["ServiceEnvironmentOrder"] for queue in resources(stack, "JobQueue")]
    assert orders[0] == orders[1]


def test_imported_environments_are_used(stack: Stack) -> None:
    arn = "arn:aws:batch:us-east-1:111122223333:service-environment/imported"
    imported = ServiceEnvironment.from_service_environment_arn(stack, "Imported", arn)
    TrainingQueue(stack, "One", queue_name="one", service_environment=imported, scheduling=quotas(1))
    l1 = batch.CfnServiceEnvironment(
        stack,
        "L1",
        service_environment_type="SAGEMAKER_TRAINING",
        capacity_limits=[batch.CfnServiceEnvironment.CapacityLimitProperty(capacity_unit="NUM_INSTANCES")],
    )
    TrainingQueue(stack, "Two", queue_name="two", service_environment=l1, scheduling=Fifo())
    environments = [queue["ServiceEnvironmentOrder"][0]["ServiceEnvironment"] for queue in resources(stack, "JobQueue")]
    assert environments == [arn, {"Ref": "L1"}]


def test_queues_are_imported_by_name_and_by_arn(stack: Stack) -> None:
    by_name = TrainingQueue.from_job_queue_name(stack, "ByName", "imported")
    assert by_name.job_queue_name == "imported"
    assert stack.resolve(by_name.job_queue_arn) == {
        "Fn::Join": ["", ["arn:", {"Ref": "AWS::Partition"}, ":batch:us-east-1:111122223333:job-queue/imported"]]
    }
    arn = "arn:aws:batch:eu-west-1:444455556666:job-queue/imported"
    by_arn = TrainingQueue.from_job_queue_arn(stack, "ByArn", arn)
    assert (by_arn.job_queue_name, by_arn.job_queue_arn) == ("imported", arn)
    token = TrainingQueue.from_job_queue_arn(stack, "ByToken", Token.as_string({"Ref": "Arn"}))
    assert "Fn::Select" in str(stack.resolve(token.job_queue_name))
    assert resources(stack, "JobQueue") == []


@pytest.mark.parametrize(
    ("owned", "warning"),
    [((60, 50), "quotasAboveCapacity"), ((60, 30), "quotasBelowCapacity"), ((60, 40), None)],
)
def test_quotas_above_or_below_the_capacity_raise_a_warning(
    stack: Stack, owned: tuple[int, ...], warning: str | None
) -> None:
    queue = TrainingQueue(stack, "Queue", queue_name="q", capacity={P4: 100}, scheduling=quotas(*owned))
    warnings = Annotations.from_stack(stack).find_warning("/Stack/Queue", Match.any_value())
    assert [f"fairlane:QuotaManagement.{warning}" in str(entry.entry.data) for entry in warnings] == [True] * bool(
        warning
    )

    Acknowledgements.of(queue).acknowledge_warning(f"fairlane:QuotaManagement.{warning}")
    assert Annotations.from_stack(stack).find_warning("*", Match.any_value()) == []


def test_tokens_pass(stack: Stack) -> None:
    text, number, anything = Token.as_string({"Ref": "X"}), Token.as_number({"Ref": "X"}), Token.as_any({"Ref": "X"})
    TrainingQueue(
        stack,
        "Quotas",
        queue_name=text,
        capacity={text: number},  # type: ignore[dict-item]
        scheduling=QuotaManagement(
            QuotaShare(name="literal", capacity={text: 1}, sharing=Sharing.LEND),
            QuotaShare(
                name=text,
                capacity={text: number},  # type: ignore[dict-item]
                sharing=text,  # type: ignore[arg-type]
                borrow_limit=number,  # type: ignore[arg-type]
                in_share_preemption=anything,  # type: ignore[arg-type]
                state=text,  # type: ignore[arg-type]
            ),
        ),
        priority=number,  # type: ignore[arg-type]
        state=text,  # type: ignore[arg-type]
        time_limit_actions=[
            JobStateTimeLimitAction(reason=text, max_time_seconds=number, action=text)  # type: ignore[arg-type]
        ],
        tags={"team": text},
    )
    TrainingQueue(
        stack,
        "FairShare",
        queue_name="literal",
        capacity=number,  # type: ignore[arg-type]
        scheduling=FairShare({text: number}, number, number),  # type: ignore[arg-type]
    )
    share = resources(stack, "QuotaShare")[1]
    assert share["PreemptionConfiguration"] == {"InSharePreemption": {"Ref": "X"}}
    assert share["ResourceSharingConfiguration"] == {"Strategy": {"Ref": "X"}, "BorrowLimit": {"Ref": "X"}}
    assert resources(stack, "SchedulingPolicy")[1]["FairsharePolicy"]["ShareDistribution"] == [
        {"ShareIdentifier": {"Ref": "X"}, "WeightFactor": {"Ref": "X"}}
    ]


def test_a_queue_in_an_unknown_region_accepts_quota_management() -> None:
    TrainingQueue(Stack(App(), "Stack"), "Queue", queue_name="q", capacity={P4: 1}, scheduling=quotas(1))


def test_two_regions_can_have_the_same_queue_name(app: App, stack: Stack) -> None:
    for scope in (stack, Stack(app, "Other", env=Environment(account=stack.account, region="eu-west-1"))):
        TrainingQueue(scope, "Queue", queue_name="q", capacity=1, scheduling=Fifo())
