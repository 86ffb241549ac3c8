"""Dashboards: what comes first, whose rows there are, and how many fit. How they look is tested in a browser."""

import json
import re
from typing import Any

import pytest
from aws_cdk import App, Environment, Stack, Stage

from fairlane import FairShare, GpuQueue, JobMetrics, QueueAlarms, QueueDashboard, TrainingQueue
from fairlane.monitoring.dashboards.widgets import alarm_states
from tests.cfn_lint import findings
from tests.fairlane.monitoring.alarms.watching import HERE, build, metrics_of, of_type
from tests.support import problems_of, template_of

ELSEWHERE = Environment(account="111122223333", region="eu-west-1")


def bodies(stack: Stack) -> dict[str, dict[str, Any]]:
    """The dashboards of a stack, with what is known only at deployment as `${LogicalId}`."""
    found = {}
    for one in of_type(stack, "CloudWatch::Dashboard").values():
        body = one["DashboardBody"]
        parts = body["Fn::Join"][1] if isinstance(body, dict) else [body]
        flat = [part if isinstance(part, str) else "${" + str(next(iter(part.values()))) + "}" for part in parts]
        found[one["DashboardName"]] = json.loads("".join(flat))
    return found


def widgets_of(stack: Stack, name: str = "gpus") -> list[dict[str, Any]]:
    return list(bodies(stack)[name]["widgets"])


def titles(widgets: list[dict[str, Any]]) -> list[str]:
    return [one["properties"].get("title") or one["properties"]["markdown"].splitlines()[0] for one in widgets]


def dashboard(**changes: Any) -> tuple[Stack, QueueDashboard]:
    stack, metrics = build()
    settings: dict[str, Any] = {"dashboard_name": "gpus", "metrics": [metrics]} | changes
    return stack, QueueDashboard(stack, "Dashboard", **settings)


def test_alarms_come_first_and_then_what_is_now_of_every_queue() -> None:
    stack, metrics = build()
    alarms = QueueAlarms(stack, "Alarms", metrics=metrics, notify=["arn:aws:sns:us-east-1:111122223333:alarms"])
    QueueDashboard(stack, "Dashboard", dashboard_name="gpus", metrics=[metrics], alarms=[alarms])
    first, second, now, *rest = widgets_of(stack)
    assert first["type"] == second["type"] == "alarm"
    assert len(first["properties"]["alarms"]) == len(of_type(stack, "CloudWatch::CompositeAlarm")) == 4 * 2 + 2
    assert "states" not in first["properties"]
    assert second["properties"]["title"] == "Alarms of queues and of the exporter that are in state ALARM now"
    assert second["properties"]["states"] == ["ALARM"]
    assert len(set(second["properties"]["alarms"])) == len(of_type(stack, "CloudWatch::Alarm"))
    assert now["properties"]["markdown"].startswith("# Now")
    row = titles(rest[:7])
    assert row == [
        "### p4",
        "Jobs waiting",
        "Longest wait (hours)",
        "Jobs running",
        "GPUs in use, of 800",
        "In use, of 100 instances",
        "Blocked lately, by reason",
    ]
    assert [title for title in titles(rest[7:28]) if title.startswith("###")] == ["### g5", "### cpu", "### old"]


def test_widgets_fill_the_grid_and_none_covers_another() -> None:
    taken: set[tuple[int, int]] = set()
    for one in widgets_of(dashboard()[0]):
        cells = {
            (x, y) for x in range(one["x"], one["x"] + one["width"]) for y in range(one["y"], one["y"] + one["height"])
        }
        assert not cells & taken, one
        assert one["x"] + one["width"] <= 24
        taken |= cells
    lowest = max(y for _, y in taken)
    for y in range(lowest + 1):
        assert len([x for x, at in taken if at == y]) == 24, f"a hole in row {y}"


def test_a_queue_with_shares_shows_entitlement_use_lending_waits_and_gpu_hours_of_each() -> None:
    every = titles(widgets_of(dashboard()[0]))
    of_p4 = every[every.index("## p4 · us-east-1") : every.index("## g5 · us-east-1")]
    assert of_p4[1:] == [
        "Capacity in use by share, stacked",
        "Use of each share's entitlement (over 100: borrowing)",
        "Borrowed and lent",
        "Jobs waiting, by share",
        "Longest wait, by share",
        "GPUs wanted by waiting jobs, by share",
        "Time that attempts had waited when they ran",
        "Time that attempts ran",
        "Jobs each hour, as AWS counts them",
        "Failed jobs each hour, by reason",
        "GPU-hours of jobs that ended, by share",
        "GPU-hours by share, in all",
        "Preempted attempts each hour, by share",
    ]
    of_cpu = every[every.index("## cpu · us-east-1") : every.index("## old · us-east-1")]
    assert of_cpu[1:] == [
        "Capacity in use",
        "Jobs waiting",
        "Longest wait",
        "Jobs each hour, as AWS counts them",
        "Failed jobs each hour, by reason",
        "GPU-hours of jobs that ended",
    ]


