"""Tests of custom alarms: notification and refused arguments."""

from typing import Any

import pytest
from aws_cdk import Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch

from fairlane import QueueAlarms
from tests.fairlane.monitoring.alarms.monitored_queues import build_metrics, resources_of_type
from tests.fairlane.monitoring.alarms.test_queue_alarms import build_alarms
from tests.support import problems_of


def custom_alarm(**changes: Any) -> tuple[Stack, QueueAlarms, dict[str, Any]]:
    stack, alarms = build_alarms()
    metric = cloudwatch.Metric(namespace="Mine", metric_name="Loss", period=Duration.minutes(5))
    settings = {"metric": metric, "threshold": 3, "meaning": "losses are high"} | changes
    return stack, alarms, settings


def test_a_custom_alarm_notifies_through_the_composite_alarm_of_the_queue() -> None:
    stack, alarms, settings = custom_alarm(severity="Critical", evaluation_periods=2)
    before = alarms.metric_count
    alarm = alarms.add_alarm("p4", "loss", **settings)
    rule = stack.resolve(alarms.composites["p4", "Critical"].alarm_rule)
    assert stack.resolve(alarm.alarm_name) in rule["Fn::Join"][1]
    alarms_in_template = resources_of_type(stack, "CloudWatch::Alarm").values()
    (custom,) = [properties for properties in alarms_in_template if properties.get("MetricName") == "Loss"]
    assert custom["AlarmDescription"].startswith("Queue p4: losses are high. First step: ")
    assert alarms.metric_count == before + 1


ELEVEN = {f"m{number}": cloudwatch.Metric(namespace="Mine", metric_name=f"M{number}") for number in range(11)}
SEARCH = "SEARCH('{Mine,Host} MetricName=\"Loss\"', 'Sum', 300)"
CUSTOM: list[tuple[dict[str, Any], list[str]]] = [
    (
        {"metric": cloudwatch.MathExpression(expression="+".join(ELEVEN), using_metrics=ELEVEN)},
        ["metric: the metric math has 11 metrics: use at most 10 in an alarm"],
    ),
    (
        {"metric": cloudwatch.MathExpression(expression=f"SUM({SEARCH})", using_metrics={})},
        ["metric: an alarm cannot use SEARCH: name each metric"],
    ),
    (
        {"metric": cloudwatch.SearchExpression(expression=SEARCH)},
        ["metric: an alarm cannot use SEARCH: name each metric"],
    ),
    (
        {"evaluation_periods": 289},
        ["evaluation_periods: 289 periods of 300 seconds are longer than a day: use at most 288 periods"],
    ),
    ({"evaluation_periods": 0}, ["evaluation_periods: got 0, allowed: a whole number of periods, 1 or more"]),
    (
        {"evaluation_periods": 2, "datapoints_to_alarm": 3},
        ["datapoints_to_alarm: got 3, allowed: a whole number, 1 to 2"],
    ),
    (
        {"metric": cloudwatch.Metric(namespace="Mine", metric_name="Loss", statistic="p101")},
        ["metric: got 'p101', allowed: a CloudWatch statistic, for example Sum, p99 or TM(10%:90%)"],
    ),
    (
        {"metric": cloudwatch.MathExpression(expression=SEARCH.replace("(", "\t\n ("), using_metrics={})},
        ["metric: an alarm cannot use SEARCH: name each metric"],
    ),
    (
        {"metric": cloudwatch.Metric(namespace="Mine", metric_name="Loss", region="eu-west-1")},
        ["metric: Loss is in eu-west-1 and the alarm is in us-east-1: use a metric in us-east-1"],
    ),
]


@pytest.mark.parametrize(("changes", "problems"), CUSTOM)
def test_an_invalid_custom_alarm_is_refused(changes: dict[str, Any], problems: list[str]) -> None:
    stack, alarms, settings = custom_alarm(**changes)
    rule = stack.resolve(alarms.composites["p4", "Warning"].alarm_rule)
    assert problems_of(lambda: alarms.add_alarm("p4", "loss", **settings)) == problems
    assert stack.resolve(alarms.composites["p4", "Warning"].alarm_rule) == rule


EXPORTED: list[tuple[str, dict[str, str], list[str]]] = [
    ("RunnableJobs", {"JobQueueName": "p4"}, []),
    ("RunnableJobs", {"JobQueueName": "p4", "Share": "a"}, []),
    ("RunnableJobs", {"JobQueueName": "g5", "Share": "other"}, []),
    ("RunnableJobs", {"JobQueueName": "old", "Share": "other"}, []),
    ("JobFailures", {"JobQueueName": "cpu", "Reason": "Timeout"}, []),
    ("OfMyOwn", {"Host": "x"}, []),
    (
        "RunnableJobs",
        {"JobQueueName": "gone"},
        ["RunnableJobs is not published for queue gone: use one of p4, g5, cpu, old"],
    ),
    (
        "RunnableJobs",
        {"JobQueueName": "p4", "Share": "c"},
        ["RunnableJobs is not published for Share c of queue p4: use one of a, b"],
    ),
    (
        "RunnableJobs",
        {"JobQueueName": "cpu", "Share": "other"},
        ["RunnableJobs is not published for Share other of queue cpu: leave out Share"],
    ),
    (
        "RunnableJobs",
        {},
        [
            "RunnableJobs is not published without dimensions: use the dimensions [JobQueueName] or [JobQueueName, Share]"
        ],
    ),
    (
        "JobsPreempted",
        {"JobQueueName": "p4"},
        ["JobsPreempted is not published by JobQueueName: use the dimensions [JobQueueName, Share]"],
    ),
]


