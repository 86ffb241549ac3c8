"""Monitoring of a Region in several stacks, and dashboards with the alarms of all Regions."""

import json
import re
from collections import Counter
from typing import Any

import aws_cdk as cdk
import pytest
from cdk_nag import AwsSolutionsChecks

from fairlane.environment import Environment
from fairlane_stacks import build_stacks, check_template_sizes
from fairlane_stacks.monitoring_room import ROOM
from fairlane_stacks.monitoring_stack import MonitoringStack
from tests.cfn_lint import findings
from tests.fairlane.monitoring.alarms.monitored_queues import resources_of_type
from tests.fairlane.monitoring.dashboards.test_queue_dashboard import bodies
from tests.fairlane_stacks.test_dashboards import QUEUE
from tests.fairlane_stacks.test_monitoring import FAIR, FIFO, TOPIC, stacks
from tests.support import template_of

QUEUES = {"q": FIFO, "fair": FAIR, "nightly": FIFO, "sweeps": FIFO}


def monitoring_stacks(**changes: Any) -> dict[str, cdk.Stack]:
    return {name: stack for name, stack in stacks(**changes).items() if "-monitoring" in name}


def alarm_names(stack: cdk.Stack) -> set[str]:
    kinds = ("CloudWatch::Alarm", "CloudWatch::CompositeAlarm")
    return {alarm["AlarmName"] for kind in kinds for alarm in resources_of_type(stack, kind).values()}


def shown_alarms(body: dict[str, Any], title: str) -> list[str]:
    """Return the ARNs, or references to ARNs, of the alarms in the widgets with a title."""
    widgets = [widget["properties"] for widget in body["widgets"] if widget["type"] == "alarm"]
    return [arn for widget in widgets if widget["title"] == title for arn in widget["alarms"]]


def test_further_stacks_have_the_same_alarms_by_name_without_exports() -> None:
    one, three = monitoring_stacks(queues=QUEUES), monitoring_stacks(queues=QUEUES, job_metrics={"stacks": 3})
    names = [f"fairlane-prod-monitoring{suffix}" for suffix in ("", "-2", "-3")]
    assert list(one) == names[:1]
    assert list(three) == names
    counts = Counter(name for stack in three.values() for name in alarm_names(stack))
    assert counts == Counter(alarm_names(one[names[0]]))
    assert alarm_names(three[names[1]])
    assert all("exporter" in name for name in alarm_names(three[names[0]]))
    assert "Fn::ImportValue" not in json.dumps([template_of(stack) for stack in three.values()])
    assert [stack.dependencies for stack in three.values()] == [[], [three[names[0]]], [three[names[1]]]]


def test_the_first_stack_keeps_its_logical_ids_when_the_monitoring_is_split() -> None:
    one, two = monitoring_stacks(queues=QUEUES), monitoring_stacks(queues=QUEUES, job_metrics={"stacks": 2})
    before, after = (template_of(built["fairlane-prod-monitoring"])["Resources"] for built in (one, two))
    assert after.keys() < before.keys()
    assert {before[key]["Type"] for key in before.keys() - after.keys()} == {
        "AWS::CloudWatch::Alarm",
        "AWS::CloudWatch::CompositeAlarm",
    }


def test_further_stacks_notify_new_topics_through_a_parameter() -> None:
    notify = {"Warning": ["gpus@example.com", TOPIC], "Critical": ["https://pager.example.com/x"]}
    built = monitoring_stacks(queues=QUEUES, job_metrics={"stacks": 2}, alarms={"notify": notify})
    first, second = built.values()
    parameters = resources_of_type(first, "SSM::Parameter").values()
    names = ["/fairlane-prod-monitoring/AlarmTopics/Warning", "/fairlane-prod-monitoring/AlarmTopics/Critical"]
    assert [parameter["Name"] for parameter in parameters] == names
    inputs = {name: value.get("Default") for name, value in template_of(second)["Parameters"].items()}
    actions = {
        alarm["AlarmName"].rpartition("-")[2]: [
            action if isinstance(action, str) else inputs[action["Ref"]] for action in alarm["AlarmActions"]
        ]
        for alarm in resources_of_type(second, "CloudWatch::CompositeAlarm").values()
    }
    assert actions == {"warning": [TOPIC, names[0]], "critical": names[1:]}
    assert len(resources_of_type(second, "SNS::Topic")) == 0


def test_without_a_split_there_is_no_parameter() -> None:
    (stack,) = monitoring_stacks(alarms={"notify": ["gpus@example.com"]}).values()
    assert resources_of_type(stack, "SSM::Parameter") == {}


def test_dashboards_are_spread_over_the_stacks_and_show_all_alarms_of_their_queues() -> None:
    names = [f"queue-{number:02}" for number in range(18)]
    teams = {"vision": {names[0]: ["team0"]}, "language": {names[1]: ["team1"]}}
    built = monitoring_stacks(queues=dict.fromkeys(names, QUEUE), dashboard={"teams": teams})
    by_stack = {name: list(bodies(stack)) for name, stack in built.items()}
    assert by_stack["fairlane-prod-monitoring"] == ["fairlane-prod"]
    assert by_stack["fairlane-prod-monitoring-2"][0] == "fairlane-prod-2"
    further = [name for names in list(by_stack.values())[1:] for name in names]
    assert sorted(further) == ["fairlane-prod-2", "fairlane-prod-language", "fairlane-prod-vision"]
    text = json.dumps(bodies(built["fairlane-prod-monitoring"]))
    for name in names[:17]:
        assert f":alarm:fairlane-prod-{name}-warning" in text
        assert f":alarm:fairlane-prod-{name}-oldest-wait-warning" in text
    assert f":alarm:fairlane-prod-{names[17]}-warning" not in text
    first = built["fairlane-prod-monitoring"]
    assert isinstance(first, MonitoringStack)
    assert len(first.dashboards) == 4
    messages = [str(entry.data) for entry in first.node.metadata]
    assert sum(f"set stacks: {len(built)} in job_metrics" in message for message in messages) == 1


