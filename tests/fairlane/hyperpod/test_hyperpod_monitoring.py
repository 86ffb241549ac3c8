"""Templates of `HyperPodMonitoring`: event log, dashboard, mistakes, cdk-nag and cfn-lint, and its cost."""

import json
import re
from typing import Any

import pytest
from aws_cdk import App, Environment, Stack, Validations
from aws_cdk import aws_kms as kms
from aws_cdk.assertions import Annotations, Match
from cdk_nag import AwsSolutionsChecks

from fairlane.hyperpod import Governance, HyperPodMonitoring, InstanceGroup, QuotaResource, Team, quota_rows
from fairlane.hyperpod.monitoring.event_metrics import (
    INSTANCE_GROUP,
    MOST_GROUPS,
    count_cluster_series,
    event_metrics,
)
from fairlane.monitoring import AlarmTopic, MonitoringCost
from fairlane.monitoring.alarms import HyperPodCapacity, HyperPodLimits, HyperPodPending
from fairlane.monitoring.costs.cluster_use import CLUSTER_EVENT_BYTES, CLUSTER_GROUP_BYTES
from tests.cfn_lint import findings
from tests.fairlane.hyperpod import cluster_events
from tests.support import REPOSITORY, problems_of, template_of

WORKSPACE = "arn:aws:aps:us-east-1:111122223333:workspace/ws-12345678-1234-1234-1234-123456789012"
TOPIC = "arn:aws:sns:us-east-1:111122223333:alarms"
P5 = "ml.p5.48xlarge"


def new_stack(region: str = "us-east-1") -> Stack:
    return Stack(App(), "Stack", env=Environment(account="111122223333", region=region))


def resources(stack: Stack, kind: str) -> list[dict[str, Any]]:
    return [own for own in template_of(stack)["Resources"].values() if own["Type"] == kind]


def resource(stack: Stack, kind: str) -> dict[str, Any]:
    (own,) = resources(stack, kind)
    return own


def build(scope: Any, construct_id: str = "Monitoring", **changes: Any) -> HyperPodMonitoring:
    settings: dict[str, Any] = {"cluster_name": "research", "instance_groups": ["workers", "spot"], "notify": [TOPIC]}
    return HyperPodMonitoring(scope, construct_id, **settings | changes)


def full(stack: Stack) -> HyperPodMonitoring:
    teams = [
        Team(team_name="vision", quota=[QuotaResource(instance_type=P5, count=4)]),
        Team(team_name="language", quota=[QuotaResource(instance_type=P5, count=4)]),
    ]
    groups = [InstanceGroup(group_name="workers", instance_type=P5, instance_count=8)]
    return build(
        stack,
        quotas=quota_rows(Governance(), teams, groups),
        prometheus_workspace=WORKSPACE,
        dashboard_name="research",
        log_encryption_key=kms.Key(stack, "Key", enable_key_rotation=True),
    )


@pytest.mark.parametrize("region", ["us-east-1", None])
def test_the_full_monitoring_passes_cdk_nag_and_cfn_lint(region: str | None) -> None:
    app = App()
    env = Environment(account="111122223333", region=region) if region else None
    stack = Stack(app, "Stack", env=env)
    build(stack, prometheus_workspace=WORKSPACE, dashboard_name="research")
    Validations.of(app).add_plugins(AwsSolutionsChecks())
    app.synth()  # raises if cdk-nag reports a finding
    assert findings(template_of(stack)) == []


