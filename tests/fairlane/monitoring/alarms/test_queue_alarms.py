"""What alarms there are, whom they tell, and what is refused. When they go off is tested on scripted days."""

import json
from dataclasses import replace
from typing import Any

import pytest
from aws_cdk import App, Stack, Validations
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_sns as sns
from aws_cdk.assertions import Annotations, Match
from cdk_nag import AwsSolutionsChecks

from fairlane import (
    AlarmLimits,
    AlarmTopic,
    ExporterLimits,
    FailureRate,
    FairShare,
    Fifo,
    JobMetrics,
    OldestWait,
    QueueAlarms,
    QueueBlocked,
    StarvedShare,
    TrainingQueue,
)
from fairlane.monitoring.alarms import SpotReclaims
from tests.cfn_lint import findings
from tests.fairlane.monitoring.alarms.watching import build, metrics_of, of_type, shared_environment
from tests.support import problems_of, template_of

ARN = "arn:aws:sns:us-east-1:111122223333:alarms"


def alarms_of(**changes: Any) -> tuple[Stack, QueueAlarms]:
    stack, metrics = build()
    settings: dict[str, Any] = {"metrics": metrics, "notify": [ARN]} | changes
    return stack, QueueAlarms(stack, "Alarms", **settings)


def test_each_queue_has_the_alarms_that_it_has_metrics_for() -> None:
    _, alarms = alarms_of()
    by_queue: dict[str, set[str]] = {}
    for _, queue, name in (path.split("/") for path in alarms.alarms if path.startswith("Queues/")):
        by_queue.setdefault(queue, set()).add(name)
    common = {"oldest-wait-Warning", "oldest-wait-Critical", "failure-rate-Warning"}
    capacity, lost = "blocked-CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY-Warning", "blocked-MISCONFIGURATION:{}-Warning"
    idle = {"idle-while-waiting-Warning", "idle-capacity-Warning"}
    training = {lost.format(one) for one in ("QUOTA_MANAGEMENT_LIMIT_EXCEEDED", "SERVICE_ENVIRONMENT_MAX_RESOURCE")}
    compute = ("COMPUTE_ENVIRONMENT_MAX_RESOURCE", "EC2_INSTANCE_CONFIGURATION_UNSUPPORTED", "JOB_RESOURCE_REQUIREMENT")
    containers = {lost.format(one) for one in compute}
    both = common | {capacity, "blocked-Other-Warning"}
    starved = {f"starved-share-{share}-Warning" for share in ("a", "b")}
    assert by_queue["p4"] == both | training | idle | starved | {"preemptions-Warning"}
    assert by_queue["cpu"] == both | training | idle
    assert by_queue["old"] == both | containers
    starved = {f"starved-share-{share}-Warning" for share in ("prod", "research")}
    assert by_queue["g5"] == both | containers | idle | starved | {"spot-reclaims-Warning"}
    exporter = {path.removeprefix("Exporter/") for path in alarms.alarms if path.startswith("Exporter/")}
    of_queues = ("stale-Critical", "truncated-Warning")
    assert exporter == {
        "stale-events-Critical",
        "dead-letters-unused-Warning",
        "dead-letters-undelivered-Warning",
        *(f"Queues/{queue}/{name}" for queue in ("p4", "g5", "cpu", "old") for name in of_queues),
    }


def test_queues_may_be_called_what_alarms_are_called(stack: Stack) -> None:
    names = ("Critical", "Warning", "stale-events-Critical", "Queues", "Exporter")
    queues = [
        TrainingQueue(stack, f"Q{n}", queue_name=name, capacity=1, scheduling=Fifo()) for n, name in enumerate(names)
    ]
    alarms = QueueAlarms(stack, "Alarms", metrics=JobMetrics(stack, "Metrics", queues=queues), notify=[ARN])
    assert len(of_type(stack, "CloudWatch::Alarm")) == len(alarms.alarms)
    assert {f"Exporter/Queues/{name}/stale-Critical" for name in names} <= set(alarms.alarms)


def test_only_composites_notify_one_of_each_queue_and_severity_and_of_the_exporter() -> None:
    stack, alarms = alarms_of()
    assert all("AlarmActions" not in one for one in of_type(stack, "CloudWatch::Alarm").values())
    composites = of_type(stack, "CloudWatch::CompositeAlarm")
    assert len(composites) == len(alarms.composites) + len(alarms.exporter_composites) == 4 * 2 + 2
    children: list[str] = []
    for one in composites.values():
        assert one["AlarmActions"] == one["OKActions"] == [ARN]
        parts = one["AlarmRule"]["Fn::Join"][1]
        children += [part["Fn::GetAtt"][0] for part in parts if isinstance(part, dict)]
        assert {part for part in parts if isinstance(part, str)} <= {'ALARM("', '") OR ALARM("', '")'}
    assert sorted(children) == sorted(of_type(stack, "CloudWatch::Alarm"))


