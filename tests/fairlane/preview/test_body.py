"""Bodies of dashboards: files, metrics, and positions of widgets."""

import json
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, NestedStack, Stack, Stage
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct
from hypothesis import given
from hypothesis import strategies as st

from fairlane.cloudwatch.samples import MetricKey
from fairlane.preview import PreviewError
from fairlane.preview.body import COLUMNS, Properties, Widget, _place_widgets, read_dashboards
from fairlane.preview.widget_metrics import Line, expand_metrics, labels, render_label

QUEUE = {"JobQueueName": "p4"}


def lines(*metrics: list[Any]) -> list[Line]:
    return expand_metrics(metrics, stat="Average", period=300)


def keys(*metrics: list[Any]) -> list[MetricKey | None]:
    return [line.metric for line in lines(*metrics)]


def write(path: Path, content: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def template(**bodies: Any) -> dict[str, Any]:
    resources = {
        name: {"Type": "AWS::CloudWatch::Dashboard", "Properties": {"DashboardBody": body}}
        for name, body in bodies.items()
    }
    return {"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}, **resources}}


def test_a_metric_repeats_parts_of_the_previous_metric() -> None:
    in_use, limit = (
        MetricKey.from_dimensions("Fairlane", "InUse", QUEUE),
        MetricKey.from_dimensions("Fairlane", "Limit", QUEUE),
    )
    assert keys(["Fairlane", "InUse", "JobQueueName", "p4"], [".", "Limit", ".", "."]) == [in_use, limit]
    share = {"JobQueueName": "p4", "Share": "b"}
    metrics = keys(["Fairlane", "InUse", "JobQueueName", "p4", "Share", "a"], ["...", "b"], ["...", {"stat": "Sum"}])
    assert metrics[1:] == [MetricKey.from_dimensions("Fairlane", "InUse", share)] * 2


def test_null_options_are_ignored() -> None:
    empty = {"id": None, "label": None, "stat": None, "period": None, "color": None, "yAxis": None, "visible": None}
    assert lines(["N", "A", empty]) == lines(["N", "A", {}]) == lines(["N", "A"])


def test_a_metric_after_an_expression_repeats_the_last_metric() -> None:
    first, expression, second = lines(
        ["Fairlane", "InUse", "JobQueueName", "p4", {"id": "m1"}], [{"expression": "m1 * 2"}], [".", "Limit", ".", "."]
    )
    assert (first.id, expression.expression, expression.metric) == ("m1", "m1 * 2", None)
    assert second.metric == MetricKey.from_dimensions("Fairlane", "Limit", QUEUE)


def test_options_of_a_metric_override_options_of_the_widget() -> None:
    own, other = lines(["N", "A", {"stat": "p95", "period": 60, "yAxis": "right", "visible": False}], ["N", "B"])
    assert (own.stat, own.period, own.right, own.visible) == ("p95", 60, True, False)
    assert (other.stat, other.period, other.right, other.visible) == ("Average", 300, False, True)


words = st.text("abcxyz/", min_size=1, max_size=3)


@given(st.lists(st.lists(words, min_size=4, max_size=4), min_size=1, max_size=5))
def test_repeated_parts_give_the_same_metrics(metrics: list[list[str]]) -> None:
    short = [metrics[0]]
    for previous, current in pairwise(metrics):
        dots = ["." if part == old else part for part, old in zip(current, previous, strict=True)]
        same = next((index for index, part in enumerate(dots) if part != "."), 4)
        short.append(["...", *current[same:]] if same > 1 else dots)
    assert keys(*short) == keys(*metrics)


@pytest.mark.parametrize(
    ("metrics", "message"),
    [
        ([["Fairlane"]], "metrics.0: use a namespace"),
        ([["N", "M", "Dimension"]], "metrics.0: use a namespace"),
        ([["N", "M"], [".", ".", ".", "x"]], "metrics.1: '.' repeats"),
        ([["N", "M"], ["...", "a", "b", "c"]], "metrics.1: '...' repeats"),
        ([[{"label": "no expression"}]], "metrics.0: neither"),
        ([[]], "metrics.0: neither"),
        ([[{}]], "metrics.0: neither"),
        ([[{"expression": None}]], "metrics.0: neither"),
        ([["N", "M", {"period": 0}]], "metrics.0: period: got 0, allowed: 1 to"),
        ([["N", "M", {"period": -60}]], "metrics.0: period: got -60"),
        ([["N", "M", {"period": 10**12}]], "metrics.0: period: got 1000000000000"),
        ([["N", "M", {"period": float("inf")}]], "metrics.0: period: got inf"),
        ([["N", "M", {"period": []}]], "metrics.0: period: got []"),
    ],
)
def test_invalid_metrics_are_refused(metrics: list[list[Any]], message: str, tmp_path: Path) -> None:
    body = {"widgets": [{"type": "metric", "properties": {"metrics": metrics}}]}
    with pytest.raises(PreviewError, match=r"body\.json is not a valid dashboard: .*" + re.escape(message)):
        read_dashboards(write(tmp_path / "body.json", body))


def test_default_labels_are_the_properties_in_which_the_lines_differ() -> None:
    queue = ["Fairlane", "InUse", "JobQueueName", "p4"]
    assert labels(lines(queue)) == ["InUse"]
    assert labels(lines([*queue, "Share", "a"], ["...", "b"])) == ["a", "b"]
    assert labels(lines(queue, [".", "Limit", ".", "."])) == ["InUse", "Limit"]
    assert labels(lines([*queue, {"label": "Own label"}], [{"expression": "m1 + 1", "id": "e1"}])) == [
        "Own label",
        "e1",
    ]


def test_dynamic_labels_are_rendered() -> None:
    metric = MetricKey.from_dimensions("Fairlane", "InUse", {"Share": "a"})
    text = "${PROP('Dim.Share')} ${PROP('MetricName')} ${LABEL} ${MAX} ${LAST} ${AVG} ${Unknown}"
    assert render_label(text, "line", metric, "Sum", [1, 4, 2.5]) == "a InUse line 4 2.5 2.5 ${Unknown}"
    assert render_label("${MAX}", "line", metric, "Sum", []) == "--"


def add_dashboard(scope: Construct) -> None:
    cloudwatch.CfnDashboard(scope, "D", dashboard_name=scope.node.path, dashboard_body=json.dumps({"widgets": []}))


def names(folder: Path) -> set[str]:
    return {dashboard.name for dashboard in read_dashboards(folder)}


def test_the_dashboards_of_all_stacks_and_stages_of_an_app_are_read(tmp_path: Path) -> None:
    app = App(outdir=str(tmp_path))
    add_dashboard(Stack(app, "One"))
    stage = Stage(app, "Dev")
    parent = Stack(stage, "Two")
    add_dashboard(parent)
    add_dashboard(NestedStack(parent, "Nested"))
    app.synth()
    assert names(tmp_path) == {"One", "Dev/Two", "Dev/Two/Nested"}


def test_templates_of_a_former_app_are_not_read(tmp_path: Path) -> None:
    for stacks in (["Old", "Kept"], ["Kept"]):
        app = App(outdir=str(tmp_path))
        for name in stacks:
            add_dashboard(Stack(app, name))
        app.synth()
    assert (tmp_path / "Old.template.json").exists()
    assert names(tmp_path) == {"Kept"}


ASSEMBLY = "cdk:cloud-assembly"
STACK = "aws:cloudformation:stack"
AGAIN = "run cdk synth again"


def artifact(kind: str, **properties: object) -> dict[str, Any]:
    return {"artifacts": {"A": {"type": kind, "properties": properties}}}


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        (None, "out contains no manifest.json: use the output folder of cdk synth, or one template"),
        ("{", f"out/manifest.json is not a manifest of the AWS CDK: {AGAIN}"),
        ([], f"out/manifest.json is not a manifest of the AWS CDK: {AGAIN}"),
        ("[" * 100_000, f"out/manifest.json is not a manifest of the AWS CDK: {AGAIN}"),
        ({"artifacts": 5}, f"out/manifest.json is not a manifest of the AWS CDK: {AGAIN}"),
        ({}, "out contains no dashboards"),
        ({"artifacts": {"A": None, "B": {"type": STACK}, "C": {"type": STACK, "properties": 5}}}, "no dashboards"),
        (artifact(STACK, templateFile=5), "out contains no dashboards"),
        (artifact(STACK, templateFile="gone.json"), f"lists gone.json, which does not exist: {AGAIN}"),
        (artifact(ASSEMBLY, directoryName="gone"), f"lists gone, which does not exist: {AGAIN}"),
        (artifact(ASSEMBLY, directoryName="."), f"lists ., which is not inside out: {AGAIN}"),
        (artifact(ASSEMBLY, directoryName="../out"), f"lists ../out, which is not inside out: {AGAIN}"),
        (artifact("cdk:asset-manifest", file="gone.json"), f"lists gone.json, which does not exist: {AGAIN}"),
        (artifact("cdk:asset-manifest", file="manifest.json"), "out contains no dashboards"),
    ],
)
def test_a_manifest_that_cannot_be_read_is_reported_in_one_line(
    manifest: Any, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write(Path("out/stale.template.json"), template(Stale=json.dumps({"widgets": []})))
    if manifest is not None:
        write(Path("out/manifest.json"), manifest)
    with pytest.raises(PreviewError, match=re.escape(message) + "$") as error_info:
        read_dashboards(Path("out"))
    assert "\n" not in str(error_info.value)


UNSUPPORTED = {"metrics": [{"metricName": "CPUUtilization", "stat": "Average"}], "period": "auto", "annotations": 5}


@pytest.mark.parametrize("kind", ["explorer", "custom", "chart", "unknown type"])
@pytest.mark.parametrize(
    ("properties", "title"),
    [
        ({**UNSUPPORTED, "title": "Fleet"}, "Fleet"),
        ({**UNSUPPORTED, "title": ["x"]}, ""),
        (UNSUPPORTED, ""),
        (None, ""),
        ("", ""),
    ],
)
def test_only_the_title_of_an_unsupported_widget_is_read(
    kind: str, properties: Any, title: str, tmp_path: Path
) -> None:
    body = {"widgets": [{"type": kind, "width": 9, "properties": properties}, {"type": "text"}]}
    (dashboard,) = read_dashboards(write(tmp_path / "body.json", body))
    first = dashboard.widgets[0]
    assert (first.type, first.width, first.properties) == (kind, 9, Properties(title=title))


@pytest.mark.parametrize("kind", ["alarm", "log", "metric", "text"])
def test_invalid_properties_of_a_supported_widget_are_refused(kind: str, tmp_path: Path) -> None:
    body = {"widgets": [{"type": kind, "properties": UNSUPPORTED}]}
    with pytest.raises(PreviewError, match=r"is not a valid dashboard: widgets\.0\.properties"):
        read_dashboards(write(tmp_path / "body.json", body))


@pytest.mark.parametrize("properties", [None, {}, {"title": None, "metrics": None, "yAxis": {"left": None}}])
def test_null_properties_are_ignored(properties: Any, tmp_path: Path) -> None:
    body = {"start": None, "widgets": [{"type": "metric", "height": None, "properties": properties}]}
    (dashboard,) = read_dashboards(write(tmp_path / "body.json", body))
    assert dashboard.widgets[0].properties == Properties()


def test_a_byte_order_mark_is_ignored(tmp_path: Path) -> None:
    path = tmp_path / "body.json"
    path.write_text('{"widgets": []}', encoding="utf-8-sig")
    assert [dashboard.name for dashboard in read_dashboards(path)] == ["body"]


def test_the_parts_of_a_body_are_joined(tmp_path: Path) -> None:
    parts = ['{"widgets":[{"type":"alarm","properties":{"alarms":["', {"Fn::GetAtt": ["Late", "Arn"]}, '"]}}]}']
    resources = template(Mine={"Fn::Join": ["", parts]})
    resources["Resources"]["Mine"]["Properties"]["DashboardName"] = "training"
    (dashboard,) = read_dashboards(write(tmp_path / "one.json", resources))
    assert dashboard.name == "training"
    assert dashboard.widgets[0].properties.alarms == ["${Late.Arn}"]


places = st.fixed_dictionaries(
    {"type": st.just("text"), "width": st.integers(1, 24), "height": st.integers(1, 9)},
    optional={"x": st.integers(0, 23), "y": st.integers(0, 30)},
)


@given(st.lists(places, max_size=12))
def test_widgets_do_not_overlap(widgets: list[dict[str, Any]]) -> None:
    taken: set[tuple[int, int]] = set()
    for widget in _place_widgets([Widget.model_validate(widget) for widget in widgets]):
        assert widget.x is not None
        assert widget.y is not None
        assert widget.x + widget.width <= COLUMNS
        cells = {
            (x, y) for x in range(widget.x, widget.x + widget.width) for y in range(widget.y, widget.y + widget.height)
        }
        assert not cells & taken
        taken |= cells


def test_widgets_that_do_not_overlap_keep_their_positions(tmp_path: Path) -> None:
    positions = [(0, 0), (6, 0), (0, 9), (18, 3)]
    body = {"widgets": [{"type": "text", "x": x, "y": y} for x, y in positions]}
    (dashboard,) = read_dashboards(write(tmp_path / "body.json", body))
    assert {(widget.x, widget.y) for widget in dashboard.widgets} == set(positions)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("missing.json", None, "missing.json does not exist: use a cdk.out folder"),
        ("list.json", [], "neither a CloudFormation template nor a dashboard body"),
        ("none.json", template(), "contains no dashboards"),
        ("broken.json", '{\n"widgets": [\n}', r"broken\.json, line 3: invalid JSON"),
        ("template.json", template(Mine='{"widgets": [\n}'), r"the body of Mine, line 2: invalid JSON"),
        ("body.json", {"widgets": [{"type": "text", "width": 25}]}, r"not a valid dashboard: widgets\.0\.width: .*24"),
        ("empty.json", template(Mine="{}"), "Mine is not a valid dashboard: widgets: field required"),
        ("deep.json", "[" * 100_000, r"deep\.json is nested too deeply"),
        ("body.json", template(Mine="[" * 100_000), "the body of Mine is nested too deeply"),
        ("null.json", {"Resources": {"Z": None}}, "contains no dashboards"),
        ("none.json", {"Resources": {"D": {"Type": "AWS::CloudWatch::Dashboard"}}}, "D is not a valid dashboard"),
        ("both.json", {"Resources": None, "widgets": None}, "is not a valid dashboard: widgets: field required"),
        ("digits.json", f'{{"widgets": {"9" * 5000}}}', "digits"),
        ("nan.json", '{"widgets": [{"type": "metric", "properties": {"yAxis": {"left": {"max": NaN}}}}]}', "finite"),
        ("big.json", '{"widgets": [{"type": "text", "width": 1e400}]}', "finite"),
    ],
)
def test_an_invalid_file_is_reported_in_one_line(tmp_path: Path, name: str, content: Any, message: str) -> None:
    path = tmp_path / name if content is None else write(tmp_path / name, content)
    with pytest.raises(PreviewError, match=message) as error_info:
        read_dashboards(path)
    assert "\n" not in str(error_info.value)
