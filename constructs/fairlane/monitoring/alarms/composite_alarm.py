"""Many alarms as one that notifies."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

_MOST: Final = 25
"""Alarms in one rule, which has room for 10,240 characters: an ARN may have 300."""


class CompositeAlarm:
    """A composite alarm of any number of alarms: above 25, with composites in between.

    Two levels are enough for 625 alarms, which is more than a stack has room for.

    Args:
        scope: where it goes.
        construct_id: its id there.
        arns: of the alarms, at least one.
        told: whom it tells, and what.

    Attributes:
        alarm: the composite alarm that notifies.
    """

    def __init__(self, scope: Construct, construct_id: str, arns: Iterable[str], **told: Any) -> None:
        self._scope = scope
        self._id = construct_id
        self._arns = list(arns)
        self._parts: list[cloudwatch.CfnCompositeAlarm] = []
        rule = _any(self._arns) if len(self._arns) <= _MOST else "FALSE"
        self.alarm = cloudwatch.CfnCompositeAlarm(scope, construct_id, alarm_rule=rule, **told)
        if len(self._arns) > _MOST:
            self.add()

    @property
    def count(self) -> int:
        """How many composite alarms there are."""
        return 1 + len(self._parts)

    def add(self, *arns: str) -> None:
        """Adds alarms."""
        self._arns += arns
        together = self._arns
        if len(self._arns) > _MOST:
            starts = range(0, len(self._arns), _MOST)
            together = [self._part(n, self._arns[start : start + _MOST]) for n, start in enumerate(starts)]
        self.alarm.alarm_rule = _any(together)

    def _part(self, number: int, arns: Sequence[str]) -> str:
        if number == len(self._parts):
            part = f"{self._id}-Part{number}"
            self._parts.append(cloudwatch.CfnCompositeAlarm(self._scope, part, alarm_rule=_any(arns)))
        self._parts[number].alarm_rule = _any(arns)
        return self._parts[number].attr_arn


def _any(arns: Sequence[str]) -> str:
    return " OR ".join(f'ALARM("{arn}")' for arn in arns)