def test_severities_may_tell_different_people() -> None:
    stack, metrics = build()
    topic = AlarmTopic(stack, "Topic", subscriptions=["gpus@example.com"])
    QueueAlarms(stack, "Alarms", metrics=metrics, notify={"Critical": [ARN], "Warning": [topic.topic]})
    told = {json.dumps(one["AlarmActions"]) for one in of_type(stack, "CloudWatch::CompositeAlarm").values()}
    assert len(told) == 2
    assert json.dumps([ARN]) in told


def test_every_description_says_what_it_means_what_to_look_at_and_where_its_runbook_is() -> None:
    stack, _ = alarms_of(runbooks="https://git.example.com/runbooks/")
    for one in of_type(stack, "CloudWatch::Alarm").values():
        text = one["AlarmDescription"]
        assert len(text) <= 1024
        assert "Look first at: " in text
        assert "Runbook: https://git.example.com/runbooks/" in text
        assert text.endswith(".md")


def test_a_description_that_is_too_long_loses_what_it_says_and_not_its_runbook() -> None:
    stack, metrics = build()
    runbooks = f"https://git.example.com/{'r' * 476}"
    limits = AlarmLimits(failure_rate={"W" * 32: FailureRate()})
    alarms = QueueAlarms(stack, "Alarms", metrics=metrics, notify=[ARN], limits=limits, runbooks=runbooks)
    loss = cloudwatch.Metric(namespace="Mine", metric_name="Loss")
    alarms.add_alarm("p4", "loss", metric=loss, threshold=3, says="losses are high; " * 100)
    texts = {
        one["AlarmDescription"]
        for kind in ("Alarm", "CompositeAlarm")
        for one in of_type(stack, f"CloudWatch::{kind}").values()
    }
    assert max(map(len, texts)) == 1024
    for text in texts:
        assert f"{runbooks}/" in text
        assert text.endswith(".md")
        assert "Runbooks: " not in text or "--children-of-alarm-name NAME --query" in text
    (own,) = [text for text in texts if "losses" in text]
    assert ". Look first at: " in own.partition("...")[2]


def test_an_alarm_can_be_left_out_and_tuned_for_all_queues_or_one() -> None:
    limits = AlarmLimits(oldest_wait={"Page": OldestWait(hours=0.5)}, blocked={}, failure_rate={})
    special = replace(limits, oldest_wait={}, failure_rate={"Page": FailureRate(percent=10, of_at_least=3)})
    stack, alarms = alarms_of(limits=limits, queue_limits={"cpu": special}, exporter_limits=ExporterLimits(stale={}))
    of_p4 = {path for path in alarms.alarms if path.startswith("Queues/p4/")}
    assert "Queues/p4/oldest-wait-Page" in of_p4
    assert not any("blocked" in path or "failure-rate" in path for path in of_p4)
    assert {path for path in alarms.alarms if path.startswith("Queues/cpu/")} == {
        "Queues/cpu/failure-rate-Page",
        "Queues/cpu/idle-while-waiting-Warning",
        "Queues/cpu/idle-capacity-Warning",
    }
    assert not any("stale" in path for path in alarms.alarms)
    wait = stack.resolve(alarms.alarms["Queues/p4/oldest-wait-Page"].threshold)
    assert wait == 1800


def test_a_share_or_reason_is_watched_alone() -> None:
    limits = AlarmLimits(starved_share={"Warning": StarvedShare(shares=["b"])}, blocked={})
    _, alarms = alarms_of(queue_limits={"p4": limits})
    of_p4 = {path for path in alarms.alarms if path.startswith("Queues/p4/starved")}
    assert of_p4 == {"Queues/p4/starved-share-b-Warning"}
    _, alarms = alarms_of(queue_limits={"p4": AlarmLimits(blocked={"Warning": QueueBlocked(reasons=["Other"])})})
    assert [path for path in alarms.alarms if path.startswith("Queues/p4/blocked")] == [
        "Queues/p4/blocked-Other-Warning"
    ]


def test_queues_that_share_an_environment_are_not_judged_by_their_use_of_it(stack: Stack) -> None:
    alarms = QueueAlarms(stack, "Alarms", metrics=shared_environment(stack), notify=[ARN])
    assert not any(kind in path for path in alarms.alarms for kind in ("idle", "starved"))


def test_shares_of_queues_that_share_an_environment_cannot_be_watched(stack: Stack) -> None:
    limits = {"one": AlarmLimits(starved_share={"Warning": StarvedShare(shares=["x"])})}
    metrics = shared_environment(stack)
    assert problems_of(lambda: QueueAlarms(stack, "Alarms", metrics=metrics, notify=[ARN], queue_limits=limits)) == [
        "queue_limits.one.starved_share.Warning.shares[0]: got 'x', allowed: one of queue one: none"
    ]


