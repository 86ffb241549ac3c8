"""What each graph, number and table shows: of which metrics, by which statistic and expression, over which period."""

import re
from typing import Any

import pytest

from tests.fairlane.monitoring.dashboards.test_queue_dashboard import dashboard, widgets_of

FAILURES = """SEARCH('{"Fairlane",JobQueueName,Reason} MetricName="%s" JobQueueName="%s"', 'Sum', %s)"""
REASON = "${PROP('Dim.Reason')}"
FLOW = {
    "submitted": "Sum AWS/Batch JobsSubmitted",
    "began to run": "Sum AWS/Batch JobsMovedToRunning",
    "succeeded": "Sum AWS/Batch JobsMovedToSucceeded",
    "failed, cancelled or terminated": "Sum AWS/Batch JobsMovedToFailed",
    "tried again": "Sum AWS/Batch JobsRetried",
}

NOW = {
    "Jobs waiting": ({"now": "Maximum Fairlane RunnableJobs p4"}, 300),
    "Longest wait (hours)": ({"now": "[Maximum Fairlane OldestRunnableAge p4] / 3600"}, 300),
    "Jobs running": ({"now": "Maximum Fairlane RunningJobs p4"}, 300),
    "GPUs in use, of 800": ({"now": "Maximum Fairlane GpusInUse p4"}, 300),
    "In use, of 100 instances": ({"now": "Maximum Fairlane CapacityInUse p4"}, 300),
    "Blocked lately, by reason": ({REASON: FAILURES % ("QueueBlocked", "p4", 300)}, 300),
}
SHARED = {
    "Capacity in use by share, stacked": ({"%": "Average Fairlane CapacityInUse p4 %"}, 300),
    "Use of each share's entitlement (over 100: borrowing)": (
        {"%": "100 * [Average Fairlane CapacityInUse p4 %] / [Average Fairlane CapacityEntitlement p4 %]"},
        300,
    ),
    "Borrowed and lent": (
        {
            "% borrows": "Average Fairlane CapacityBorrowed p4 %",
            "% lends": "Average Fairlane CapacityLent p4 %",
        },
        300,
    ),
    "Jobs waiting, by share": ({"%": "Average Fairlane RunnableJobs p4 %"}, 300),
    "Longest wait, by share": ({"%": "[Maximum Fairlane OldestRunnableAge p4 %] / 3600"}, 300),
    "GPUs wanted by waiting jobs, by share": ({"%": "Average Fairlane GpusWanted p4 %"}, 300),
    "Time that attempts had waited when they ran": (
        {
            "% p50": "[p50 Fairlane AttemptWaitTime p4 %] / 3600",
            "% p99.9": "[p99.9 Fairlane AttemptWaitTime p4 %] / 3600",
        },
        3600,
    ),
    "Time that attempts ran": (
        {
            "% p50": "[p50 Fairlane AttemptRunTime p4 %] / 3600",
            "% p99.9": "[p99.9 Fairlane AttemptRunTime p4 %] / 3600",
        },
        3600,
    ),
    "GPU-hours of jobs that ended, by share": ({"%": "[Sum Fairlane GpuSeconds p4 %] / 3600"}, 3600),
    "GPU-hours by share, in all": ({"%": "[Sum Fairlane GpuSeconds p4 %] / 3600"}, 3600),
    "Preempted attempts each hour, by share": ({"%": "Sum Fairlane JobsPreempted p4 %"}, 3600),
}
TEAM = {
    "Jobs waiting": ({"now": "Maximum Fairlane RunnableJobs p4 a"}, 300),
    "Longest wait (hours)": ({"now": "[Maximum Fairlane OldestRunnableAge p4 a] / 3600"}, 300),
    "Jobs running": ({"now": "Maximum Fairlane RunningJobs p4 a"}, 300),
    "GPUs in use": ({"now": "Maximum Fairlane GpusInUse p4 a"}, 300),
    "Capacity (instances)": (
        {
            "in use": "Average Fairlane CapacityInUse p4 a",
            "entitled to": "Average Fairlane CapacityEntitlement p4 a",
        },
        300,
    ),
}
UNSHARED = {
    "Capacity in use": ({"in use": "Average Fairlane CapacityInUse old"}, 300),
    "Jobs waiting": ({"waiting": "Average Fairlane RunnableJobs old"}, 300),
    "Longest wait": ({"oldest job": "[Maximum Fairlane OldestRunnableAge old] / 3600"}, 300),
    "Jobs each hour, as AWS counts them": ({name: f"{shown} old" for name, shown in FLOW.items()}, 3600),
    "Failed jobs each hour, by reason": ({REASON: FAILURES % ("JobFailures", "old", 3600)}, 3600),
    "GPU-hours of jobs that ended": ({"hours": "[Sum Fairlane GpuSeconds old] / 3600"}, 3600),
}
SAGEMAKER = "GPU utilization of each SageMaker training instance (100 for each GPU)"
HOSTS = """SEARCH('{"/aws/sagemaker/TrainingJobs",Host} MetricName="GPUUtilization"', 'Average', 300)"""
VISIBLE, AGE = "Maximum AWS/SQS ApproximateNumberOfMessagesVisible", "Maximum AWS/SQS ApproximateAgeOfOldestMessage"
EXPORTER = {
    SAGEMAKER: ({"${PROP('Dim.Host')}": HOSTS}, 300),
    "Polls, by queue": ({"p4": "SampleCount Fairlane RunnableJobs p4"}, 300),
    "Calls that failed, and truncated polls": (
        {"p4 PollErrors": "Sum Fairlane PollErrors p4", "p4 Truncated": "Sum Fairlane Truncated p4"},
        300,
    ),
    "How long polls took": ({"p4": "Maximum Fairlane PollSeconds p4"}, 300),
    "Events that wait to be counted": ({"oldest event": f"{AGE} MetricsEvents"}, 300),
    "Events in dead-letter queues": (
        {
            "could not be used": f"{VISIBLE} MetricsDeadLetters",
            "could not be delivered": f"{VISIBLE} MetricsRuleDeadLetters",
        },
        300,
    ),
    "Failed invocations of the exporter's functions": (
        {
            "events": "Sum AWS/Lambda Errors MetricsEventsFunction",
            "polls": "Sum AWS/Lambda Errors MetricsPollerFunction",
        },
        300,
    ),
}


