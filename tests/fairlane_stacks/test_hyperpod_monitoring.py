"""Monitoring of the HyperPod clusters of an environment file: stacks, notifications, dashboards and costs."""

import json
import re
from typing import Any

import aws_cdk as cdk
import pytest

from fairlane import ConfigurationError
from fairlane.environment import Environment
from fairlane_stacks import build_stacks
from fairlane_stacks.hyperpod_monitoring_stack import HyperPodMonitoringStack
from fairlane_stacks.monitoring_stack import MonitoringStack
from tests.fairlane.monitoring.alarms.monitored_queues import resources_of_type
from tests.fairlane.monitoring.dashboards.test_queue_dashboard import bodies
from tests.fairlane_stacks.test_hyperpod import CLUSTER, TEAM
from tests.support import template_of

NETWORK = {"nat_gateways": 1}
QUEUES = {"q": {"capacity": 4, "scheduling": {"policy": "fifo"}}}
TOPIC = "arn:aws:sns:us-east-1:123456789012:pages"
WORKSPACE = "arn:aws:aps:us-east-1:123456789012:workspace/ws-12345678-abcd-1234-abcd-123456789012"


def stacks(**settings: Any) -> dict[str, cdk.Stack]:
    common = {"region": "us-east-1", "account": "123456789012", "network": NETWORK, "hyperpod": {"a": CLUSTER}}
    built = build_stacks(cdk.App(), "prod", Environment.model_validate(common | settings))
    return {stack.stack_name: stack for stack in built}


def monitoring(**settings: Any) -> HyperPodMonitoringStack:
    stack = stacks(**settings)["fairlane-prod-hyperpod-a-monitoring"]
    assert isinstance(stack, HyperPodMonitoringStack)
    return stack


def test_each_cluster_has_a_monitoring_stack_that_refers_to_no_other_stack() -> None:
    west = {"network": NETWORK, "hyperpod": {"a": CLUSTER}}
    built = stacks(hyperpod={"a": CLUSTER, "b": CLUSTER}, regions={"eu-west-1": west}, termination_protection=True)
    own = {name: stack for name, stack in built.items() if isinstance(stack, HyperPodMonitoringStack)}
    assert list(own) == [
        "fairlane-prod-hyperpod-a-monitoring",
        "fairlane-prod-hyperpod-b-monitoring",
        "fairlane-prod-eu-west-1-hyperpod-a-monitoring",
    ]
    for name, stack in own.items():
        assert stack.dependencies == []
        assert "ImportValue" not in json.dumps(template_of(stack))
        assert list(bodies(stack)) == [name.removesuffix("-monitoring")]
        assert (stack.termination_protection, stack.topics) == (True, [])
        assert stack.monitoring.rule_groups is None


def test_teams_are_rows_of_the_quota_table() -> None:
    (body,) = bodies(monitoring(hyperpod={"a": CLUSTER | {"teams": {"vision": TEAM}}})).values()
    assert "| vision | ml.m5.2xlarge | cpu | 8 |" in json.dumps(body)


def test_limits_and_targets_are_those_of_the_region() -> None:
    limits: dict[str, Any] = {"hyperpod_capacity": {"Page": {"minutes": 120}}, "hyperpod_unhealthy": {}}
    notify = {"Warning": ["gpus@example.com"], "Critical": [TOPIC], "Page": [TOPIC, "gpus@example.com"]}
    stack = monitoring(alarms={"notify": notify, "runbooks": "https://example.com/runbooks", **limits})
    assert len(stack.topics) == 2
    severities = {path.rpartition("-")[2] for path in stack.monitoring.alarms}
    assert severities == {"Critical", "Warning", "Page"}
    assert not any("unhealthy" in path for path in stack.monitoring.alarms)
    alarms = resources_of_type(stack, "CloudWatch::Alarm").values()
    assert all("https://example.com/runbooks/hyperpod-" in alarm["AlarmDescription"] for alarm in alarms)
    actions = [alarm["AlarmActions"] for alarm in resources_of_type(stack, "CloudWatch::CompositeAlarm").values()]
    assert sorted(map(len, actions)) == [1, 1, 2]


