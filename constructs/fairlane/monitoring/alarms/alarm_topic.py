"""A topic that alarms publish to."""

from collections.abc import Sequence
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from constructs import Construct

from fairlane._internal.aws import ARN
from fairlane._internal.claims import Claims
from fairlane.errors import ConfigurationError
from fairlane.monitoring.alarms.subscriptions import check_subscriptions, protocol_of

_ALARMS: Final = "cloudwatch.amazonaws.com"


class AlarmTopic(Construct):
    """A topic of Amazon SNS that alarms publish to: encrypted, over TLS only, with those who hear of them.

    Its key is its own, as alarms cannot publish to a topic that is encrypted with AWS's. Who is subscribed by email has
    to confirm it, and any endpoint of https, too. Others are subscribed by `topic.add_subscription`.

    Updates: in place; another endpoint is another subscription. Sources: "Key management" and "Configuring AWS KMS
    permissions" in the Amazon SNS documentation.

    Args:
        scope: where it goes in the app.
        construct_id: its id there.
        subscriptions: addresses of email, and of `https://`.

    Attributes:
        topic: the underlying resource, for `notify` of `QueueAlarms`.
        key: what it is encrypted with, which costs a dollar a month.

    Raises:
        ConfigurationError: with every mistake.
    """

    def __init__(self, scope: Construct, construct_id: str, *, subscriptions: Sequence[str]) -> None:
        if problems := list(check_subscriptions(("subscriptions",), subscriptions)):
            raise ConfigurationError(f"{scope.node.path}/{construct_id}", problems)
        super().__init__(scope, construct_id)
        here = Claims.at(scope)
        ours = {
            "StringEquals": {"aws:SourceAccount": here.account},
            "ArnLike": {"aws:SourceArn": f"{ARN}:cloudwatch:{here.region}:{here.account}:alarm:*"},
        }
        alarms = iam.ServicePrincipal(_ALARMS, conditions=ours)
        self.key = kms.Key(
            self,
            "Key",
            description="Notifications of alarms",
            enable_key_rotation=True,
            removal_policy=cdk.RemovalPolicy.DESTROY,  # it has nothing to read again
        )
        use = iam.PolicyStatement(actions=["kms:Decrypt", "kms:GenerateDataKey*"], principals=[alarms], resources=["*"])
        self.key.add_to_resource_policy(use)
        self.topic = sns.Topic(self, "Resource", master_key=self.key, enforce_ssl=True)
        # A policy of its own replaces the one that lets the account's alarms publish.
        publish = iam.PolicyStatement(actions=["sns:Publish"], principals=[alarms], resources=[self.topic.topic_arn])
        self.topic.add_to_resource_policy(publish)
        for number, endpoint in enumerate(dict.fromkeys(subscriptions)):
            sns.CfnSubscription(
                self,
                f"Subscription{number}",
                topic_arn=self.topic.topic_arn,
                protocol=protocol_of(endpoint),
                endpoint=endpoint,
            )
