"""Dashboards: what comes first, what each row shows, and what is refused. How they look is tested in a browser."""

import json
from typing import Any

import pytest
from aws_cdk import App, Environment, Stack, Stage

from fairlane import FairShare, GpuQueue, JobMetrics, QueueAlarms, QueueDashboard, TrainingQueue
from tests.cfn_lint import findings
from tests.fairlane.monitoring.watching import HERE, build, metrics_of, of_type
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
    first, now, *rest = widgets_of(stack)
    assert first["type"] == "alarm"
    assert len(first["properties"]["alarms"]) == 4 * 2 + 2
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
    stack, _ = dashboard(percentiles=[50, 99.9])
    waits = next(
        one for one in widgets_of(stack) if one["properties"].get("title", "").startswith("Time that attempts had")
    )
    statistics = {row[-1]["stat"] for row in waits["properties"]["metrics"] if len(row) > 1}
    assert statistics == {"p50", "p99.9"}


def test_a_team_sees_its_shares_and_nothing_else() -> None:
    stack, _ = dashboard(shares={"p4": ["a"], "g5": ["research"]})
    text = json.dumps(widgets_of(stack))
    assert '"a"' in text
    assert '"research"' in text
    assert not any(other in text for other in ('"b"', '"prod"', '"cpu"', '"old"', "AWS/Batch", "AWS/SQS"))


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


MISTAKES: list[tuple[dict[str, Any], list[str]]] = [
    (
        {"percentiles": [50, 101]},
        ["percentiles[1]: got 101, allowed: a percentile: a number above 0, up to 100"],
    ),
    (
        {"dashboard_name": "GPUs of search"},
        ["dashboard_name: got 'GPUs of search', allowed: 1 to 255 characters of A-Z, a-z, 0-9, - and _"],
    ),
    (
        {"shares": {"p4": ["a", "z"], "gone": ["a"]}},
        [
            "shares.p4[1]: got 'z', allowed: of queue p4: a, b",
            "shares.gone: got 'gone', allowed: one of the queues: p4, g5, cpu, old",
        ],
    ),
    ({"metrics": []}, ["metrics: got 'none', allowed: the JobMetrics of one Region or more"]),
    ({"metrics": ["p4"]}, ["metrics[0]: got 'p4', allowed: a list of JobMetrics"]),
]


@pytest.mark.parametrize(("changes", "problems"), MISTAKES)
def test_mistakes_are_found_before_anything_is_made(changes: dict[str, Any], problems: list[str]) -> None:
    stack, metrics = build()
    settings: dict[str, Any] = {"dashboard_name": "gpus", "metrics": [metrics]} | changes
    assert problems_of(lambda: QueueDashboard(stack, "Dashboard", **settings)) == problems
    assert stack.node.try_find_child("Dashboard") is None


def test_a_graph_of_more_metrics_than_cloudwatch_draws_is_refused(stack: Stack) -> None:
    shares = {f"s{number}": 1.0 for number in range(100)}
    queue = TrainingQueue(stack, "Q", queue_name="q", capacity=200, scheduling=FairShare(shares))
    metrics = JobMetrics(stack, "Metrics", queues=[queue])
    QueueDashboard(stack, "Dashboard", dashboard_name="gpus", metrics=[metrics])
    problems = problems_of(
        lambda: QueueDashboard(stack, "More", dashboard_name="more", metrics=[metrics], percentiles=[50, 90, 99])
    )
    allowed = "at most 500 in a graph: fewer shares or percentiles"
    assert problems[0] == f"got '606 metrics in \"Time that attempts had waited when they ran\"', allowed: {allowed}"


def test_metrics_of_a_region_that_is_not_known_can_only_be_shown_there() -> None:
    app = App()
    away = Stack(app, "Away")
    metrics = JobMetrics(away, "Metrics", queues=[GpuQueue.from_job_queue_name(away, "Old", "old")])
    home = Stack(app, "Home", env=HERE)
    (problem,) = problems_of(lambda: QueueDashboard(home, "Dashboard", dashboard_name="gpus", metrics=[metrics]))
    assert problem.endswith("allowed: metrics of a stack whose Region is known at synth")
    QueueDashboard(away, "Dashboard", dashboard_name="gpus", metrics=[metrics])
    assert "${AWS::Region}" in json.dumps(bodies(away))


def test_cfn_lint_lets_it_through() -> None:
    assert findings(template_of(dashboard()[0])) == []