def test_the_home_dashboard_shows_the_alarms_of_all_regions() -> None:
    other = {"queues": {"away": FIFO}, "job_metrics": {}}
    built = monitoring_stacks(regions={"eu-west-1": other})
    (body,) = bodies(built["fairlane-prod-monitoring"]).values()
    title = "Notifying alarms of each queue and of the exporter"
    away = shown_alarms(body, f"{title} · eu-west-1")
    names = {re.sub(".*:alarm:", "", arn) for arn in away}
    start = "fairlane-prod-eu-west-1"
    assert names == {f"{start}-{name}-{end}" for name in ("away", "exporter") for end in ("warning", "critical")}
    assert all(":cloudwatch:eu-west-1:111122223333:alarm:" in arn for arn in away)
    assert len(shown_alarms(body, f"{title} · us-east-1")) == 6
    causes = shown_alarms(body, "Alarms of queues and of the exporter in state ALARM · eu-west-1")
    exists = alarm_names(built["fairlane-prod-eu-west-1-monitoring"])
    assert names < exists
    assert {re.sub(".*:alarm:", "", arn) for arn in causes} == exists - names


def test_the_dashboard_names_the_regions_without_alarms() -> None:
    other = {"queues": {"away": FIFO}, "job_metrics": {}, "alarms": {"enabled": False}}
    (body,) = bodies(monitoring_stacks(regions={"eu-west-1": other})["fairlane-prod-monitoring"]).values()
    texts = [widget["properties"].get("markdown", "") for widget in body["widgets"]]
    (links,) = [text for text in texts if text.startswith("All alarms of a Region")]
    assert "Alarms of eu-west-1 are not on this dashboard." in links
    assert "https://console.aws.amazon.com/cloudwatch/home?region=eu-west-1#alarmsV2:" in links
    assert not shown_alarms(body, "Notifying alarms of each queue and of the exporter")


def test_the_cost_includes_the_alarms_and_dashboards_of_further_stacks() -> None:
    costs = []
    for number in (1, 3):
        (stack, *_) = monitoring_stacks(queues=QUEUES, job_metrics={"stacks": number}).values()
        assert isinstance(stack, MonitoringStack)
        assert stack.cost is not None
        costs.append(stack.cost.estimate.table())
    assert costs[0] == costs[1]


@pytest.mark.slow
def test_further_stacks_are_clean_under_cfn_lint_and_cdk_nag() -> None:
    notify = {"notify": ["gpus@example.com"]}
    built = monitoring_stacks(queues=QUEUES, job_metrics={"stacks": 2}, alarms=notify)
    app = next(iter(built.values())).node.root
    assert isinstance(app, cdk.App)
    cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    assembly = app.synth()  # fails on findings of cdk-nag
    for name in built:
        assert findings(assembly.get_stack_by_name(name).template) == []


@pytest.mark.slow
def test_fifty_queues_fit_into_a_region() -> None:
    """Fifty queues with all default alarms; the estimated sizes are at least the sizes in the templates."""
    app = cdk.App(context={"aws:cdk:enable-path-metadata": True})
    settings = {
        "region": "us-east-1",
        "account": "111122223333",
        "queues": {f"training-queue-{number:02}": QUEUE for number in range(50)},
        "job_metrics": {},
    }
    build_stacks(app, "prod", Environment.model_validate(settings))
    first = app.node.find_child("fairlane-prod-monitoring")
    assembly = app.synth()
    check_template_sizes(assembly)
    templates = {stack.stack_name: stack.template for stack in assembly.stacks if "-monitoring" in stack.stack_name}
    assert all(len(template["Resources"]) <= ROOM.resources for template in templates.values())
    alarms = [
        alarm["Properties"]["AlarmName"]
        for template in templates.values()
        for alarm in template["Resources"].values()
        if alarm["Type"] == "AWS::CloudWatch::Alarm"
    ]
    assert len(set(alarms)) == len(alarms)
    for number in range(50):
        assert f"fairlane-prod-training-queue-{number:02}-oldest-wait-critical" in alarms
    assert isinstance(first, MonitoringStack)
    for stack in first.further:
        own = templates[stack.stack_name]["Resources"]
        without = {name: resource for name, resource in own.items() if "Dashboard" not in resource["Type"]}
        if stack.alarms is not None:
            queues = {name for name, _ in stack.alarms.composites}
            estimate = sum(first.queue_sizes[name].characters for name in queues)
            real = len(json.dumps(without, separators=(",", ":")))
            assert real <= estimate <= 1.15 * real
            assert len(without) == sum(first.queue_sizes[name].resources for name in queues)
    in_first = {key: value for key, value in templates[first.stack_name]["Resources"].items() if "Dash" not in key}
    assert len(json.dumps(in_first, separators=(",", ":"))) <= first.first_size.characters
    assert len(in_first) <= first.first_size.resources
