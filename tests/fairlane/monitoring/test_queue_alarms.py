"""What alarms there are, whom they tell, and what is refused. When they go off is tested on scripted days."""

import json
from dataclasses import replace
from functools import partial
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
    ExporterStale,
    FailureRate,
    FairShare,
    IdleCapacity,
    JobMetrics,
    OldestWait,
    QueueAlarms,
    QueueBlocked,
    StarvedShare,
    TrainingQueue,
)
from tests.cfn_lint import findings
from tests.fairlane.monitoring.watching import build, metrics_of, of_type, shared_environment
from tests.support import problems_of, template_of

ARN = "arn:aws:sns:us-east-1:111122223333:alarms"


def alarms_of(**changes: Any) -> tuple[Stack, QueueAlarms]:
    stack, metrics = build()
    settings: dict[str, Any] = {"metrics": metrics, "notify": [ARN]} | changes
    return stack, QueueAlarms(stack, "Alarms", **settings)


def test_each_queue_has_the_alarms_that_it_has_metrics_for() -> None:
    _, alarms = alarms_of()
    by_queue: dict[str, set[str]] = {}
    for path in alarms.alarms:
        part, queue, *rest = path.split("/")
        by_queue.setdefault(queue if part == "Queues" else part, set()).add("/".join(rest))
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
    assert by_queue["Exporter"] >= {"stale-Critical", "truncated-Warning"}
    exporter = [path for path in alarms.alarms if path.startswith("Exporter/")]
    assert len(exporter) == 4 * 2 + 2


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
        "queue_limits.one.starved_share.Warning.shares: got 'x', allowed: of queue one: none, as no entitlement is known"
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
        f"Exporter/{queue}/stale-Critical": {
            "WarmUpPeriodDurationInMinutes": 60 + 2 * interval,
            "OnlyStartEvaluatingAfterWarmUpPeriodEnds": True,
        }
        for queue in ("p4", "g5", "cpu", "old")
    }


def test_limits_by_default_are_never_shorter_than_the_interval(stack: Stack) -> None:
    queue = TrainingQueue(stack, "Q", queue_name="q", capacity=16, scheduling=FairShare({"x": 1}))
    metrics = JobMetrics(stack, "Metrics", queues=[queue], interval_minutes=60)
    QueueAlarms(stack, "Alarms", metrics=metrics, notify=[ARN])
    for one in of_type(stack, "CloudWatch::Alarm").values():
        for query in one["Metrics"]:
            if query.get("MetricStat", {}).get("Metric", {}).get("Namespace") == "Fairlane":
                assert query["MetricStat"]["Period"] == 3600


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


