"""What templates of monitoring need of EventBridge, SQS and Lambda beyond moto's resources."""

import json
import re
from typing import Any, Final

from moto.awslambda.models import EventSourceMapping, LambdaBackend
from moto.events.utils import EventTemplateParser
from moto.scheduler.models import EventBridgeSchedulerBackend, scheduler_backends
from moto.sqs.models import sqs_backends

from fairlane_local.cloudformation.local_resource import LocalResource, Record, register

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
_NAME: Final = re.compile(r"<(?P<name>[A-Za-z0-9_.-]+)>")
_PLACE: Final = re.compile(rf'(?P<text>"(?:[^"\\]|\\.)*")|{_NAME.pattern}')
_STEP: Final = re.compile(r"\.([A-Za-z0-9_-]+)|\[(\d+)\]")

_create_mapping = LambdaBackend.create_event_source_mapping


class Schedule(LocalResource):
    """AWS::Scheduler::Schedule; nothing calls its target by itself."""

    @classmethod
    def cloudformation_type(cls) -> str:
        return "AWS::Scheduler::Schedule"

    @classmethod
    def cloudformation_name_type(cls) -> str:
        return "Name"

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: dict[str, Any], account_id: str, region_name: str, **kwargs: Any
    ) -> Any:
        properties = cloudformation_json["Properties"]
        scheduler = _scheduler(account_id, region_name)
        scheduler.create_schedule(name=resource_name, action_after_completion=None, **_settings(properties))
        return cls(account_id, region_name, resource_name, properties)

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: Any,
        new_resource_name: str,
        cloudformation_json: dict[str, Any],
        account_id: str,
        region_name: str,
    ) -> Any:
        properties, old = cloudformation_json["Properties"], original_resource.properties
        if any(properties.get(name) != old.get(name) for name in ("Name", "GroupName")):
            return cls.create_from_cloudformation_json(new_resource_name, cloudformation_json, account_id, region_name)
        name = original_resource.physical_resource_id
        _scheduler(account_id, region_name).update_schedule(name=name, **_settings(properties))
        return cls(account_id, region_name, name, properties)

    def get_cfn_attribute(self, attribute_name: str) -> str:
        """Its ARN."""
        group = self.properties.get("GroupName")
        return str(_scheduler(*self._where).get_schedule(group, self.physical_resource_id).arn)

    def delete(self, account_id: str, region_name: str) -> None:
        """Deletes it."""
        group = self.properties.get("GroupName")
        _scheduler(account_id, region_name).delete_schedule(group, self.physical_resource_id)


class QueuePolicy(LocalResource):
    """AWS::SQS::QueuePolicy, which nothing enforces here."""

    @classmethod
    def cloudformation_type(cls) -> str:
        return "AWS::SQS::QueuePolicy"

    @classmethod
    def cloudformation_name_type(cls) -> str:
        return ""

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: dict[str, Any], account_id: str, region_name: str, **kwargs: Any
    ) -> Any:
        policy = cls(account_id, region_name, resource_name, cloudformation_json["Properties"])
        policy._set(json.dumps(policy.properties["PolicyDocument"]))
        return policy

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: Any,
        new_resource_name: str,
        cloudformation_json: dict[str, Any],
        account_id: str,
        region_name: str,
    ) -> Any:
        original_resource.delete(account_id, region_name)
        name = original_resource.physical_resource_id
        return cls.create_from_cloudformation_json(name, cloudformation_json, account_id, region_name)

    def delete(self, account_id: str, region_name: str) -> None:
        """Takes it from its queues, those that are still there."""
        self._set(None)

    def _set(self, document: str | None) -> None:
        account_id, region_name = self._where
        queues = sqs_backends[account_id][region_name].queues
        for url in self.properties["Queues"]:
            if queue := queues.get(url.rpartition("/")[2]):
                queue.policy = document


class EventInvokeConfig(Record):
    """AWS::Lambda::EventInvokeConfig: nothing is invoked again here."""

    @classmethod
    def cloudformation_type(cls) -> str:
        return "AWS::Lambda::EventInvokeConfig"


def install() -> None:
    """Registers the resources with moto's CloudFormation, and mends its input transformers and event source mappings.

    Moto's transformers leave texts without quotes and placeholders of what is not there, which makes no JSON. Its
    mappings count a message as received, and as delivered, as soon as it is sent, though nothing runs.
    """
    register((EventInvokeConfig, QueuePolicy, Schedule))
    EventTemplateParser.parse = staticmethod(_transformed)  # type: ignore[assignment, method-assign]
    LambdaBackend.create_event_source_mapping = _create_mapping_that_waits  # type: ignore[method-assign]


def _transformed(input_template: str | None, input_paths_map: dict[str, str], event: dict[str, Any]) -> Any:
    """What a target is sent, by EventBridge's rules for templates that are JSON: what is not there is an empty text."""
    whole = {name: value for name, value in event.items() if name != "ingestion-time"}
    if not input_template:
        return whole
    values = {name: _at(path, event) for name, path in input_paths_map.items()}
    values |= {"aws.events.event.json": whole, "aws.events.event.ingestion-time": event["ingestion-time"]}

    def fill(found: re.Match[str]) -> str:
        if found["text"]:
            return _NAME.sub(lambda name: _in_text(values[name["name"]]), found["text"])
        return json.dumps(values[found["name"]])

    return json.loads(_PLACE.sub(fill, input_template))


def _in_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _at(path: str, event: Any) -> Any:
    """What is at a path like `$.detail.attempts[0]`."""
    value = event
    for name, index in _STEP.findall(path):
        match value:
            case dict() if name in value:
                value = value[name]
            case list() if index and int(index) < len(value):
                value = value[int(index)]
            case _:
                return ""
    return value


def _create_mapping_that_waits(self: LambdaBackend, spec: dict[str, Any]) -> EventSourceMapping:
    mapping = _create_mapping(self, spec)
    for queue in sqs_backends[self.account_id][self.region_name].queues.values():
        queue.lambda_event_source_mappings.clear()
    return mapping


def _settings(properties: Any) -> dict[str, Any]:
    return {argument: properties.get(name) for argument, name in _SETTINGS.items()}


def _scheduler(account_id: str, region_name: str) -> EventBridgeSchedulerBackend:
    return scheduler_backends[account_id][region_name]