def test_percentiles_are_those_that_were_asked_for() -> None:
    stack, _ = dashboard(percentiles=[50, 99.9, 99.99999, 1e-10, 100, 10.0])
    waits = next(
        one for one in widgets_of(stack) if one["properties"].get("title", "").startswith("Time that attempts had")
    )
    statistics = {row[-1]["stat"] for row in waits["properties"]["metrics"] if len(row) > 1}
    assert statistics == {"p50", "p99.9", "p99.99999", "p0.0000000001", "p100", "p10"}


def test_a_team_sees_its_shares_and_nothing_else() -> None:
    stack, _ = dashboard(shares={"p4": ["a"], "g5": ["research"]})
    text = json.dumps(widgets_of(stack))
    assert '"a"' in text
    assert '"research"' in text
    assert not any(other in text for other in ('"b"', '"prod"', '"cpu"', '"old"', "AWS/Batch", "AWS/SQS"))


def same_name_twice() -> list[JobMetrics]:
    """The exporters of queues of one name in two Regions, with other shares in each."""
    app = App()
    made = []
    for place, shares in ((HERE, {"a": 1.0, "b": 1.0}), (ELSEWHERE, {"b": 1.0, "c": 1.0})):
        stack = Stack(app, str(place.region), env=place)
        queue = TrainingQueue(stack, "Q", queue_name="q", capacity=4, scheduling=FairShare(shares))
        made.append(JobMetrics(stack, "Metrics", queues=[queue]))
    return made


@pytest.mark.parametrize(
    ("shares", "drawn"),
    [
        (["a", "b"], {("us-east-1", "a"), ("us-east-1", "b"), ("eu-west-1", "b")}),
        (["c"], {("eu-west-1", "c")}),
        (["a"], {("us-east-1", "a")}),
    ],
)
def test_a_team_sees_in_each_region_the_shares_that_the_queue_has_there(
    shares: list[str], drawn: set[tuple[str, str]]
) -> None:
    metrics = same_name_twice()
    stack = Stack.of(metrics[0])
    QueueDashboard(stack, "Team", dashboard_name="gpus", metrics=metrics, shares={"q": shares})
    widgets = [one["properties"] for one in widgets_of(stack) if one["type"] == "metric"]
    assert {(one["region"], row[5]) for one in widgets for row in one["metrics"] if len(row) > 1} == drawn
    assert {one["region"] for one in widgets} == {region for region, _ in drawn}


def test_a_share_that_is_called_other_is_drawn_once(stack: Stack) -> None:
    shares = FairShare({"a": 1.0, "other": 1.0})
    queue = TrainingQueue(stack, "Q", queue_name="q", capacity=4, scheduling=shares)
    metrics = [JobMetrics(stack, "Metrics", queues=[queue])]
    QueueDashboard(stack, "Dashboard", dashboard_name="gpus", metrics=metrics)
    (waiting,) = (
        one for one in widgets_of(stack) if one["properties"].get("title") == "GPUs wanted by waiting jobs, by share"
    )
    assert [row[5] for row in waiting["properties"]["metrics"]] == ["a", "other"]


def test_some_queues_are_shown_with_their_alarms_and_nothing_of_others() -> None:
    stack, metrics = build()
    alarms = QueueAlarms(stack, "Alarms", metrics=metrics)
    for queue in ("p4", "g5", "cpu", "old"):
        alarms.add_alarm(queue, "x", metric=metrics.metric("GpusWanted", queue), threshold=8, says="GPUs are wanted")
    common: dict[str, Any] = {"metrics": [metrics], "alarms": [alarms]}
    QueueDashboard(stack, "Some", dashboard_name="some", queues=["g5", "old"], **common)
    QueueDashboard(stack, "Team", dashboard_name="team", shares={"p4": ["a"]}, **common)
    some, team = widgets_of(stack, "some"), widgets_of(stack, "team")
    text = json.dumps(some)
    assert '"g5"' in text
    assert '"old"' in text
    assert not any(other in text for other in ('"p4"', '"cpu"', "sagemaker"))
    for widgets, own in ((some, {"g5", "old"}), (team, {"p4"})):
        of = {of_alarm for one in widgets[:2] for of_alarm in map(subject, one["properties"]["alarms"])}
        assert of == own | {"Exporter"}


def subject(alarm: str) -> str:
    """The queue that an alarm is of, by its logical id, or that it is of the exporter as a whole."""
    found = re.match(r"\$\{(?:\[')?Alarms(Queues|Exporter)(?:Queues)?(p4|g5|cpu|old)?", alarm)
    assert found
    return found[2] or found[1]


