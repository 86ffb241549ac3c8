"""Schedules that submit jobs: requests, permissions and mistakes."""

import json
from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import App, Environment, Stack
from aws_cdk import aws_iam as iam
from cdk_nag import AwsSolutionsChecks

from fairlane import (
    ConfigurationError,
    FairShare,
    Fifo,
    GpuComputeEnvironment,
    GpuJobDefinition,
    GpuQueue,
    QuotaManagement,
    QuotaShare,
    Sharing,
    State,
    TrainingExecutionRole,
    TrainingQueue,
    TrainingSchedule,
    TrainingVpc,
)
from fairlane.monitoring.alarms.actions import ARNS
from fairlane_lambda.training_job import payload_mistakes
from tests import cfn_lint
from tests.fairlane.images.fleet import resource, synth_warnings
from tests.fairlane.schedules.payloads import PAYLOAD
from tests.support import problems_of, recommended_flags, template_of

ACCOUNT = "111122223333"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/training"
P5 = "ml.p5.48xlarge"
QUOTAS = QuotaManagement(QuotaShare(name="vision", capacity={P5: 4}, sharing=Sharing.LEND))


def new_stack() -> Stack:
    return Stack(App(context=recommended_flags()), "Stack", env=Environment(account=ACCOUNT, region="us-east-1"))


def training(stack: Stack, scheduling: Any = None, **changes: Any) -> TrainingSchedule:
    policy = scheduling or FairShare({"vision": 1.0, "speech*": 2.0})
    capacity: Any = {P5: 4} if isinstance(policy, QuotaManagement) else 4
    arguments: dict[str, Any] = {
        "schedule_name": "nightly",
        "schedule": "cron(0 2 ? * MON-FRI *)",
        "queue": TrainingQueue(stack, "Queue", queue_name="training", capacity=capacity, scheduling=policy),
        "share_identifier": "vision" if isinstance(policy, FairShare) else None,
        "payload": PAYLOAD,
        "execution_role": iam.Role.from_role_arn(stack, "Jobs", ROLE),
    }
    return TrainingSchedule(stack, "Nightly", **arguments | changes)


def containers(stack: Stack, scheduling: Any = None, **changes: Any) -> TrainingSchedule:
    vpc = TrainingVpc(stack, "Vpc", nat_gateways=1)
    g5 = GpuComputeEnvironment(stack, "G5", vpc=vpc, instance_types=["g5.12xlarge"], max_gpus=8)
    queue = GpuQueue(stack, "Queue", queue_name="gpu", compute_environments=[g5], scheduling=scheduling or Fifo())
    size = changes.pop("size", {"gpus": 1, "instance_type": "g5.12xlarge"})
    command = ["evaluate", "Ref::date"]
    job = GpuJobDefinition(stack, "Job", job_definition_name="evaluate", image="x:1", command=command, **size)
    arguments: dict[str, Any] = {
        "schedule_name": "evaluation",
        "schedule": "rate(7 days)",
        "queue": queue,
        "job_definition": job,
        "parameters": {"date": "<aws.scheduler.scheduled-time>"},
    }
    return TrainingSchedule(stack, "Evaluation", **arguments | changes)


def request_of(stack: Stack) -> Any:
    """Return the input of the schedule, with plain texts for references."""
    text = resource(stack, "AWS::Scheduler::Schedule")["Target"]["Input"]
    if isinstance(text, dict):
        text = "".join(part if isinstance(part, str) else ROLE for part in text["Fn::Join"][1])
    return json.loads(text)


def target_of(stack: Stack) -> str:
    arn = resource(stack, "AWS::Scheduler::Schedule")["Target"]["Arn"]
    return str(arn["Fn::Join"][1][-1])


def statements(stack: Stack) -> list[Any]:
    policies = [
        each["Properties"]
        for logical_id, each in template_of(stack)["Resources"].items()
        if each["Type"] == "AWS::IAM::Policy" and logical_id.startswith(("Nightly", "Evaluation"))
    ]
    return [statement for policy in policies for statement in policy["PolicyDocument"]["Statement"]]


