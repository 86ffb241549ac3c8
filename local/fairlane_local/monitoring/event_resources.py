"""CloudFormation resources of EventBridge and Amazon SQS that moto lacks or models differently."""

import json
import re
from typing import Any, Final, Self

from moto.events.utils import EventTemplateParser
from moto.scheduler.models import EventBridgeSchedulerBackend, scheduler_backends
from moto.sqs.models import sqs_backends

from fairlane_local.cloudformation.local_resource import LocalResource, register

_SETTINGS: Final = {
    "description": "Description",
    "end_date": "EndDate",
    "flexible_time_window": "FlexibleTimeWindow",
    "group_name": "GroupName",
    "kms_key_arn": "KmsKeyArn",
    "schedule_expression": "ScheduleExpression",
    "schedule_expression_timezone": "ScheduleExpressionTimezone",
    "start_date": "StartDate",
    "state": "State",
    "target": "Target",
}
_PLACEHOLDER: Final = re.compile(r"<(?P<name>[A-Za-z0-9_.-]+)>")
_STRING_OR_PLACEHOLDER: Final = re.compile(rf'(?P<text>"(?:[^"\\]|\\.)*")|{_PLACEHOLDER.pattern}')
_PATH_STEP: Final = re.compile(r"\.([A-Za-z0-9_-]+)|\[(\d+)\]")


class Schedule(LocalResource):
    """AWS::Scheduler::Schedule."""

    resource_type = "AWS::Scheduler::Schedule"
    name_property = "Name"
    create_only = frozenset({"GroupName", "Name"})

    def create(self) -> None:
        """Create the schedule."""
        settings = _settings(self.properties)
        self._scheduler.create_schedule(name=self.physical_resource_id, action_after_completion=None, **settings)

    def update(self, old: Self) -> None:
        """Update the schedule."""
        self._scheduler.update_schedule(name=self.physical_resource_id, **_settings(self.properties))

    def get_cfn_attribute(self, attribute_name: str) -> str:
        """Return the ARN."""
        group = self.properties.get("GroupName")
        return str(self._scheduler.get_schedule(group, self.physical_resource_id).arn)

    def remove(self) -> None:
        """Delete the schedule."""
        self._scheduler.delete_schedule(self.properties.get("GroupName"), self.physical_resource_id)

    @property
    def _scheduler(self) -> EventBridgeSchedulerBackend:
        account_id, region = self._location
        return scheduler_backends[account_id][region]


class QueuePolicy(LocalResource):
    """AWS::SQS::QueuePolicy, which is not enforced."""

    resource_type = "AWS::SQS::QueuePolicy"

    def create(self) -> None:
        """Set the policy of its queues."""
        self._set(json.dumps(self.properties["PolicyDocument"]))

    def update(self, old: Self) -> None:
        """Remove the policy from the previous queues and set it on the current queues."""
        old.remove()
        self.create()

    def remove(self) -> None:
        """Remove the policy from its queues that still exist."""
        self._set(None)

    def _set(self, document: str | None) -> None:
        account_id, region_name = self._location
        queues = sqs_backends[account_id][region_name].queues
        for url in self.properties["Queues"]:
            if queue := queues.get(url.rpartition("/")[2]):
                queue.policy = document


def install() -> None:
    """Register the resources with moto's CloudFormation, and correct its input transformers.

    Moto's transformers insert strings without quotes and keep the placeholders of absent values, so the result is not
    JSON.
    """
    register((QueuePolicy, Schedule))
    EventTemplateParser.parse = staticmethod(_transform)  # type: ignore[assignment, method-assign]


def _transform(input_template: str | None, input_paths_map: dict[str, str], event: dict[str, Any]) -> Any:
    """Return the input of a target by EventBridge's rules for JSON templates.

    An absent value becomes an empty string.
    """
    whole_event = {name: value for name, value in event.items() if name != "ingestion-time"}
    if not input_template:
        return whole_event
    values = {name: value_at_path(path, event) for name, path in input_paths_map.items()}
    values |= {"aws.events.event.json": whole_event, "aws.events.event.ingestion-time": event["ingestion-time"]}

    def fill(match: re.Match[str]) -> str:
        if match["text"]:
            return _PLACEHOLDER.sub(lambda placeholder: _as_text(values[placeholder["name"]]), match["text"])
        return json.dumps(values[match["name"]])

    return json.loads(_STRING_OR_PLACEHOLDER.sub(fill, input_template))


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def value_at_path(path: str, event: Any) -> Any:
    """Return the value at a path, for example `$.detail.attempts[0]`."""
    value = event
    for name, index in _PATH_STEP.findall(path):
        match value:
            case dict() if name in value:
                value = value[name]
            case list() if index and int(index) < len(value):
                value = value[int(index)]
            case _:
                return ""
    return value


def _settings(properties: Any) -> dict[str, Any]:
    return {argument: properties.get(name) for argument, name in _SETTINGS.items()}
