"""Tests of the rows of dashboards and of their size. The look of dashboards is tested in a browser."""

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from aws_cdk import App, Environment, Stack, Stage

from fairlane import FairShare, GpuQueue, JobMetrics, QueueAlarms, QueueDashboard, TrainingQueue
from fairlane.monitoring import FanOutAlarms, MonitoredFanOut
from fairlane.monitoring.dashboards.widgets import alarm_states
from tests.cfn_lint import findings
from tests.fairlane.monitoring.alarms.monitored_queues import HERE, build, build_metrics, resources_of_type
from tests.support import problems_of, template_of

ELSEWHERE = Environment(account="111122223333", region="eu-west-1")


def bodies(stack: Stack) -> dict[str, dict[str, Any]]:
    """Return the dashboard bodies of a stack by name, with references as `${LogicalId}`."""
    bodies_by_name = {}
    for dashboard in resources_of_type(stack, "CloudWatch::Dashboard").values():
        body = dashboard["DashboardBody"]
        parts = body["Fn::Join"][1] if isinstance(body, dict) else [body]
        flat = [part if isinstance(part, str) else "${" + str(next(iter(part.values()))) + "}" for part in parts]
        bodies_by_name[dashboard["DashboardName"]] = json.loads("".join(flat))
    return bodies_by_name


def dashboard_widgets(stack: Stack, name: str = "gpus") -> list[dict[str, Any]]:
    return list(bodies(stack)[name]["widgets"])


def titles(widgets: list[dict[str, Any]]) -> list[str]:
    all_properties = [widget["properties"] for widget in widgets]
    return [properties.get("title") or properties["markdown"].splitlines()[0] for properties in all_properties]


def dashboard(**changes: Any) -> tuple[Stack, QueueDashboard]:
    stack, metrics = build()
    settings: dict[str, Any] = {"dashboard_name": "gpus", "metrics": [metrics]} | changes
    return stack, QueueDashboard(stack, "Dashboard", **settings)


def test_alarms_come_first_and_then_the_current_state_of_each_queue() -> None:
    stack, metrics = build()
    alarms = QueueAlarms(stack, "Alarms", metrics=metrics, notify=["arn:aws:sns:us-east-1:111122223333:alarms"])
    QueueDashboard(stack, "Dashboard", dashboard_name="gpus", metrics=[metrics], alarms=[alarms])
    first, second, now, *rest = dashboard_widgets(stack)
    assert first["type"] == second["type"] == "alarm"
    assert (
        len(first["properties"]["alarms"]) == len(resources_of_type(stack, "CloudWatch::CompositeAlarm")) == 4 * 2 + 2
    )
    assert "states" not in first["properties"]
    assert second["properties"]["title"] == "Alarms of queues and of the exporter in state ALARM"
    assert second["properties"]["states"] == ["ALARM"]
    assert len(set(second["properties"]["alarms"])) == len(resources_of_type(stack, "CloudWatch::Alarm"))
    assert now["properties"]["markdown"].startswith("# Now")
    row = titles(rest[:7])
    assert row == [
        "### p4",
        "Jobs waiting",
        "Longest wait (hours)",
        "Jobs running",
        "GPUs in use (of 800)",
        "In use (of 100 instances)",
        "Recently blocked, by reason",
    ]
    assert [title for title in titles(rest[7:28]) if title.startswith("###")] == ["### g5", "### cpu", "### old"]


def test_widgets_fill_the_grid_without_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for widget in dashboard_widgets(dashboard()[0]):
        left, top = widget["x"], widget["y"]
        cells = {(x, y) for x in range(left, left + widget["width"]) for y in range(top, top + widget["height"])}
        assert not cells & taken, widget
        assert left + widget["width"] <= 24
        taken |= cells
    lowest = max(y for _, y in taken)
    for y in range(lowest + 1):
        assert len([x for x, row in taken if row == y]) == 24, f"a hole in row {y}"


