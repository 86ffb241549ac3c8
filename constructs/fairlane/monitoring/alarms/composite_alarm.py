"""Composite alarms over any number of children."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

_MAX_CHILDREN: Final = 25
"""Maximum number of children in one alarm rule. A rule has at most 10,240 characters, and an ARN may have 300."""


class CompositeAlarm:
    """Composite alarm over any number of children; nests above 25.

    The two levels cover 625 alarms, more than fit into a stack.

    Args:
        scope: Parent of the composite alarms.
        construct_id: Construct id of the composite alarm.
        arns: ARNs of the children, at least one.
        properties: Description and actions of the composite alarm.

    Attributes:
        alarm: Composite alarm that notifies.
    """

    def __init__(self, scope: Construct, construct_id: str, arns: Iterable[str], **properties: Any) -> None:
        self._scope = scope
        self._id = construct_id
        self._arns = list(arns)
        self._parts: list[cloudwatch.CfnCompositeAlarm] = []
        rule = _alarm_rule(self._arns) if len(self._arns) <= _MAX_CHILDREN else "FALSE"
        self.alarm = cloudwatch.CfnCompositeAlarm(scope, construct_id, alarm_rule=rule, **properties)
        if len(self._arns) > _MAX_CHILDREN:
            self.add()

    @property
    def count(self) -> int:
        """Number of composite alarms, nested ones included."""
        return 1 + len(self._parts)

    def add(self, *arns: str) -> None:
        """Add children.

        Args:
            arns: ARNs of the children.
        """
        self._arns += arns
        children = self._arns
        if len(self._arns) > _MAX_CHILDREN:
            starts = range(0, len(self._arns), _MAX_CHILDREN)
            children = [self._part(n, self._arns[start : start + _MAX_CHILDREN]) for n, start in enumerate(starts)]
        self.alarm.alarm_rule = _alarm_rule(children)

    def _part(self, number: int, arns: Sequence[str]) -> str:
        if number == len(self._parts):
            part = f"{self._id}-Part{number}"
            self._parts.append(cloudwatch.CfnCompositeAlarm(self._scope, part, alarm_rule=_alarm_rule(arns)))
        self._parts[number].alarm_rule = _alarm_rule(arns)
        return self._parts[number].attr_arn


def _alarm_rule(arns: Sequence[str]) -> str:
    return " OR ".join(f'ALARM("{arn}")' for arn in arns)
