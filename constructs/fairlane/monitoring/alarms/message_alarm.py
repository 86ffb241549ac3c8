"""Alarm on an SQS queue from which only people remove messages."""

from collections.abc import Iterator, Sequence
from typing import Final

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from fairlane._internal.claims import Claims
from fairlane.errors import Problem
from fairlane.monitoring.alarms.actions import MOST_ACTIONS, check_action
from fairlane.monitoring.alarms.alarm_names import ALARM
from fairlane.monitoring.alarms.alarm_problems import Target

_FIVE_MINUTES: Final = 300


def message_alarm(
    scope: Construct,
    queue: sqs.Queue,
    name: str,
    description: str,
    notify: Sequence[Target],
    construct_id: str = "Resource",
) -> cloudwatch.CfnAlarm:
    """Create an alarm that is in state ALARM while a queue has messages.

    Args:
        scope: Scope of the alarm.
        queue: Queue.
        name: Name of the alarm, which `taken_problems` has checked.
        description: Description of the alarm.
        notify: Targets, which `notify_problems` has checked.
        construct_id: Id of the alarm. Default: Resource.
    """
    Claims.regional(scope).add(ALARM, name, scope)
    targets = [_target_arn(target) for target in notify]
    return cloudwatch.CfnAlarm(
        scope,
        construct_id,
        alarm_name=name,
        alarm_description=description,
        namespace="AWS/SQS",
        metric_name="ApproximateNumberOfMessagesVisible",
        dimensions=[cloudwatch.CfnAlarm.DimensionProperty(name="QueueName", value=queue.queue_name)],
        statistic="Maximum",
        period=_FIVE_MINUTES,
        evaluation_periods=1,
        threshold=1,
        comparison_operator="GreaterThanOrEqualToThreshold",
        treat_missing_data="notBreaching",
        alarm_actions=targets or None,
        ok_actions=targets or None,
    )


def notify_problems(notify: object, region: str) -> Iterator[Problem]:
    """Yield the targets that an alarm in a Region cannot notify."""
    if isinstance(notify, str) or not isinstance(notify, Sequence):
        yield Problem(("notify",), notify, "a list of topics or ARNs")
        return
    if len(notify) > MOST_ACTIONS:
        yield Problem.relation(("notify",), f"the list has {len(notify)} targets: use at most {MOST_ACTIONS}")
    for index, target in enumerate(notify):
        if not isinstance(target, str) and not hasattr(target, "topic_arn"):
            yield Problem(("notify", index), target, "an SNS topic or an ARN")
        else:
            yield from check_action(("notify", index), _target_arn(target), region)


def _target_arn(target: Target) -> str:
    return target if isinstance(target, str) else target.topic_arn
