"""Targets of alarm notifications in an environment file."""

from collections.abc import Sequence

from constructs import Construct

from fairlane.environment.alarms import is_topic
from fairlane.monitoring import AlarmTopic, Target


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