def test_the_graphs_of_queues_with_and_without_shares() -> None:
    all_titles = titles(dashboard_widgets(dashboard()[0]))
    p4_titles = all_titles[all_titles.index("## p4 · us-east-1") : all_titles.index("## g5 · us-east-1")]
    assert p4_titles[1:] == [
        "Capacity in use by share, stacked",
        "Use of entitlement by share (above 100 %: borrowed)",
        "Borrowed and lent capacity",
        "Jobs waiting, by share",
        "Longest wait, by share",
        "GPUs wanted by waiting jobs, by share",
        "Wait time of attempts, by share",
        "Run time of attempts, by share",
        "Jobs per hour (AWS/Batch)",
        "Failed jobs per hour, by reason",
        "GPU-hours of ended jobs, by share",
        "Total GPU-hours by share",
        "Preempted attempts per hour, by share",
    ]
    cpu_titles = all_titles[all_titles.index("## cpu · us-east-1") : all_titles.index("## old · us-east-1")]
    assert cpu_titles[1:] == [
        "Capacity in use",
        "Jobs waiting",
        "Longest wait",
        "Jobs per hour (AWS/Batch)",
        "Failed jobs per hour, by reason",
        "GPU-hours of ended jobs",
    ]


def test_graphs_show_the_given_percentiles() -> None:
    stack, _ = dashboard(percentiles=[50, 99.9, 99.99999, 1e-10, 100, 10.0])
    widgets = dashboard_widgets(stack)
    waits = next(widget for widget in widgets if widget["properties"].get("title", "").startswith("Wait time"))
    statistics = {row[-1]["stat"] for row in waits["properties"]["metrics"] if len(row) > 1}
    assert statistics == {"p50", "p99.9", "p99.99999", "p0.0000000001", "p100", "p10"}


def test_a_team_dashboard_shows_only_its_shares() -> None:
    stack, _ = dashboard(shares={"p4": ["a"], "g5": ["research"]})
    text = json.dumps(dashboard_widgets(stack))
    assert '"a"' in text
    assert '"research"' in text
    assert not any(other in text for other in ('"b"', '"prod"', '"cpu"', '"old"', "AWS/Batch", "AWS/SQS"))


def same_name_twice() -> list[JobMetrics]:
    """Return exporters of queues of the same name in two Regions, with different shares."""
    app = App()
    exporters = []
    for place, shares in ((HERE, {"a": 1.0, "b": 1.0}), (ELSEWHERE, {"b": 1.0, "c": 1.0})):
        stack = Stack(app, str(place.region), env=place)
        queue = TrainingQueue(stack, "Q", queue_name="q", capacity=4, scheduling=FairShare(shares))
        exporters.append(JobMetrics(stack, "Metrics", queues=[queue]))
    return exporters


@pytest.mark.parametrize(
    ("shares", "drawn"),
    [
        (["a", "b"], {("us-east-1", "a"), ("us-east-1", "b"), ("eu-west-1", "b")}),
        (["c"], {("eu-west-1", "c")}),
        (["a"], {("us-east-1", "a")}),
    ],
)
def test_a_team_dashboard_shows_in_each_region_the_shares_of_the_queue_there(
    shares: list[str], drawn: set[tuple[str, str]]
) -> None:
    metrics = same_name_twice()
    stack = Stack.of(metrics[0])
    QueueDashboard(stack, "Team", dashboard_name="gpus", metrics=metrics, shares={"q": shares})
    graphs = [widget["properties"] for widget in dashboard_widgets(stack) if widget["type"] == "metric"]
    assert {(graph["region"], row[5]) for graph in graphs for row in graph["metrics"] if len(row) > 1} == drawn
    assert {graph["region"] for graph in graphs} == {region for region, _ in drawn}


def test_a_share_named_other_is_shown_once(stack: Stack) -> None:
    shares = FairShare({"a": 1.0, "other": 1.0})
    queue = TrainingQueue(stack, "Q", queue_name="q", capacity=4, scheduling=shares)
    metrics = [JobMetrics(stack, "Metrics", queues=[queue])]
    QueueDashboard(stack, "Dashboard", dashboard_name="gpus", metrics=metrics)
    title = "GPUs wanted by waiting jobs, by share"
    (waiting,) = (widget for widget in dashboard_widgets(stack) if widget["properties"].get("title") == title)
    assert [row[5] for row in waiting["properties"]["metrics"]] == ["a", "other"]


