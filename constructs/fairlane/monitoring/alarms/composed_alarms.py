"""Base class of alarms on queues and on fan-outs: alarms of conditions, and composite alarms that notify."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeAlias

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from fairlane.monitoring.alarms import Limit
from fairlane.monitoring.alarms.alarm_problems import Notify, target_arns
from fairlane.monitoring.alarms.composite_alarm import CompositeAlarm
from fairlane.monitoring.alarms.condition import Condition
from fairlane.monitoring.alarms.descriptions import describe, describe_composite, slug
from fairlane.monitoring.alarms.metric_alarm import metric_alarm

SeverityArns: TypeAlias = list[tuple[str, str]]
"""Severity and ARN of each alarm."""


class ComposedAlarms(Construct):
    """Alarms that notify through composite alarms, one for each subject and severity.

    Args:
        scope: Parent construct.
        construct_id: Construct id.
        runbooks: Address of the folder with the runbooks.

    Attributes:
        alarms: Alarms by path.
        arns: ARN of each alarm, by the same paths.
        metric_count: Number of metrics in all alarms, which CloudWatch bills.
    """

    def __init__(self, scope: Construct, construct_id: str, *, runbooks: str) -> None:
        super().__init__(scope, construct_id)
        self.alarms: dict[str, cloudwatch.CfnAlarm] = {}
        self.arns: dict[str, str] = {}
        self.metric_count = 0
        self._runbooks = runbooks.rstrip("/")
        self._actions: Mapping[str, list[str]] = {}

    def _create(
        self,
        scope: Construct,
        path: str,
        subject: str,
        limits: Iterable[tuple[str, str, Limit]],
        conditions: Callable[[Limit], Iterator[Condition]],
    ) -> SeverityArns:
        arns: SeverityArns = []
        for kind, severity, limit in limits:
            for condition in conditions(limit):
                name = "-".join(filter(None, (slug(kind), condition.part, severity)))
                description = describe(subject, kind, condition.meaning, limit.first_step, self._runbooks)
                alarm = metric_alarm(scope, name, condition, description)
                self.alarms[f"{path}/{name}"] = alarm
                self.arns[f"{path}/{name}"] = alarm.attr_arn
                self.metric_count += len(condition.series)
                arns.append((severity, self.arns[f"{path}/{name}"]))
        return arns

    def _notify(self, arns: SeverityArns, notify: Notify) -> None:
        """Set the targets of all severities, and warn of a severity without targets."""
        severities = list(dict.fromkeys(severity for severity, _ in arns))
        targets = notify if isinstance(notify, Mapping) else dict.fromkeys(severities, notify)
        self._actions = {severity: target_arns(group) for severity, group in targets.items()}
        for severity in severities:
            if not self._actions.get(severity):
                text = f"{severity} alarms notify nobody: add a target to notify"
                warning = f"fairlane:{type(self).__name__}.noAction.{severity}"
                cdk.Annotations.of(self).add_warning_v2(warning, text)

    def _compose(self, scope: Construct, subject: str, arns: SeverityArns) -> Iterator[tuple[str, CompositeAlarm]]:
        for severity in dict.fromkeys(severity for severity, _ in arns):
            children = [arn for child_severity, arn in arns if child_severity == severity]
            actions = self._actions.get(severity) or None
            description = describe_composite(subject, severity, self._runbooks)
            properties = {"alarm_description": description, "alarm_actions": actions, "ok_actions": actions}
            yield severity, CompositeAlarm(scope, severity, children, **properties)