def test_the_failure_rate_is_of_the_exporters_counts_of_the_queue(stack: Stack) -> None:
    alarms = QueueAlarms(stack, "Alarms", metrics=metrics_of(stack, namespace="Ours"), notify=[ARN])
    made = of_type(stack, "CloudWatch::Alarm")
    for queue in ("p4", "g5", "cpu", "old"):
        alarm = made[stack.get_logical_id(alarms.alarms[f"Queues/{queue}/failure-rate-Warning"])]
        stats = [query["MetricStat"] for query in alarm["Metrics"] if "MetricStat" in query]
        dimensions = [{"Name": "JobQueueName", "Value": queue}]
        assert [(one["Metric"], one["Stat"]) for one in stats] == [
            ({"Namespace": "Ours", "MetricName": name, "Dimensions": dimensions}, "Sum")
            for name in ("JobsFailed", "JobsSucceeded")
        ]


@pytest.mark.parametrize("interval", [1, 20])
def test_only_that_a_queue_is_stale_waits_for_the_first_polls(stack: Stack, interval: int) -> None:
    alarms = QueueAlarms(stack, "Alarms", metrics=metrics_of(stack, interval_minutes=interval), notify=[ARN])
    made = of_type(stack, "CloudWatch::Alarm")
    by_path = {path: made[stack.get_logical_id(alarm)] for path, alarm in alarms.alarms.items()}
    waits = {path: one["WarmUpConfiguration"] for path, one in by_path.items() if "WarmUpConfiguration" in one}
    assert waits == {
        f"Exporter/Queues/{queue}/stale-Critical": {
            "WarmUpPeriodDurationInMinutes": 60 + 2 * interval,
            "OnlyStartEvaluatingAfterWarmUpPeriodEnds": True,
        }
        for queue in ("p4", "g5", "cpu", "old")
    }


def test_alarms_of_a_hundred_shares_fit_into_rules(stack: Stack) -> None:
    shares = {f"team-{number}": 1.0 for number in range(100)}
    queue = TrainingQueue(stack, "Q", queue_name="q", capacity=200, scheduling=FairShare(shares))
    alarms = QueueAlarms(stack, "Alarms", metrics=JobMetrics(stack, "Metrics", queues=[queue]), notify=[ARN])
    composites = of_type(stack, "CloudWatch::CompositeAlarm")
    assert alarms.composite_count == len(composites)
    notifying = [one for one in composites.values() if "AlarmActions" in one]
    assert len(notifying) == 4
    for one in composites.values():
        assert len(json.dumps(one["AlarmRule"]).split("Fn::GetAtt")) - 1 <= 25


def test_without_anybody_to_tell_it_warns_of_each_severity(stack: Stack) -> None:
    _, metrics = build()
    of = Stack.of(metrics)
    QueueAlarms(of, "Alarms", metrics=metrics, notify={"Warning": [ARN]})
    found = Annotations.from_stack(of).find_warning("*", Match.string_like_regexp("notify nobody"))
    assert [str(one.entry.data).partition(" ")[0] for one in found] == ["Critical"]


def test_a_severity_that_no_alarm_has_notifies_nobody_and_needs_not(stack: Stack) -> None:
    metrics = JobMetrics(stack, "M", queues=[TrainingQueue(stack, "Q", queue_name="q", capacity=1, scheduling=Fifo())])
    limits = AlarmLimits(spot_reclaims={"Page": SpotReclaims()})
    QueueAlarms(stack, "Alarms", metrics=metrics, notify={"Warning": [ARN], "Critical": [ARN]}, limits=limits)
    assert Annotations.from_stack(stack).find_warning("*", Match.string_like_regexp("notify nobody")) == []


def test_a_target_that_is_named_twice_is_notified_once() -> None:
    stack, metrics = build()
    topic = AlarmTopic(stack, "Topic", subscriptions=["gpus@example.com"]).topic
    QueueAlarms(stack, "Alarms", metrics=metrics, notify=[topic, ARN, topic, ARN, ARN, ARN])
    for one in of_type(stack, "CloudWatch::CompositeAlarm").values():
        assert len(one["AlarmActions"]) == len(one["OKActions"]) == 2


def test_cdk_nag_and_cfn_lint_let_it_through() -> None:
    stack, metrics = build()
    topic: sns.ITopic = AlarmTopic(stack, "Topic", subscriptions=["gpus@example.com"]).topic
    alarms = QueueAlarms(stack, "Alarms", metrics=metrics, notify=[topic])
    loss = cloudwatch.Metric(namespace="Mine", metric_name="Loss")
    alarms.add_alarm("p4", "loss", metric=loss, threshold=3, says="losses are high")
    app = stack.node.root
    assert isinstance(app, App)
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    app.synth()
    assert findings(template_of(stack)) == []