def test_a_dashboard_of_some_queues_shows_only_their_widgets_and_alarms() -> None:
    stack, metrics = build()
    alarms = QueueAlarms(stack, "Alarms", metrics=metrics)
    for queue in ("p4", "g5", "cpu", "old"):
        alarms.add_alarm(queue, "x", metric=metrics.metric("GpusWanted", queue), threshold=8, meaning="GPUs are wanted")
    common: dict[str, Any] = {"metrics": [metrics], "alarms": [alarms]}
    QueueDashboard(stack, "Some", dashboard_name="some", queues=["g5", "old"], **common)
    QueueDashboard(stack, "Team", dashboard_name="team", shares={"p4": ["a"]}, **common)
    selected, team = dashboard_widgets(stack, "some"), dashboard_widgets(stack, "team")
    text = json.dumps(selected)
    assert '"g5"' in text
    assert '"old"' in text
    assert not any(other in text for other in ('"p4"', '"cpu"', "sagemaker"))
    for widgets, own in ((selected, {"g5", "old"}), (team, {"p4"})):
        subjects = {subject(alarm) for widget in widgets[:2] for alarm in widget["properties"]["alarms"]}
        assert subjects == own | {"Exporter"}


def subject(alarm: str) -> str:
    """Return the queue of an alarm, read from its name or logical id, or Exporter."""
    queue = re.search(r"(?:Queues|:stack-(?:exporter-)?)(p4|g5|cpu|old)", alarm)
    assert queue or "exporter" in alarm.lower()
    return queue[1] if queue else "Exporter"


def test_a_widget_has_at_most_100_alarms() -> None:
    widgets = list(alarm_states("Alarms", [str(number) for number in range(250)], states=["ALARM"]))
    assert [len(widget.properties["alarms"]) for widget in widgets] == [100, 100, 50]


