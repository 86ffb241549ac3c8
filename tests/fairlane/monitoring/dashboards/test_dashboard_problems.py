"""Tests of refused arguments of `QueueDashboard`."""

from typing import Any

import pytest
from aws_cdk import App, Stack

from fairlane import FairShare, GpuQueue, JobMetrics, QueueAlarms, QueueDashboard, TrainingQueue
from tests.fairlane.monitoring.alarms.monitored_queues import HERE, build, build_metrics
from tests.fairlane.monitoring.dashboards.test_queue_dashboard import bodies
from tests.support import problems_of, template_of

PERCENTILE = "a percentile: a number above 0, up to 100, with at most 10 decimals"
QUEUES = "the name of a queue of the JobMetrics: p4, g5, cpu, old"

MISTAKES: list[tuple[dict[str, Any], list[str]]] = [
    ({"percentiles": [50, 101]}, [f"percentiles[1]: got 101, allowed: {PERCENTILE}"]),
    ({"percentiles": [0, -1]}, [f"percentiles[{n}]: got {-n}, allowed: {PERCENTILE}" for n in (0, 1)]),
    ({"percentiles": [True]}, [f"percentiles[0]: got True, allowed: {PERCENTILE}"]),
    ({"percentiles": ["50"]}, [f"percentiles[0]: got '50', allowed: {PERCENTILE}"]),
    ({"percentiles": [99.99999999999]}, [f"percentiles[0]: got 99.99999999999, allowed: {PERCENTILE}"]),
    ({"percentiles": []}, ["percentiles: the list is empty: give one percentile or more"]),
    ({"percentiles": "50"}, ["percentiles: got '50', allowed: a list of percentiles"]),
    ({"percentiles": [50, 50.0]}, ["percentiles[1]: percentile 50.0 is given twice: remove one"]),
    (
        {"dashboard_name": "GPUs of search"},
        ["dashboard_name: got 'GPUs of search', allowed: 1 to 255 characters of A-Z, a-z, 0-9, - and _"],
    ),
    (
        {"shares": {"p4": ["a", "z"], "gone": ["a"]}},
        ["shares.p4[1]: got 'z', allowed: a share of queue p4: a, b", f"shares.gone: got 'gone', allowed: {QUEUES}"],
    ),
    ({"shares": {}}, ["shares: the mapping is empty: give the shares of one queue or more"]),
    ({"shares": ["p4"]}, ["shares: got ['p4'], allowed: shares by queue name"]),
    ({"shares": {"p4": []}}, ["shares.p4: the list is empty: give one share or more"]),
    ({"shares": {"p4": "a"}}, ["shares.p4: got 'a', allowed: a list of names of shares"]),
    ({"shares": {"p4": ["a", "a"]}}, ["shares.p4[1]: share a is given twice: remove one"]),
    ({"shares": {"cpu": ["a"]}}, ["shares.cpu: queue cpu has no shares: remove the queue from shares"]),
    ({"queues": []}, ["queues: the list is empty: give one queue or more"]),
    (
        {"queues": ["p4", "gone", "p4"]},
        [f"queues[1]: got 'gone', allowed: {QUEUES}", "queues[2]: queue p4 is given twice: remove one"],
    ),
    (
        {"queues": ["p4"], "shares": {"p4": ["a"]}},
        ["queues: queues and shares are both given: give one of them"],
    ),
    ({"metrics": []}, ["metrics: the list is empty: give the JobMetrics of one Region or more"]),
    ({"metrics": ["p4"]}, ["metrics[0]: got 'p4', allowed: a list of JobMetrics"]),
    ({"alarms": ["p4"]}, ["alarms[0]: got 'p4', allowed: a list of QueueAlarms or FanOutAlarms"]),
    (
        {"metrics": [], "percentiles": [], "shares": {}},
        [
            "metrics: the list is empty: give the JobMetrics of one Region or more",
            "percentiles: the list is empty: give one percentile or more",
        ],
    ),
]


