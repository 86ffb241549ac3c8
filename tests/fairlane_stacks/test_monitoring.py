"""Alarms, dashboards and costs of an environment file."""

import json
from typing import Any

import aws_cdk as cdk
import pytest

from fairlane import ConfigurationError
from fairlane.environment import Environment
from fairlane_stacks import build_stacks
from tests.fairlane.monitoring.alarms.watching import of_type
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
    made = build_stacks(cdk.App(), "prod", Environment.model_validate(settings | changes))
    return {stack.stack_name: stack for stack in made}


def monitoring(**changes: Any) -> cdk.Stack:
    return stacks(**changes)["fairlane-prod-monitoring"]


def alarms(stack: cdk.Stack, of: str) -> list[dict[str, Any]]:
    return [one for one in of_type(stack, "CloudWatch::Alarm").values() if of in one["AlarmDescription"]]


def test_alarms_and_a_dashboard_are_on_by_default_and_nobody_is_told() -> None:
    stack = monitoring()
    assert alarms(stack, "q: a job has been waiting")
    assert list(bodies(stack)) == ["fairlane-prod"]
    assert of_type(stack, "SNS::Topic") == {}
    messages = [str(entry.data) for entry in stack.node.find_child("Alarms").node.metadata]
    assert sum("notify nobody" in message for message in messages) == 2


def test_without_job_metrics_there_is_nothing_to_watch() -> None:
    assert list(stacks(job_metrics=None)) == ["fairlane-prod-training"]


def test_they_can_be_turned_off() -> None:
    stack = monitoring(alarms={"enabled": False}, dashboard={"enabled": False})
    assert of_type(stack, "CloudWatch::Alarm") == {}
    assert of_type(stack, "CloudWatch::Dashboard") == {}


def test_addresses_have_a_topic_and_topics_that_exist_are_told_as_they_are() -> None:
    stack = monitoring(alarms={"notify": ["gpus@example.com", TOPIC, "https://pager.example.com/x"]})
    (made,) = of_type(stack, "SNS::Topic")
    endpoints = [one["Endpoint"] for one in of_type(stack, "SNS::Subscription").values()]
    assert endpoints == ["gpus@example.com", "https://pager.example.com/x"]
    for one in of_type(stack, "CloudWatch::CompositeAlarm").values():
        assert one["AlarmActions"] == [TOPIC, {"Ref": made}]


def test_severities_may_have_topics_of_their_own() -> None:
    notify = {"Warning": ["gpus@example.com"], "Critical": ["gpus@example.com", "https://pager.example.com/x"]}
    stack = monitoring(alarms={"notify": notify})
    assert len(of_type(stack, "SNS::Topic")) == 2
    assert len(of_type(stack, "KMS::Key")) == 2
    told = {json.dumps(one["AlarmActions"]) for one in of_type(stack, "CloudWatch::CompositeAlarm").values()}
    assert len(told) == 2


def test_limits_of_all_queues_and_of_one() -> None:
    special = FIFO | {"alarms": {"oldest_wait": {"Warning": {"hours": 1}}, "failure_rate": {}}}
    common = {"oldest_wait": {"Warning": {"hours": 2}}, "idle_capacity": {}, "truncated": {}}
    stack = monitoring(queues={"q": special, "fair": FAIR}, alarms=common)
    (own,), (fair,) = (alarms(stack, f"{queue}: a job has been waiting") for queue in ("q", "fair"))
    assert (own["Threshold"], fair["Threshold"]) == (3600, 7200)
    assert len(alarms(stack, "jobs that ended in an hour failed")) == 1
    assert alarms(stack, "% of its capacity has been in use for 72 hours") == []
    assert alarms(stack, "more jobs than a poll lists") == []


def test_one_dashboard_shows_all_regions_and_a_team_sees_its_shares() -> None:
    away = {"queues": {"away": FIFO}, "job_metrics": {}}
    made = stacks(regions={"eu-west-1": away}, dashboard={"teams": {"vision": {"fair": ["a"]}}, "percentiles": [90]})
    home = made["fairlane-prod-monitoring"]
    found = bodies(home)
    assert list(found) == ["fairlane-prod", "fairlane-prod-vision"]
    assert '"eu-west-1"' in json.dumps(found["fairlane-prod"])
    assert '"p90"' in json.dumps(found["fairlane-prod"])
    assert '"b"' not in json.dumps(found["fairlane-prod-vision"])
    assert of_type(made["fairlane-prod-eu-west-1-monitoring"], "CloudWatch::Dashboard") == {}
    assert of_type(made["fairlane-prod-eu-west-1-monitoring"], "CloudWatch::Alarm")
    assert "ImportValue" not in json.dumps(template_of(home))


def test_where_home_has_no_queues_the_first_region_that_has_shows_them() -> None:
    made = stacks(queues={}, job_metrics=None, regions={"eu-west-1": {"queues": {"away": FIFO}, "job_metrics": {}}})
    assert list(bodies(made["fairlane-prod-eu-west-1-monitoring"])) == ["fairlane-prod"]


def test_a_cost_over_the_limit_stops_the_synth() -> None:
    stacks(monitoring_cost_limit=1000)
    with pytest.raises(ConfigurationError, match=r"limit_usd: got 'about \$\d+ a month', allowed: at most the \$5"):
        stacks(monitoring_cost_limit=5)
