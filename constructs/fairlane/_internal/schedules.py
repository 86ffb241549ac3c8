"""Schedules of EventBridge Scheduler that invoke functions and start state machines."""

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_scheduler as scheduler
from constructs import Construct

from fairlane._internal.aws import ARN
from fairlane._internal.claims import Claims
from fairlane._internal.functions import Function
from fairlane._internal.iam_statements import allow
from fairlane._internal.service_role import service_role


def add_schedule(scope: Construct, function: Function, period: cdk.Duration, poll: str) -> None:
    """Add the schedule of a function, with its role, and turn off the retries of invocations.

    Args:
        scope: Scope of the schedule.
        function: Function to invoke.
        period: Time between two invocations.
        poll: Input of the function.
    """
    minutes = period.to_minutes()
    expression = f"rate({minutes} minute{'s' if minutes > 1 else ''})"
    # A late poll is of no use: the next poll replaces it.
    retries = scheduler.CfnSchedule.RetryPolicyProperty(maximum_retry_attempts=0, maximum_event_age_in_seconds=60)
    add_target(scope, expression, "lambda:InvokeFunction", function.arn, poll, retries)
    # Lambda, which runs the function asynchronously, has retries of its own beside those of the schedule.
    lambda_.CfnEventInvokeConfig(
        scope,
        "PollerInvocations",
        function_name=function.name,
        qualifier="$LATEST",
        maximum_retry_attempts=0,
        maximum_event_age_in_seconds=60,
    )


def add_target(
    scope: Construct,
    expression: str,
    action: str,
    arn: str,
    text: str,
    retries: scheduler.CfnSchedule.RetryPolicyProperty | None = None,
) -> None:
    """Add a schedule with its role.

    Args:
        scope: Scope of the schedule.
        expression: Schedule expression, in UTC.
        action: IAM action that the role needs on the target.
        arn: ARN of the target.
        text: Input of the target.
        retries: Retries of EventBridge Scheduler. Default: 185 in 24 hours, the default of the service.
    """
    home = Claims.regional(scope)
    # EventBridge Scheduler sends the ARN of the group of the schedule, not of the schedule.
    group = f"{ARN}:scheduler:{home.region}:{home.account}:schedule-group/default"
    statements = [allow([action], [arn])]
    role = service_role(scope, "ScheduleRole", "scheduler.amazonaws.com", statements, source_arn=group)
    scheduler.CfnSchedule(
        scope,
        "Schedule",
        schedule_expression=expression,
        flexible_time_window=scheduler.CfnSchedule.FlexibleTimeWindowProperty(mode="OFF"),
        target=scheduler.CfnSchedule.TargetProperty(arn=arn, role_arn=role.attr_arn, input=text, retry_policy=retries),
    )
