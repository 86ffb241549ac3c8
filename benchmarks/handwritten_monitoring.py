"""Exporter of the example environment in hand-written L1 constructs with the same Lambda code, without checks."""

import json
from pathlib import Path
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3_assets as s3_assets
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_sqs as sqs
from handwritten_gpu import ACCOUNT, REGION, allow, role

CODE = Path(__file__).parents[1] / "lambda"
FIELDS = ["jobId", "status", "statusReason", "shareIdentifier", "createdAt", "startedAt", "stoppedAt", "attempts"]


def function(
    stack: cdk.Stack, name: str, code: s3_assets.Asset, statements: list[dict[str, Any]]
) -> lambda_.CfnFunction:
    """Create a function with its role and its log group."""
    group = logs.CfnLogGroup(stack, f"{name}-logs", retention_in_days=30)
    write = allow(["logs:CreateLogStream", "logs:PutLogEvents"], group.attr_arn)
    return lambda_.CfnFunction(
        stack,
        name,
        code=lambda_.CfnFunction.CodeProperty(s3_bucket=code.s3_bucket_name, s3_key=code.s3_object_key),
        handler=f"fairlane_lambda.{name}.handler.handler",
        runtime="python3.14",
        architectures=["arm64"],
        memory_size=256,
        timeout=60,
        role=role(stack, f"{name}-role", "lambda.amazonaws.com", [write, *statements]).attr_arn,
        environment=lambda_.CfnFunction.EnvironmentProperty(variables={"FAIRLANE_NAMESPACE": "Fairlane"}),
        logging_config=lambda_.CfnFunction.LoggingConfigProperty(log_group=group.ref),
    )


def queue(stack: cdk.Stack, name: str, dead_letters: str | None = None, *, events_in: bool = True) -> sqs.CfnQueue:
    """Create an encrypted SQS queue with its policy."""
    redrive = {"deadLetterTargetArn": dead_letters, "maxReceiveCount": 5} if dead_letters else None
    resource = sqs.CfnQueue(
        stack, name, sqs_managed_sse_enabled=True, redrive_policy=redrive, message_retention_period=1_209_600
    )
    encrypted = {"Bool": {"aws:SecureTransport": "false"}}
    refuse = {"Effect": "Deny", "Principal": {"AWS": "*"}, "Action": "sqs:*", "Resource": resource.attr_arn}
    send = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": resource.attr_arn,
        "Condition": {"StringEquals": {"aws:SourceAccount": ACCOUNT}},
    }
    statements = [refuse | {"Condition": encrypted}, *([send] if events_in else [])]
    sqs.CfnQueuePolicy(stack, f"{name}-policy", queues=[resource.ref], policy_document={"Statement": statements})
    return resource


def exporter(stack: cdk.Stack, training: list[str], containers: list[str]) -> None:
    """Create the exporter: queues, rules, functions and the schedule."""
    dead_letters, undelivered = queue(stack, "dead", events_in=False), queue(stack, "undelivered")
    finding = cdk.Acknowledgment(id="AwsSolutions-SQS3", reason="a dead-letter queue")
    cdk.Validations.of(undelivered).acknowledge(finding)
    target = queue(stack, "events", dead_letters.attr_arn)
    rule = events.CfnRule
    rules: list[tuple[str, dict[str, Any]]] = [
        (f"Batch {kind} {event}", {"jobQueue": [f"arn:aws:batch:{REGION}:{ACCOUNT}:job-queue/{name}"]})
        for kind, names in (("Service Job", training), ("Job", containers))
        for name in names
        for event in ("State Change", "Queue Blocked")
    ]
    for number, (kind, detail) in enumerate([*rules, ("Batch Service Job Preemption Completed", {})]):
        paths = {name: f"$.detail.{name}" for name in FIELDS}
        template = "{" + ",".join(f'"{name}":<{name}>' for name in FIELDS) + "}"
        rule(
            stack,
            f"rule-{number}",
            event_pattern={"source": ["aws.batch"], "detail-type": [kind], **({"detail": detail} if detail else {})},
            targets=[
                rule.TargetProperty(
                    arn=target.attr_arn,
                    id="Events",
                    dead_letter_config=rule.DeadLetterConfigProperty(arn=undelivered.attr_arn),
                    input_transformer=rule.InputTransformerProperty(input_paths_map=paths, input_template=template),
                )
            ],
        )
    code = s3_assets.Asset(
        stack,
        "code",
        path=str(CODE),
        exclude=["*", "!fairlane_lambda", "!fairlane_lambda/**", "**/__pycache__", "*.pyc"],
        ignore_mode=cdk.IgnoreMode.GIT,
    )
    consume = allow(["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"], target.attr_arn)
    events_function = function(stack, "job_events", code, [consume, allow(["batch:DescribeServiceJob"], "*")])
    lambda_.CfnEventSourceMapping(
        stack, "mapping", function_name=events_function.ref, event_source_arn=target.attr_arn, batch_size=100
    )
    lists = ["batch:DescribeJobDefinitions", "batch:ListJobs", "batch:ListServiceJobs", "batch:GetJobQueueSnapshot"]
    poller = function(stack, "queue_poller", code, [allow(lists, "*")])
    lambda_.CfnEventInvokeConfig(
        stack, "invocations", function_name=poller.ref, qualifier="$LATEST", maximum_retry_attempts=0
    )
    invoke = iam.CfnRole.PolicyProperty(
        policy_name="Invoke", policy_document={"Statement": [allow(["lambda:InvokeFunction"], poller.attr_arn)]}
    )
    service = {"Service": "scheduler.amazonaws.com"}
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": service}
    schedule_role = iam.CfnRole(
        stack, "schedule-role", assume_role_policy_document={"Statement": [trust]}, policies=[invoke]
    )
    poller_queues = [{"name": name, "kind": "service"} for name in training] + [{"name": name} for name in containers]
    scheduler.CfnSchedule(
        stack,
        "schedule",
        schedule_expression="rate(1 minute)",
        flexible_time_window=scheduler.CfnSchedule.FlexibleTimeWindowProperty(mode="OFF"),
        target=scheduler.CfnSchedule.TargetProperty(
            arn=poller.attr_arn, role_arn=schedule_role.attr_arn, input=json.dumps({"queues": poller_queues})
        ),
    )
