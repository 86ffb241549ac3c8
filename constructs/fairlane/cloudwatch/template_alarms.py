"""Alarms of a CloudFormation template, parsed once."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Final, Self

from fairlane.cloudwatch.composites import Rule
from fairlane.cloudwatch.metric_alarm import Alarm
from fairlane.cloudwatch.template import resources, template_text

_ALARM: Final = "AWS::CloudWatch::Alarm"
_COMPOSITE: Final = "AWS::CloudWatch::CompositeAlarm"
_REFERENCE: Final = re.compile(r"\$\{(\w+)(?:\.Arn)?\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateAlarms:
    """Alarms of a template, by their logical ids.

    Args:
        names: Alarm names. Empty for alarms whose names CloudFormation generates.
        alarms: Metric alarms that can be evaluated.
        rules: Rules of composite alarms that can be evaluated.
        not_evaluated: Reasons why the other alarms cannot be evaluated.
    """

    names: Mapping[str, str]
    alarms: Mapping[str, Alarm]
    rules: Mapping[str, Rule]
    not_evaluated: Mapping[str, str]

    @classmethod
    def read(cls, template: Mapping[str, Any], prefix: str = "") -> Self:
        """Parse the alarms of a template.

        Args:
            template: Content of the template.
            prefix: Text before the logical ids, to combine alarms of several templates. Default: none.
        """
        all_alarms = {f"{prefix}{name}": properties for name, properties in resources(template, _ALARM, _COMPOSITE)}
        names = {name: template_text(properties.get("AlarmName") or "") for name, properties in all_alarms.items()}
        alarms: dict[str, Alarm] = {}
        rules: dict[str, Rule] = {}
        not_evaluated: dict[str, str] = {}
        for logical_name, properties in resources(template, _ALARM):
            name = f"{prefix}{logical_name}"
            try:
                alarms[name] = Alarm.from_template(name, properties)
            except ValueError as error:
                not_evaluated[name] = str(error)
        by_name = {
            template_text(properties["AlarmName"]): name
            for name, properties in all_alarms.items()
            if "AlarmName" in properties
        }

        def logical_id(text: str) -> str:
            reference = _REFERENCE.fullmatch(text)
            name = f"{prefix}{reference[1]}" if reference else by_name.get(text.rpartition(":alarm:")[2], text)
            if name not in all_alarms:
                raise ValueError(f"alarm rule: {text!r} is not an alarm of the same template")
            return name

        for logical_name, properties in resources(template, _COMPOSITE):
            name = f"{prefix}{logical_name}"
            try:
                rules[name] = Rule.parse(template_text(properties.get("AlarmRule")), logical_id)
            except ValueError as error:
                not_evaluated[name] = str(error)
            except RecursionError:
                not_evaluated[name] = nesting_message(name)
        return cls(names=names, alarms=alarms, rules=rules, not_evaluated=not_evaluated)

    def combined(self, *others: Self) -> Self:
        """Return these alarms together with those of other templates, which were read with different prefixes."""
        combined = self
        for other in others:
            pairs = [(field.name, getattr(combined, field.name), getattr(other, field.name)) for field in fields(self)]
            combined = replace(combined, **{name: {**own, **added} for name, own, added in pairs})
        return combined

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)


def nesting_message(name: str) -> str:
    """Return the reason why an alarm with a deeply nested rule is not evaluated."""
    return f"alarm {name}: the rule is nested too deeply"
