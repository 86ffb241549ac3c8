"""Tests of the alarms that `QueueAlarms` creates, and of their notifications.

The tests in `days` check when the alarms go to ALARM.
"""

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
from tests.fairlane.monitoring.alarms.monitored_queues import (
    build,
    build_metrics,
    resources_of_type,
    shared_environment,
)
from tests.support import problems_of, template_of

ARN = "arn:aws:sns:us-east-1:111122223333:alarms"


def build_alarms(**changes: Any) -> tuple[Stack, QueueAlarms]:
    stack, metrics = build()
    settings: dict[str, Any] = {"metrics": metrics, "notify": [ARN]} | changes
    return stack, QueueAlarms(stack, "Alarms", **settings)


def test_each_queue_has_the_alarms_whose_metrics_it_publishes() -> None:
    _, alarms = build_alarms()
    by_queue: dict[str, set[str]] = {}
    for _, queue, name in (path.split("/") for path in alarms.alarms if path.startswith("Queues/")):
        by_queue.setdefault(queue, set()).add(name)
    common = {"oldest-wait-Warning", "oldest-wait-Critical", "failure-rate-Warning"}
    capacity = "blocked-CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY-Warning"
    misconfigured = "blocked-MISCONFIGURATION:{}-Warning"
    idle = {"idle-while-waiting-Warning", "idle-capacity-Warning"}
    service = ("QUOTA_MANAGEMENT_LIMIT_EXCEEDED", "SERVICE_ENVIRONMENT_MAX_RESOURCE")
    training = {misconfigured.format(reason) for reason in service}
    compute = ("COMPUTE_ENVIRONMENT_MAX_RESOURCE", "EC2_INSTANCE_CONFIGURATION_UNSUPPORTED", "JOB_RESOURCE_REQUIREMENT")
    containers = {misconfigured.format(reason) for reason in compute}
    shared = common | {capacity, "blocked-Other-Warning"}
    starved = {f"starved-share-{share}-Warning" for share in ("a", "b")}
    assert by_queue["p4"] == shared | training | idle | starved | {"preemptions-Warning"}
    assert by_queue["cpu"] == shared | training | idle
    assert by_queue["old"] == shared | containers
    starved = {f"starved-share-{share}-Warning" for share in ("prod", "research")}
    assert by_queue["g5"] == shared | containers | idle | starved | {"spot-reclaims-Warning"}
    exporter = {path.removeprefix("Exporter/") for path in alarms.alarms if path.startswith("Exporter/")}
    queue_alarms = ("stale-Critical", "truncated-Warning")
    assert exporter == {
        "stale-events-Critical",
        "dead-letters-unused-Warning",
        "dead-letters-undelivered-Warning",
        *(f"Queues/{queue}/{name}" for queue in ("p4", "g5", "cpu", "old") for name in queue_alarms),
    }


def test_queues_may_have_the_names_of_severities_and_alarms(stack: Stack) -> None:
    names = ("Critical", "Warning", "stale-events-Critical", "Queues", "Alarms")
    queues = [
        TrainingQueue(stack, f"Q{n}", queue_name=name, capacity=1, scheduling=Fifo()) for n, name in enumerate(names)
    ]
    alarms = QueueAlarms(stack, "Alarms", metrics=JobMetrics(stack, "Metrics", queues=queues), notify=[ARN])
    assert len(resources_of_type(stack, "CloudWatch::Alarm")) == len(alarms.alarms)
    assert {f"Exporter/Queues/{name}/stale-Critical" for name in names} <= set(alarms.alarms)


def test_only_composite_alarms_notify() -> None:
    stack, alarms = build_alarms()
    assert all("AlarmActions" not in alarm for alarm in resources_of_type(stack, "CloudWatch::Alarm").values())
    composites = resources_of_type(stack, "CloudWatch::CompositeAlarm")
    assert len(composites) == len(alarms.composites) + len(alarms.exporter_composites) == 4 * 2 + 2
    children: list[str] = []
    for composite in composites.values():
        assert composite["AlarmActions"] == composite["OKActions"] == [ARN]
        parts = composite["AlarmRule"]["Fn::Join"][1]
        children += [part["Ref"] for part in parts if isinstance(part, dict)]
        assert {part for part in parts if isinstance(part, str)} <= {'ALARM("', '") OR ALARM("', '")'}
    assert sorted(children) == sorted(resources_of_type(stack, "CloudWatch::Alarm"))


def test_severities_may_have_different_targets() -> None:
    stack, metrics = build()
    topic = AlarmTopic(stack, "Topic", subscriptions=["gpus@example.com"])
    QueueAlarms(stack, "Alarms", metrics=metrics, notify={"Critical": [ARN], "Warning": [topic.topic]})
    composites = resources_of_type(stack, "CloudWatch::CompositeAlarm").values()
    actions = {json.dumps(composite["AlarmActions"]) for composite in composites}
    assert len(actions) == 2
    assert json.dumps([ARN]) in actions


