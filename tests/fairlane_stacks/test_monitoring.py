"""Alarms, dashboards and costs of an environment file."""

import json
from typing import Any

import aws_cdk as cdk
import pytest

from fairlane import ConfigurationError
from fairlane.environment import Environment
from fairlane.monitoring import MonitoredFanOut
from fairlane_stacks import build_stacks
from fairlane_stacks.monitoring_cost import add_cost
from fairlane_stacks.monitoring_stack import MonitoringStack
from fairlane_stacks.monitoring_stacks import add_monitoring
from fairlane_stacks.regional_stack import StackSettings
from fairlane_stacks.training_stack import TrainingStack
from tests.fairlane.monitoring.alarms.monitored_queues import resources_of_type
from tests.fairlane.monitoring.dashboards.test_queue_dashboard import bodies
from tests.support import template_of

FIFO = {"capacity": 4, "scheduling": {"policy": "fifo"}}
FAIR = {"capacity": 4, "scheduling": {"policy": "fair-share", "proportions": {"a": 1, "b": 1}}}
TOPIC = "arn:aws:sns:us-east-1:111122223333:pages"


def stacks(**changes: Any) -> dict[str, cdk.Stack]:
    settings = {
        "region": "us-east-1",
        "account": "111122223333",
        "queues": {"q": FIFO, "fair": FAIR},
        "job_metrics": {},
    }
    built = build_stacks(cdk.App(), "prod", Environment.model_validate(settings | changes))
    return {stack.stack_name: stack for stack in built}


def monitoring(**changes: Any) -> cdk.Stack:
    return stacks(**changes)["fairlane-prod-monitoring"]


def alarms(stack: cdk.Stack, text: str) -> list[dict[str, Any]]:
    """Return the alarms with a text in their description."""
    all_alarms = resources_of_type(stack, "CloudWatch::Alarm").values()
    return [alarm for alarm in all_alarms if text in alarm["AlarmDescription"]]


def test_alarms_and_a_dashboard_are_on_by_default_without_notifications() -> None:
    stack = monitoring()
    assert alarms(stack, "q: a job has been waiting")
    assert list(bodies(stack)) == ["fairlane-prod"]
    assert resources_of_type(stack, "SNS::Topic") == {}
    messages = [str(entry.data) for entry in stack.node.find_child("Alarms").node.metadata]
    assert sum("notify nobody" in message for message in messages) == 2


def test_without_job_metrics_there_is_no_monitoring_stack() -> None:
    assert list(stacks(job_metrics=None)) == ["fairlane-prod-training"]


def test_alarms_and_dashboards_can_be_turned_off() -> None:
    stack = monitoring(alarms={"enabled": False}, dashboard={"enabled": False})
    assert resources_of_type(stack, "CloudWatch::Alarm") == {}
    assert resources_of_type(stack, "CloudWatch::Dashboard") == {}


def test_addresses_get_a_new_topic_and_existing_topics_are_used_directly() -> None:
    stack = monitoring(alarms={"notify": ["gpus@example.com", TOPIC, "https://pager.example.com/x"]})
    (topic,) = resources_of_type(stack, "SNS::Topic")
    endpoints = [subscription["Endpoint"] for subscription in resources_of_type(stack, "SNS::Subscription").values()]
    assert endpoints == ["gpus@example.com", "https://pager.example.com/x"]
    for alarm in resources_of_type(stack, "CloudWatch::CompositeAlarm").values():
        assert alarm["AlarmActions"] == [TOPIC, {"Ref": topic}]


def test_alarms_may_invoke_functions_of_the_account_and_have_names_with_the_prefix_of_the_environment() -> None:
    function = "arn:aws:lambda:us-east-1:{}:function:page"
    own, other = function.format("111122223333"), function.format("444455556666")
    incident = "arn:aws:ssm-incidents::111122223333:response-plan/gpu"
    notify = {"Warning": [own, other], "Critical": [own, incident]}
    stack = monitoring(alarms={"notify": notify})
    (permission,) = resources_of_type(stack, "Lambda::Permission").values()
    assert permission["FunctionName"] == own
    assert permission["Principal"] == "lambda.alarms.cloudwatch.amazonaws.com"
    assert permission["SourceAccount"] == "111122223333"
    composites = resources_of_type(stack, "CloudWatch::CompositeAlarm").values()
    actions = {alarm["AlarmName"]: alarm["AlarmActions"] for alarm in composites}
    assert actions["fairlane-prod-q-warning"] == [own, other]
    assert actions["fairlane-prod-q-critical"] == actions["fairlane-prod-exporter-critical"] == [own, incident]


def test_each_severity_can_have_its_own_topic() -> None:
    notify = {"Warning": ["gpus@example.com"], "Critical": ["gpus@example.com", "https://pager.example.com/x"]}
    stack = monitoring(alarms={"notify": notify})
    assert len(resources_of_type(stack, "SNS::Topic")) == 2
    assert len(resources_of_type(stack, "KMS::Key")) == 2
    composites = resources_of_type(stack, "CloudWatch::CompositeAlarm").values()
    assert len({json.dumps(alarm["AlarmActions"]) for alarm in composites}) == 2


