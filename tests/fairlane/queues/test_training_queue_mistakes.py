"""Errors at synth for mistakes that AWS reports only at deployment, or never."""

from typing import Any

import pytest
from aws_cdk import App, Environment, Stack

from fairlane import (
    ConfigurationError,
    FairShare,
    Fifo,
    JobAction,
    JobStateTimeLimitAction,
    QuotaManagement,
    QuotaShare,
    ServiceEnvironment,
    Sharing,
    TimeLimitReason,
    TrainingQueue,
)
from tests.support import problems_of, template_of

P4, P5 = "ml.p4d.24xlarge", "ml.p5.48xlarge"
CAPACITY_REASON = TimeLimitReason.INSUFFICIENT_INSTANCE_CAPACITY


def quotas(capacity: dict[str, int] | None = None) -> QuotaManagement:
    return QuotaManagement(QuotaShare(name="a", capacity=capacity or {P4: 1}, sharing=Sharing.RESERVE))


def action(**changes: Any) -> JobStateTimeLimitAction:
    arguments: dict[str, Any] = {"reason": CAPACITY_REASON, "max_time_seconds": 600}
    return JobStateTimeLimitAction(**(arguments | changes))


def build(stack: Stack, **changes: Any) -> TrainingQueue:
    arguments: dict[str, Any] = {"queue_name": "q", "capacity": 1, "scheduling": Fifo()} | changes
    return TrainingQueue(stack, "Queue", **arguments)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"queue_name": "q" * 129}, f"queue_name: got '{'q' * 119}..., allowed: 1 to 128 characters of A-Z, a-z, 0-9, - and _"),
        ({"queue_name": None}, "queue_name: missing; use 1 to 128 characters of A-Z, a-z, 0-9, - and _"),
        ({"priority": 1001}, "priority: got 1001, allowed: a whole number, 0 to 1000"),
        ({"priority": -1}, "priority: got -1, allowed: a whole number, 0 to 1000"),
        ({"priority": "high"}, "priority: got 'high', allowed: a whole number, 0 to 1000"),
        ({"state": "draining"}, "state: got 'draining', allowed: ENABLED or DISABLED"),
        ({"tags": ["team"]}, "tags: got ['team'], allowed: a mapping of tag keys to values, known at synth"),
        ({"capacity": None}, "capacity: missing; use capacity or service_environment"),
        ({"capacity": {P4: 1}}, "capacity: FIFO scheduling counts instances, not ml.p4d.24xlarge: use a whole number of instances, or quota management"),
        ({"capacity": {P4: 1}, "scheduling": FairShare({"a": 1})}, "capacity: fair-share scheduling counts instances, not ml.p4d.24xlarge: use a whole number of instances, or quota management"),
        ({"scheduling": quotas()}, "capacity: quota management counts each instance type: use a mapping of ml.* instance types to numbers"),
        ({"scheduling": quotas({P5: 1}), "capacity": {P4: 1}}, 'scheduling.shares.a.capacity."ml.p5.48xlarge": got \'ml.p5.48xlarge\', allowed: an instance type in the capacity of the queue: ml.p4d.24xlarge'),
        ({"scheduling": quotas({P4: 3}), "capacity": {P4: 2}}, 'scheduling.shares.a.capacity."ml.p4d.24xlarge": got 3, allowed: at most 2, the capacity of the queue'),
        ({"scheduling": FairShare({"a": 0})}, "scheduling.weight_factors.a: got 0, allowed: a number, 0.0001 to 999.9999"),
        ({"scheduling": None}, "scheduling: missing; use Fifo, FairShare or QuotaManagement"),
        ({"time_limit_actions": [action(action=JobAction.CANCEL)]}, "time_limit_actions[0].action: got 'CANCEL', allowed: TERMINATE"),
        ({"time_limit_actions": [action(max_time_seconds=10)]}, "time_limit_actions[0].max_time_seconds: got 10, allowed: a whole number of seconds, 600 to 86400"),
        ({"time_limit_actions": [action(reason="SLOW")]}, "time_limit_actions[0].reason: got 'SLOW', allowed: CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY, MISCONFIGURATION:SERVICE_ENVIRONMENT_MAX_RESOURCE or MISCONFIGURATION:QUOTA_MANAGEMENT_LIMIT_EXCEEDED"),
        ({"time_limit_actions": [action(), action(max_time_seconds=700)]}, "time_limit_actions[1].reason: an action for CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY exists already: use one action for each reason"),
        ({"time_limit_actions": None}, "time_limit_actions: missing; use a list of JobStateTimeLimitAction"),
        ({"capacity": None, "service_environment": "shared"}, "service_environment: got 'shared', allowed: a ServiceEnvironment"),
        ({"scheduling": quotas({P4: "1"}), "capacity": {P4: 2}}, 'scheduling.shares.a.capacity."ml.p4d.24xlarge": got \'1\', allowed: a whole number of instances, 1 or more'),  # type: ignore[dict-item]
        ({"time_limit_actions": ["TERMINATE"]}, "time_limit_actions[0]: got 'TERMINATE', allowed: a JobStateTimeLimitAction"),
    ],
)  # fmt: skip
def test_an_invalid_argument_is_one_problem(stack: Stack, changes: dict[str, Any], problem: str) -> None:
    assert problems_of(lambda: build(stack, **changes)) == [problem]
    assert stack.node.children == []