def test_events_of_the_cluster_alone_go_to_a_log_group_that_eventbridge_may_write() -> None:
    stack = new_stack()
    full(stack)
    rules = [rule["Properties"] for rule in resources(stack, "AWS::Events::Rule")]
    assert [rule["EventPattern"]["detail"] for rule in rules] == [
        {"ClusterName": ["research"]},
        {"EventDetails": {"ClusterName": ["research"]}},
    ]
    kinds = [kind for rule in rules for kind in rule["EventPattern"]["detail-type"]]
    events = (cluster_events.state_change("Failed"), cluster_events.node_health(), cluster_events.provisioned())
    assert kinds == [event["detail-type"] for event in events]
    log_group = resource(stack, "AWS::Logs::LogGroup")["Properties"]
    name = log_group["LogGroupName"]
    for rule in rules:
        (target,) = rule["Targets"]
        assert json.dumps(target["Arn"]).endswith(f'log-group:{name}"]]}}')
    assert log_group["KmsKeyId"]
    for statement in log_group["ResourcePolicyDocument"]["Statement"]:
        assert "events.amazonaws.com" in statement["Principal"]["Service"]
        assert json.dumps(statement["Resource"]).endswith(f'log-group:{name}:*"]]}}')


def test_metric_filters_keep_to_the_limits_of_cloudwatch_logs() -> None:
    stack = new_stack()
    groups = [f"group-{number}" for number in range(50)]
    monitoring = build(stack, instance_groups=groups, dashboard_name="many")
    filters = [own["Properties"] for own in resources(stack, "AWS::Logs::MetricFilter")]
    assert len(filters) == 8 + 2 * MOST_GROUPS <= 100
    for own in filters:
        (metric,) = own["MetricTransformations"]
        assert len(own["FilterPattern"]) <= 1024
        assert 1 <= len(metric["Dimensions"]) <= 3
        assert "DefaultValue" not in metric
    capacity = [path for path in monitoring.alarms if "hyperpod-capacity" in path]
    assert len(capacity) == len(groups)


def test_the_number_of_series_is_that_of_the_events() -> None:
    stack = new_stack()
    build(stack)
    events = [
        cluster_events.state_change("Failed", {"workers": (2, 8), "spot": (0, 4)}),
        cluster_events.node_health(),
        cluster_events.node_health("Healthy"),
        cluster_events.failed_script(),
        cluster_events.lost_readiness(3),
        *(
            event
            for group in ("workers", "spot")
            for event in (*cluster_events.failed_attempt(group), cluster_events.provisioned(group))
        ),
    ]
    samples = cluster_events.filtered_samples(template_of(stack), [(60, event) for event in events])
    assert len(list(samples.metrics())) == count_cluster_series(2)


def test_a_graph_shows_the_instances_of_the_latest_change_of_state() -> None:
    stack = new_stack()
    monitoring = build(stack)
    counts = {"spot": (0, 4), "workers": (7, 8)}
    history = [(60, cluster_events.state_change("Updating", counts))]
    samples = cluster_events.filtered_samples(template_of(stack), history)
    for group, expected in counts.items():
        for name, value in zip(("HyperPodInstances", "HyperPodTargetInstances"), expected, strict=True):
            series = monitoring.series.metric(name, group)
            key = next(
                key
                for key in samples.metrics()
                if (key.name, dict(key.dimensions)) == (series.name, dict(series.dimensions))
            )
            assert samples.aggregate(key, series.statistic, 60, range(60, 120, 60)) == {60: value}


def widgets(stack: Stack) -> list[dict[str, Any]]:
    body = resource(stack, "AWS::CloudWatch::Dashboard")["Properties"]["DashboardBody"]
    text = (
        body
        if isinstance(body, str)
        else "".join(part if isinstance(part, str) else "x" for part in body["Fn::Join"][1])
    )
    shown: list[dict[str, Any]] = json.loads(text)["widgets"]
    return shown


def test_the_dashboard_shows_the_quota_table_and_the_queries() -> None:
    stack = new_stack()
    full(stack)
    texts = [widget["properties"]["markdown"] for widget in widgets(stack) if widget["type"] == "text"]
    assert "| vision | ml.p5.48xlarge | nvidia.com/gpu | 32 | 16 | 48 |  | 32 |" in texts[1].splitlines()
    assert "kueue_cluster_queue_resource_usage" in texts[2]
    assert "the numbers stay" in texts[0]


def test_a_dashboard_without_a_workspace_says_what_is_unknown() -> None:
    stack = new_stack()
    build(stack, dashboard_name="research")
    texts = [widget["properties"]["markdown"] for widget in widgets(stack) if widget["type"] == "text"]
    assert len(texts) == 2
    assert "no Prometheus workspace" in texts[1]