def test_a_training_job_has_the_payload_the_share_and_a_client_token_of_its_time() -> None:
    stack = new_stack()
    training(stack, priority=7)
    assert target_of(stack) == ":scheduler:::aws-sdk:batch:submitServiceJob"
    request = request_of(stack)
    payload = json.loads(request.pop("ServiceRequestPayload"))
    assert payload == PAYLOAD | {"RoleArn": ROLE}
    assert list(payload_mistakes(payload)) == []
    assert request == {
        "JobName": "nightly",
        "JobQueue": "training",
        "ServiceJobType": "SAGEMAKER_TRAINING",
        "ShareIdentifier": "vision",
        "SchedulingPriority": 7,
        "ClientToken": "nightly-<aws.scheduler.scheduled-time>",
    }


def test_the_payload_of_a_created_role_is_json_after_the_deployment() -> None:
    stack = new_stack()
    training(stack, execution_role=TrainingExecutionRole(stack, "Role"))
    assert json.loads(request_of(stack)["ServiceRequestPayload"])["RoleArn"] == ROLE


def test_a_container_job_has_the_id_of_its_attempt_in_its_name() -> None:
    stack = new_stack()
    containers(stack, FairShare({"vision": 1.0}), share_identifier="vision", priority=7)
    assert target_of(stack) == ":scheduler:::aws-sdk:batch:submitJob"
    assert request_of(stack) == {
        "JobName": "evaluation-<aws.scheduler.execution-id>",
        "JobQueue": "gpu",
        "JobDefinition": "evaluate",
        "Parameters": {"date": "<aws.scheduler.scheduled-time>"},
        "ShareIdentifier": "vision",
        "SchedulingPriorityOverride": 7,
    }


def test_a_quota_share_is_named_as_such() -> None:
    stack = new_stack()
    training(stack, QUOTAS, quota_share="vision")
    request = request_of(stack)
    assert (request["QuotaShareName"], "ShareIdentifier" in request) == ("vision", False)


def test_a_schedule_has_its_time_zone_its_state_and_a_dead_letter_queue() -> None:
    stack = new_stack()
    training(stack, time_zone="Europe/Berlin", state=State.DISABLED)
    schedule = resource(stack, "AWS::Scheduler::Schedule")
    assert schedule["ScheduleExpressionTimezone"] == "Europe/Berlin"
    assert schedule["State"] == "DISABLED"
    assert schedule["FlexibleTimeWindow"] == {"Mode": "OFF"}
    assert schedule["Target"]["RetryPolicy"] == {"MaximumRetryAttempts": 10, "MaximumEventAgeInSeconds": 3600}
    dead_letters = resource(stack, "AWS::SQS::Queue")
    assert dead_letters["SqsManagedSseEnabled"] is True
    alarm = resource(stack, "AWS::CloudWatch::Alarm")
    assert alarm["MetricName"] == "ApproximateNumberOfMessagesVisible"
    assert alarm["AlarmDescription"].endswith("Runbook: docs/runbooks/schedule-failed.md")


def test_the_role_submits_to_one_share_and_passes_one_role_to_sagemaker() -> None:
    stack = new_stack()
    training(stack, priority=7)
    send, queue, jobs, role = statements(stack)
    assert send["Action"] == "sqs:SendMessage"
    assert queue["Action"] == jobs["Action"] == "batch:SubmitServiceJob"
    assert jobs["Condition"]["StringLike"] == {"batch:ShareIdentifier": ["vision"]}
    assert jobs["Condition"]["NumericLessThanEqualsIfExists"] == {"batch:SchedulingPriority": 7}
    assert (role["Action"], role["Resource"]) == ("iam:PassRole", ROLE)
    assert role["Condition"] == {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}


