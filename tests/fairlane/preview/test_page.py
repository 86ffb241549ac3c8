"""Page of the preview, and the command that writes it: contents, escaping, and errors."""

import json
import re
import sys
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from fairlane.cli import main
from fairlane.cloudwatch.samples import Samples
from fairlane.preview.body import Widget
from fairlane.preview.boxes import build_box
from fairlane.preview.figures import format_number
from fairlane.preview.widget_series import widget_series

DASHBOARD = Path(__file__).with_name("dashboard.json")
EVIL = "</script><img src=x onerror=alert(1)>&'\""
NOON = 1_772_625_600
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> tuple[int, str, str]:
        code = main(["dashboard", "preview", *map(str, arguments)])
        output = capsys.readouterr()
        return code, output.out, output.err

    return run


def metric(*metrics: list[Any], **properties: Any) -> dict[str, Any]:
    return {"type": "metric", "properties": {"metrics": metrics, **properties}}


def body(*widgets: dict[str, Any]) -> str:
    return json.dumps({"widgets": widgets})


def html(path: Path = Path("dashboard.html")) -> str:
    """Return the page without the charting library."""
    return re.sub(r"<script>/\*\*.*?</script>", "", path.read_text(), count=1, flags=re.DOTALL)


def figures() -> dict[str, Any]:
    match = re.search(r"const figures = (.*);$", html(), re.MULTILINE)
    assert match
    return dict(json.loads(match[1]))


def emf(minute: int, value: float, name: str = "GpusInUse", **more: object) -> str:
    directive = {"Namespace": "Fairlane", "Dimensions": [["JobQueueName"]], "Metrics": [{"Name": name}]}
    metadata = {"Timestamp": (NOON + 60 * minute) * 1000, "CloudWatchMetrics": [directive]}
    return json.dumps({"_aws": metadata, "JobQueueName": "p4", name: value, **more})


def test_the_command_prints_the_file_and_the_dashboards(run: Run) -> None:
    assert run(DASHBOARD) == (0, "Wrote dashboard.html with dashboard\n", "")
    assert run(DASHBOARD, "--output", "other.html")[1] == "Wrote other.html with dashboard\n"
    assert html() == html(Path("other.html"))


def test_the_same_seed_gives_the_same_page_and_another_seed_does_not(run: Run) -> None:
    for seed in (3, 3, 4):
        run(DASHBOARD, "--seed", seed, "--output", f"{seed}.html")
    first = Path("3.html").read_text()
    run(DASHBOARD, "--seed", 3)
    assert first == Path("dashboard.html").read_text() != Path("4.html").read_text()


def test_the_page_loads_nothing_from_the_network(run: Run) -> None:
    run(DASHBOARD)
    assert re.findall(r"<(?:script|link|img|iframe)[^>]*(?:src|href)=", html()) == []
    assert "default-src 'none'" in html()
    assert len(re.findall(r"plotly\.js v\d", Path("dashboard.html").read_text())) == 1


def test_texts_of_a_body_are_escaped(run: Run) -> None:
    key = ["Fairlane", EVIL, "JobQueueName", EVIL]
    widgets = [
        {"type": EVIL, "properties": {"title": EVIL}},
        {
            "type": "text",
            "properties": {"markdown": f"{EVIL} [go](javascript:alert(1)) ![see](https://example.com/x.png)"},
        },
        {"type": "alarm", "properties": {"title": EVIL, "alarms": [f"arn:aws:cloudwatch:us-east-1:1:alarm:{EVIL}"]}},
        {"type": "log", "properties": {"title": EVIL, "query": f"SOURCE '{EVIL}' | fields {EVIL}"}},
        *(
            metric(
                [*key, {"label": EVIL, "color": EVIL}], [{"expression": EVIL}], title=EVIL, view=view, sparkline=True
            )
            for view in ("timeSeries", "singleValue", "table", "bar", "pie", "gauge")
        ),
        metric(key, annotations={"horizontal": [{"value": 1, "label": EVIL}], "vertical": [{"value": EVIL}]}),
    ]
    Path("body.json").write_text(body(*widgets))
    assert run("body.json")[0] == 0
    page = html()
    assert "<img" not in page
    assert 'href="javascript:' not in page
    assert page.count("</script>") == 1  # `html` removes the script of the charting library.