def test_each_description_names_the_subject_the_first_step_and_the_runbook() -> None:
    stack, _ = build_alarms(runbooks="https://git.example.com/runbooks/")
    for alarm in resources_of_type(stack, "CloudWatch::Alarm").values():
        text = alarm["AlarmDescription"]
        assert len(text) <= 1024
        assert text.startswith(("Queue ", "Exporter of job metrics: "))
        assert "First step: " in text
        assert "Runbook: https://git.example.com/runbooks/" in text
        assert text.endswith(".md")


def test_a_long_description_is_cut_before_its_first_step_and_runbook() -> None:
    stack, metrics = build()
    runbooks = f"https://git.example.com/{'r' * 476}"
    limits = AlarmLimits(failure_rate={"W" * 32: FailureRate()})
    alarms = QueueAlarms(stack, "Alarms", metrics=metrics, notify=[ARN], limits=limits, runbooks=runbooks)
    loss = cloudwatch.Metric(namespace="Mine", metric_name="Loss")
    alarms.add_alarm("p4", "loss", metric=loss, threshold=3, meaning="losses are high; " * 100)
    texts = {
        alarm["AlarmDescription"]
        for alarm_type in ("Alarm", "CompositeAlarm")
        for alarm in resources_of_type(stack, f"CloudWatch::{alarm_type}").values()
    }
    assert max(map(len, texts)) == 1024
    for text in texts:
        assert f"{runbooks}/" in text
        assert text.endswith(".md")
        assert "Runbooks: " not in text or "--children-of-alarm-name NAME --query" in text
    (custom,) = [text for text in texts if "losses" in text]
    assert ". First step: " in custom.partition("...")[2]


def test_limits_apply_to_all_queues_or_to_one_queue() -> None:
    limits = AlarmLimits(oldest_wait={"Page": OldestWait(hours=0.5)}, blocked={}, failure_rate={})
    cpu_limits = replace(limits, oldest_wait={}, failure_rate={"Page": FailureRate(percent=10, minimum_jobs=3)})
    stack, alarms = build_alarms(
        limits=limits, queue_limits={"cpu": cpu_limits}, exporter_limits=ExporterLimits(stale={})
    )
    p4_paths = {path for path in alarms.alarms if path.startswith("Queues/p4/")}
    assert "Queues/p4/oldest-wait-Page" in p4_paths
    assert not any("blocked" in path or "failure-rate" in path for path in p4_paths)
    assert {path for path in alarms.alarms if path.startswith("Queues/cpu/")} == {
        "Queues/cpu/failure-rate-Page",
        "Queues/cpu/idle-while-waiting-Warning",
        "Queues/cpu/idle-capacity-Warning",
    }
    assert not any("stale" in path for path in alarms.alarms)
    wait = stack.resolve(alarms.alarms["Queues/p4/oldest-wait-Page"].threshold)
    assert wait == 1800


def test_limits_may_name_the_shares_and_reasons_with_an_alarm() -> None:
    limits = AlarmLimits(starved_share={"Warning": StarvedShare(shares=["b"])}, blocked={})
    _, alarms = build_alarms(queue_limits={"p4": limits})
    p4_paths = {path for path in alarms.alarms if path.startswith("Queues/p4/starved")}
    assert p4_paths == {"Queues/p4/starved-share-b-Warning"}
    _, alarms = build_alarms(queue_limits={"p4": AlarmLimits(blocked={"Warning": QueueBlocked(reasons=["Other"])})})
    assert [path for path in alarms.alarms if path.startswith("Queues/p4/blocked")] == [
        "Queues/p4/blocked-Other-Warning"
    ]


def test_queues_that_share_an_environment_have_no_alarms_on_capacity(stack: Stack) -> None:
    alarms = QueueAlarms(stack, "Alarms", metrics=shared_environment(stack), notify=[ARN])
    assert not any(kind in path for path in alarms.alarms for kind in ("idle", "starved"))


def test_limits_cannot_name_shares_of_queues_that_share_an_environment(stack: Stack) -> None:
    limits = {"one": AlarmLimits(starved_share={"Warning": StarvedShare(shares=["x"])})}
    metrics = shared_environment(stack)
    assert problems_of(lambda: QueueAlarms(stack, "Alarms", metrics=metrics, notify=[ARN], queue_limits=limits)) == [
        "queue_limits.one.starved_share.Warning.shares[0]: queue one has no shares for this alarm: remove x"
    ]