def problems_with(stack: Stack, **settings: Any) -> list[str]:
    problems = problems_of(lambda: QueueDashboard(stack, "Dashboard", **{"dashboard_name": "gpus"} | settings))
    assert stack.node.try_find_child("Dashboard") is None
    return problems


@pytest.mark.parametrize(("changes", "problems"), MISTAKES, ids=str)
def test_invalid_arguments_are_refused_before_a_construct_is_created(
    changes: dict[str, Any], problems: list[str]
) -> None:
    stack, metrics = build()
    assert problems_with(stack, **{"metrics": [metrics]} | changes) == problems


def test_an_exporter_and_its_alarms_are_given_once() -> None:
    stack, metrics = build()
    alarms = QueueAlarms(stack, "Alarms", metrics=metrics)
    assert problems_with(stack, metrics=[metrics, metrics], alarms=[alarms, alarms]) == [
        "metrics[1]: Stack/Metrics is given twice: remove one",
        "alarms[1]: Stack/Alarms is given twice: remove one",
    ]


def test_alarms_of_another_account_or_of_an_unknown_region_are_refused() -> None:
    app = App()
    home, away = (
        Stack(app, "Home", env=HERE),
        Stack(app, "Away", env={"account": "999999999999", "region": HERE.region}),
    )
    alarms = [QueueAlarms(stack, "Alarms", metrics=build_metrics(stack)) for stack in (away, Stack(app, "Unknown"))]
    assert problems_with(home, metrics=[alarms[0].metrics], alarms=alarms) == [
        "alarms[0]: Away/Alarms is in account 999999999999: use alarms in the dashboard's account",
        "alarms[1]: Unknown/Alarms is in another stack, whose Region is not known at synth: set env of that stack, or use "
        "QueueAlarms of the dashboard's own stack",
    ]


@pytest.mark.parametrize("region", ["us-east-1", "eu-west-1"])
def test_alarms_of_another_stack_are_shown_by_name(region: str) -> None:
    app = App()
    home, other = Stack(app, "Home", env=HERE), Stack(app, "Other", env={"account": HERE.account, "region": region})
    alarms = QueueAlarms(other, "Alarms", metrics=build_metrics(other), name_prefix="prod")
    QueueDashboard(home, "Dashboard", dashboard_name="gpus", metrics=[alarms.metrics], alarms=[alarms])
    (body,) = bodies(home).values()
    shown = [arn for widget in body["widgets"] if widget["type"] == "alarm" for arn in widget["properties"]["alarms"]]
    composites = [*alarms.composites.values(), *alarms.exporter_composites.values()]
    names = [alarm.alarm_name for alarm in alarms.alarms.values()] + [alarm.alarm_name for alarm in composites]
    start = f":cloudwatch:{region}:{HERE.account}:alarm:prod-"
    assert all(start in arn for arn in shown)
    assert sorted(arn.rpartition(":alarm:")[2] for arn in shown) == sorted(map(str, names))
    assert "Fn::ImportValue" not in str(template_of(home))


def test_a_graph_with_too_many_metrics_is_refused(stack: Stack) -> None:
    shares = {f"s{number}": 1.0 for number in range(100)}
    queue = TrainingQueue(stack, "Q", queue_name="q", capacity=200, scheduling=FairShare(shares))
    metrics = JobMetrics(stack, "Metrics", queues=[queue])
    QueueDashboard(stack, "Fits", dashboard_name="fits", metrics=[metrics])
    problems = problems_with(stack, metrics=[metrics], percentiles=[50, 90, 99])
    assert problems[0] == (
        'the graph "Wait time of attempts, by share" has 606 metrics, and at most 500 fit: show fewer shares or percentiles'
    )


def test_metrics_of_an_unknown_region_are_refused_in_another_stack() -> None:
    app = App()
    away = Stack(app, "Away")
    metrics = JobMetrics(away, "Metrics", queues=[GpuQueue.from_job_queue_name(away, "Old", "old")])
    (problem,) = problems_with(Stack(app, "Home", env=HERE), metrics=[metrics])
    assert problem.endswith("allowed: metrics of a stack whose Region is known at synth")
