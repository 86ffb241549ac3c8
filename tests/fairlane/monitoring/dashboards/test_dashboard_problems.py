"""What no dashboard is made of: nothing, the same twice, and what it cannot refer to."""

from typing import Any

import pytest
from aws_cdk import App, Stack

from fairlane import FairShare, GpuQueue, JobMetrics, QueueAlarms, QueueDashboard, TrainingQueue
from tests.fairlane.monitoring.alarms.watching import HERE, build, metrics_of
from tests.support import problems_of

PERCENTILE = "a percentile: a number above 0, up to 100, with at most 10 decimals"
QUEUES = "one of the queues: p4, g5, cpu, old"

MISTAKES: list[tuple[dict[str, Any], list[str]]] = [
    ({"percentiles": [50, 101]}, [f"percentiles[1]: got 101, allowed: {PERCENTILE}"]),
    ({"percentiles": [0, -1]}, [f"percentiles[{n}]: got {-n}, allowed: {PERCENTILE}" for n in (0, 1)]),
    ({"percentiles": [True]}, [f"percentiles[0]: got True, allowed: {PERCENTILE}"]),
    ({"percentiles": ["50"]}, [f"percentiles[0]: got '50', allowed: {PERCENTILE}"]),
    ({"percentiles": [99.99999999999]}, [f"percentiles[0]: got 99.99999999999, allowed: {PERCENTILE}"]),
    ({"percentiles": []}, ["percentiles: got 'none', allowed: one percentile or more"]),
    ({"percentiles": "50"}, ["percentiles: got '50', allowed: one percentile or more"]),
    ({"percentiles": [50, 50.0]}, ["percentiles[1]: got 50.0, allowed: each percentile once"]),
    (
        {"dashboard_name": "GPUs of search"},
        ["dashboard_name: got 'GPUs of search', allowed: 1 to 255 characters of A-Z, a-z, 0-9, - and _"],
    ),
    (
        {"shares": {"p4": ["a", "z"], "gone": ["a"]}},
        ["shares.p4[1]: got 'z', allowed: of queue p4: a, b", f"shares.gone: got 'gone', allowed: {QUEUES}"],
    ),
    ({"shares": {}}, ["shares: got 'none', allowed: the shares of one queue or more, by its name"]),
    ({"shares": ["p4"]}, ["shares: got ['p4'], allowed: the shares of one queue or more, by its name"]),
    ({"shares": {"p4": []}}, ["shares.p4: got 'none', allowed: one share or more, of queue p4: a, b"]),
    ({"shares": {"p4": "a"}}, ["shares.p4: got 'a', allowed: a list of names of shares"]),
    ({"shares": {"p4": ["a", "a"]}}, ["shares.p4[1]: got 'a', allowed: each share once"]),
    ({"shares": {"cpu": ["a"]}}, ["shares.cpu[0]: got 'a', allowed: of queue cpu: none"]),
    ({"queues": []}, [f"queues: got 'none', allowed: one queue or more, {QUEUES}"]),
    (
        {"queues": ["p4", "gone", "p4"]},
        [f"queues[1]: got 'gone', allowed: {QUEUES}", "queues[2]: got 'p4', allowed: each queue once"],
    ),
    (
        {"queues": ["p4"], "shares": {"p4": ["a"]}},
        ["queues: got ['p4'], allowed: either queues or shares, which are of queues"],
    ),
    ({"metrics": []}, ["metrics: got 'none', allowed: the JobMetrics of one Region or more"]),
    ({"metrics": ["p4"]}, ["metrics[0]: got 'p4', allowed: a list of JobMetrics"]),
    ({"alarms": ["p4"]}, ["alarms[0]: got 'p4', allowed: a list of QueueAlarms"]),
    (
        {"metrics": [], "percentiles": [], "shares": {}},
        [
            "metrics: got 'none', allowed: the JobMetrics of one Region or more",
            "percentiles: got 'none', allowed: one percentile or more",
        ],
    ),
]


def problems_with(stack: Stack, **settings: Any) -> list[str]:
    found = problems_of(lambda: QueueDashboard(stack, "Dashboard", **{"dashboard_name": "gpus"} | settings))
    assert stack.node.try_find_child("Dashboard") is None
    return found


@pytest.mark.parametrize(("changes", "problems"), MISTAKES, ids=str)
def test_mistakes_are_found_before_anything_is_made(changes: dict[str, Any], problems: list[str]) -> None:
    stack, metrics = build()
    assert problems_with(stack, **{"metrics": [metrics]} | changes) == problems


def test_an_exporter_and_its_alarms_are_shown_once() -> None:
    stack, metrics = build()
    alarms = QueueAlarms(stack, "Alarms", metrics=metrics)
    assert problems_with(stack, metrics=[metrics, metrics], alarms=[alarms, alarms]) == [
        "metrics[1]: got 'Stack/Metrics', allowed: each JobMetrics once",
        "alarms[1]: got 'Stack/Alarms', allowed: each QueueAlarms once",
    ]


@pytest.mark.parametrize("region", ["us-east-1", "eu-west-1"])
def test_alarms_of_another_stack_are_refused(region: str) -> None:
    app = App()
    home, other = Stack(app, "Home", env=HERE), Stack(app, "Other", env={"account": HERE.account, "region": region})
    alarms = QueueAlarms(other, "Alarms", metrics=metrics_of(other))
    allowed = "QueueAlarms of the dashboard's own stack, as it cannot refer to those of another"
    assert problems_with(home, metrics=[alarms.metrics], alarms=[alarms]) == [
        f"alarms[0]: got 'Other/Alarms', allowed: {allowed}"
    ]


def test_a_graph_of_more_metrics_than_cloudwatch_draws_is_refused(stack: Stack) -> None:
    shares = {f"s{number}": 1.0 for number in range(100)}
    queue = TrainingQueue(stack, "Q", queue_name="q", capacity=200, scheduling=FairShare(shares))
    metrics = JobMetrics(stack, "Metrics", queues=[queue])
    QueueDashboard(stack, "Fits", dashboard_name="fits", metrics=[metrics])
    problems = problems_with(stack, metrics=[metrics], percentiles=[50, 90, 99])
    allowed = "at most 500 in a graph: fewer shares or percentiles"
    assert problems[0] == f"got '606 metrics in \"Time that attempts had waited when they ran\"', allowed: {allowed}"


def test_metrics_of_a_region_that_is_not_known_can_only_be_shown_there() -> None:
    app = App()
    away = Stack(app, "Away")
    metrics = JobMetrics(away, "Metrics", queues=[GpuQueue.from_job_queue_name(away, "Old", "old")])
    (problem,) = problems_with(Stack(app, "Home", env=HERE), metrics=[metrics])
    assert problem.endswith("allowed: metrics of a stack whose Region is known at synth")
