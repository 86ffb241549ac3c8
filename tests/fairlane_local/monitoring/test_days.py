"""Scripted days of the alarm tests on the local AWS: the states of all alarms are those of the offline evaluation."""

import json
import re
from collections import defaultdict
from typing import Any

import pytest

from fairlane.cloudwatch.samples import MetricKey
from fairlane.cloudwatch.template import resources, template_text
from fairlane_local.monitoring.metrics import metric_store
from tests.fairlane.monitoring.days.days import DAYS
from tests.fairlane.monitoring.days.evaluation import deployment, history, samples
from tests.fairlane.monitoring.days.script import MIDNIGHT
from tests.fairlane_local.reactions.functions import ACCOUNT, REGION, manual_aws, service

pytestmark = pytest.mark.slow

_ALARMS = ("AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm")
_ACTIONS = ("AlarmActions", "OKActions", "InsufficientDataActions")


def as_text(value: Any) -> Any:
    """Return properties with references as text, as the samples of the days have them."""
    match value:
        case dict() if len(value) == 1 and ("Ref" in value or next(iter(value)).startswith("Fn::")):
            return template_text(value)
        case dict():
            return {name: as_text(item) for name, item in value.items()}
        case list():
            return [as_text(item) for item in value]
    return value


def alarms_template(template: dict[str, Any]) -> str:
    """Return a template with only the alarms, whose names are their logical IDs."""
    alarms = {}
    for kind in _ALARMS:
        for name, properties in resources(template, kind):
            plain = {key: as_text(value) for key, value in properties.items() if key not in _ACTIONS}
            if "AlarmRule" in plain:
                plain["AlarmRule"] = re.sub(r"\$\{(\w+)\}", r"\1", plain["AlarmRule"])
            alarms[name] = {"Type": kind, "Properties": plain | {"AlarmName": name}}
    return json.dumps({"Resources": alarms})


@pytest.mark.parametrize("name", ["jobs fail", "the exporter stops for an hour while a queue is stuck", "events wait"])
def test_a_day_has_the_same_states_as_offline(name: str) -> None:
    day, _ = DAYS[name]
    offline = history(name)
    arriving: dict[int, list[tuple[MetricKey, int, float]]] = defaultdict(list)
    start = MIDNIGHT + 60 * day.alarm_start
    for key, metric in samples(name)._metrics.items():
        for time, arrival, value in zip(metric.times, metric.arrivals, metric.values, strict=True):
            arriving[max(start, -(-arrival // 60) * 60)].append((key, time, value))
    with manual_aws(start) as aws:
        store = metric_store(ACCOUNT, REGION)
        body = alarms_template(deployment(day.exporter.interval).template)
        service(aws, "cloudformation").create_stack(StackName="alarms", TemplateBody=body)
        for minute in range(start, MIDNIGHT + 60 * day.minutes + 1, 60):
            if minute > start:
                aws.timeline.advance(59)
            for key, time, value in arriving[minute]:
                store.put(key.namespace, key.name, dict(key.dimensions), value, 1000 * time)
            if minute > start:
                aws.timeline.advance(1)
        cloudwatch = service(aws, "cloudwatch")
        states = {}
        for alarm in offline:
            request = {"AlarmName": alarm, "HistoryItemType": "StateUpdate", "ScanBy": "TimestampAscending"}
            items = cloudwatch.describe_alarm_history(**request)["AlarmHistoryItems"]
            new_states = [json.loads(item["HistoryData"])["newState"]["value"] for item in items]
            states[alarm] = [
                (int(item["Timestamp"].timestamp()), state) for item, state in zip(items, new_states, strict=True)
            ]
    assert states == {alarm: [(time, str(state)) for time, state in changes[1:]] for alarm, changes in offline.items()}
    assert any(state == "ALARM" for changes in states.values() for _, state in changes)