def test_limits_of_a_queue_override_the_common_limits() -> None:
    queue = FIFO | {"alarms": {"oldest_wait": {"Warning": {"hours": 1}}, "failure_rate": {}}}
    common = {"oldest_wait": {"Warning": {"hours": 2}, "Critical": None}, "idle_capacity": {}, "truncated": {}}
    stack = monitoring(queues={"q": queue, "fair": FAIR}, alarms=common)
    (own,), (fair,) = (alarms(stack, f"{name}: a job has been waiting") for name in ("q", "fair"))
    assert (own["Threshold"], fair["Threshold"]) == (3600, 7200)
    assert len(alarms(stack, "jobs that ended in the last hour failed")) == 1
    assert alarms(stack, "% of the capacity limit has been in use for 72 hours") == []
    assert alarms(stack, "more jobs than a poll lists") == []


def test_one_dashboard_shows_all_regions_and_a_team_dashboard_shows_its_shares() -> None:
    other = {"queues": {"away": FIFO}, "job_metrics": {}}
    built = stacks(regions={"eu-west-1": other}, dashboard={"teams": {"vision": {"fair": ["a"]}}, "percentiles": [90]})
    home = built["fairlane-prod-monitoring"]
    dashboards = bodies(home)
    assert list(dashboards) == ["fairlane-prod", "fairlane-prod-vision"]
    assert '"eu-west-1"' in json.dumps(dashboards["fairlane-prod"])
    assert '"p90"' in json.dumps(dashboards["fairlane-prod"])
    assert '"b"' not in json.dumps(dashboards["fairlane-prod-vision"])
    assert resources_of_type(built["fairlane-prod-eu-west-1-monitoring"], "CloudWatch::Dashboard") == {}
    assert resources_of_type(built["fairlane-prod-eu-west-1-monitoring"], "CloudWatch::Alarm")
    assert "ImportValue" not in json.dumps(template_of(home))


def test_the_first_region_with_queues_has_the_dashboard() -> None:
    built = stacks(queues={}, job_metrics=None, regions={"eu-west-1": {"queues": {"away": FIFO}, "job_metrics": {}}})
    assert list(bodies(built["fairlane-prod-eu-west-1-monitoring"])) == ["fairlane-prod"]


def test_a_cost_over_the_limit_stops_the_synth() -> None:
    stacks(monitoring_cost_limit=1000)
    with pytest.raises(
        ConfigurationError,
        match=r"prod\.yaml: 1 problem\n  - monitoring_cost_limit: monitoring costs about \$\d+ a month, above the limit of \$5",
    ):
        stacks(monitoring_cost_limit=5)


def with_fan_out(**changes: Any) -> MonitoringStack:
    """Return the monitoring stack of an environment whose Region is the home of a fan-out."""
    settings = {"region": "us-east-1", "account": "111122223333", "queues": {"q": FIFO}, "job_metrics": {}}
    environment = Environment.model_validate(settings | changes)
    app = cdk.App()
    place: StackSettings = {
        "env": cdk.Environment(account="111122223333", region="us-east-1"),
        "tags": {},
        "termination_protection": False,
    }
    (model,) = environment.by_region().values()
    training = TrainingStack(app, "training", model=model, **place)
    fan_out = MonitoredFanOut(name="campaigns", region="us-east-1", regions=["us-east-1", "us-west-2"])
    stack = MonitoringStack(app, "monitoring", training=training, model=model, fan_outs=[fan_out], **place)
    assert add_monitoring("prod", environment, {"us-east-1": stack}, lambda _: place) == []
    add_cost("prod", environment, [stack], [], [], [])
    return stack


def test_a_fan_out_has_alarms_rows_and_costs() -> None:
    stack = with_fan_out(alarms={"notify": [TOPIC], "fan_out_failures": {"Warning": None, "Critical": {"percent": 33}}})
    own = alarms(stack, "Fan-out campaigns")
    assert len(own) == 2 + 1 + 2
    assert [alarm["Threshold"] for alarm in own if "failed or were refused" in alarm["AlarmDescription"]] == [33, 33]
    (body,) = bodies(stack).values()
    texts = [widget["properties"].get("markdown", "") for widget in body["widgets"]]
    assert sum(text.startswith("### Fan-out campaigns") for text in texts) == 1
    states = [widget for widget in body["widgets"] if widget["type"] == "alarm"]
    assert len(states) == 4
    assert stack.cost is not None
    assert "1 fan-out in 2 Regions" in stack.cost.estimate.table()
    assert not template_of(stack).get("Parameters", {}).keys() - {"BootstrapVersion"}
    assert "Fn::ImportValue" not in json.dumps(template_of(stack))


def test_without_alarms_a_fan_out_has_rows_only() -> None:
    stack = with_fan_out(alarms={"enabled": False})
    assert alarms(stack, "Fan-out") == []
    assert "Lines waiting by Region" in json.dumps(list(bodies(stack).values()))