def test_only_event_bridge_scheduler_of_the_account_assumes_the_role() -> None:
    stack = new_stack()
    training(stack)
    (trust,) = resource(stack, "AWS::IAM::Role")["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "scheduler.amazonaws.com"}
    condition = trust["Condition"]["StringEquals"]
    assert condition["aws:SourceAccount"] == ACCOUNT
    assert condition["aws:SourceArn"]["Fn::Join"][1][-1].endswith(":schedule-group/default")


@pytest.mark.parametrize("create", [training, containers])
def test_cdk_nag_and_cfn_lint_accept_a_schedule(create: Callable[[Stack], object]) -> None:
    stack = new_stack()
    app = stack.node.root
    cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    create(stack)
    app.synth()  # type: ignore[attr-defined]
    assert cfn_lint.findings(template_of(stack)) == []


def test_the_alarm_has_the_name_of_the_schedule_and_the_prefix() -> None:
    stack = new_stack()
    alarm = training(stack, name_prefix="fairlane-prod").alarm
    assert alarm is not None
    assert alarm.alarm_name == "fairlane-prod-schedule-nightly-failed"
    assert problems_of(lambda: training(new_stack(), name_prefix="our alarms")) == [
        "name_prefix: got 'our alarms', allowed: 1 to 128 characters of A-Z, a-z, 0-9, - and _, with a letter or digit"
    ]


def test_an_alarm_without_targets_warns_and_a_schedule_without_an_alarm_does_not() -> None:
    stack = new_stack()
    training(stack)
    assert "fairlane:TrainingSchedule.noAction" in synth_warnings(stack.node.root)  # type: ignore[arg-type]
    stack = new_stack()
    assert training(stack, alarm=False).alarm is None
    assert synth_warnings(stack.node.root) == {}  # type: ignore[arg-type]


def test_an_imported_queue_takes_either_kind_of_share() -> None:
    stack = new_stack()
    queue = TrainingQueue.from_job_queue_name(stack, "Imported", "other")
    training(stack, queue=queue, share_identifier="vision")
    assert request_of(stack)["ShareIdentifier"] == "vision"


LONG = {**PAYLOAD, "HyperParameters": {f"k{number}": "x" * 2_000 for number in range(6)}}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"schedule": "cron(0 2 * * * *)"}, "schedule: got 'cron(0 2 * * * *)', allowed: a schedule expression, for example rate(1 day), rate(6 hours) or cron(0 6 * * ? *)"),
        ({"schedule_name": "a" * 44}, f"schedule_name: got '{'a' * 44}', allowed: 1 to 43 characters of A-Z, a-z, 0-9, - and _"),
        ({"time_zone": "Europe/Berlim"}, "time_zone: got 'Europe/Berlim', allowed: a time zone such as Europe/Berlin (did you mean Europe/Berlin?)"),
        ({"time_zone": "Europe"}, "time_zone: got 'Europe', allowed: a time zone such as Europe/Berlin (did you mean Europe/Rome?)"),
        ({"time_zone": ""}, "time_zone: got '', allowed: a time zone such as Europe/Berlin"),
        ({"priority": 10_000}, "priority: got 10000, allowed: a whole number, 0 to 9999"),
        ({"share_identifier": None}, "share_identifier: missing; use a share of queue training: vision, speech*"),
        ({"share_identifier": "audio"}, "share_identifier: got 'audio', allowed: a share of queue training: vision, speech*"),
        ({"share_identifier": "speech*"}, "share_identifier: got 'speech*', allowed: the full name of a share of queue training, without *"),
        ({"quota_share": "vision"}, "quota_share: queue training has FairShare: remove quota_share"),
        ({"payload": None}, "payload: missing; use a CreateTrainingJob request without RoleArn"),
        ({"execution_role": None}, "execution_role: missing; use an execution role of the training jobs"),
        ({"parameters": {"a": "b"}}, "parameters: the queue is for SageMaker training jobs: remove parameters"),
        ({"payload": PAYLOAD | {"RoleArn": ROLE}}, "payload.RoleArn: execution_role sets the role: remove RoleArn"),
        ({"payload": {key: value for key, value in PAYLOAD.items() if key != "OutputDataConfig"}}, "payload.OutputDataConfig: missing"),
        ({"payload": PAYLOAD | {"HyperParameters": {"epochs": 3}}}, "payload.HyperParameters.epochs: got 3, allowed: a text"),
        ({"payload": PAYLOAD | {"Environment": {"A": "<aws.scheduler.time>"}}}, "payload.Environment.A: got '<aws.scheduler.time>', allowed: <aws.scheduler.attempt-number>, <aws.scheduler.execution-id>, <aws.scheduler.schedule-arn> or <aws.scheduler.scheduled-time>"),
        ({"notify": ["gpus@example.com"]}, f"notify[0]: got 'gpus@example.com', allowed: {ARNS}"),
    ],
)  # fmt: skip
def test_a_mistake_of_a_training_schedule_is_named(changes: dict[str, Any], expected: str) -> None:
    assert problems_of(lambda: training(new_stack(), **changes)) == [expected]


