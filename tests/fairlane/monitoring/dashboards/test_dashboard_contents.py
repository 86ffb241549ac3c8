"""Tests of the metrics, statistics, expressions and periods of dashboard widgets."""

import re
from typing import Any

import pytest

from tests.fairlane.monitoring.dashboards.test_queue_dashboard import dashboard, dashboard_widgets

BY_REASON = """SEARCH('{"Fairlane",JobQueueName,Reason} MetricName="%s" JobQueueName="%s"', 'Sum', %s)"""
REASON = "${PROP('Dim.Reason')}"
FLOW = {
    "submitted": "Sum AWS/Batch JobsSubmitted",
    "started": "Sum AWS/Batch JobsMovedToRunning",
    "succeeded": "Sum AWS/Batch JobsMovedToSucceeded",
    "failed, cancelled or terminated": "Sum AWS/Batch JobsMovedToFailed",
    "retried": "Sum AWS/Batch JobsRetried",
}

NOW = {
    "Jobs waiting": ({"now": "Maximum Fairlane RunnableJobs p4"}, 300),
    "Longest wait (hours)": ({"now": "[Maximum Fairlane OldestRunnableAge p4] / 3600"}, 300),
    "Jobs running": ({"now": "Maximum Fairlane RunningJobs p4"}, 300),
    "GPUs in use (of 800)": ({"now": "Maximum Fairlane GpusInUse p4"}, 300),
    "In use (of 100 instances)": ({"now": "Maximum Fairlane CapacityInUse p4"}, 300),
    "Recently blocked, by reason": ({REASON: BY_REASON % ("QueueBlocked", "p4", 300)}, 300),
}
SHARED = {
    "Capacity in use by share, stacked": ({"%": "Average Fairlane CapacityInUse p4 %"}, 300),
    "Use of entitlement by share (above 100 %: borrowed)": (
        {"%": "100 * [Average Fairlane CapacityInUse p4 %] / [Average Fairlane CapacityEntitlement p4 %]"},
        300,
    ),
    "Borrowed and lent capacity": (
        {
            "% borrowed": "Average Fairlane CapacityBorrowed p4 %",
            "% lent": "Average Fairlane CapacityLent p4 %",
        },
        300,
    ),
    "Jobs waiting, by share": ({"%": "Average Fairlane RunnableJobs p4 %"}, 300),
    "Longest wait, by share": ({"%": "[Maximum Fairlane OldestRunnableAge p4 %] / 3600"}, 300),
    "GPUs wanted by waiting jobs, by share": ({"%": "Average Fairlane GpusWanted p4 %"}, 300),
    "Wait time of attempts, by share": (
        {
            "% p50": "[p50 Fairlane AttemptWaitTime p4 %] / 3600",
            "% p99.9": "[p99.9 Fairlane AttemptWaitTime p4 %] / 3600",
        },
        3600,
    ),
    "Run time of attempts, by share": (
        {
            "% p50": "[p50 Fairlane AttemptRunTime p4 %] / 3600",
            "% p99.9": "[p99.9 Fairlane AttemptRunTime p4 %] / 3600",
        },
        3600,
    ),
    "GPU-hours of ended jobs, by share": ({"%": "[Sum Fairlane GpuSeconds p4 %] / 3600"}, 3600),
    "Total GPU-hours by share": ({"%": "[Sum Fairlane GpuSeconds p4 %] / 3600"}, 3600),
    "Preempted attempts per hour, by share": ({"%": "Sum Fairlane JobsPreempted p4 %"}, 3600),
}
TEAM = {
    "Jobs waiting": ({"now": "Maximum Fairlane RunnableJobs p4 a"}, 300),
    "Longest wait (hours)": ({"now": "[Maximum Fairlane OldestRunnableAge p4 a] / 3600"}, 300),
    "Jobs running": ({"now": "Maximum Fairlane RunningJobs p4 a"}, 300),
    "GPUs in use": ({"now": "Maximum Fairlane GpusInUse p4 a"}, 300),
    "Capacity (instances)": (
        {
            "in use": "Average Fairlane CapacityInUse p4 a",
            "entitlement": "Average Fairlane CapacityEntitlement p4 a",
        },
        300,
    ),
}
UNSHARED = {
    "Capacity in use": ({"in use": "Average Fairlane CapacityInUse old"}, 300),
    "Jobs waiting": ({"waiting": "Average Fairlane RunnableJobs old"}, 300),
    "Longest wait": ({"oldest job": "[Maximum Fairlane OldestRunnableAge old] / 3600"}, 300),
    "Jobs per hour (AWS/Batch)": ({name: f"{shown} old" for name, shown in FLOW.items()}, 3600),
    "Failed jobs per hour, by reason": ({REASON: BY_REASON % ("JobFailures", "old", 3600)}, 3600),
    "GPU-hours of ended jobs": ({"hours": "[Sum Fairlane GpuSeconds old] / 3600"}, 3600),
}
SAGEMAKER = "GPU utilization of each SageMaker training instance (100 % per GPU)"
HOSTS = """SEARCH('{"/aws/sagemaker/TrainingJobs",Host} MetricName="GPUUtilization"', 'Average', 300)"""
VISIBLE, AGE = "Maximum AWS/SQS ApproximateNumberOfMessagesVisible", "Maximum AWS/SQS ApproximateAgeOfOldestMessage"
EXPORTER = {
    SAGEMAKER: ({"${PROP('Dim.Host')}": HOSTS}, 300),
    "Polls, by queue": ({"p4": "SampleCount Fairlane RunnableJobs p4"}, 300),
    "Failed calls and truncated polls": (
        {"p4 PollErrors": "Sum Fairlane PollErrors p4", "p4 Truncated": "Sum Fairlane Truncated p4"},
        300,
    ),
    "Duration of polls": ({"p4": "Maximum Fairlane PollSeconds p4"}, 300),
    "Age of the oldest uncounted event": ({"oldest event": f"{AGE} MetricsEvents"}, 300),
    "Events in dead-letter queues": (
        {
            "not processed": f"{VISIBLE} MetricsDeadLetters",
            "not delivered": f"{VISIBLE} MetricsRuleDeadLetters",
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


def widget_lines(widget: dict[str, Any]) -> dict[str, str]:
    """Return the lines of a widget by label. In an expression, the metric of each id is in brackets."""
    hidden: dict[str, str] = {}
    lines: dict[str, str] = {}
    for *metric, options in widget["properties"]["metrics"]:
        if metric:
            namespace, name, *pairs = metric
            text = " ".join([options["stat"], namespace, name, *map(logical_name, pairs[1::2])])
            if options.get("visible", True):
                lines[options["label"]] = text
            else:
                hidden[options["id"]] = text
        elif "SEARCH" in options["expression"]:
            lines[options["label"]] = options["expression"]
        else:
            ids = r"[a-z]\w*"
            lines[options["label"]] = re.sub(ids, lambda name: f"[{hidden[name[0]]}]", options["expression"])
    return lines


def logical_name(value: str) -> str:
    """Return a dimension value; of a reference, the logical id without the hash."""
    reference = re.match(r"\$\{(?:\[')?(\w+?)[0-9A-F]{8}\b", value)
    return reference[1] if reference else value


def contents(queue: str, **changes: Any) -> dict[str, tuple[dict[str, str], int]]:
    """Return the lines and the period of the first widget of each title, on a dashboard of one queue."""
    queues = {} if "shares" in changes else {"queues": [queue]}
    widgets = dashboard_widgets(dashboard(percentiles=[50, 99.9], **queues, **changes)[0])
    with_metrics = [widget for widget in widgets if "metrics" in widget["properties"]]
    return {
        widget["properties"]["title"]: (widget_lines(widget), widget["properties"]["period"])
        for widget in reversed(with_metrics)
    }


def test_the_current_state_of_a_queue() -> None:
    assert {title: shown for title, shown in contents("p4").items() if title in NOW} == NOW


def test_the_rows_of_shares() -> None:
    shown = contents("p4")
    for title, (lines, period) in SHARED.items():
        expected = {
            label.replace("%", share): text.replace("p4 %", f"p4 {share}")
            for share in ("a", "b")
            for label, text in lines.items()
        }
        assert shown[title] == (expected, period), title


def test_job_counts_are_native_metrics_and_include_preemptions_of_service_jobs() -> None:
    title = "Jobs per hour (AWS/Batch)"
    flow = {name: f"{text} p4" for name, text in FLOW.items()}
    assert contents("p4")[title] == (flow | {"preempted": "Sum AWS/Batch JobsPreempted p4"}, 3600)
    assert contents("g5")[title] == ({name: f"{text} g5" for name, text in FLOW.items()}, 3600)


def test_the_rows_of_the_exporter() -> None:
    shown = contents("p4")
    assert shown.keys() == NOW.keys() | SHARED.keys() | EXPORTER.keys() | {
        "Jobs per hour (AWS/Batch)",
        "Failed jobs per hour, by reason",
    }
    assert {title: widget for title, widget in shown.items() if title in EXPORTER} == EXPORTER


def test_a_queue_without_shares_and_without_a_limit() -> None:
    stack, _ = dashboard(queues=["old"])
    graphs = [widget for widget in dashboard_widgets(stack) if widget["type"] == "metric" and widget["height"] == 6]
    for graph in graphs[: len(UNSHARED)]:
        title = graph["properties"]["title"]
        assert (widget_lines(graph), graph["properties"]["period"]) == UNSHARED[title]
        assert "annotations" not in graph["properties"]
    assert [graph["properties"]["title"] for graph in graphs[: len(UNSHARED)]] == list(UNSHARED)
    assert "In use (vCPUs)" in {widget["properties"].get("title") for widget in dashboard_widgets(stack)}


def test_a_team_dashboard() -> None:
    shown = contents("p4", shares={"p4": ["a"]})
    assert {title: widget for title, widget in shown.items() if title in TEAM} == TEAM


@pytest.mark.parametrize(
    ("queue", "title", "unit", "line"),
    [
        ("p4", "Capacity in use by share, stacked", "instances", {"label": "limit", "value": 100}),
        ("g5", "Capacity in use by share, stacked", "vCPUs", {"label": "limit", "value": 768}),
        ("cpu", "Capacity in use", "instances", {"label": "limit", "value": 10}),
        ("p4", "Use of entitlement by share (above 100 %: borrowed)", "%", {"label": "entitlement", "value": 100}),
    ],
)
def test_capacity_graphs_have_a_line_at_the_limit_or_entitlement(
    queue: str, title: str, unit: str, line: dict[str, Any]
) -> None:
    widgets = dashboard_widgets(dashboard(queues=[queue])[0])
    (graph,) = (widget["properties"] for widget in widgets if widget["properties"].get("title") == title)
    assert graph["annotations"] == {"horizontal": [line]}
    assert graph["yAxis"]["left"] == {"min": 0, "label": unit, "showUnits": False}


def test_gpu_hours_are_totals_over_the_time_range_of_the_dashboard() -> None:
    widgets = [widget["properties"] for widget in dashboard_widgets(dashboard()[0])]
    tables = [widget for widget in widgets if widget.get("title") == "Total GPU-hours by share"]
    assert len(tables) == 2
    for table in tables:
        assert table["view"] == "table"
        assert table["setPeriodToTimeRange"] is True
        assert table["table"]["summaryColumns"] == ["SUM"]
    assert all("setPeriodToTimeRange" not in widget for widget in widgets if widget.get("view") != "table")