def test_alarms_are_at_most_100_in_a_widget() -> None:
    widgets = list(alarm_states("Alarms", [str(number) for number in range(250)], states=["ALARM"]))
    assert [len(one.properties["alarms"]) for one in widgets] == [100, 100, 50]


@pytest.mark.parametrize("most", [195, 194, 1])
def test_queues_are_in_groups_that_fit(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    stack, metrics = build()
    assert QueueDashboard.groups([metrics]) == [["p4", "g5", "cpu", "old"]]
    monkeypatch.setattr("fairlane.monitoring.dashboards.widgets.MOST_IN_A_DASHBOARD", most)
    groups = QueueDashboard.groups([metrics])
    assert [name for group in groups for name in group] == ["p4", "g5", "cpu", "old"]
    assert len(groups) == {195: 1, 194: 2, 1: 4}[most]
    for number, queues in enumerate(groups if most > 1 else ()):
        QueueDashboard(stack, f"D{number}", dashboard_name=f"d{number}", metrics=[metrics], queues=queues)


def test_groups_have_room_for_more_percentiles_and_for_all_regions_of_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    _, metrics = build()
    monkeypatch.setattr("fairlane.monitoring.dashboards.widgets.MOST_IN_A_DASHBOARD", 195)
    assert len(QueueDashboard.groups([metrics], percentiles=[50, 90, 95, 99])) > len(QueueDashboard.groups([metrics]))
    assert QueueDashboard.groups(same_name_twice()) == [["q"]]


def test_several_regions_are_one_dashboard_and_nothing_refers_to_another_stack() -> None:
    app = App()
    home, away = Stack(app, "Home", env=HERE), Stack(app, "Away", env=ELSEWHERE)
    metrics = [metrics_of(home), metrics_of(away)]
    QueueDashboard(home, "Dashboard", dashboard_name="gpus", metrics=metrics)
    regions = [one["properties"]["region"] for one in widgets_of(home) if one["type"] == "metric"]
    assert set(regions) == {"us-east-1", "eu-west-1"}
    assert "ImportValue" not in json.dumps(template_of(home)) + json.dumps(template_of(away))
    assert of_type(away, "CloudWatch::Dashboard") == {}
    of_events = [one for one in titles(widgets_of(home)) if one == "Events in dead-letter queues"]
    assert len(of_events) == 1, "only of the exporter in this stack"


def test_it_links_to_the_console_logs_and_runbooks() -> None:
    texts = "\n".join(
        one["properties"]["markdown"]
        for one in widgets_of(dashboard(runbooks="https://git.example.com/runbooks")[0])
        if one["type"] == "text"
    )
    assert "(https://git.example.com/runbooks/README.md)" in texts
    assert "(https://console.aws.amazon.com/batch/home?region=us-east-1#queues)" in texts
    assert "#logsV2:log-groups/log-group/${" in texts


def test_the_same_name_twice_in_an_account_is_refused_regions_included() -> None:
    app = App()
    home, away = Stack(app, "Home", env=HERE), Stack(app, "Away", env=ELSEWHERE)
    other = Stack(app, "Other", env=Environment(account="444455556666", region="us-east-1"))
    QueueDashboard(home, "Dashboard", dashboard_name="gpus", metrics=[metrics_of(home)])
    QueueDashboard(other, "Dashboard", dashboard_name="gpus", metrics=[metrics_of(other)])
    metrics = metrics_of(away)
    assert problems_of(lambda: QueueDashboard(away, "Dashboard", dashboard_name="gpus", metrics=[metrics])) == [
        "dashboard_name: got 'gpus', allowed: another name: Home/Dashboard has it, and an account has one of a name in all "
        "its Regions"
    ]
    assert away.node.try_find_child("Dashboard") is None
    QueueDashboard(away, "Dashboard", dashboard_name="gpus-away", metrics=[metrics])


def test_a_stage_of_another_account_may_have_the_same_name() -> None:
    app = App()
    for account in ("111122223333", "444455556666"):
        stage = Stage(app, f"Stage{account}", env=Environment(account=account, region="us-east-1"))
        stack = Stack(stage, "Home")
        QueueDashboard(stack, "Dashboard", dashboard_name="gpus", metrics=[metrics_of(stack)])


def test_in_a_region_that_is_not_known_it_shows_what_is_there() -> None:
    away = Stack(App(), "Away")
    metrics = JobMetrics(away, "Metrics", queues=[GpuQueue.from_job_queue_name(away, "Old", "old")])
    QueueDashboard(away, "Dashboard", dashboard_name="gpus", metrics=[metrics])
    assert "${AWS::Region}" in json.dumps(bodies(away))


def test_cfn_lint_lets_it_through() -> None:
    assert findings(template_of(dashboard()[0])) == []