def test_the_failure_rate_uses_the_exported_counts_of_the_queue(stack: Stack) -> None:
    alarms = QueueAlarms(stack, "Alarms", metrics=build_metrics(stack, namespace="Ours"), notify=[ARN])
    resources = resources_of_type(stack, "CloudWatch::Alarm")
    for queue in ("p4", "g5", "cpu", "old"):
        alarm = resources[stack.get_logical_id(alarms.alarms[f"Queues/{queue}/failure-rate-Warning"])]
        stats = [query["MetricStat"] for query in alarm["Metrics"] if "MetricStat" in query]
        dimensions = [{"Name": "JobQueueName", "Value": queue}]
        assert [(stat["Metric"], stat["Stat"]) for stat in stats] == [
            ({"Namespace": "Ours", "MetricName": name, "Dimensions": dimensions}, "Sum")
            for name in ("JobsFailed", "JobsSucceeded")
        ]


@pytest.mark.parametrize("interval", [1, 20])
def test_only_stale_alarms_of_queues_have_a_warm_up(stack: Stack, interval: int) -> None:
    alarms = QueueAlarms(stack, "Alarms", metrics=build_metrics(stack, interval_minutes=interval), notify=[ARN])
    resources = resources_of_type(stack, "CloudWatch::Alarm")
    by_path = {path: resources[stack.get_logical_id(alarm)] for path, alarm in alarms.alarms.items()}
    warm_ups = {path: alarm["WarmUpConfiguration"] for path, alarm in by_path.items() if "WarmUpConfiguration" in alarm}
    assert warm_ups == {
        f"Exporter/Queues/{queue}/stale-Critical": {
            "WarmUpPeriodDurationInMinutes": 60 + 2 * interval,
            "OnlyStartEvaluatingAfterWarmUpPeriodEnds": True,
        }
        for queue in ("p4", "g5", "cpu", "old")
    }


def test_alarms_of_a_hundred_shares_nest_composite_alarms(stack: Stack) -> None:
    shares = {f"team-{number}": 1.0 for number in range(100)}
    queue = TrainingQueue(stack, "Q", queue_name="q", capacity=200, scheduling=FairShare(shares))
    alarms = QueueAlarms(stack, "Alarms", metrics=JobMetrics(stack, "Metrics", queues=[queue]), notify=[ARN])
    composites = resources_of_type(stack, "CloudWatch::CompositeAlarm")
    assert alarms.composite_count == len(composites)
    notifying = [composite for composite in composites.values() if "AlarmActions" in composite]
    assert len(notifying) == 4
    for composite in composites.values():
        assert len(json.dumps(composite["AlarmRule"]).split('"Ref"')) - 1 <= 25


def test_a_severity_without_targets_is_a_warning(stack: Stack) -> None:
    _, metrics = build()
    home = Stack.of(metrics)
    QueueAlarms(home, "Alarms", metrics=metrics, notify={"Warning": [ARN]})
    warnings = Annotations.from_stack(home).find_warning("*", Match.string_like_regexp("notify nobody"))
    assert [str(warning.entry.data).partition(" ")[0] for warning in warnings] == ["Critical"]


def test_a_severity_without_alarms_needs_no_targets(stack: Stack) -> None:
    metrics = JobMetrics(stack, "M", queues=[TrainingQueue(stack, "Q", queue_name="q", capacity=1, scheduling=Fifo())])
    limits = AlarmLimits(spot_reclaims={"Page": SpotReclaims()})
    QueueAlarms(stack, "Alarms", metrics=metrics, notify={"Warning": [ARN], "Critical": [ARN]}, limits=limits)
    assert Annotations.from_stack(stack).find_warning("*", Match.string_like_regexp("notify nobody")) == []


def test_a_target_given_twice_is_notified_once() -> None:
    stack, metrics = build()
    topic = AlarmTopic(stack, "Topic", subscriptions=["gpus@example.com"]).topic
    QueueAlarms(stack, "Alarms", metrics=metrics, notify=[topic, ARN, topic, ARN, ARN, ARN])
    for composite in resources_of_type(stack, "CloudWatch::CompositeAlarm").values():
        assert len(composite["AlarmActions"]) == len(composite["OKActions"]) == 2


def test_cdk_nag_and_cfn_lint_report_nothing() -> None:
    stack, metrics = build()
    topic: sns.ITopic = AlarmTopic(stack, "Topic", subscriptions=["gpus@example.com"]).topic
    alarms = QueueAlarms(stack, "Alarms", metrics=metrics, notify=[topic])
    loss = cloudwatch.Metric(namespace="Mine", metric_name="Loss")
    alarms.add_alarm("p4", "loss", metric=loss, threshold=3, meaning="losses are high")
    app = stack.node.root
    assert isinstance(app, App)
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    app.synth()
    assert findings(template_of(stack)) == []
