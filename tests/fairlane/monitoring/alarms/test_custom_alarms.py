"""Alarms on metrics of one's own: they notify with the others, and what AWS would refuse is found."""

from typing import Any

import pytest
from aws_cdk import Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch

from fairlane import QueueAlarms
from tests.fairlane.monitoring.alarms.test_queue_alarms import alarms_of
from tests.fairlane.monitoring.alarms.watching import metrics_of, of_type
from tests.support import problems_of


def custom(**changes: Any) -> tuple[Stack, QueueAlarms, dict[str, Any]]:
    stack, alarms = alarms_of()
    metric = cloudwatch.Metric(namespace="Mine", metric_name="Loss", period=Duration.minutes(5))
    settings = {"metric": metric, "threshold": 3, "says": "losses are high"} | changes
    return stack, alarms, settings


def test_an_alarm_of_ones_own_notifies_with_the_queues_others() -> None:
    stack, alarms, settings = custom(severity="Critical", evaluation_periods=2)
    before = alarms.metric_count
    alarm = alarms.add_alarm("p4", "loss", **settings)
    rule = stack.resolve(alarms.composites["p4", "Critical"].alarm_rule)
    assert stack.resolve(alarm.alarm_arn) in rule["Fn::Join"][1]
    (own,) = [one for one in of_type(stack, "CloudWatch::Alarm").values() if one.get("MetricName") == "Loss"]
    assert own["AlarmDescription"].startswith("p4: losses are high. Look first at: ")
    assert alarms.metric_count == before + 1


ELEVEN = {f"m{number}": cloudwatch.Metric(namespace="Mine", metric_name=f"M{number}") for number in range(11)}
SEARCH = "SEARCH('{Mine,Host} MetricName=\"Loss\"', 'Sum', 300)"
CUSTOM: list[tuple[dict[str, Any], list[str]]] = [
    (
        {"metric": cloudwatch.MathExpression(expression="+".join(ELEVEN), using_metrics=ELEVEN)},
        ["metric: got 'metric math of 11 metrics', allowed: at most 10 in an alarm"],
    ),
    (
        {"metric": cloudwatch.MathExpression(expression=f"SUM({SEARCH})", using_metrics={})},
        ["metric: got 'SEARCH', allowed: metrics by their names, as an alarm cannot search"],
    ),
    (
        {"metric": cloudwatch.SearchExpression(expression=SEARCH)},
        ["metric: got 'SEARCH', allowed: metrics by their names, as an alarm cannot search"],
    ),
    (
        {"evaluation_periods": 289},
        [
            "evaluation_periods: got '289 periods of 300 seconds', allowed: at most 288, which are 86400 seconds together"
        ],
    ),
    ({"evaluation_periods": 0}, ["evaluation_periods: got 0, allowed: a whole number of periods, 1 or more"]),
    (
        {"evaluation_periods": 2, "datapoints_to_alarm": 3},
        ["datapoints_to_alarm: got 3, allowed: a whole number, 1 to 2"],
    ),
    (
        {"metric": cloudwatch.Metric(namespace="Mine", metric_name="Loss", statistic="p101")},
        ["metric: got 'p101', allowed: a statistic of CloudWatch, such as Sum, p99 or TM(10%:90%)"],
    ),
    (
        {"metric": cloudwatch.MathExpression(expression=SEARCH.replace("(", "\t\n ("), using_metrics={})},
        ["metric: got 'SEARCH', allowed: metrics by their names, as an alarm cannot search"],
    ),
    (
        {"metric": cloudwatch.Metric(namespace="Mine", metric_name="Loss", region="eu-west-1")},
        ["metric: got 'Loss in eu-west-1', allowed: a metric in us-east-1, as the alarm is"],
    ),
]


@pytest.mark.parametrize(("changes", "problems"), CUSTOM)
def test_mistakes_of_an_alarm_of_ones_own_are_found(changes: dict[str, Any], problems: list[str]) -> None:
    stack, alarms, settings = custom(**changes)
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
        ["got 'RunnableJobs of JobQueueName gone', allowed: of one of the queues: p4, g5, cpu, old"],
    ),
    (
        "RunnableJobs",
        {"JobQueueName": "p4", "Share": "c"},
        ["got 'RunnableJobs of JobQueueName p4, Share c', allowed: what there is of queue p4: a, b"],
    ),
    (
        "RunnableJobs",
        {"JobQueueName": "cpu", "Share": "other"},
        ["got 'RunnableJobs of JobQueueName cpu, Share other', allowed: what there is of queue cpu: none"],
    ),
    (
        "RunnableJobs",
        {},
        ["got 'RunnableJobs of nothing', allowed: by JobQueueName or by JobQueueName and Share"],
    ),
    (
        "JobsPreempted",
        {"JobQueueName": "p4"},
        ["got 'JobsPreempted of JobQueueName p4', allowed: by JobQueueName and Share"],
    ),
]


