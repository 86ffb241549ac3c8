"""Logs with data, the time range, and alarms of a page."""

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from fairlane.preview import PreviewError, preview
from fairlane_lambda.emf import Metrics

NOON = 1_772_625_600
STREAM = "2026/03/04/[$LATEST]0a1b2c3d4e5f60718293a4b5c6d7e8f9"
Write = Callable[[Sequence[str]], str]


def as_events(lines: Sequence[str], **more: object) -> str:
    """Return the output of `aws logs filter-log-events`."""
    events = [{"logStreamName": STREAM, "timestamp": NOON, "message": line + "\n", "eventId": "3"} for line in lines]
    return json.dumps({"events": [{"eventId": "0"}, None, *events], "searchedLogStreams": []} | more, indent=4)


FORMATS: dict[str, Write] = {
    "bare": "\n".join,
    "short": lambda lines: "".join(f"2026-03-04T12:00:07 {line}\n" for line in lines),
    "detailed": lambda lines: "".join(f"2026-03-04T12:00:07.513000+00:00 {STREAM} {line}\n" for line in lines),
    "byte order mark": lambda lines: "\ufeff" + "\n".join(lines),
    "Windows line ends": "\r\n".join,
    "events": as_events,
    "events with a byte order mark": lambda lines: "\ufeff" + as_events(lines),
}


@pytest.fixture(autouse=True)
def _working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def rendered_page(content: Any, log: str | None = None) -> str:
    """Return the page without the charting library."""
    Path("in.json").write_text(json.dumps(content))
    if log is not None:
        Path("log").write_text(log, encoding="utf-8", newline="")
    preview(Path("in.json"), Path("out.html"), data=None if log is None else Path("log"))
    return re.sub(r"<script>/\*\*.*?</script>", "", Path("out.html").read_text(), count=1, flags=re.DOTALL)


def first_line(page: str) -> dict[str, Any]:
    match = re.search(r"const figures = (.*);$", page, re.MULTILINE)
    assert match
    (figure,) = json.loads(match[1]).values()
    return dict(figure["data"][0])


def graph(*more: Any) -> dict[str, Any]:
    metric = ["Fairlane", "RunnableJobs", "JobQueueName", "p4", {"period": 60}]
    return {"widgets": [{"type": "metric", "properties": {"metrics": [metric, *more]}}]}


