"""SNS topics for alarms."""

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
from fairlane.monitoring.alarms.subscriptions import check_subscriptions, endpoint_protocol

_ALARMS: Final = "cloudwatch.amazonaws.com"
_ALERT_MANAGERS: Final = "aps.amazonaws.com"


class AlarmTopic(Construct):
    """Encrypted SNS topic that alarms publish to, with its subscriptions; accepts TLS only.

    The topic has its own KMS key, because alarms cannot publish to a topic that is encrypted with the AWS managed key.
    Each subscriber must confirm the subscription: a person for an email address, the endpoint for an https:// address.
    Add other kinds of subscribers with `topic.add_subscription`.

    Updates: all in place; another address is another subscription. Sources: "Key management" and "Configuring AWS KMS
    permissions" in the Amazon SNS documentation.

    Args:
        scope: Parent construct.
        construct_id: Construct id.
        subscriptions: Email addresses and `https://` addresses.

    Attributes:
        topic: SNS topic, for `notify` of `QueueAlarms`.
        key: KMS key of the topic, which costs USD 1 a month.

    Raises:
        ConfigurationError: If an address is not valid.
    """

    def __init__(self, scope: Construct, construct_id: str, *, subscriptions: Sequence[str]) -> None:
        if problems := list(check_subscriptions(("subscriptions",), subscriptions)):
            raise ConfigurationError(f"{scope.node.path}/{construct_id}", problems)
        super().__init__(scope, construct_id)
        home = Claims.regional(scope)
        own_alarms = {
            "StringEquals": {"aws:SourceAccount": home.account},
            "ArnLike": {"aws:SourceArn": f"{ARN}:cloudwatch:{home.region}:{home.account}:alarm:*"},
        }
        alarms = iam.ServicePrincipal(_ALARMS, conditions=own_alarms)
        self.key = kms.Key(
            self,
            "Key",
            description="Notifications of alarms",
            enable_key_rotation=True,
            removal_policy=cdk.RemovalPolicy.DESTROY,  # no stored data needs the key later
        )
        self.topic = sns.Topic(self, "Resource", master_key=self.key, enforce_ssl=True)
        # A topic policy replaces the default policy, which lets the account's alarms publish.
        self._allow(alarms, ["sns:Publish"])
        for number, endpoint in enumerate(dict.fromkeys(subscriptions)):
            sns.CfnSubscription(
                self,
                f"Subscription{number}",
                topic_arn=self.topic.topic_arn,
                protocol=endpoint_protocol(endpoint),
                endpoint=endpoint,
            )

    def allow_alert_manager(self, workspace: str) -> None:
        """Allow the alert manager of an Amazon Managed Service for Prometheus workspace to publish.

        Source: "Giving Amazon Managed Service for Prometheus permission to send messages to your Amazon SNS topic" in
        its documentation.

        Args:
            workspace: ARN of the workspace.
        """
        own_alerts = {
            "StringEquals": {"aws:SourceAccount": Claims.regional(self).account},
            "ArnEquals": {"aws:SourceArn": workspace},
        }
        managers = iam.ServicePrincipal(_ALERT_MANAGERS, conditions=own_alerts)
        self._allow(managers, ["sns:GetTopicAttributes", "sns:Publish"])

    def _allow(self, publisher: iam.IPrincipal, actions: list[str]) -> None:
        use = iam.PolicyStatement(
            actions=["kms:Decrypt", "kms:GenerateDataKey*"], principals=[publisher], resources=["*"]
        )
        self.key.add_to_resource_policy(use)
        publish = iam.PolicyStatement(actions=actions, principals=[publisher], resources=[self.topic.topic_arn])
        self.topic.add_to_resource_policy(publish)