def test_the_alarms_notify_through_a_composite_alarm_for_each_severity() -> None:
    stack = new_stack()
    monitoring = build(stack, notify={"Critical": [TOPIC]})
    assert list(monitoring.composites) == ["Critical", "Warning"]
    composites = [own["Properties"] for own in resources(stack, "AWS::CloudWatch::CompositeAlarm")]
    assert [own.get("AlarmActions") for own in composites] == [[TOPIC], None]
    warning = Match.string_like_regexp("Warning alarms notify nobody")
    assert len(Annotations.from_stack(stack).find_warning("*", warning)) == 1


def test_all_mistakes_are_reported_at_once() -> None:
    assert problems_of(
        lambda: build(
            new_stack(),
            cluster_name="-research",
            instance_groups=["workers", "workers", "a_b"],
            notify=["arn:aws:sns:eu-west-1:111122223333:alarms"],
            limits=HyperPodLimits(hyperpod_capacity={"Warning": HyperPodCapacity(minutes=5)}),
            prometheus_workspace="arn:aws:aps:eu-west-1:111122223333:workspace/ws-12345678-1234-1234-1234-123456789012",
            prometheus_labels={"1a": "x", "name": 'a"'},
            dashboard_name="a b",
            namespace="AWS/SageMaker",
            runbooks="",
        )
    ) == [
        "cluster_name: got '-research', allowed: the name of a HyperPod cluster, known at synth: 1 to 63 characters of "
        "A-Z, a-z, 0-9 and -",
        "instance_groups[1]: instance group workers is given twice: remove one",
        "instance_groups[2]: got 'a_b', allowed: the name of an instance group, known at synth: 1 to 63 characters of "
        "A-Z, a-z, 0-9 and -",
        "notify[0]: got 'arn:aws:sns:eu-west-1:111122223333:alarms', allowed: an ARN in us-east-1, the Region of the "
        "alarms",
        "limits.hyperpod_capacity.Warning.minutes: got 5, allowed: a whole number of minutes, 10 to 1440",
        "prometheus_workspace: got 'arn:aws:aps:eu-west-1:111122223333:workspace/ws-12345678-1234-1234-1234-"
        "123456789012', allowed: a workspace in us-east-1, the Region of the cluster",
        "prometheus_labels.1a: got '1a', allowed: a label of letters, digits and _ that starts with no digit",
        "prometheus_labels.name: got 'a\"', allowed: a text of 1 to 255 characters without \", \\ and line breaks",
        "dashboard_name: got 'a b', allowed: 1 to 255 characters of A-Z, a-z, 0-9, - and _",
        "namespace: got 'AWS/SageMaker', allowed: 1 to 255 characters of A-Z, a-z, 0-9 and _./#-, not in AWS/",
        "runbooks: got '', allowed: an address of at most 500 characters without spaces",
    ]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"instance_groups": []}, "instance_groups"),
        ({"instance_groups": "workers"}, "instance_groups"),
        ({"quotas": ["vision"]}, "quotas[0]"),
        ({"limits": {}}, "limits"),
        ({"notify": {"Urgent": [TOPIC]}}, "notify.Urgent"),
        ({"prometheus_workspace": "ws-1"}, "prometheus_workspace"),
        ({"prometheus_labels": "x"}, "prometheus_labels"),
    ],
)
def test_other_mistakes_are_reported(changes: dict[str, Any], field: str) -> None:
    (problem,) = problems_of(lambda: build(new_stack(), **changes))
    assert problem.startswith(f"{field}: ")


def test_a_second_monitoring_of_a_cluster_is_refused() -> None:
    stack = new_stack()
    build(stack, dashboard_name="research")
    problems = problems_of(lambda: build(stack, "Second", dashboard_name="research"))
    assert [problem.partition(":")[0] for problem in problems] == ["cluster_name", "dashboard_name"]
    build(stack, "Other", cluster_name="other")


