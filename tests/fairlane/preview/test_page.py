"""The page, and the command that writes it: what it shows, what it escapes, and what it says of wrong inputs."""

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
from fairlane.preview.boxes import box
from fairlane.preview.figures import number
from fairlane.preview.widget_series import drawn

DASHBOARD = Path(__file__).with_name("dashboard.json")
EVIL = "</script><img src=x onerror=alert(1)>&'\""
NOON = 1_772_625_600
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> tuple[int, str, str]:
        code = main(["dashboard", "preview", *map(str, arguments)])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def metric(*metrics: list[Any], **properties: Any) -> dict[str, Any]:
    return {"type": "metric", "properties": {"metrics": metrics, **properties}}


def body(*widgets: dict[str, Any]) -> str:
    return json.dumps({"widgets": widgets})


def html(path: Path = Path("dashboard.html")) -> str:
    """The page without the charting library."""
    return re.sub(r"<script>/\*\*.*?</script>", "", path.read_text(), count=1, flags=re.DOTALL)


def figures() -> dict[str, Any]:
    found = re.search(r"const figures = (.*);$", html(), re.MULTILINE)
    assert found
    return dict(json.loads(found[1]))


def emf(minute: int, value: float, name: str = "GpusInUse", **more: object) -> str:
    directive = {"Namespace": "Fairlane", "Dimensions": [["JobQueueName"]], "Metrics": [{"Name": name}]}
    told = {"Timestamp": (NOON + 60 * minute) * 1000, "CloudWatchMetrics": [directive]}
    return json.dumps({"_aws": told, "JobQueueName": "p4", name: value, **more})


def test_it_tells_what_it_drew_and_where(run: Run) -> None:
    assert run(DASHBOARD) == (0, "Drew dashboard: dashboard.html\n", "")
    assert run(DASHBOARD, "--output", "other.html")[1] == "Drew dashboard: other.html\n"
    assert html() == html(Path("other.html"))


def test_the_same_seed_draws_the_same_and_another_does_not(run: Run) -> None:
    for seed in (3, 3, 4):
        run(DASHBOARD, "--seed", seed, "--output", f"{seed}.html")
    first = Path("3.html").read_text()
    run(DASHBOARD, "--seed", 3)
    assert first == Path("dashboard.html").read_text() != Path("4.html").read_text()


def test_the_page_refers_to_nothing_elsewhere(run: Run) -> None:
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
    assert page.count("</script>") == 1  # the charting library's is cut out


def test_plotly_takes_no_label_for_html(run: Run) -> None:
    Path("body.json").write_text(body(metric(["Fairlane", "GpusInUse", "JobQueueName", "p4", {"label": "<b>x</b>"}])))
    run("body.json")
    (figure,) = figures().values()
    assert figure["data"][0]["name"] == "&lt;b&gt;x&lt;/b&gt;"


def test_given_data_are_drawn_as_they_are(run: Run) -> None:
    Path("body.json").write_text(body(metric(["Fairlane", "GpusInUse", "JobQueueName", "p4"], stat="Sum", period=60)))
    lines = ["START RequestId", emf(0, 8), emf(1, 16), emf(1, 4), "{}", emf(4, 2)]
    Path("log.jsonl").write_text("\n".join(lines))
    assert run("body.json", "--data", "log.jsonl")[0] == 0
    (figure,) = figures().values()
    (line,) = figure["data"]
    seen = {time: value for time, value in zip(line["x"], line["y"], strict=True) if value is not None}
    assert seen == {"2026-03-04 12:00:00": 8, "2026-03-04 12:01:00": 20, "2026-03-04 12:04:00": 2}
    assert line["y"][2] is None  # a gap breaks the line
    assert line["marker"]["size"][-2] > 0  # a point on its own is a dot
    assert figure["layout"]["xaxis"]["range"][1] == "2026-03-04 12:05:00"
    assert figure["layout"]["yaxis"]["title"]["text"] == "Count"


