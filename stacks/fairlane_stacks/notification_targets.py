"""Targets of alarm notifications in an environment file."""

from collections.abc import Sequence
from typing import Final, TypeAlias

import aws_cdk as cdk
from constructs import Construct

from fairlane._internal.aws import ARN
from fairlane.environment import AlarmSettings
from fairlane.monitoring import AlarmTopic, Target
from fairlane.monitoring.alarms.actions import MOST_ACTIONS, action_region, is_action

_PERMISSION: Final = "AlarmPermission"

Notify: TypeAlias = list[Target] | dict[str, list[Target]]


def alarm_targets(
    scope: Construct, alarms: AlarmSettings, severities: Sequence[str], topics: list[AlarmTopic]
) -> Notify:
    """Return the targets of all alarms of a stack: a list, or a list for each severity.

    Args:
        scope: Scope of the new topics.
        alarms: Settings of the alarms.
        severities: Severities of the alarms in the stack. Other severities get no topic.
        topics: List that the new topics are appended to.
    """
    if not isinstance(alarms.notify, dict):
        return notification_targets(scope, "AlarmTopic", alarms.notify, topics)
    parent = Construct(scope, "AlarmTopics")
    return {
        severity: notification_targets(parent, severity, targets, topics)
        for severity, targets in alarms.notify.items()
        if severity in severities
    }


def shared_targets(scope: Construct, alarms: AlarmSettings, region: str, topics: list[AlarmTopic]) -> list[Target]:
    """Return the targets of alarms without severities: those of all severities in the Region, at most 5.

    Args:
        scope: Scope of the new topic.
        alarms: Settings of the alarms.
        region: Region of the alarms.
        topics: List that the new topic is appended to.
    """
    by_severity = alarms.targets([""])
    all_targets = dict.fromkeys(target for targets in by_severity.values() for target in targets)
    usable = [target for target in all_targets if not is_action(target) or action_region(target) in ("", region)]
    return notification_targets(scope, "AlarmTopic", usable, topics)[-MOST_ACTIONS:]


def notification_targets(
    scope: Construct, construct_id: str, targets: Sequence[str], topics: list[AlarmTopic]
) -> list[Target]:
    """Return the ARNs among the targets, and one new topic for all addresses.

    The stack allows its alarms to invoke the Lambda functions of its account.

    Args:
        scope: Scope of the new topic.
        construct_id: Id of the new topic.
        targets: ARNs of alarm actions, and addresses.
        topics: List that the new topic is appended to.
    """
    existing: list[Target] = [target for target in targets if is_action(target)]
    for target in targets:
        if is_action(target) and ":lambda:" in target:
            _allow_alarms(cdk.Stack.of(scope), target)
    addresses = [target for target in targets if not is_action(target)]
    if not addresses:
        return existing
    topics.append(AlarmTopic(scope, construct_id, subscriptions=addresses))
    return [*existing, topics[-1].topic]


def _allow_alarms(stack: cdk.Stack, function: str) -> None:
    """Allow the alarms of the stack's account and Region to invoke a function, unless another account has it."""
    if not cdk.Token.is_unresolved(stack.account) and function.split(":")[4] != stack.account:
        return
    construct_id = f"{_PERMISSION}-{function.rpartition(':function:')[2]}"
    if stack.node.try_find_child(construct_id) is None:
        properties = {
            "Action": "lambda:InvokeFunction",
            "FunctionName": function,
            "Principal": "lambda.alarms.cloudwatch.amazonaws.com",
            "SourceAccount": stack.account,
            "SourceArn": f"{ARN}:cloudwatch:{stack.region}:{stack.account}:alarm:*",
        }
        cdk.CfnResource(stack, construct_id, type="AWS::Lambda::Permission", properties=properties)
