"""An alarm on replications that failed, in the Region where they did."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from fairlane._internal.checks import check_list
from fairlane._internal.claims import Claims
from fairlane._internal.tokens import is_token
from fairlane.errors import ConfigurationError, Problem
from fairlane.images.names import Place
from fairlane.images.replicated_repository import ReplicatedRepository
from fairlane.monitoring import Target
from fairlane.monitoring.alarms.actions import MOST_ACTIONS, check_action, check_runbooks

_MOST_CHARACTERS: Final = 2048
_MOST_REPOSITORIES: Final = 100
_KEPT: Final = cdk.Duration.days(14)
_FIVE_MINUTES: Final = 300
_RUNBOOKS: Final = "docs/runbooks"


class ReplicationAlarm(Construct):
    """An alarm that goes off when ECR says that the replication of an image to this Region failed.

    ECR sends its events in the Region where they occur, so put one into a stack of each destination. They are kept in a
    queue for 14 days, and the alarm stays until somebody has read and deleted them: they say which images failed. An
    event may be lost: what has to be sure asks, as `ReplicationGate` does.

    Updates: in place. Nothing of it has been run against an AWS account. Source: "Amazon ECR events and EventBridge" in
    the Amazon ECR user guide.

    Args:
        scope: where it goes in the app: a stack in a Region, and account, that the repositories are replicated to.
        construct_id: its id there.
        repositories: 1 to 100 that are replicated there.
        notify: topics, or ARNs of what else an alarm may call; at most 5.
        runbooks: the address of the folder that has the runbooks.

    Attributes:
        alarm: the alarm.
        failures: the queue of events.

    Raises:
        ConfigurationError: With every repository, target and address that cannot be right.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        repositories: Sequence[ReplicatedRepository],
        notify: Sequence[Target] = (),
        runbooks: str = _RUNBOOKS,
    ) -> None:
        here = Claims.at(scope)
        problems = list(check_list(("repositories",), repositories, ReplicatedRepository, "ReplicatedRepository"))
        names: list[str] = []
        pattern: dict[str, Any] = {}
        if not problems:
            names = sorted({repository.repository_name for repository in repositories})
            pattern = _pattern(names, sorted({one.home.region for one in repositories}))
            problems = list(_problems(Place(here.account, here.region), repositories, pattern))
        problems += [*_notify_problems(notify, here.region), *check_runbooks(runbooks)]
        if problems:
            raise ConfigurationError(f"{scope.node.path}/{construct_id}", problems)
        super().__init__(scope, construct_id)
        self.failures = self._queue(pattern)
        targets = [_arn(one) for one in notify]
        self.alarm = cloudwatch.CfnAlarm(
            self,
            "Resource",
            alarm_description=f"Images: replication to {here.region} failed. Look first at: the events in the queue "
            f"Failures of the stack {cdk.Stack.of(self).stack_name}. Runbook: {runbooks}/replication-failed.md",
            namespace="AWS/SQS",
            metric_name="ApproximateNumberOfMessagesVisible",
            dimensions=[
                cloudwatch.CfnAlarm.DimensionProperty(name="QueueName", value=self.failures.queue_name),
            ],
            statistic="Maximum",
            period=_FIVE_MINUTES,
            evaluation_periods=1,
            threshold=1,
            comparison_operator="GreaterThanOrEqualToThreshold",
            treat_missing_data="notBreaching",
            alarm_actions=targets or None,
            ok_actions=targets or None,
        )
        if not targets:
            text = "the alarm on failed replications notifies nobody: give it notify"
            cdk.Annotations.of(self).add_warning_v2("fairlane:ReplicationAlarm.noAction", text)

    def _queue(self, pattern: Mapping[str, Any]) -> sqs.Queue:
        queue = sqs.Queue(
            self,
            "Failures",
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=_KEPT,
        )
        why = "nothing takes events out of it but people, as out of a dead-letter queue"
        cdk.Validations.of(queue).acknowledge(cdk.Acknowledgment(id="AwsSolutions-SQS3", reason=why))
        rule = events.CfnRule(
            self,
            "Rule",
            event_pattern=pattern,
            targets=[events.CfnRule.TargetProperty(arn=queue.queue_arn, id="Failures")],
        )
        queue.add_to_resource_policy(
            iam.PolicyStatement(
                actions=["sqs:SendMessage"],
                resources=[queue.queue_arn],
                principals=[iam.ServicePrincipal("events.amazonaws.com")],
                conditions={"ArnEquals": {"aws:SourceArn": rule.attr_arn}},
            )
        )
        return queue


def _pattern(names: Sequence[str], sources: Sequence[str]) -> dict[str, Any]:
    detail = {"result": ["FAILED"], "repository-name": names}
    if not any(is_token(source) for source in sources):  # the name of a home Region that is not known here
        detail["source-region"] = sources
    return {"source": ["aws.ecr"], "detail-type": ["ECR Replication Action"], "detail": detail}


def _arn(target: Target) -> str:
    return target if isinstance(target, str) else target.topic_arn


def _notify_problems(notify: object, region: str) -> Iterator[Problem]:
    if isinstance(notify, str) or not isinstance(notify, Sequence):
        yield Problem(("notify",), notify, "a list of topics or ARNs")
        return
    if len(notify) > MOST_ACTIONS:
        yield Problem(("notify",), f"{len(notify)} targets", f"at most {MOST_ACTIONS}, as many as an alarm has")
    for index, target in enumerate(notify):
        if not isinstance(target, str) and not hasattr(target, "topic_arn"):
            yield Problem(("notify", index), target, "a topic of Amazon SNS, or an ARN")
        else:
            yield from check_action(("notify", index), _arn(target), region)


def _problems(
    place: Place, repositories: Sequence[ReplicatedRepository], pattern: Mapping[str, Any]
) -> Iterator[Problem]:
    if (size := len(json.dumps(pattern, separators=(",", ":")))) > _MOST_CHARACTERS:
        allowed = f"an event pattern of at most {_MOST_CHARACTERS}: put some into another ReplicationAlarm"
        yield Problem(("repositories",), f"{size} characters", allowed)
    if not 1 <= len(repositories) <= _MOST_REPOSITORIES:
        yield Problem(("repositories",), f"{len(repositories)} repositories", f"1 to {_MOST_REPOSITORIES}")
    for index, repository in enumerate(repositories):
        if place not in repository.destinations:
            yield Problem(("repositories", index), repository.repository_name, f"one that is replicated to {place}")
