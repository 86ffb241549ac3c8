"""Alarms on metrics of one's own: they notify with the others, and what AWS would refuse is found."""

from typing import Any

import pytest
from aws_cdk import Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch

from fairlane import QueueAlarms
from tests.fairlane.monitoring.test_queue_alarms import alarms_of
from tests.fairlane.monitoring.watching import of_type
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
        ["metric: got 'p101', allowed: a percentile above p0, up to p100"],
    ),
]


@pytest.mark.parametrize(("changes", "problems"), CUSTOM)
def test_mistakes_of_an_alarm_of_ones_own_are_found(changes: dict[str, Any], problems: list[str]) -> None:
    stack, alarms, settings = custom(**changes)
    rule = stack.resolve(alarms.composites["p4", "Warning"].alarm_rule)
    assert problems_of(lambda: alarms.add_alarm("p4", "loss", **settings)) == problems
    assert stack.resolve(alarms.composites["p4", "Warning"].alarm_rule) == rule


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
