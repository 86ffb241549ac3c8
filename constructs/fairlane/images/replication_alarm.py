"""Alarm on failed replications to a Region."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import aws_cdk as cdk
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from fairlane._internal.checks import check_list
from fairlane._internal.claims import Claims
from fairlane._internal.tokens import is_token
from fairlane.errors import ConfigurationError, Problem
from fairlane.images.names import Place
from fairlane.images.replicated_repository import ReplicatedRepository, destination_problem
from fairlane.monitoring import Target
from fairlane.monitoring.alarms.actions import check_runbooks
from fairlane.monitoring.alarms.alarm_names import alarm_name, prefix_of, prefix_problems, taken_problems
from fairlane.monitoring.alarms.descriptions import RUNBOOKS
from fairlane.monitoring.alarms.message_alarm import message_alarm, notify_problems

_MAX_PATTERN: Final = 2048
_MAX_REPOSITORIES: Final = 100
_RETENTION: Final = cdk.Duration.days(14)


class ReplicationAlarm(Construct):
    """Alarm on failed replications of images to the Region of the stack, as reported by Amazon ECR events.

    ECR sends its events in the Region where they occur, so create one construct in a stack of each destination. A
    queue keeps the events for 14 days. The alarm stays in state ALARM until somebody has read and deleted the events,
    which name the failed images. ECR may lose an event: if certainty is required, request the replication status, as
    `ReplicationGate` does.

    The name of the alarm is `<prefix>-replication-failed` in lower case.

    Updates: in place; another prefix replaces the alarm, whose history stays under the old name. Not tested
    against a real AWS account.

    Source: "Amazon ECR events and EventBridge" in the Amazon ECR user guide.

    Args:
        scope: Scope of the construct: a stack in an account and Region that the repositories are replicated to.
        construct_id: Id of the construct.
        repositories: Repositories that are replicated to the account and Region, 1 to 100.
        notify: SNS topics, or ARNs of other targets that an alarm can invoke, at most 5. Default: none.
        runbooks: URL or path of the folder with the runbooks. Default: docs/runbooks.
        name_prefix: Prefix of the name of the alarm, 1 to 128 characters of A-Z, a-z, 0-9, - and _, known at synth.
            Default: the name of the stack.

    Attributes:
        alarm: Underlying L1 resource.
        failures: Queue with the events of failed replications.

    Raises:
        ConfigurationError: If a repository is not replicated to the account and Region, a target is invalid, or a limit
            is exceeded, or if another alarm in the account and Region has the same name.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        repositories: Sequence[ReplicatedRepository],
        notify: Sequence[Target] = (),
        runbooks: str = RUNBOOKS,
        name_prefix: str | None = None,
    ) -> None:
        claims = Claims.regional(scope)
        problems = list(check_list(("repositories",), repositories, ReplicatedRepository, "ReplicatedRepository"))
        names: list[str] = []
        pattern: dict[str, Any] = {}
        if not problems:
            names = sorted({repository.repository_name for repository in repositories})
            pattern = _pattern(names, sorted({repository.home.region for repository in repositories}))
            problems = list(_problems(Place(claims.account, claims.region), repositories, pattern))
        problems += [*notify_problems(notify, claims.region), *check_runbooks(runbooks)]
        problems += prefix_problems(scope, name_prefix)
        if not problems:
            name = alarm_name(prefix_of(scope, name_prefix), "replication-failed")
            problems = list(taken_problems(claims, [name]))
        if problems:
            raise ConfigurationError(f"{scope.node.path}/{construct_id}", problems)
        super().__init__(scope, construct_id)
        self.failures = self._queue(pattern)
        description = (
            f"Images: replication to {claims.region} failed. Look first at: the events in the queue Failures of the "
            f"stack {cdk.Stack.of(self).stack_name}. Runbook: {runbooks}/replication-failed.md"
        )
        self.alarm = message_alarm(self, self.failures, name, description, notify)
        if not notify:
            message = "the alarm on failed replications has no targets and notifies nobody: set notify"
            cdk.Annotations.of(self).add_warning_v2("fairlane:ReplicationAlarm.noAction", message)

    def _queue(self, pattern: Mapping[str, Any]) -> sqs.Queue:
        queue = sqs.Queue(
            self,
            "Failures",
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=_RETENTION,
        )
        reason = "only people remove events from the queue, as from a dead-letter queue"
        cdk.Validations.of(queue).acknowledge(cdk.Acknowledgment(id="AwsSolutions-SQS3", reason=reason))
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
    if not any(is_token(source) for source in sources):
        detail["source-region"] = sources
    return {"source": ["aws.ecr"], "detail-type": ["ECR Replication Action"], "detail": detail}


def _problems(
    place: Place, repositories: Sequence[ReplicatedRepository], pattern: Mapping[str, Any]
) -> Iterator[Problem]:
    if (size := len(json.dumps(pattern, separators=(",", ":")))) > _MAX_PATTERN:
        sentence = f"the event pattern has {size} characters, and EventBridge accepts at most {_MAX_PATTERN}"
        yield Problem.relation(("repositories",), f"{sentence}: move some repositories to another ReplicationAlarm")
    if not 1 <= len(repositories) <= _MAX_REPOSITORIES:
        sentence = f"the list has {len(repositories)} repositories: use 1 to {_MAX_REPOSITORIES}"
        yield Problem.relation(("repositories",), sentence)
    for index, repository in enumerate(repositories):
        if place not in repository.destinations:
            yield destination_problem(("repositories", index), repository, place)
