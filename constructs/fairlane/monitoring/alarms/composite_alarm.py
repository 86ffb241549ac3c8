"""Composite alarms over any number of children."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from fairlane.monitoring.alarms.alarm_names import alarm_name

_MAX_CHILDREN: Final = 25
"""Maximum number of children in one alarm rule. A rule has at most 10,240 characters, and a name at most 255."""


class CompositeAlarm:
    """Composite alarm over any number of children; nests above 25.

    The two levels cover 625 alarms, more than fit into a stack.

    Args:
        scope: Parent of the composite alarms.
        construct_id: Construct id of the composite alarm.
        name: Name of the composite alarm. Nested composite alarms are named `<name>-part-0` and so on.
        children: References to the names of the children, at least one.
        properties: Description and actions of the composite alarm.

    Attributes:
        alarm: Composite alarm that notifies.
    """

    def __init__(
        self, scope: Construct, construct_id: str, name: str, children: Iterable[str], **properties: Any
    ) -> None:
        self._scope = scope
        self._id = construct_id
        self._name = name
        self._children = list(children)
        self._parts: list[cloudwatch.CfnCompositeAlarm] = []
        rule = _alarm_rule(self._children) if len(self._children) <= _MAX_CHILDREN else "FALSE"
        self.alarm = cloudwatch.CfnCompositeAlarm(scope, construct_id, alarm_name=name, alarm_rule=rule, **properties)
        if len(self._children) > _MAX_CHILDREN:
            self.add()

    @property
    def count(self) -> int:
        """Number of composite alarms, nested ones included."""
        return 1 + len(self._parts)

    def add(self, *children: str) -> None:
        """Add children.

        Args:
            children: References to the names of the children.
        """
        self._children += children
        parts = self._children
        if len(self._children) > _MAX_CHILDREN:
            starts = range(0, len(self._children), _MAX_CHILDREN)
            parts = [self._part(n, self._children[start : start + _MAX_CHILDREN]) for n, start in enumerate(starts)]
        self.alarm.alarm_rule = _alarm_rule(parts)

    def _part(self, number: int, children: Sequence[str]) -> str:
        rule = _alarm_rule(children)
        if number == len(self._parts):
            name = alarm_name(self._name, f"part-{number}")
            part = cloudwatch.CfnCompositeAlarm(
                self._scope, f"{self._id}-Part{number}", alarm_name=name, alarm_rule=rule
            )
            self._parts.append(part)
        self._parts[number].alarm_rule = rule
        return self._parts[number].ref


def _alarm_rule(names: Sequence[str]) -> str:
    return " OR ".join(f'ALARM("{name}")' for name in names)
