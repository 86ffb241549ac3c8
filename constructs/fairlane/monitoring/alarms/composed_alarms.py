"""Base class of alarms on queues and on fan-outs: alarms of conditions, and composite alarms that notify."""

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeAlias

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from fairlane._internal.aws import ARN
from fairlane._internal.claims import Claims
from fairlane.monitoring.alarms.alarm_names import ALARM, AlarmGroup
from fairlane.monitoring.alarms.alarm_problems import Notify, target_arns
from fairlane.monitoring.alarms.composite_alarm import CompositeAlarm
from fairlane.monitoring.alarms.descriptions import describe, describe_composite, slug
from fairlane.monitoring.alarms.metric_alarm import metric_alarm

SeverityAlarms: TypeAlias = list[tuple[str, str]]
"""Severity of each alarm, and a reference to its name."""


class ComposedAlarms(Construct):
    """Alarms that notify through composite alarms, one for each subject and severity.

    Args:
        scope: Parent construct.
        construct_id: Construct id.
        runbooks: Address of the folder with the runbooks.

    Attributes:
        alarms: Alarms by path.
        arns: ARN of each alarm, by the same paths. The ARNs have the names of the alarms, without a reference to them.
        metric_count: Number of metrics in all alarms, which CloudWatch bills.
    """

    def __init__(self, scope: Construct, construct_id: str, *, runbooks: str) -> None:
        super().__init__(scope, construct_id)
        self.alarms: dict[str, cloudwatch.CfnAlarm] = {}
        self.arns: dict[str, str] = {}
        self.metric_count = 0
        self._home = Claims.regional(self)
        self._runbooks = runbooks.rstrip("/")
        self._actions: Mapping[str, list[str]] = {}

    def _create(self, scope: Construct, group: AlarmGroup) -> SeverityAlarms:
        created: SeverityAlarms = []
        for kind, severity, limit in group.limits:
            for condition in group.conditions(limit):
                construct_id = "-".join(filter(None, (slug(kind), condition.part, severity)))
                name = group.alarm_name(kind, condition.part, severity)
                description = describe(group.subject, kind, condition.meaning, limit.first_step, self._runbooks)
                alarm = metric_alarm(scope, construct_id, name, condition, description)
                self._add(f"{group.path}/{construct_id}", name, alarm)
                self.metric_count += len(condition.series)
                # A reference, because CloudWatch refuses the rule of a composite alarm before its children exist.
                created.append((severity, alarm.ref))
        return created

    def _add(self, path: str, name: str, alarm: cloudwatch.CfnAlarm) -> None:
        self.alarms[path] = alarm
        self.arns[path] = f"{ARN}:cloudwatch:{self._home.region}:{self._home.account}:alarm:{name}"
        self._home.add(ALARM, name, self)

    def _notify(self, alarms: Iterable[tuple[str, str]], notify: Notify) -> None:
        """Set the targets of all severities, and warn of a severity without targets."""
        severities = list(dict.fromkeys(severity for severity, _ in alarms))
        targets = notify if isinstance(notify, Mapping) else dict.fromkeys(severities, notify)
        self._actions = {severity: target_arns(group) for severity, group in targets.items()}
        for severity in severities:
            if not self._actions.get(severity):
                text = f"{severity} alarms notify nobody: add a target to notify"
                warning = f"fairlane:{type(self).__name__}.noAction.{severity}"
                cdk.Annotations.of(self).add_warning_v2(warning, text)

    def _compose(
        self, scope: Construct, group: AlarmGroup, alarms: SeverityAlarms
    ) -> Iterator[tuple[str, CompositeAlarm]]:
        """Create the composite alarm of each severity, which the group names."""
        for severity in dict.fromkeys(severity for severity, _ in alarms):
            children = [child for child_severity, child in alarms if child_severity == severity]
            actions = self._actions.get(severity) or None
            description = describe_composite(group.subject, severity, self._runbooks)
            properties = {"alarm_description": description, "alarm_actions": actions, "ok_actions": actions}
            name = group.composite_name(severity)
            self._home.add(ALARM, name, self)
            yield severity, CompositeAlarm(scope, severity, name, children, **properties)