def test_a_generator_is_refused_because_it_can_be_read_only_once(stack: Stack) -> None:
    (problem,) = problems_of(lambda: build(stack, time_limit_actions=(action() for _ in range(2))))
    assert problem.endswith("allowed: a list of JobStateTimeLimitAction")


def test_the_error_names_the_construct_and_lists_all_problems(stack: Stack) -> None:
    with pytest.raises(ConfigurationError) as raised:
        build(stack, queue_name="a b", priority=5000, scheduling=FairShare({"a*": 5000, "ab": 1}), capacity=0)
    assert str(raised.value) == (
        "Stack/Queue: 5 problems\n"
        "  - queue_name: got 'a b', allowed: 1 to 128 characters of A-Z, a-z, 0-9, - and _\n"
        "  - priority: got 5000, allowed: a whole number, 0 to 1000\n"
        "  - capacity: got 0, allowed: a whole number of instances, 1 or more\n"
        '  - scheduling.weight_factors.ab: "a*" already stands for ab: remove one of them\n'
        "  - scheduling.weight_factors.a*: got 5000, allowed: a number, 0.0001 to 999.9999"
    )


def test_an_id_and_a_name_are_free_after_an_error(stack: Stack) -> None:
    with pytest.raises(ConfigurationError):
        build(stack, priority=5000)
    build(stack)
    assert len(template_of(stack)["Resources"]) == 2


def test_quota_management_is_refused_in_a_region_without_it() -> None:
    stack = Stack(App(), "Stack", env=Environment(account="111122223333", region="me-central-1"))
    assert problems_of(lambda: build(stack, scheduling=quotas(), capacity={P4: 1})) == [
        "scheduling: quota management is not available in me-central-1: use FIFO or fair-share scheduling"
    ]
    build(stack)


def test_capacity_and_service_environment_exclude_each_other(stack: Stack) -> None:
    shared = ServiceEnvironment(stack, "Shared", capacity=5)
    assert problems_of(lambda: build(stack, service_environment=shared)) == [
        "service_environment: capacity and the service environment Stack/Shared exclude each other: "
        "use only one of them"
    ]


def test_an_existing_environment_must_match_the_policy(stack: Stack) -> None:
    counted = ServiceEnvironment(stack, "Counted", capacity=5)
    typed = ServiceEnvironment(stack, "Typed", capacity={P4: 5})
    assert problems_of(lambda: build(stack, capacity=None, service_environment=counted, scheduling=quotas())) == [
        "service_environment: quota management counts each instance type: "
        "use a mapping of ml.* instance types to numbers"
    ]
    assert problems_of(lambda: build(stack, capacity=None, service_environment=typed)) == [
        "service_environment: FIFO scheduling counts instances, not ml.p4d.24xlarge: "
        "use a whole number of instances, or quota management"
    ]


@pytest.mark.parametrize("first_has_quotas", [True, False])
def test_a_queue_with_quota_management_does_not_share_its_environment(stack: Stack, first_has_quotas: bool) -> None:
    arn = "arn:aws:batch:us-east-1:111122223333:service-environment/imported"
    environments = [ServiceEnvironment.from_service_environment_arn(stack, name, arn) for name in ("One", "Two")]
    policies = [quotas(), Fifo()] if first_has_quotas else [Fifo(), quotas()]
    TrainingQueue(stack, "First", queue_name="first", service_environment=environments[0], scheduling=policies[0])
    assert problems_of(
        lambda: build(stack, capacity=None, service_environment=environments[1], scheduling=policies[1])
    ) == [
        "service_environment: Stack/First already uses Stack/Two, and a queue with quota management must be the only "
        "queue of its service environment: use another service environment"
    ]


def test_two_queues_with_quota_management_cannot_share_an_environment(stack: Stack) -> None:
    typed = ServiceEnvironment(stack, "Typed", capacity={P4: 5})
    TrainingQueue(stack, "First", queue_name="first", service_environment=typed, scheduling=quotas({P4: 5}))
    assert len(problems_of(lambda: build(stack, capacity=None, service_environment=typed, scheduling=quotas()))) == 1


def test_a_queue_name_is_unique_in_an_account_and_region(app: App, stack: Stack) -> None:
    build(stack)
    twin = Stack(app, "Twin", env=Environment(account=stack.account, region=stack.region))
    assert problems_of(lambda: build(twin)) == ["queue_name: Stack/Queue already has the name 'q': use another name"]


def test_the_name_of_a_service_environment_is_refused_for_a_queue(stack: Stack) -> None:
    ServiceEnvironment(stack, "Shared", capacity=5, service_environment_name="q")
    assert problems_of(lambda: build(stack)) == ["queue_name: Stack/Shared already has the name 'q': use another name"]
