"""Tests that each metric in an alarm or a widget is published, with the same dimensions."""

import inspect
import json
import re
from collections.abc import Iterator

from aws_cdk import App, Stack

from fairlane import QueueAlarms, QueueDashboard
from fairlane.environment import load_environment
from fairlane.monitoring import FanOutAlarms, MonitoredFanOut
from fairlane.queues import native_metrics
from fairlane_stacks import build_stacks
from tests.fairlane.monitoring.alarms.monitored_queues import build, resources_of_type
from tests.fairlane.monitoring.dashboards.test_queue_dashboard import bodies
from tests.support import REPOSITORY

CATALOG = json.loads((REPOSITORY / "lambda" / "fairlane_lambda" / "metrics.json").read_text())
NATIVE = set(re.findall(r'self\.metric\("(\w+)"', inspect.getsource(native_metrics)))
OTHERS = {
    "AWS/SQS": ({"ApproximateAgeOfOldestMessage", "ApproximateNumberOfMessagesVisible"}, {"QueueName"}),
    "AWS/Lambda": ({"Errors"}, {"FunctionName"}),
    "/aws/sagemaker/TrainingJobs": ({"GPUUtilization"}, {"Host"}),
}
SEARCH = re.compile(r"SEARCH\('\{(?P<schema>[^}]*)\} (?P<terms>[^']*)', '(?P<statistic>\w+)', \d+\)")
WEST = "us-west-2"
MULTIPLE = re.compile(r"(Average|Sum|Minimum|Maximum|SampleCount|p\d+(\.\d+)?)")

Reference = tuple[str, str, dict[str, str], str, str | None]
"""Namespace, name, dimensions, statistic, and unit or None."""


def alarm_references(stack: Stack) -> Iterator[Reference]:
    for alarm in resources_of_type(stack, "CloudWatch::Alarm").values():
        for query in alarm["Metrics"]:
            if stat := query.get("MetricStat"):
                metric = stat["Metric"]
                dimensions = {dimension["Name"]: dimension["Value"] for dimension in metric["Dimensions"]}
                yield metric["Namespace"], metric["MetricName"], dimensions, stat["Stat"], stat.get("Unit")
            else:
                assert "SEARCH" not in query["Expression"]


def dashboard_references(stack: Stack) -> Iterator[Reference]:
    for body in bodies(stack).values():
        for widget in body["widgets"]:
            for row in widget["properties"].get("metrics", []):
                if isinstance(row[0], dict):
                    yield from search_references(row[0]["expression"])
                    continue
                namespace, name, *pairs, options = row
                dimensions = dict(zip(pairs[::2], pairs[1::2], strict=True))
                yield namespace, name, dimensions, options["stat"], options.get("unit")


def search_references(expression: str) -> Iterator[Reference]:
    assert ("SEARCH" in expression) == (SEARCH.search(expression) is not None), expression
    for match in SEARCH.finditer(expression):
        namespace, *names = [part.strip('"') for part in match["schema"].split(",")]
        terms = dict(re.findall(r'(\w+)="([^"]*)"', match["terms"]))
        name = terms.pop("MetricName")
        assert terms.keys() <= set(names)
        yield namespace, name, {dimension: terms.get(dimension, "*") for dimension in names}, match["statistic"], None


def check(reference: Reference, queues: dict[str, set[str]]) -> None:
    namespace, name, dimensions, statistic, unit = reference
    assert MULTIPLE.fullmatch(statistic), reference
    if namespace == CATALOG["namespace"]:
        entry = CATALOG["metrics"][name]
        assert unit in {None, entry["unit"]}, reference
        assert sorted(dimensions) in [sorted(CATALOG["dimensions"][per]) for per in entry["per"]], reference
        if "FanOut" in dimensions:
            assert dimensions.get("Region", WEST) == WEST, reference
            return
        assert dimensions["JobQueueName"] in queues, reference
        assert dimensions.get("Share", "other") in {*queues[dimensions["JobQueueName"]], "other"}, reference
        assert dimensions.get("Reason", "*") in {"*", *CATALOG["reasons"].get(name, ())}, reference
    elif namespace == "AWS/Batch":
        assert name in NATIVE, reference
        assert dimensions.keys() == {"JobQueueName"}, reference
        assert dimensions["JobQueueName"] in queues, reference
    else:
        names, dimension_names = OTHERS[namespace]
        assert name in names, reference
        assert dimensions.keys() == dimension_names, reference
    assert unit is None or namespace == CATALOG["namespace"], reference


def test_metrics_of_the_example_environment_are_published() -> None:
    environment = load_environment(REPOSITORY / "environments" / "example.yaml")
    _, stack, *_ = build_stacks(App(), "example", environment)
    queues = {
        name: set(queue.scheduling.build().share_names)
        for name, queue in environment.queues.items()
        if queue.scheduling
    }
    references = [*alarm_references(stack), *dashboard_references(stack)]
    assert len(references) > 300
    for reference in references:
        check(reference, queues)


def test_metrics_of_queues_of_all_kinds_are_published() -> None:
    stack, metrics = build(shares={"old": ["nlp", "team-*"]}, interval_minutes=7)
    alarms = QueueAlarms(stack, "Alarms", metrics=metrics, notify=["arn:aws:sns:us-east-1:111122223333:alarms"])
    fan_out = MonitoredFanOut(name="campaigns", region="us-east-1", regions=[WEST])
    FanOutAlarms(stack, "FanOutAlarms", fan_out=fan_out)
    QueueDashboard(stack, "Dashboard", dashboard_name="gpus", metrics=[metrics], alarms=[alarms], fan_outs=[fan_out])
    QueueDashboard(stack, "Team", dashboard_name="team", metrics=[metrics], shares={"old": ["nlp"], "g5": ["prod"]})
    queues = {name: set(queue.shares) for name, queue in metrics.queues.items()}
    references = [*alarm_references(stack), *dashboard_references(stack)]
    for reference in references:
        check(reference, queues)
    fan_out_metrics = {name for name, entry in CATALOG["metrics"].items() if entry["source"] == "fan_out"}
    assert fan_out_metrics == {name for _, name, dimensions, *_ in references if "FanOut" in dimensions}


def test_no_native_metric_is_published_again() -> None:
    per_queue = {name for name, entry in CATALOG["metrics"].items() if "queue" in entry["per"]}
    assert not per_queue & NATIVE


def test_the_check_refuses_unpublished_metrics() -> None:
    for bad in (
        ("Fairlane", "RunningJob", {"JobQueueName": "q"}, "Sum", None),
        ("Fairlane", "RunnableJobs", {"JobQueueName": "q", "Reason": "Other"}, "Sum", None),
        ("Fairlane", "RunnableJobs", {"JobQueueName": "q", "Share": "z"}, "Sum", None),
        ("Fairlane", "FanOutLinesDone", {"FanOut": "campaigns", "Region": "mars"}, "Maximum", None),
        ("Fairlane", "RunnableJobs", {"JobQueueName": "q"}, "Sum", "Seconds"),
        ("AWS/Batch", "FailedJobs", {"JobQueueName": "q"}, "Sum", None),
        ("AWS/Batch", "JobsMovedToFailed", {"JobQueue": "q"}, "Sum", None),
    ):
        try:
            check(bad, {"q": {"a"}})
        except (AssertionError, KeyError):
            continue
        raise AssertionError(f"{bad} passed")
