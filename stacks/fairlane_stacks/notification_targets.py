"""Who hears of alarms, from an environment file."""

from collections.abc import Sequence

from constructs import Construct

from fairlane.environment.alarms import is_topic
from fairlane.monitoring import AlarmTopic, Target


def targets_of(scope: Construct, construct_id: str, targets: Sequence[str], topics: list[AlarmTopic]) -> list[Target]:
    """Topics that exist, and one that is made for all addresses.

    Args:
        scope: where that topic goes.
        construct_id: its id there.
        targets: ARNs of topics, and addresses.
        topics: takes note of what is made.
    """
    existing: list[Target] = [target for target in targets if is_topic(target)]
    addresses = [target for target in targets if not is_topic(target)]
    if not addresses:
        return existing
    topics.append(AlarmTopic(scope, construct_id, subscriptions=addresses))
    return [*existing, topics[-1].topic]