def test_labels_are_escaped_for_plotly(run: Run) -> None:
    Path("body.json").write_text(body(metric(["Fairlane", "GpusInUse", "JobQueueName", "p4", {"label": "<b>x</b>"}])))
    run("body.json")
    (figure,) = figures().values()
    assert figure["data"][0]["name"] == "&lt;b&gt;x&lt;/b&gt;"


def test_the_data_of_a_log_are_rendered_unchanged(run: Run) -> None:
    Path("body.json").write_text(body(metric(["Fairlane", "GpusInUse", "JobQueueName", "p4"], stat="Sum", period=60)))
    lines = ["START RequestId", emf(0, 8), emf(1, 16), emf(1, 4), "{}", emf(4, 2)]
    Path("log.jsonl").write_text("\n".join(lines))
    assert run("body.json", "--data", "log.jsonl")[0] == 0
    (figure,) = figures().values()
    (line,) = figure["data"]
    points = {time: value for time, value in zip(line["x"], line["y"], strict=True) if value is not None}
    assert points == {"2026-03-04 12:00:00": 8, "2026-03-04 12:01:00": 20, "2026-03-04 12:04:00": 2}
    assert line["y"][2] is None  # A gap interrupts the line.
    assert line["marker"]["size"][-2] > 0  # A point without neighbors is a dot.
    assert figure["layout"]["xaxis"]["range"][1] == "2026-03-04 12:05:00"
    assert figure["layout"]["yaxis"]["title"]["text"] == "Count"


def write_manifest(path: Path, *templates: str) -> None:
    stacks = [{"type": "aws:cloudformation:stack", "properties": {"templateFile": name}} for name in templates]
    path.write_text(json.dumps({"artifacts": {str(number): stack for number, stack in enumerate(stacks)}}))


def test_generated_data_use_the_capacity_of_the_exporter(run: Run) -> None:
    event = {"queues": [{"name": "p4", "shares": {"a": {"ml.p4d.24xlarge": 7}}, "limit": {"ml.p4d.24xlarge": 7}}]}
    text = body(metric(["Fairlane", "CapacityLimit", "JobQueueName", "p4"]))
    dashboard = {"Type": "AWS::CloudWatch::Dashboard", "Properties": {"DashboardBody": text}}
    schedule = {"Type": "AWS::Scheduler::Schedule", "Properties": {"Target": {"Input": json.dumps(event)}}}
    Path("one.template.json").write_text(json.dumps({"Resources": {"Mine": dashboard}}))
    Path("two.template.json").write_text(json.dumps({"Resources": {"Schedule": schedule}}))
    write_manifest(Path("manifest.json"), "one.template.json", "two.template.json")
    assert run(".")[0] == 0
    (figure,) = figures().values()
    assert set(figure["data"][0]["y"]) - {None} == {7}


def test_alarms_are_evaluated_over_the_data(run: Run) -> None:
    def alarm(threshold: int) -> dict[str, Any]:
        metric = {"Namespace": "Fairlane", "MetricName": "GpusInUse", "Statistic": "Maximum", "Period": 60}
        rule = {"EvaluationPeriods": 1, "Threshold": threshold, "ComparisonOperator": "GreaterThanThreshold"}
        return {
            "Type": "AWS::CloudWatch::Alarm",
            "Properties": {**metric, **rule, "Dimensions": [{"Name": "JobQueueName", "Value": "p4"}]},
        }

    ids = ("Busy01234567", "Quiet89ABCDEF", "Missing")
    arns: list[Any] = []
    for name in ids:
        arns += ['"', {"Fn::GetAtt": [name, "Arn"]}, '"', ","]
    parts = ['{"widgets":[{"type":"alarm","properties":{"alarms":[', *arns[:-1], "]}}]}"]
    dashboard = {"Type": "AWS::CloudWatch::Dashboard", "Properties": {"DashboardBody": {"Fn::Join": ["", parts]}}}
    Path("a.json").write_text(json.dumps({"Resources": {"D": dashboard, ids[0]: alarm(4), ids[1]: alarm(9)}}))
    Path("log.jsonl").write_text("\n".join(emf(minute, 8) for minute in range(9)))
    assert run("a.json", "--data", "log.jsonl")[0] == 0
    chips = re.findall(r'<b class="state">([^<]*)</b> <span class="name">([^<]*)<', html())
    assert chips == [("In alarm", "Busy"), ("OK", "Quiet"), ("Not evaluated", "${Missing.Arn}")]


