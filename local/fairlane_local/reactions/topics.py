"""Topics of Amazon SNS, which pass messages to queues and functions and keep those to all other subscribers."""

import json
from datetime import UTC, datetime
from typing import Any, Final

from moto.sns.models import SNSBackend, Subscription, sns_backends

from fairlane_local.cloudformation.local_resource import LocalResource, register
from fairlane_local.reactions.invocations import invoke_later
from fairlane_local.simulation import current_simulation

_ATTRIBUTES: Final = ("FilterPolicy", "FilterPolicyScope", "RawMessageDelivery")
_MAX_SENT: Final = 1_000

_publish_to_subscription = Subscription.publish
_publish = SNSBackend.publish
_notifications: list[dict[str, Any]] = []


class TopicSubscription(LocalResource):
    """AWS::SNS::Subscription. No confirmation is requested."""

    resource_type = "AWS::SNS::Subscription"
    create_only = frozenset({"Endpoint", "Protocol", "TopicArn"})

    def create(self) -> None:
        """Create the subscription."""
        topic, endpoint = self.properties["TopicArn"], self.properties.get("Endpoint", "")
        topics = self._topics(topic)
        self.physical_resource_id = topics.subscribe(topic, endpoint, self.properties["Protocol"]).arn
        for name in _ATTRIBUTES:
            if name in self.properties:
                topics.set_subscription_attributes(self.physical_resource_id, name, _text(self.properties[name]))

    def remove(self) -> None:
        """Delete the subscription."""
        topics = self._topics(self.properties["TopicArn"])
        if self.physical_resource_id in topics.subscriptions:
            topics.unsubscribe(self.physical_resource_id)

    def _topics(self, arn: str) -> SNSBackend:
        return sns_backends[self._location[0]][arn.split(":")[3]]


class TopicPolicy(LocalResource):
    """AWS::SNS::TopicPolicy, which is not enforced."""

    resource_type = "AWS::SNS::TopicPolicy"


def install() -> None:
    """Register the resources, and make moto's topics call functions and send nothing to another computer."""
    register((TopicPolicy, TopicSubscription))
    Subscription.publish = _publish_to_local_subscriber  # type: ignore[method-assign]
    SNSBackend.publish = _publish_and_keep  # type: ignore[method-assign]


def reset() -> None:
    """Forget the messages of an earlier local AWS of this process."""
    _notifications.clear()


def notifications() -> list[dict[str, Any]]:
    """Return the latest messages to topics, oldest first: time, topic, subject, message, and its subscribers."""
    return [*_notifications]


def _publish_and_keep(self: SNSBackend, message: str, arn: str | None, *args: Any, **more: Any) -> str:
    message_id = _publish(self, message, arn, *args, **more)
    if arn in self.topics:
        del self.topics[arn].sent_notifications[:-_MAX_SENT]
    subscribers = [
        f"{subscription.protocol}:{subscription.endpoint}"
        for subscription in self.subscriptions.values()
        if subscription.topic.arn == arn
    ]
    now = datetime.fromtimestamp(current_simulation().timeline.milliseconds / 1000, UTC)
    _notifications.append(
        {
            "time": f"{now:%Y-%m-%dT%H:%M:%SZ}",
            "topic": arn or "",
            "subject": more.get("subject") or "",
            "message": message,
            "subscribers": sorted(subscribers),
        }
    )
    del _notifications[:-_MAX_SENT]
    return message_id


def _publish_to_local_subscriber(self: Subscription, message: str, message_id: str, *args: Any, **more: Any) -> None:
    matcher = self._filter_policy_matcher
    if self.protocol == "sqs":
        _publish_to_subscription(self, message, message_id, *args, **more)
    elif self.protocol == "lambda" and (matcher is None or matcher.matches(more.get("message_attributes"), message)):
        now = datetime.fromtimestamp(current_simulation().timeline.milliseconds / 1000, UTC)
        record = {
            "Type": "Notification",
            "MessageId": message_id,
            "TopicArn": self.topic.arn,
            "Subject": more.get("subject"),
            "Message": message,
            "Timestamp": f"{now:%Y-%m-%dT%H:%M:%S.000Z}",
            "MessageAttributes": more.get("message_attributes") or {},
        }
        source = {"EventSource": "aws:sns", "EventVersion": "1.0", "EventSubscriptionArn": self.arn, "Sns": record}
        invoke_later(self.account_id, self.endpoint.split(":")[3], self.endpoint, {"Records": [source]})


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