def test_made_up_data_know_the_capacity_of_the_exporter(run: Run) -> None:
    told = {"queues": [{"name": "p4", "shares": {"a": {"ml.p4d.24xlarge": 7}}, "limit": {"ml.p4d.24xlarge": 7}}]}
    text = body(metric(["Fairlane", "CapacityLimit", "JobQueueName", "p4"]))
    dashboard = {"Type": "AWS::CloudWatch::Dashboard", "Properties": {"DashboardBody": text}}
    schedule = {"Type": "AWS::Scheduler::Schedule", "Properties": {"Target": {"Input": json.dumps(told)}}}
    Path("one.template.json").write_text(json.dumps({"Resources": {"Mine": dashboard}}))
    Path("two.template.json").write_text(json.dumps({"Resources": {"Every": schedule}}))
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

    ids = ("Busy01234567", "Quiet89ABCDEF", "Gone")
    arns: list[Any] = []
    for name in ids:
        arns += ['"', {"Fn::GetAtt": [name, "Arn"]}, '"', ","]
    parts = ['{"widgets":[{"type":"alarm","properties":{"alarms":[', *arns[:-1], "]}}]}"]
    dashboard = {"Type": "AWS::CloudWatch::Dashboard", "Properties": {"DashboardBody": {"Fn::Join": ["", parts]}}}
    Path("a.json").write_text(json.dumps({"Resources": {"D": dashboard, ids[0]: alarm(4), ids[1]: alarm(9)}}))
    Path("log.jsonl").write_text("\n".join(emf(minute, 8) for minute in range(9)))
    assert run("a.json", "--data", "log.jsonl")[0] == 0
    chips = re.findall(r'<b class="state">([^<]*)</b> <span class="name">([^<]*)<', html())
    assert chips == [("In alarm", "Busy"), ("OK", "Quiet"), ("Not evaluated", "${Gone.Arn}")]


def test_an_alarm_of_a_kind_that_is_not_evaluated_is_no_hindrance(run: Run) -> None:
    text = body({"type": "alarm", "properties": {"alarms": ["arn:aws:cloudwatch:us-east-1:1:alarm:odd"]}})
    odd = {"AlarmName": "odd", "ThresholdMetricId": "ad1", "EvaluationPeriods": 1}
    resources = {
        "Odd": {"Type": "AWS::CloudWatch::Alarm", "Properties": odd},
        "D": {"Type": "AWS::CloudWatch::Dashboard", "Properties": {"DashboardBody": text}},
    }
    Path("a.json").write_text(json.dumps({"Resources": resources}))
    assert run("a.json")[0] == 0
    assert '<b class="state">Not evaluated</b> <span class="name">odd<' in html()


def test_one_dashboard_of_several_is_chosen_by_name(run: Run) -> None:
    one = {"Type": "AWS::CloudWatch::Dashboard", "Properties": {"DashboardBody": body()}}
    Path("cdk.out").mkdir()
    Path("cdk.out/app.template.json").write_text(json.dumps({"Resources": {"A": one, "B": one}}))
    assert run()[1] == "Drew A, B: dashboard.html\n"
    assert run("--dashboard", "B")[1] == "Drew B: dashboard.html\n"
    assert run("--dashboard", "C") == (1, "", "fairlane: cdk.out has no dashboard C; it has: A, B\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["gone"], "there is no file or folder gone"),
        (["broken.json"], "broken.json, line 2: this is not JSON: Expecting value"),
        (["list.json"], "list.json is neither a CloudFormation template nor the body of a dashboard"),
        (["body.json", "--data", "gone"], "cannot read gone: No such file or directory"),
        (["body.json", "--data", "list.json"], "list.json has no line in the embedded metric format"),
        (["body.json", "--data", "odd.jsonl"], "odd.jsonl, line 2: this is not quite the embedded metric format"),
        (["body.json", "--output", "gone/x.html"], "cannot write gone/x.html: No such file or directory"),
        (["start.json"], "dashboard start: start yesterday is no time"),
    ],
)
def test_wrong_inputs_get_one_sentence(run: Run, arguments: list[str], said: str) -> None:
    Path("broken.json").write_text('{"widgets":\n')
    Path("list.json").write_text("[]")
    Path("odd.jsonl").write_text(emf(0, 1) + '\n{"_aws": {"Timestamp": 1, "CloudWatchMetrics": [{}]}}')
    Path("body.json").write_text(body())
    Path("start.json").write_text('{"start": "yesterday", "widgets": []}')
    assert run(*arguments) == (1, "", f"fairlane: {said}\n")