def test_a_payload_that_is_too_long_is_refused() -> None:
    (problem,) = problems_of(lambda: training(new_stack(), payload=LONG))
    assert problem.startswith("payload: got '12,")
    assert problem.endswith("allowed: at most 10,240 bytes")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"share_identifier": "vision"}, "share_identifier: queue gpu has Fifo: remove share_identifier"),
        ({"priority": 3}, "priority: queue gpu ignores priorities: remove priority"),
        ({"job_definition": None}, "job_definition: missing; use a job definition of containers"),
        ({"payload": PAYLOAD}, "payload: the queue is for containers: remove payload"),
        ({"parameters": {"date": "x" * 31_000}}, "parameters: got '31,012 bytes', allowed: at most 30,720 bytes, with the rest of the request"),
        ({"parameters": None}, "parameters.date: missing; use a value for Ref::date in the command of evaluate"),
        ({"parameters": {"date": "x", "dat": "x"}}, "parameters.dat: the command of evaluate has no Ref::dat: add it there, or remove dat"),
        ({"parameters": {"date": "<aws.scheduler.time>"}}, "parameters.date: got '<aws.scheduler.time>', allowed: <aws.scheduler.attempt-number>, <aws.scheduler.execution-id>, <aws.scheduler.schedule-arn> or <aws.scheduler.scheduled-time>"),
    ],
)  # fmt: skip
def test_a_mistake_of_a_schedule_of_containers_is_named(changes: dict[str, Any], expected: str) -> None:
    assert problems_of(lambda: containers(new_stack(), **changes)) == [expected]


def test_a_job_without_room_in_the_queue_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="Stack/Job on Stack/Queue"):
        containers(new_stack(), size={"gpus": 8, "instance_type": "p4d.24xlarge"})


def test_a_queue_of_another_region_is_refused() -> None:
    stack = new_stack()
    arn = f"arn:aws:batch:eu-west-1:{ACCOUNT}:job-queue/other"
    queue = TrainingQueue.from_job_queue_arn(stack, "Imported", arn)
    assert problems_of(lambda: training(stack, queue=queue)) == [
        "queue: the queue is in Region eu-west-1, and the stack in us-east-1: create the schedule beside the queue"
    ]


def test_a_role_of_another_account_is_refused() -> None:
    stack = new_stack()
    role = iam.Role.from_role_arn(stack, "Other", "arn:aws:iam::444455556666:role/training")
    (problem,) = problems_of(lambda: training(stack, execution_role=role))
    assert problem.startswith("execution_role: the role is in account 444455556666")
    assert stack.node.try_find_child("Nightly") is None


def test_a_name_is_taken_once() -> None:
    stack = new_stack()
    training(stack)
    other = TrainingQueue.from_job_queue_name(stack, "Imported", "other")
    again: dict[str, Any] = {"schedule": "rate(1 day)", "queue": other, "payload": PAYLOAD}
    role = iam.Role.from_role_arn(stack, "Again", ROLE)
    create = lambda: TrainingSchedule(stack, "B", schedule_name="nightly", execution_role=role, **again)  # noqa: E731
    assert problems_of(create) == ["schedule_name: Stack/Nightly already has the name 'nightly': use another name"]


def test_tokens_pass() -> None:
    stack = new_stack()
    region = cdk.Aws.REGION
    resources = {"InstanceType": region, "InstanceCount": cdk.Token.as_number({"Ref": "Count"}), "VolumeSizeInGB": 100}
    subnets = cdk.Token.as_list({"Ref": "Subnets"})
    payload = PAYLOAD | {"ResourceConfig": resources, "VpcConfig": {"SecurityGroupIds": subnets, "Subnets": subnets}}
    training(stack, payload=payload, schedule=region, time_zone=region, priority=cdk.Token.as_number({"Ref": "P"}))
    assert resource(stack, "AWS::Scheduler::Schedule")["ScheduleExpression"] == {"Ref": "AWS::Region"}