def shown(widget: dict[str, Any]) -> dict[str, str]:
    """What a widget shows by its labels; in an expression, what each id stands for is in brackets."""
    hidden: dict[str, str] = {}
    found: dict[str, str] = {}
    for *metric, options in widget["properties"]["metrics"]:
        if metric:
            namespace, name, *pairs = metric
            text = " ".join([options["stat"], namespace, name, *map(logical_name, pairs[1::2])])
            if options.get("visible", True):
                found[options["label"]] = text
            else:
                hidden[options["id"]] = text
        elif "SEARCH" in options["expression"]:
            found[options["label"]] = options["expression"]
        else:
            ids = r"[a-z]\w*"
            found[options["label"]] = re.sub(ids, lambda name: f"[{hidden[name[0]]}]", options["expression"])
    return found


def logical_name(value: str) -> str:
    """A value of a dimension, of a reference what it refers to, without the hash."""
    reference = re.match(r"\$\{(?:\[')?(\w+?)[0-9A-F]{8}\b", value)
    return reference[1] if reference else value


def contents(queue: str, **changes: Any) -> dict[str, tuple[dict[str, str], int]]:
    """What the first widget of each title shows, and over which period, of a dashboard of one queue."""
    choice = {} if "shares" in changes else {"queues": [queue]}
    widgets = widgets_of(dashboard(percentiles=[50, 99.9], **choice, **changes)[0])
    drawn = [one for one in widgets if "metrics" in one["properties"]]
    return {one["properties"]["title"]: (shown(one), one["properties"]["period"]) for one in reversed(drawn)}


def test_what_is_now_of_a_queue() -> None:
    assert {title: of for title, of in contents("p4").items() if title in NOW} == NOW


def test_what_is_of_its_shares() -> None:
    found = contents("p4")
    for title, (lines, period) in SHARED.items():
        expected = {
            label.replace("%", share): text.replace("p4 %", f"p4 {share}")
            for share in ("a", "b")
            for label, text in lines.items()
        }
        assert found[title] == (expected, period), title


def test_jobs_are_those_that_aws_counts_and_preemptions_those_of_service_jobs() -> None:
    title = "Jobs each hour, as AWS counts them"
    flow = {name: f"{text} p4" for name, text in FLOW.items()}
    assert contents("p4")[title] == (flow | {"preempted": "Sum AWS/Batch JobsPreempted p4"}, 3600)
    assert contents("g5")[title] == ({name: f"{text} g5" for name, text in FLOW.items()}, 3600)


def test_of_the_exporter() -> None:
    found = contents("p4")
    assert found.keys() == NOW.keys() | SHARED.keys() | EXPORTER.keys() | {
        "Jobs each hour, as AWS counts them",
        "Failed jobs each hour, by reason",
    }
    assert {title: of for title, of in found.items() if title in EXPORTER} == EXPORTER


def test_of_a_queue_without_shares_and_limit() -> None:
    stack, _ = dashboard(queues=["old"])
    found = [one for one in widgets_of(stack) if one["type"] == "metric" and one["height"] == 6]
    for one in found[: len(UNSHARED)]:
        title = one["properties"]["title"]
        assert (shown(one), one["properties"]["period"]) == UNSHARED[title]
        assert "annotations" not in one["properties"]
    assert [one["properties"]["title"] for one in found[: len(UNSHARED)]] == list(UNSHARED)
    assert "In use (vCPUs)" in {one["properties"].get("title") for one in widgets_of(stack)}


def test_of_a_team() -> None:
    found = contents("p4", shares={"p4": ["a"]})
    assert {title: of for title, of in found.items() if title in TEAM} == TEAM


@pytest.mark.parametrize(
    ("queue", "title", "unit", "line"),
    [
        ("p4", "Capacity in use by share, stacked", "instances", {"label": "limit", "value": 100}),
        ("g5", "Capacity in use by share, stacked", "vCPUs", {"label": "limit", "value": 768}),
        ("cpu", "Capacity in use", "instances", {"label": "limit", "value": 10}),
        ("p4", "Use of each share's entitlement (over 100: borrowing)", "%", {"label": "entitlement", "value": 100}),
    ],
)
def test_what_capacity_is_held_against(queue: str, title: str, unit: str, line: dict[str, Any]) -> None:
    widgets = widgets_of(dashboard(queues=[queue])[0])
    (found,) = (one["properties"] for one in widgets if one["properties"].get("title") == title)
    assert found["annotations"] == {"horizontal": [line]}
    assert found["yAxis"]["left"] == {"min": 0, "label": unit, "showUnits": False}


def test_gpu_hours_are_added_up_over_all_that_is_shown() -> None:
    widgets = [one["properties"] for one in widgets_of(dashboard()[0])]
    tables = [one for one in widgets if one.get("title") == "GPU-hours by share, in all"]
    assert len(tables) == 2
    for table in tables:
        assert table["view"] == "table"
        assert table["setPeriodToTimeRange"] is True
        assert table["table"]["summaryColumns"] == ["SUM"]
    assert all("setPeriodToTimeRange" not in one for one in widgets if one.get("view") != "table")