def test_severities_of_other_alarms_get_no_topic() -> None:
    notify = {"Warning": [TOPIC], "Queues1": ["gpus@example.com"], "Cluster": ["gpus@example.com"]}
    limits: dict[str, Any] = {"blocked": {"Queues1": {}}, "hyperpod_failed": {"Cluster": {}}}
    built = stacks(queues=QUEUES, job_metrics={}, alarms={"notify": notify, **limits})
    for name in ("fairlane-prod-monitoring", "fairlane-prod-hyperpod-a-monitoring"):
        assert len(resources_of_type(built[name], "SNS::Topic")) == 1


def test_alerts_of_a_workspace_reach_the_topics_of_the_environment() -> None:
    cluster = CLUSTER | {"prometheus_workspace": WORKSPACE, "prometheus_labels": {"cluster_name": "a"}}
    stack = monitoring(hyperpod={"a": cluster}, alarms={"notify": [TOPIC, "gpus@example.com"]})
    (rules,) = resources_of_type(stack, "APS::RuleGroupsNamespace").values()
    assert rules["Workspace"] == WORKSPACE
    assert 'cluster_name="a"' in rules["Data"]
    policies = resources_of_type(stack, "SNS::TopicPolicy")
    assert "aps.amazonaws.com" in json.dumps(policies)
    (topic,) = resources_of_type(stack, "SNS::Topic")
    definition = json.dumps(template_of(stack)["Outputs"]["AlertManagerDefinition"]["Value"])
    assert TOPIC in definition
    assert topic in definition


@pytest.mark.parametrize("cluster", [CLUSTER, CLUSTER | {"prometheus_workspace": WORKSPACE}])
def test_without_alarms_there_is_a_dashboard_only(cluster: dict[str, Any]) -> None:
    stack = monitoring(hyperpod={"a": cluster}, alarms={"enabled": False, "notify": ["gpus@example.com"]})
    types = {entry["Type"] for entry in template_of(stack)["Resources"].values()}
    assert "AWS::CloudWatch::Dashboard" in types
    assert not types & {"AWS::CloudWatch::Alarm", "AWS::SNS::Topic", "AWS::APS::RuleGroupsNamespace"}
    assert "Outputs" not in template_of(stack)


def test_without_alarms_and_dashboards_there_is_no_monitoring_stack() -> None:
    settings = {"alarms": {"enabled": False}, "dashboard": {"enabled": False}}
    assert list(stacks(**settings)) == ["fairlane-prod-hyperpod-a"]
    assert bodies(monitoring(dashboard={"enabled": False})) == {}


def test_metrics_of_a_region_have_one_namespace() -> None:
    stack = monitoring(queues=QUEUES, job_metrics={"namespace": "Gpus"})
    assert stack.monitoring.series.namespace == "Gpus"


def test_the_estimate_of_an_environment_counts_its_clusters_once() -> None:
    alone = stacks(hyperpod={"a": CLUSTER, "b": CLUSTER}, alarms={"notify": ["gpus@example.com"]})
    costs = [stack.cost for stack in alone.values() if isinstance(stack, HyperPodMonitoringStack) and stack.cost]
    (table,) = [cost.estimate.table() for cost in costs]
    assert re.search(r"KMS keys +2 ", table)
    assert re.search(r"Dashboards +2 ", table)
    built = stacks(queues=QUEUES, job_metrics={})
    queues, cluster = built["fairlane-prod-monitoring"], built["fairlane-prod-hyperpod-a-monitoring"]
    assert isinstance(queues, MonitoringStack)
    assert isinstance(cluster, HyperPodMonitoringStack)
    assert cluster.cost is None
    assert queues.cost is not None
    assert "1 HyperPod cluster" in queues.cost.estimate.table()


def test_a_cost_over_the_limit_stops_the_synth_without_queues() -> None:
    stacks(monitoring_cost_limit=100)
    with pytest.raises(ConfigurationError, match=r"monitoring_cost_limit: monitoring costs about .* limit of \$1"):
        stacks(monitoring_cost_limit=1)
