"""Targets of alarm notifications in an environment file."""

from collections.abc import Sequence
from typing import TypeAlias

from constructs import Construct

from fairlane.environment import AlarmSettings
from fairlane.environment.alarms import is_topic
from fairlane.monitoring import AlarmTopic, Target
from fairlane.monitoring.alarms.actions import MOST_ACTIONS

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
    usable = [target for target in all_targets if not is_topic(target) or target.split(":")[3] == region]
    return notification_targets(scope, "AlarmTopic", usable, topics)[-MOST_ACTIONS:]


def notification_targets(
    scope: Construct, construct_id: str, targets: Sequence[str], topics: list[AlarmTopic]
) -> list[Target]:
    """Return the existing SNS topics, and one new topic for all addresses.

    Args:
        scope: Scope of the new topic.
        construct_id: Id of the new topic.
        targets: ARNs of existing topics, and addresses.
        topics: List that the new topic is appended to.
    """
    existing: list[Target] = [target for target in targets if is_topic(target)]
    addresses = [target for target in targets if not is_topic(target)]
    if not addresses:
        return existing
    topics.append(AlarmTopic(scope, construct_id, subscriptions=addresses))
    return [*existing, topics[-1].topic]