@pytest.mark.parametrize(("name", "dimensions", "problems"), EXPORTED)
def test_an_alarm_on_an_exported_metric_needs_a_published_series(
    name: str, dimensions: dict[str, str], problems: list[str]
) -> None:
    metric = cloudwatch.Metric(namespace="Fairlane", metric_name=name, dimensions_map=dimensions)
    _, alarms, settings = custom_alarm(metric=metric)
    if not problems:
        alarms.add_alarm("p4", "own", **settings)
        return
    inside = cloudwatch.MathExpression(expression="a + 1", using_metrics={"a": metric})
    for refused in (metric, inside):
        settings["metric"] = refused
        expected = [f"metric: {problem}" for problem in problems]
        assert problems_of(lambda: alarms.add_alarm("p4", "own", **settings)) == expected


def test_a_period_below_the_polling_interval_is_refused_for_gauges(stack: Stack) -> None:
    metrics = build_metrics(stack, interval_minutes=10)
    alarms = QueueAlarms(stack, "Alarms", metrics=metrics)
    age, failed = metrics.metric_oldest_runnable_age("p4"), metrics.metric_jobs_failed("p4")
    minute = Duration.minutes(1)
    settings: dict[str, Any] = {"threshold": 3, "meaning": "it is old"}
    alarms.add_alarm("p4", "age", metric=age, **settings)
    alarms.add_alarm("p4", "failed", metric=failed.with_(period=minute), **settings)
    assert problems_of(lambda: alarms.add_alarm("p4", "often", metric=age.with_(period=minute), **settings)) == [
        "metric: OldestRunnableAge is published every 600 seconds and has a period of 60 seconds: "
        "use at least 600 seconds"
    ]


def test_the_name_of_a_custom_alarm_is_unique_for_a_queue_and_severity() -> None:
    _, alarms, settings = custom_alarm()
    alarms.add_alarm("p4", "loss", **settings)
    alarms.add_alarm("p4", "loss", **settings, severity="Critical")
    alarms.add_alarm("g5", "loss", **settings)
    assert {path for path in alarms.alarms if "custom" in path} == {
        "Queues/p4/custom-loss-Warning",
        "Queues/p4/custom-loss-Critical",
        "Queues/g5/custom-loss-Warning",
    }
    assert problems_of(lambda: alarms.add_alarm("p4", "loss", **settings)) == [
        "name: queue p4 already has a Warning alarm loss: use another name"
    ]


def test_a_metric_in_several_expressions_counts_once() -> None:
    _, alarms, settings = custom_alarm()
    before, used = alarms.metric_count, {f"m{n}": metric for n, metric in enumerate(list(ELEVEN.values())[:10])}
    inner = cloudwatch.MathExpression(expression="+".join(used), using_metrics=used)
    outer = cloudwatch.MathExpression(expression="m0 / inner", using_metrics={"m0": used["m0"], "inner": inner})
    alarms.add_alarm("p4", "part", **settings | {"metric": outer})
    assert alarms.metric_count == before + 10


def test_many_custom_alarms_nest_composite_alarms() -> None:
    stack, alarms, settings = custom_alarm()
    names = [stack.resolve(alarms.add_alarm("p4", f"loss{n}", **settings).alarm_name) for n in range(60)]
    composites = resources_of_type(stack, "CloudWatch::CompositeAlarm")
    assert alarms.composite_count == len(composites)
    children = {
        name: [part["Ref"] for part in composite["AlarmRule"]["Fn::Join"][1] if isinstance(part, dict)]
        for name, composite in composites.items()
    }
    assert max(map(len, children.values())) <= 25
    top = children[stack.get_logical_id(alarms.composites["p4", "Warning"])]
    nested = [child for part in top for child in children[part]]
    assert len(nested) == len(set(nested))
    assert {name["Ref"] for name in names} <= set(nested)
    p4_alarms = [alarm for path, alarm in alarms.alarms.items() if path.startswith("Queues/p4/") and "Warning" in path]
    assert set(map(stack.get_logical_id, p4_alarms)) == set(nested)


def test_periods_of_an_hour_cover_at_most_a_week() -> None:
    metric = cloudwatch.Metric(namespace="Mine", metric_name="Loss", period=Duration.hours(1))
    _, alarms, settings = custom_alarm(metric=metric, evaluation_periods=168)
    alarms.add_alarm("p4", "loss", **settings)
    assert problems_of(lambda: alarms.add_alarm("p4", "more", **settings | {"evaluation_periods": 169})) == [
        "evaluation_periods: 169 periods of 3600 seconds are longer than a week: use at most 168 periods"
    ]


def test_a_custom_alarm_for_an_unknown_queue_or_severity_is_refused() -> None:
    _, alarms, settings = custom_alarm(severity="Panic")
    (problem,) = problems_of(lambda: alarms.add_alarm("gone", "loss", **settings))
    assert problem.startswith(
        "queue: queue gone has no Panic alarms: choose a queue and severity from p4 Warning, p4 Critical,"
    )