def test_a_missing_extra_is_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith(("fairlane.preview", "fairlane._charts"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "plotly.offline", None)
    code, _, said = run(DASHBOARD)
    assert code == 1
    assert said.startswith('fairlane dashboard needs what pip installs with: pip install "fairlane[report]" (plotly')


def test_an_expression_that_cannot_be_evaluated_is_told_where_it_stands() -> None:
    widget = Widget.model_validate(metric([{"expression": "ANOMALY_DETECTION_BAND(m1)"}]))
    (first, second) = box(widget, Samples(), {}, NOON, NOON + 3600).notes
    assert first.startswith("Not evaluated: ANOMALY_DETECTION_BAND(m1): ")
    assert second == "No data"


@pytest.mark.parametrize(
    ("name", "unit"), [("GpusInUse", "Count"), ("AttemptWaitTime", "Seconds"), ("CapacityLimit", "")]
)
def test_lines_have_the_unit_of_their_metrics(name: str, unit: str) -> None:
    search = f"SEARCH('{{Fairlane,JobQueueName}} MetricName=\"{name}\"', 'Average', 60)"
    entries: list[list[Any]] = [["Fairlane", name, "JobQueueName", "p4"], [{"expression": search}]]
    widget = Widget.model_validate(metric(*entries))
    samples = Samples()
    samples.add("Fairlane", name, {"JobQueueName": "p4"}, NOON, [1])
    lines, wrong = drawn(widget.properties, samples, NOON, NOON + 3600)
    assert ([line.unit for line in lines], wrong) == ([unit, unit], [])


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
def test_numbers_are_short(value: float | None, unit: str, text: str) -> None:
    assert number(value, unit) == text


def test_full_precision_is_kept_where_it_is_asked_for() -> None:
    assert number(1234.5678, "Seconds", full=True) == "1,234.5678 s"


def luminance(color: str) -> float:
    parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_colors_stand_out(scheme: int) -> None:
    template = files("fairlane._charts").joinpath("charts.html.j2").read_text()
    colors = dict(re.findall(r"--([\w-]+): (#\w{6})", re.findall(r":root \{(.*?)\}", template, re.DOTALL)[scheme]))
    assert len(colors) == 18

    def contrast(front: str, back: str) -> float:
        lighter, darker = sorted((luminance(colors[front]), luminance(colors[back])), reverse=True)
        return (lighter + 0.05) / (darker + 0.05)

    for back in ("card", "page"):
        for text in ("ink", "quiet", "link"):
            assert contrast(text, back) >= 4.5, (text, back)
    for state in ("ok", "alarm", "unknown"):
        assert contrast(state, "card") >= 4.5, state
    for line in ("mark", *(f"series-{index}" for index in range(1, 9))):
        assert contrast(line, "card") >= 3, line


def test_a_statistic_that_is_not_evaluated_is_told_where_it_stands() -> None:
    widget = Widget.model_validate(metric(["Fairlane", "GpusInUse", {"stat": "tm99"}]))
    assert box(widget, Samples(), {}, NOON, NOON + 3600).notes[0].startswith("Not evaluated: statistic: got 'tm99'")


def test_lines_that_a_search_finds_have_its_period() -> None:
    samples = Samples()
    for hour in range(3):
        samples.add("Fairlane", "JobFailures", {"Reason": "Other"}, NOON + 3600 * hour, [1])
    search = "SEARCH('{Fairlane,Reason} MetricName=\"JobFailures\"', 'Sum', 3600)"
    widget = Widget.model_validate(metric([{"expression": search}], period=300))
    ((line,), _) = drawn(widget.properties, samples, NOON, NOON + 3 * 3600)
    assert (line.period, line.points) == (3600, {NOON + 3600 * hour: 1 for hour in range(3)})


def test_one_number_of_the_whole_window_where_it_is_asked_for() -> None:
    samples = Samples()
    for minute in range(60):
        samples.add("Fairlane", "JobsFailed", {}, NOON + 60 * minute, [1])
    for view, whole, value in (("singleValue", True, 60), ("singleValue", False, 5), ("pie", True, 60)):
        widget = Widget.model_validate(
            metric(["Fairlane", "JobsFailed"], stat="Sum", view=view, setPeriodToTimeRange=whole)
        )
        ((line,), _) = drawn(widget.properties, samples, NOON, NOON + 3600)
        assert line.last == value