def test_a_topic_of_alarms_takes_the_alerts_of_a_workspace() -> None:
    stack = new_stack()
    topic = AlarmTopic(stack, "Topic", subscriptions=["gpu@example.com"])
    topic.allow_alert_manager(WORKSPACE)
    policy = resource(stack, "AWS::SNS::TopicPolicy")["Properties"]["PolicyDocument"]["Statement"]
    key = resource(stack, "AWS::KMS::Key")["Properties"]["KeyPolicy"]["Statement"]
    for statements, actions in (
        (policy, ["sns:GetTopicAttributes", "sns:Publish"]),
        (key, ["kms:Decrypt", "kms:GenerateDataKey*"]),
    ):
        (own,) = [own for own in statements if own.get("Principal") == {"Service": "aps.amazonaws.com"}]
        assert own["Action"] == actions
        assert own["Condition"]["ArnEquals"] == {"aws:SourceArn": WORKSPACE}
    stack = new_stack()
    topic = AlarmTopic(stack, "Topic", subscriptions=["gpu@example.com"])
    monitoring = build(stack, notify=[topic.topic], prometheus_workspace=WORKSPACE)
    assert stack.resolve(topic.topic.topic_arn)["Ref"] in json.dumps(stack.resolve(monitoring.alert_manager_definition))


def test_the_cost_estimate_counts_the_monitoring_of_clusters() -> None:
    stack = new_stack()
    monitoring = full(stack)
    cost = MonitoringCost(stack, "Cost", metrics=[], clusters=[monitoring], keys=1, other_alarms=2).estimate
    counted = {line.item: line.quantity for line in cost.lines}
    assert counted["Custom metrics, first 10,000"] == count_cluster_series(2)
    assert counted["Metrics in alarms"] == monitoring.metric_count + 2
    assert counted["Composite alarms"] == monitoring.composite_count
    assert (counted["Dashboards"], counted["KMS keys"]) == (1, 1)
    assert counted["Prometheus, query samples processed"] == 5 * 5_000 * 31 * 24 * 60 / 1e9
    assert "1 HyperPod cluster with 10,000 events a month each" in " ".join(cost.table().split())
    second = build(stack, "Second", cluster_name="second")
    both = MonitoringCost(stack, "Both", metrics=[], clusters=[monitoring, second], keys=1).estimate
    assert {line.item: line.quantity for line in both.lines}["KMS keys"] == 1
    problems = problems_of(lambda: MonitoringCost(stack, "Twice", metrics=[], clusters=[second, second]))
    assert problems == ["clusters[1]: Stack/Second is given twice: remove one"]


def test_events_are_not_longer_than_in_the_estimate() -> None:
    long = "x" * 24
    events = [
        cluster_events.node_health(),
        cluster_events.failed_script(long),
        *cluster_events.failed_attempt(long),
        cluster_events.lost_readiness(3),
    ]
    for event in events:
        assert len(json.dumps(event)) <= CLUSTER_EVENT_BYTES
    groups = {f"{long}{number}": (100, 100) for number in range(10)}
    assert len(json.dumps(cluster_events.state_change("InService", groups))) <= (
        CLUSTER_EVENT_BYTES + len(groups) * CLUSTER_GROUP_BYTES
    )


def test_the_page_lists_all_metrics() -> None:
    text = (REPOSITORY / "docs" / "hyperpod-monitoring.md").read_text()
    rows = dict(re.findall(r"^\| `(HyperPod\w+)` \| (cluster|instance group) \|", text, re.MULTILINE))
    assert rows == {
        metric.name: "instance group" if INSTANCE_GROUP in metric.dimensions else "cluster"
        for metric in event_metrics(1)
    }


def test_limits_of_alerts_are_checked() -> None:
    limits = HyperPodLimits(hyperpod_pending={"Warning": HyperPodPending(minutes=0)})
    (problem,) = problems_of(lambda: build(new_stack(), limits=limits))
    assert problem.startswith("limits.hyperpod_pending.Warning.minutes: got 0")