def test_the_page_shows_an_unsupported_alarm_as_not_evaluated(run: Run) -> None:
    text = body({"type": "alarm", "properties": {"alarms": ["arn:aws:cloudwatch:us-east-1:1:alarm:odd"]}})
    odd = {"AlarmName": "odd", "ThresholdMetricId": "ad1", "EvaluationPeriods": 1}
    resources = {
        "Odd": {"Type": "AWS::CloudWatch::Alarm", "Properties": odd},
        "D": {"Type": "AWS::CloudWatch::Dashboard", "Properties": {"DashboardBody": text}},
    }
    Path("a.json").write_text(json.dumps({"Resources": resources}))
    assert run("a.json")[0] == 0
    assert '<b class="state">Not evaluated</b> <span class="name">odd<' in html()


def test_a_dashboard_is_selected_by_name(run: Run) -> None:
    dashboard = {"Type": "AWS::CloudWatch::Dashboard", "Properties": {"DashboardBody": body()}}
    Path("cdk.out").mkdir()
    Path("cdk.out/app.template.json").write_text(json.dumps({"Resources": {"A": dashboard, "B": dashboard}}))
    write_manifest(Path("cdk.out/manifest.json"), "app.template.json")
    assert run()[1] == "Wrote dashboard.html with A, B\n"
    assert run("--dashboard", "B")[1] == "Wrote dashboard.html with B\n"
    assert run("--dashboard", "C") == (1, "", "fairlane: cdk.out contains no dashboard C: use one of A, B\n")


@pytest.mark.parametrize(
    ("arguments", "output"),
    [
        (["missing"], "missing does not exist: use a cdk.out folder, a template or a dashboard body"),
        (["broken.json"], "broken.json, line 2: invalid JSON: Expecting value"),
        (["list.json"], "list.json is neither a CloudFormation template nor a dashboard body"),
        (["body.json", "--data", "missing"], "cannot read missing: No such file or directory"),
        (["body.json", "--data", "list.json"], "list.json contains no line in the embedded metric format"),
        (["body.json", "--data", "odd.jsonl"], "odd.jsonl, line 2: invalid embedded metric format"),
        (
            ["body.json", "--output", "missing/x.html"],
            "missing/x.html: there is no folder missing: create it, or name a file in another folder",
        ),
        (
            ["start.json"],
            "dashboard start: start: got 'yesterday', allowed: a time in ISO 8601, or a duration, for example -PT3H",
        ),
    ],
)
def test_an_invalid_input_is_reported_in_one_sentence(run: Run, arguments: list[str], output: str) -> None:
    Path("broken.json").write_text('{"widgets":\n')
    Path("list.json").write_text("[]")
    Path("odd.jsonl").write_text(emf(0, 1) + '\n{"_aws": {"Timestamp": 1, "CloudWatchMetrics": [{}]}}')
    Path("body.json").write_text(body())
    Path("start.json").write_text('{"start": "yesterday", "widgets": []}')
    assert run(*arguments) == (1, "", f"fairlane: {output}\n")