@pytest.mark.parametrize(("name", "dimensions", "problems"), EXPORTED)
def test_an_alarm_is_on_what_the_exporter_publishes(name: str, dimensions: dict[str, str], problems: list[str]) -> None:
    metric = cloudwatch.Metric(namespace="Fairlane", metric_name=name, dimensions_map=dimensions)
    _, alarms, settings = custom(metric=metric)
    if not problems:
        alarms.add_alarm("p4", "own", **settings)
        return
    inside = cloudwatch.MathExpression(expression="a + 1", using_metrics={"a": metric})
    for one in (metric, inside):
        settings["metric"] = one
        assert problems_of(lambda: alarms.add_alarm("p4", "own", **settings)) == [f"metric: {one}" for one in problems]


def test_gauges_are_not_looked_at_more_often_than_they_are_published(stack: Stack) -> None:
    metrics = metrics_of(stack, interval_minutes=10)
    alarms = QueueAlarms(stack, "Alarms", metrics=metrics)
    age, failed = metrics.metric_oldest_runnable_age("p4"), metrics.metric_jobs_failed("p4")
    minute = Duration.minutes(1)
    settings: dict[str, Any] = {"threshold": 3, "says": "it is old"}
    alarms.add_alarm("p4", "age", metric=age, **settings)
    alarms.add_alarm("p4", "failed", metric=failed.with_(period=minute), **settings)
    assert problems_of(lambda: alarms.add_alarm("p4", "often", metric=age.with_(period=minute), **settings)) == [
        "metric: got 'OldestRunnableAge by 60 seconds', allowed: a period of at least 600 seconds, the interval of the polls"
    ]


def test_a_name_is_of_one_alarm_of_a_queue_and_severity() -> None:
    _, alarms, settings = custom()
    alarms.add_alarm("p4", "loss", **settings)
    alarms.add_alarm("p4", "loss", **settings, severity="Critical")
    alarms.add_alarm("g5", "loss", **settings)
    assert {path for path in alarms.alarms if "custom" in path} == {
        "Queues/p4/custom-loss-Warning",
        "Queues/p4/custom-loss-Critical",
        "Queues/g5/custom-loss-Warning",
    }
    assert problems_of(lambda: alarms.add_alarm("p4", "loss", **settings)) == [
        "name: got 'loss', allowed: a name that no other alarm of the queue and severity has"
    ]


def test_a_metric_that_several_expressions_name_is_one() -> None:
    _, alarms, settings = custom()
    before, used = alarms.metric_count, {f"m{n}": metric for n, metric in enumerate(list(ELEVEN.values())[:10])}
    inner = cloudwatch.MathExpression(expression="+".join(used), using_metrics=used)
    outer = cloudwatch.MathExpression(expression="m0 / inner", using_metrics={"m0": used["m0"], "inner": inner})
    alarms.add_alarm("p4", "part", **settings | {"metric": outer})
    assert alarms.metric_count == before + 10


def test_any_number_of_alarms_of_ones_own_fits_into_rules() -> None:
    stack, alarms, settings = custom()
    own = [stack.resolve(alarms.add_alarm("p4", f"loss{n}", **settings).alarm_arn) for n in range(60)]
    composites = of_type(stack, "CloudWatch::CompositeAlarm")
    assert alarms.composite_count == len(composites)
    children = {
        name: [part["Fn::GetAtt"][0] for part in one["AlarmRule"]["Fn::Join"][1] if isinstance(part, dict)]
        for name, one in composites.items()
    }
    assert max(map(len, children.values())) <= 25
    top = children[stack.get_logical_id(alarms.composites["p4", "Warning"])]
    below = [child for part in top for child in children[part]]
    assert len(below) == len(set(below))
    assert {arn["Fn::GetAtt"][0] for arn in own} <= set(below)
    of_p4 = [alarm for path, alarm in alarms.alarms.items() if path.startswith("Queues/p4/") and "Warning" in path]
    assert set(map(stack.get_logical_id, of_p4)) == set(below)


def test_periods_of_an_hour_may_add_up_to_a_week() -> None:
    metric = cloudwatch.Metric(namespace="Mine", metric_name="Loss", period=Duration.hours(1))
    _, alarms, settings = custom(metric=metric, evaluation_periods=168)
    alarms.add_alarm("p4", "loss", **settings)
    assert problems_of(lambda: alarms.add_alarm("p4", "more", **settings | {"evaluation_periods": 169})) == [
        "evaluation_periods: got '169 periods of 3600 seconds', allowed: at most 168, which are 604800 seconds together"
    ]


def test_an_alarm_of_ones_own_is_of_a_queue_and_severity_that_there_are() -> None:
    _, alarms, settings = custom(severity="Panic")
    (problem,) = problems_of(lambda: alarms.add_alarm("gone", "loss", **settings))
    assert problem.startswith(
        "queue: got 'gone Panic', allowed: a queue and a severity of it: p4 Warning, p4 Critical,"
    )
