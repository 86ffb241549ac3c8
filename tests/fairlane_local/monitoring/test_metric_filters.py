"""Metric filters of the local AWS: the deployed monitoring of a HyperPod cluster, and filters that AWS refuses."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from aws_cdk import App, BootstraplessSynthesizer, Environment, Stack
from botocore.exceptions import ClientError

from fairlane.hyperpod import HyperPodMonitoring
from fairlane_local import LocalAws
from tests.fairlane.hyperpod import cluster_events
from tests.fairlane_local.reactions.functions import ACCOUNT, REGION, manual_aws, new_queue, received, service
from tests.support import template_of

pytestmark = pytest.mark.slow

WORKSPACE = f"arn:aws:aps:{REGION}:{ACCOUNT}:workspace/ws-12345678-1234-1234-1234-123456789012"
GROUP = "/aws/events/fairlane/hyperpod/research"


@pytest.fixture
def aws() -> Iterator[LocalAws]:
    with manual_aws() as aws:
        yield aws


def deploy(aws: LocalAws, topic: str, groups: list[str], *, update: bool = False) -> None:
    env = Environment(account=ACCOUNT, region=REGION)
    stack = Stack(App(), "Stack", env=env, synthesizer=BootstraplessSynthesizer())
    settings: dict[str, Any] = {"dashboard_name": "research", "prometheus_workspace": WORKSPACE}
    HyperPodMonitoring(stack, "Monitoring", cluster_name="research", instance_groups=groups, notify=[topic], **settings)
    cloudformation = service(aws, "cloudformation")
    call = cloudformation.update_stack if update else cloudformation.create_stack
    call(StackName="s", TemplateBody=json.dumps(template_of(stack)))
    (described,) = cloudformation.describe_stacks(StackName="s")["Stacks"]
    assert described["StackStatus"] == ("UPDATE_COMPLETE" if update else "CREATE_COMPLETE")


def send(aws: LocalAws, *events: dict[str, Any]) -> None:
    entries = [
        {"Source": own["source"], "DetailType": own["detail-type"], "Detail": json.dumps(own["detail"])}
        for own in events
    ]
    service(aws, "events").put_events(Entries=entries)


def alarms_in_alarm(aws: LocalAws) -> list[str]:
    pages = service(aws, "cloudwatch").describe_alarms(StateValue="ALARM", AlarmTypes=["MetricAlarm"])
    return [alarm["AlarmDescription"].partition(":")[2].partition(".")[0] for alarm in pages["MetricAlarms"]]


def test_events_of_a_cluster_trigger_its_alarms(aws: LocalAws) -> None:
    url, queue = new_queue(aws, "of-topic")
    topic = service(aws, "sns").create_topic(Name="t")["TopicArn"]
    service(aws, "sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue)
    deploy(aws, topic, ["workers"])
    send(aws, cluster_events.lost_readiness(3), cluster_events.provisioned())
    aws.timeline.advance(120)
    assert alarms_in_alarm(aws) == []
    other = cluster_events.state_change("Failed")
    other["detail"]["ClusterName"] = "other"
    send(aws, other, cluster_events.node_health())
    aws.timeline.advance(120)
    assert alarms_in_alarm(aws) == [" HyperPod found 1 or more unhealthy nodes in the last hour"]
    send(aws, cluster_events.state_change("Failed", {"workers": (1, 2)}))
    aws.timeline.advance(120)
    assert len(alarms_in_alarm(aws)) == 2
    messages = [json.loads(message["Message"]) for message in received(aws, url)]
    assert len([message for message in messages if message["NewStateValue"] == "ALARM"]) == 2
    stored = service(aws, "logs").filter_log_events(logGroupName=GROUP)["events"]
    assert len(stored) == 4
    metric = service(aws, "cloudwatch").get_metric_statistics(
        Namespace="Fairlane",
        MetricName="HyperPodTargetInstances",
        Dimensions=[{"Name": "ClusterName", "Value": "research"}, {"Name": "InstanceGroupName", "Value": "workers"}],
        StartTime=aws.timeline.milliseconds / 1000 - 600,
        EndTime=aws.timeline.milliseconds / 1000 + 60,
        Period=60,
        Statistics=["Maximum"],
    )
    assert [point["Maximum"] for point in metric["Datapoints"]] == [2]


def test_an_update_adds_and_removes_filters(aws: LocalAws) -> None:
    topic = service(aws, "sns").create_topic(Name="t")["TopicArn"]
    logs = service(aws, "logs")

    def count() -> int:
        return len(logs.describe_metric_filters(logGroupName=GROUP)["metricFilters"])

    deploy(aws, topic, ["workers"])
    assert count() == 10
    deploy(aws, topic, ["workers", "spot"], update=True)
    assert count() == 12
    deploy(aws, topic, ["spot"], update=True)
    assert count() == 10
    service(aws, "cloudformation").delete_stack(StackName="s")
    assert logs.describe_metric_filters()["metricFilters"] == []


def transformation(**changes: Any) -> dict[str, Any]:
    return {"metricName": "Errors", "metricNamespace": "N", "metricValue": "1"} | changes


@pytest.mark.parametrize(
    ("pattern", "changes", "text"),
    [
        ("{ $.a = }", {}, "ends too early"),
        ("ERROR", {}, "not a JSON pattern"),
        ("{ $.a = 1 }", {"dimensions": dict.fromkeys("abcd", "$.a")}, "at most 3 dimensions"),
        ("{ $.a = 1 }", {"dimensions": {"a": "$.a"}, "defaultValue": 0}, "AWS refuses both"),
    ],
)
def test_filters_that_aws_refuses_fail(aws: LocalAws, pattern: str, changes: dict[str, Any], text: str) -> None:
    logs = service(aws, "logs")
    logs.create_log_group(logGroupName="g")
    with pytest.raises(ClientError, match=text):
        logs.put_metric_filter(
            logGroupName="g",
            filterName="f",
            filterPattern=pattern,
            metricTransformations=[transformation(**changes)],
        )


def test_a_filter_reads_values_and_skips_events_without_a_number_or_dimension(aws: LocalAws) -> None:
    logs = service(aws, "logs")
    logs.create_log_group(logGroupName="g")
    logs.create_log_stream(logGroupName="g", logStreamName="s")
    for value in ("1", "$.size"):  # the second one replaces the first one
        logs.put_metric_filter(
            logGroupName="g",
            filterName="f",
            filterPattern="{ $.team EXISTS }",
            metricTransformations=[transformation(metricValue=value, dimensions={"Team": "$.team"}, unit="Bytes")],
        )
    now = aws.timeline.milliseconds
    messages = [{"team": "a", "size": 5}, {"team": "a", "size": 7}, {"team": "a"}, {"team": None, "size": 9}]
    events = [{"timestamp": now, "message": json.dumps(message)} for message in messages]
    logs.put_log_events(logGroupName="g", logStreamName="s", logEvents=[*events, {"timestamp": now, "message": "text"}])
    metric = service(aws, "cloudwatch").get_metric_statistics(
        Namespace="N",
        MetricName="Errors",
        Dimensions=[{"Name": "Team", "Value": "a"}],
        StartTime=now / 1000 - 600,
        EndTime=now / 1000 + 60,
        Period=60,
        Statistics=["Sum"],
    )
    assert [(point["Sum"], point["Unit"]) for point in metric["Datapoints"]] == [(12, "Bytes")]


def test_rules_that_are_no_groups_fail_the_stack(aws: LocalAws) -> None:
    cloudformation = service(aws, "cloudformation")
    properties = {"Name": "n", "Workspace": WORKSPACE, "Data": "groups: text"}
    rules = {"Type": "AWS::APS::RuleGroupsNamespace", "Properties": properties}
    cloudformation.create_stack(StackName="s", TemplateBody=json.dumps({"Resources": {"Rules": rules}}))
    (described,) = cloudformation.describe_stacks(StackName="s")["Stacks"]
    assert described["StackStatus"] == "ROLLBACK_COMPLETE"