def test_a_missing_extra_is_reported(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith(("fairlane.preview", "fairlane._charts"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "plotly.offline", None)
    code, _, output = run(DASHBOARD)
    assert code == 1
    assert output.startswith('fairlane dashboard needs the extra report: run pip install "fairlane[report]" (plotly')


def test_a_widget_shows_why_an_expression_is_not_evaluated() -> None:
    widget = Widget.model_validate(metric([{"expression": "ANOMALY_DETECTION_BAND(m1)"}]))
    (first, second) = build_box(widget, Samples(), {}, NOON, NOON + 3600).notes
    assert first.startswith("Not evaluated: ANOMALY_DETECTION_BAND(m1): ")
    assert second == "No data"


@pytest.mark.parametrize(
    ("name", "unit"), [("GpusInUse", "Count"), ("AttemptWaitTime", "Seconds"), ("CapacityLimit", "")]
)
def test_a_line_has_the_unit_of_its_metrics(name: str, unit: str) -> None:
    search = f"SEARCH('{{Fairlane,JobQueueName}} MetricName=\"{name}\"', 'Average', 60)"
    entries: list[list[Any]] = [["Fairlane", name, "JobQueueName", "p4"], [{"expression": search}]]
    widget = Widget.model_validate(metric(*entries))
    samples = Samples()
    samples.add("Fairlane", name, {"JobQueueName": "p4"}, NOON, [1])
    lines, errors = widget_series(widget.properties, samples, NOON, NOON + 3600)
    assert ([line.unit for line in lines], errors) == ([unit, unit], [])


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (None, "Count", "--"),
        (0, "Seconds", "0 s"),
        (0.254, "", "0.25"),
        (76.0, "Percent", "76 %"),
        (1234, "Seconds", "1.23k s"),
        (45_678, "Milliseconds", "45.7k ms"),
        (22_700_000, "Count", "22.7M"),
        (-1500, "", "-1.5k"),
    ],
)
def test_numbers_are_abbreviated(value: float | None, unit: str, text: str) -> None:
    assert format_number(value, unit) == text


def test_full_precision_is_an_option() -> None:
    assert format_number(1234.5678, "Seconds", full_precision=True) == "1,234.5678 s"


def luminance(color: str) -> float:
    parts = [int(color[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_colors_have_enough_contrast(scheme: int) -> None:
    template = files("fairlane._charts").joinpath("colors.css").read_text()
    colors = dict(re.findall(r"--([\w-]+): (#\w{6})", re.findall(r":root \{(.*?)\}", template, re.DOTALL)[scheme]))
    assert len(colors) == 21

    def contrast(front: str, back: str) -> float:
        lighter, darker = sorted((luminance(colors[front]), luminance(colors[back])), reverse=True)
        return (lighter + 0.05) / (darker + 0.05)

    for back in ("card", "page"):
        for text in ("ink", "quiet", "link"):
            assert contrast(text, back) >= 4.5, (text, back)
    for state in ("ok", "alarm", "unknown"):
        assert contrast(state, "card") >= 4.5, state
    for line in ("mark", *(f"series-{index}" for index in range(1, 12))):
        assert contrast(line, "card") >= 3, line


def test_a_widget_shows_why_a_statistic_is_not_evaluated() -> None:
    widget = Widget.model_validate(metric(["Fairlane", "GpusInUse", {"stat": "tm99"}]))
    assert (
        build_box(widget, Samples(), {}, NOON, NOON + 3600).notes[0].startswith("Not evaluated: statistic: got 'tm99'")
    )


def test_lines_of_a_search_have_the_period_of_the_search() -> None:
    samples = Samples()
    for hour in range(3):
        samples.add("Fairlane", "JobFailures", {"Reason": "Other"}, NOON + 3600 * hour, [1])
    search = "SEARCH('{Fairlane,Reason} MetricName=\"JobFailures\"', 'Sum', 3600)"
    widget = Widget.model_validate(metric([{"expression": search}], period=300))
    ((line,), _) = widget_series(widget.properties, samples, NOON, NOON + 3 * 3600)
    assert (line.period, line.points) == (3600, {NOON + 3600 * hour: 1 for hour in range(3)})


def test_set_period_to_time_range_gives_one_number_for_the_time_range() -> None:
    samples = Samples()
    for minute in range(60):
        samples.add("Fairlane", "JobsFailed", {}, NOON + 60 * minute, [1])
    for view, whole, value in (("singleValue", True, 60), ("singleValue", False, 5), ("pie", True, 60)):
        widget = Widget.model_validate(
            metric(["Fairlane", "JobsFailed"], stat="Sum", view=view, setPeriodToTimeRange=whole)
        )
        ((line,), _) = widget_series(widget.properties, samples, NOON, NOON + 3600)
        assert line.last == value