@pytest.mark.parametrize("most", [195, 194, 1])
def test_groups_of_queues_fit_on_a_dashboard(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    stack, metrics = build()
    assert QueueDashboard.groups([metrics]) == [["p4", "g5", "cpu", "old"]]
    monkeypatch.setattr("fairlane.monitoring.dashboards.widgets.MAX_DASHBOARD_METRICS", most)
    groups = QueueDashboard.groups([metrics])
    assert [name for group in groups for name in group] == ["p4", "g5", "cpu", "old"]
    assert len(groups) == {195: 1, 194: 2, 1: 4}[most]
    for number, queues in enumerate(groups if most > 1 else ()):
        QueueDashboard(stack, f"D{number}", dashboard_name=f"d{number}", metrics=[metrics], queues=queues)


def test_groups_depend_on_percentiles_and_merge_queues_of_the_same_name(monkeypatch: pytest.MonkeyPatch) -> None:
    _, metrics = build()
    monkeypatch.setattr("fairlane.monitoring.dashboards.widgets.MAX_DASHBOARD_METRICS", 195)
    assert len(QueueDashboard.groups([metrics], percentiles=[50, 90, 95, 99])) > len(QueueDashboard.groups([metrics]))
    assert QueueDashboard.groups(same_name_twice()) == [["q"]]


def test_a_dashboard_shows_several_regions_without_references_to_other_stacks() -> None:
    app = App()
    home, away = Stack(app, "Home", env=HERE), Stack(app, "Away", env=ELSEWHERE)
    metrics = [build_metrics(home), build_metrics(away)]
    QueueDashboard(home, "Dashboard", dashboard_name="gpus", metrics=metrics)
    regions = [widget["properties"]["region"] for widget in dashboard_widgets(home) if widget["type"] == "metric"]
    assert set(regions) == {"us-east-1", "eu-west-1"}
    assert "ImportValue" not in json.dumps(template_of(home)) + json.dumps(template_of(away))
    assert resources_of_type(away, "CloudWatch::Dashboard") == {}
    event_graphs = [title for title in titles(dashboard_widgets(home)) if title == "Events in dead-letter queues"]
    assert len(event_graphs) == 1, "only for the exporter in this stack"


def test_a_dashboard_links_to_the_console_the_logs_and_the_runbooks() -> None:
    texts = "\n".join(
        widget["properties"]["markdown"]
        for widget in dashboard_widgets(dashboard(runbooks="https://git.example.com/runbooks")[0])
        if widget["type"] == "text"
    )
    assert "(https://git.example.com/runbooks/README.md)" in texts
    assert "(https://console.aws.amazon.com/batch/home?region=us-east-1#queues)" in texts
    assert "#logsV2:log-groups/log-group/${" in texts


def test_a_dashboard_name_is_unique_in_an_account_over_all_regions() -> None:
    app = App()
    home, away = Stack(app, "Home", env=HERE), Stack(app, "Away", env=ELSEWHERE)
    other = Stack(app, "Other", env=Environment(account="444455556666", region="us-east-1"))
    QueueDashboard(home, "Dashboard", dashboard_name="gpus", metrics=[build_metrics(home)])
    QueueDashboard(other, "Dashboard", dashboard_name="gpus", metrics=[build_metrics(other)])
    metrics = build_metrics(away)
    assert problems_of(lambda: QueueDashboard(away, "Dashboard", dashboard_name="gpus", metrics=[metrics])) == [
        "dashboard_name: Home/Dashboard already has the dashboard name gpus, and names are unique in an account over all "
        "Regions: use another name"
    ]
    assert away.node.try_find_child("Dashboard") is None
    QueueDashboard(away, "Dashboard", dashboard_name="gpus-away", metrics=[metrics])


def test_stages_of_different_accounts_may_have_dashboards_of_the_same_name() -> None:
    app = App()
    for account in ("111122223333", "444455556666"):
        stage = Stage(app, f"Stage{account}", env=Environment(account=account, region="us-east-1"))
        stack = Stack(stage, "Home")
        QueueDashboard(stack, "Dashboard", dashboard_name="gpus", metrics=[build_metrics(stack)])


def test_a_dashboard_in_an_unknown_region_refers_to_the_region() -> None:
    away = Stack(App(), "Away")
    metrics = JobMetrics(away, "Metrics", queues=[GpuQueue.from_job_queue_name(away, "Old", "old")])
    QueueDashboard(away, "Dashboard", dashboard_name="gpus", metrics=[metrics])
    assert "${AWS::Region}" in json.dumps(bodies(away))


def test_cfn_lint_reports_nothing() -> None:
    assert findings(template_of(dashboard()[0])) == []


def test_fan_outs_have_rows_after_the_current_state_of_the_queues() -> None:
    stack, metrics = build()
    fan_out = MonitoredFanOut(name="campaigns", region="eu-west-1", regions=["us-east-1", "us-west-2"])
    alarms = FanOutAlarms(stack, "Alarms", fan_out=replace(fan_out, region="us-east-1"))
    settings: dict[str, Any] = {"dashboard_name": "gpus", "metrics": [metrics], "fan_outs": [fan_out]}
    QueueDashboard(stack, "Dashboard", alarms=[alarms], **settings)
    widgets = dashboard_widgets(stack)
    names = titles(widgets)
    assert names[:3] == ["Notifying alarms of fan-outs", "Alarms of fan-outs in state ALARM", names[2]]
    first = names.index("### Fan-out campaigns")
    assert names.index("### old") < first < names.index("## p4 · us-east-1")
    assert names[first + 1 : first + 10] == [
        "Lines waiting",
        "Lines submitted",
        "Lines running",
        "Lines done",
        "Lines failed",
        "Oldest unsubmitted line (hours)",
        "Lines waiting by Region",
        "Lines running by Region",
        "Lines failed by Region",
    ]
    graph = widgets[first + 7]["properties"]
    assert graph["region"] == "eu-west-1"
    assert [row[5] for row in graph["metrics"]] == ["us-east-1", "us-west-2"]
    assert findings(template_of(stack)) == []


def test_a_fan_out_that_is_not_valid_is_refused() -> None:
    fan_out = MonitoredFanOut(name="campaigns", region="us-east-1", regions=[])
    problems = problems_of(lambda: dashboard(fan_outs=[fan_out]))
    assert problems == ["fan_outs[0].regions: the list is empty: give the Regions of the queues"]