MISTAKES: list[tuple[dict[str, Any], list[str]]] = [
    (
        {"queue_limits": {"p4": AlarmLimits(starved_share={"Warning": StarvedShare(shares=["c"])})}},
        ["queue_limits.p4.starved_share.Warning.shares: got 'c', allowed: of queue p4: a, b"],
    ),
    (
        {"queue_limits": {"gone": AlarmLimits()}},
        ["queue_limits.gone: got 'gone', allowed: one of the queues: p4, g5, cpu, old"],
    ),
    (
        {"queue_limits": {"cpu": AlarmLimits(blocked={"Warning": QueueBlocked(reasons=["FULL"])})}},
        [
            "queue_limits.cpu.blocked.Warning.reasons: got 'FULL', allowed: of queue cpu: "
            "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY, MISCONFIGURATION:QUOTA_MANAGEMENT_LIMIT_EXCEEDED, "
            "MISCONFIGURATION:SERVICE_ENVIRONMENT_MAX_RESOURCE, Other"
        ],
    ),
    (
        {"limits": AlarmLimits(starved_share={"Warning": StarvedShare(minutes=0, below_percent=100.5)})},
        [
            "limits.starved_share.Warning.minutes: got 0, allowed: a whole number of minutes, 1 to 1440",
            "limits.starved_share.Warning.below_percent: got 100.5, allowed: a number, 0.1 to 100",
        ],
    ),
    (
        {"limits": AlarmLimits(idle_capacity={"Warning": IdleCapacity(hours=169, below_percent=0)})},
        [
            "limits.idle_capacity.Warning.hours: got 169, allowed: a whole number of hours, 1 to 168: periods of an "
            "alarm add up to a week at most",
            "limits.idle_capacity.Warning.below_percent: got 0, allowed: a number, 0.1 to 100",
        ],
    ),
    (
        {"limits": AlarmLimits(oldest_wait={"very bad": OldestWait(hours=float("nan"))})},
        [
            "limits.oldest_wait.\"very bad\": got 'very bad', allowed: a severity: 1 to 32 letters and digits, a letter "
            "first, such as Warning or Critical",
            'limits.oldest_wait."very bad".hours: got nan, allowed: a number, 0.01 to 720',
        ],
    ),
    (
        {"limits": AlarmLimits(failure_rate={"Warning": OldestWait(hours=1)})},  # type: ignore[dict-item]
        ["limits.failure_rate.Warning: got OldestWait(hours=1), allowed: FailureRate(...)"],
    ),
    (
        {"limits": AlarmLimits(failure_rate=FailureRate())},  # type: ignore[arg-type]
        [
            "limits.failure_rate: got FailureRate(percent=50, of_at_least=10), allowed: limits by severity, such as "
            '{"Warning": FailureRate()}'
        ],
    ),
    (
        {"notify": {"Panic": [ARN]}},
        ["notify.Panic: got 'Panic', allowed: a severity of these alarms: Warning, Critical"],
    ),
    ({"notify": ARN}, [f"notify: got '{ARN}', allowed: a list of topics or ARNs"]),
    ({"notify": [ARN] * 6}, ["notify: got '6 targets', allowed: at most 5, as many as an alarm has"]),
]


@pytest.mark.parametrize(("changes", "problems"), MISTAKES)
def test_mistakes_are_found_before_anything_is_made(changes: dict[str, Any], problems: list[str]) -> None:
    stack, metrics = build()
    settings: dict[str, Any] = {"metrics": metrics, "notify": [ARN]} | changes
    assert problems_of(lambda: QueueAlarms(stack, "Alarms", **settings)) == problems
    assert stack.node.try_find_child("Alarms") is None


def test_a_limit_below_the_polling_interval_is_refused(stack: Stack) -> None:
    queue = TrainingQueue(stack, "Q", queue_name="q", capacity=16, scheduling=FairShare({"x": 1}))
    metrics = JobMetrics(stack, "Metrics", queues=[queue], interval_minutes=50)
    limits = AlarmLimits(
        oldest_wait={"Warning": OldestWait(hours=0.5)},
        starved_share={"Warning": StarvedShare(minutes=49)},
        idle_while_waiting={},
    )
    exporter = ExporterLimits(stale={"Critical": ExporterStale(minutes=1440)}, truncated={})
    allowed = "no less than the 50 minutes between two polls, which tell nothing sooner"
    assert problems_of(
        lambda: QueueAlarms(stack, "A", metrics=metrics, notify=[ARN], limits=limits, exporter_limits=exporter)
    ) == [
        f"limits.oldest_wait.Warning.hours: got 0.5, allowed: {allowed}",
        f"limits.starved_share.Warning.minutes: got 49, allowed: {allowed}",
        "exporter_limits.stale.Critical.minutes: got 1440, allowed: at most 1400 minutes, as periods of 50 minutes add up "
        "to a day",
    ]


def test_that_a_queue_is_stale_takes_two_intervals_of_polls(stack: Stack) -> None:
    metrics = metrics_of(stack, interval_minutes=15)

    def alarms(minutes: int) -> QueueAlarms:
        limits = ExporterLimits(stale={"Critical": ExporterStale(minutes=minutes)})
        return QueueAlarms(stack, f"A{minutes}", metrics=metrics, notify=[ARN], exporter_limits=limits)

    for minutes in (14, 15, 29):
        assert problems_of(partial(alarms, minutes)) == [
            f"exporter_limits.stale.Critical.minutes: got {minutes}, allowed: no less than 30, two intervals of polls"
        ]
    assert "Exporter/p4/stale-Critical" in alarms(30).alarms


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
