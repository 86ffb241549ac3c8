"""Event bus of a fan-out with its queues, and the rule that starts the state machine for a manifest."""

from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_events as events
from constructs import Construct

from fairlane._internal.aws import ARN
from fairlane._internal.claims import Claims
from fairlane._internal.event_queues import allow_events, event_queue, rule_dead_letters
from fairlane._internal.iam_statements import allow
from fairlane._internal.service_role import service_role
from fairlane.fan_out.fan_out_functions import OUTCOMES_TIMEOUT_SECONDS
from fairlane.fan_out.fan_out_rules import resource_name, role_path
from fairlane_lambda.fan_out.names import MANIFESTS

_SID: Final = "OnlyRulesOfTheFanOut"


class FanOutEvents(Construct):
    """Event bus with the events of all Regions, its queue, and the dead letters.

    Only roles of `TrainingFanOutRegion` can send to the bus: its policy denies all other principals.

    Args:
        scope: Fan-out.
        construct_id: Id of the construct.
        fan_out_name: Name of the fan-out.

    Attributes:
        bus: Event bus.
        queue: SQS queue of events.
        dead_letters: Dead-letter queue of events that could not be recorded.
        rule_dead_letters: Dead-letter queue of events that EventBridge could not deliver.
    """

    def __init__(self, scope: Construct, construct_id: str, fan_out_name: str) -> None:
        super().__init__(scope, construct_id)
        account = Claims.regional(self).account
        self.bus = events.CfnEventBus(
            self,
            "Bus",
            name=resource_name(fan_out_name),
            description=f"Events of the jobs of fan-out {fan_out_name}, from all Regions",
        )
        senders = f"{ARN}:iam::{account}:role{role_path(fan_out_name)}*"
        statement = {
            "Sid": _SID,
            "Effect": "Deny",
            "Principal": "*",
            "Action": "events:PutEvents",
            "Resource": self.bus.attr_arn,
            "Condition": {"ArnNotLike": {"aws:PrincipalArn": senders}},
        }
        # CfnEventBusPolicy prints a warning about a deprecated property, used or not.
        properties = {"EventBusName": self.bus.ref, "StatementId": _SID, "Statement": statement}
        cdk.CfnResource(self, "BusPolicy", type="AWS::Events::EventBusPolicy", properties=properties)
        self.dead_letters = event_queue(self, "DeadLetters", None)
        self.rule_dead_letters = rule_dead_letters(self, "RuleDeadLetters")
        self.queue = event_queue(self, "Queue", self.dead_letters, OUTCOMES_TIMEOUT_SECONDS)
        allow_events(self.queue)
        allow_events(self.rule_dead_letters)
        events.CfnRule(
            self,
            "Rule",
            event_bus_name=self.bus.ref,
            event_pattern={"source": ["aws.batch"]},
            targets=[_target("Queue", self.queue.queue_arn, self.rule_dead_letters.queue_arn)],
        )


def start_on_manifests(scope: Construct, bucket_name: str, state_machine_arn: str, dead_letters_arn: str) -> None:
    """Start the state machine for each new version of a manifest.

    Args:
        scope: Scope of the rule.
        bucket_name: Name of the bucket.
        state_machine_arn: ARN of the state machine.
        dead_letters_arn: ARN of the queue of events that EventBridge could not deliver.
    """
    home = Claims.regional(scope)
    role = service_role(
        scope,
        "Role",
        "events.amazonaws.com",
        [allow(["states:StartExecution"], [state_machine_arn])],
        source_arn=f"{ARN}:events:{home.region}:{home.account}:rule/*",
    )
    transformer = events.CfnRule.InputTransformerProperty(
        input_paths_map={"key": "$.detail.object.key", "version": "$.detail.object.version-id"},
        input_template='{"operation":"start","key":<key>,"version":<version>}',
    )
    events.CfnRule(
        scope,
        "Rule",
        event_pattern={
            "source": ["aws.s3"],
            "detail-type": ["Object Created"],
            "detail": {"bucket": {"name": [bucket_name]}, "object": {"key": [{"prefix": MANIFESTS}]}},
        },
        targets=[
            _target(
                "StateMachine",
                state_machine_arn,
                dead_letters_arn,
                role_arn=role.attr_arn,
                input_transformer=transformer,
            )
        ],
    )


def _target(
    target_id: str,
    arn: str,
    dead_letters_arn: str,
    *,
    role_arn: str | None = None,
    input_transformer: events.CfnRule.InputTransformerProperty | None = None,
) -> events.CfnRule.TargetProperty:
    return events.CfnRule.TargetProperty(
        arn=arn,
        id=target_id,
        role_arn=role_arn,
        input_transformer=input_transformer,
        dead_letter_config=events.CfnRule.DeadLetterConfigProperty(arn=dead_letters_arn),
    )
