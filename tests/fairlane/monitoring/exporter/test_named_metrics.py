"""Every metric that an alarm or a widget names is one that somebody publishes, with these dimensions."""

import inspect
import json
import re
from collections.abc import Iterator

from aws_cdk import App, Stack

from fairlane import QueueAlarms, QueueDashboard
from fairlane.environment import load_environment
from fairlane.queues import native_metrics
from fairlane_stacks import build_stacks
from tests.fairlane.monitoring.alarms.watching import build, of_type
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
MULTIPLE = re.compile(r"(Average|Sum|Minimum|Maximum|SampleCount|p\d+(\.\d+)?)")

Named = tuple[str, str, dict[str, str], str, str | None]
"""A namespace, a name, dimensions, a statistic, and a unit if one is named."""


def named_by_alarms(stack: Stack) -> Iterator[Named]:
    for alarm in of_type(stack, "CloudWatch::Alarm").values():
        for query in alarm["Metrics"]:
            if stat := query.get("MetricStat"):
                metric = stat["Metric"]
                dimensions = {one["Name"]: one["Value"] for one in metric["Dimensions"]}
                yield metric["Namespace"], metric["MetricName"], dimensions, stat["Stat"], stat.get("Unit")
            else:
                assert "SEARCH" not in query["Expression"]


def named_by_dashboards(stack: Stack) -> Iterator[Named]:
    for body in bodies(stack).values():
        for widget in body["widgets"]:
            for row in widget["properties"].get("metrics", []):
                if isinstance(row[0], dict):
                    yield from searched(row[0]["expression"])
                    continue
                namespace, name, *pairs, options = row
                dimensions = dict(zip(pairs[::2], pairs[1::2], strict=True))
                yield namespace, name, dimensions, options["stat"], options.get("unit")


def searched(expression: str) -> Iterator[Named]:
    assert ("SEARCH" in expression) == (SEARCH.search(expression) is not None), expression
    for found in SEARCH.finditer(expression):
        namespace, *names = [part.strip('"') for part in found["schema"].split(",")]
        terms = dict(re.findall(r'(\w+)="([^"]*)"', found["terms"]))
        name = terms.pop("MetricName")
        assert terms.keys() <= set(names)
        yield namespace, name, {one: terms.get(one, "*") for one in names}, found["statistic"], None


def check(named: Named, queues: dict[str, set[str]]) -> None:
    namespace, name, dimensions, statistic, unit = named
    assert MULTIPLE.fullmatch(statistic), named
    if namespace == CATALOG["namespace"]:
        known = CATALOG["metrics"][name]
        assert unit in {None, known["unit"]}, named
        assert sorted(dimensions) in [sorted(CATALOG["dimensions"][per]) for per in known["per"]], named
        assert dimensions["JobQueueName"] in queues, named
        assert dimensions.get("Share", "other") in {*queues[dimensions["JobQueueName"]], "other"}, named
        assert dimensions.get("Reason", "*") in {"*", *CATALOG["reasons"].get(name, ())}, named
    elif namespace == "AWS/Batch":
        assert name in NATIVE, named
        assert dimensions.keys() == {"JobQueueName"}, named
        assert dimensions["JobQueueName"] in queues, named
    else:
        names, keys = OTHERS[namespace]
        assert name in names, named
        assert dimensions.keys() == keys, named
    assert unit is None or namespace == CATALOG["namespace"], named


def test_of_the_example_environment() -> None:
    environment = load_environment(REPOSITORY / "environments" / "example.yaml")
    _, stack, *_ = build_stacks(App(), "example", environment)
    queues = {
        name: set(queue.scheduling.build().share_names)
        for name, queue in environment.queues.items()
        if queue.scheduling
    }
    every = [*named_by_alarms(stack), *named_by_dashboards(stack)]
    assert len(every) > 300
    for one in every:
        check(one, queues)


def test_of_queues_of_every_kind() -> None:
    stack, metrics = build(shares={"old": ["mine", "team-*"]}, interval_minutes=7)
    alarms = QueueAlarms(stack, "Alarms", metrics=metrics, notify=["arn:aws:sns:us-east-1:111122223333:alarms"])
    QueueDashboard(stack, "Dashboard", dashboard_name="gpus", metrics=[metrics], alarms=[alarms])
    QueueDashboard(stack, "Team", dashboard_name="team", metrics=[metrics], shares={"old": ["mine"], "g5": ["prod"]})
    queues = {name: set(queue.shares) for name, queue in metrics.queues.items()}
    for one in [*named_by_alarms(stack), *named_by_dashboards(stack)]:
        check(one, queues)


def test_no_native_metric_is_published_again() -> None:
    per_queue = {name for name, known in CATALOG["metrics"].items() if "queue" in known["per"]}
    assert not per_queue & NATIVE


def test_the_check_finds_what_nobody_publishes() -> None:
    for bad in (
        ("Fairlane", "RunningJob", {"JobQueueName": "q"}, "Sum", None),
        ("Fairlane", "RunnableJobs", {"JobQueueName": "q", "Reason": "Other"}, "Sum", None),
        ("Fairlane", "RunnableJobs", {"JobQueueName": "q", "Share": "z"}, "Sum", None),
        ("Fairlane", "RunnableJobs", {"JobQueueName": "q"}, "Sum", "Seconds"),
        ("AWS/Batch", "FailedJobs", {"JobQueueName": "q"}, "Sum", None),
        ("AWS/Batch", "JobsMovedToFailed", {"JobQueue": "q"}, "Sum", None),
    ):
        try:
            check(bad, {"q": {"a"}})
        except (AssertionError, KeyError):
            continue
        raise AssertionError(f"{bad} passed")