def exporter_log(values: dict[int, float], capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Return the log of the exporter's functions, with the lines of AWS Lambda."""
    for minute, value in values.items():
        metrics = Metrics()
        metrics.add("RunnableJobs", value, queue="p4", time=(NOON + 60 * minute) * 1000)
        metrics.write((NOON + 60 * minute) * 1000)
    lines = capsys.readouterr().out.splitlines()
    return ["START RequestId: 5f0c Version: $LATEST", '{"level":"INFO","message":"{"}', *lines, "END RequestId: 5f0c"]


@pytest.mark.parametrize("write", FORMATS.values(), ids=FORMATS)
def test_a_log_is_read_in_each_format(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    line = first_line(rendered_page(graph(), write(exporter_log({0: 3, 1: 5}, capsys))))
    points = {time: value for time, value in zip(line["x"], line["y"], strict=True) if value is not None}
    assert points == {"2026-03-04 12:00:00": 3, "2026-03-04 12:01:00": 5}


def test_unicode_line_separators_do_not_end_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    line = exporter_log({0: 3}, capsys)[2]
    separated = line[:-1] + ',"note":"one\u2028two\u0085three"}'
    assert first_line(rendered_page(graph(), separated))["y"][0] == 3


INVALID = '{"_aws": {"Timestamp": 1, "CloudWatchMetrics": [{}]}}'
INVALID_TIME = '{"_aws": {"Timestamp": 99999999999999999, "CloudWatchMetrics": []}}'
MESSAGE = "invalid embedded metric format"


@pytest.mark.parametrize(
    ("log", "message"),
    [
        ("{}\n" + INVALID, f"log, line 2: {MESSAGE}"),
        (as_events(["{}", INVALID]), f"log, event 3: {MESSAGE}"),
        (INVALID_TIME, f"log, line 1: {MESSAGE}: Timestamp: got 99999999999999999, allowed: milliseconds since 1970"),
        ("[" * 100_000, "log contains no line in the embedded metric format"),
        ('{"a": ' * 100_000, "log contains no line in the embedded metric format"),
        ('{"events": []}', "log contains no line in the embedded metric format"),
        ('{"events": 5}', "log contains no line in the embedded metric format"),
    ],
)
def test_an_invalid_log_is_reported_in_one_sentence(log: str, message: str) -> None:
    with pytest.raises(PreviewError) as error_info:
        rendered_page(graph(), log)
    assert str(error_info.value) == message


@pytest.mark.parametrize(
    ("start", "day"),
    [
        (None, "2026-03-03"),
        ("-P1D", "2026-03-03"),
        ("-P999999999M", "2024-12-04"),
        ("0001-01-01T00:00:00+14:00", "2024-12-04"),
    ],
)
def test_the_time_range_is_limited_to_the_retention_of_metrics(
    start: str | None, day: str, capsys: pytest.CaptureFixture[str]
) -> None:
    page = rendered_page({"start": start, "widgets": []}, "\n".join(exporter_log({0: 3}, capsys)))
    assert f'<p class="about">{day} 12:01 to 2026-03-04 12:01 UTC</p>' in page


def test_a_start_with_too_many_digits_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(PreviewError, match=r"start: got '-P9+D', allowed: a time in ISO 8601"):
        rendered_page({"start": "-P" + "9" * 5000 + "D", "widgets": []}, "\n".join(exporter_log({0: 3}, capsys)))


def test_a_widget_shows_that_an_expression_is_nested_too_deeply(capsys: pytest.CaptureFixture[str]) -> None:
    deep = [{"expression": "(" * 5000 + "m" + ")" * 5000}]
    page = rendered_page(graph(deep), "\n".join(exporter_log({0: 3}, capsys)))
    assert " is nested too deeply</p>" in page
    assert first_line(page)["y"][0] == 3


def alarm(threshold: float, **more: Any) -> dict[str, Any]:
    metric = {"Namespace": "Fairlane", "MetricName": "RunnableJobs", "Statistic": "Maximum", "Period": 60}
    rule = {"EvaluationPeriods": 1, "Threshold": threshold, "ComparisonOperator": "GreaterThanThreshold"}
    properties = {**metric, **rule, "Dimensions": [{"Name": "JobQueueName", "Value": "p4"}], **more}
    return {"Type": "AWS::CloudWatch::Alarm", "Properties": properties}


ALARMS: dict[str, Any] = {
    "Busy": alarm(4),
    "Quiet": alarm(9),
    "Named": alarm(4, AlarmName="named"),
    "Band": alarm(4, ThresholdMetricId="band"),
    "Bare": {"Type": "AWS::CloudWatch::Alarm"},
    "OfBand": {"Type": "AWS::CloudWatch::CompositeAlarm", "Properties": {"AlarmRule": "ALARM(Band) OR ALARM(Busy)"}},
    "OfBusy": {"Type": "AWS::CloudWatch::CompositeAlarm", "Properties": {"AlarmRule": "ALARM(Busy)"}},
    "Z": None,
}


def alarms(capsys: pytest.CaptureFixture[str], *shown: str, **more: Any) -> str:
    """Return a page with an alarm widget of a template. Five jobs are runnable."""
    arns = [name if ":" in name else f"${{{name}.Arn}}" for name in shown]
    body = {"widgets": [{"type": "alarm", "properties": {"title": "States", "alarms": arns, **more}}]}
    dashboard = {"Type": "AWS::CloudWatch::Dashboard", "Properties": {"DashboardBody": json.dumps(body)}}
    log = "\n".join(exporter_log(dict.fromkeys(range(9), 5.0), capsys))
    return rendered_page({"Resources": {"D": dashboard, **ALARMS}}, log)


def chips(page: str) -> dict[str, str]:
    rows = re.findall(r'<b class="state">([^<]*)</b> <span class="name">([^<]*)<', page)
    return {name: words for words, name in rows}


def test_an_alarm_that_is_not_evaluated_does_not_affect_other_alarms(capsys: pytest.CaptureFixture[str]) -> None:
    assert chips(alarms(capsys, "Band", "Bare", "OfBand", "Busy", "Quiet", "OfBusy")) == {
        **dict.fromkeys(("Band", "Bare", "OfBand"), "Not evaluated"),
        "Busy": "In alarm",
        "Quiet": "OK",
        "OfBusy": "In alarm",
    }


def test_data_are_generated_if_alarms_are_not_supported() -> None:
    dashboard = {"Type": "AWS::CloudWatch::Dashboard", "Properties": {"DashboardBody": json.dumps(graph())}}
    assert len(first_line(rendered_page({"Resources": {"D": dashboard, **ALARMS}}))["y"]) > 100


@pytest.mark.parametrize(
    ("states", "shown"),
    [
        (["ALARM"], {"Busy": "In alarm", "named": "In alarm"}),
        (["OK"], {"Quiet": "OK"}),
        (["OK", "ALARM"], {"Busy": "In alarm", "Quiet": "OK", "named": "In alarm"}),
    ],
)
def test_an_alarm_widget_shows_only_alarms_in_the_states_of_its_filter(
    states: list[str], shown: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    named = "arn:aws:cloudwatch:us-east-1:111122223333:alarm:named"
    assert chips(alarms(capsys, "Busy", "Quiet", "Band", named, states=states)) == shown


@pytest.mark.parametrize(
    ("names", "states", "message"),
    [
        (["Quiet"], ["ALARM"], "No alarm in state ALARM"),
        (["Busy", "Quiet"], ["INSUFFICIENT_DATA"], "No alarm in state INSUFFICIENT_DATA"),
        (["Quiet"], ["ALARM", "INSUFFICIENT_DATA"], "No alarm in state ALARM or INSUFFICIENT_DATA"),
        (["Quiet", "Band", "Missing"], ["ALARM"], "No alarm in state ALARM; 2 not evaluated"),
    ],
)
def test_an_alarm_widget_without_matching_alarms_shows_a_text(
    names: list[str], states: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    page = alarms(capsys, *names, states=states)
    assert chips(page) == {}
    assert '<h2 class="title">States</h2>' in page
    assert re.search(r'<div class="content text"><p>([^<]*)</p>', page).group(1) == message  # type: ignore[union-attr]
