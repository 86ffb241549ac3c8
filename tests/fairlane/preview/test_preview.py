"""Logs that data are read from, the time that is shown, and alarms on a page."""

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
    """What `aws logs filter-log-events` prints."""
    events = [{"logStreamName": STREAM, "timestamp": NOON, "message": line + "\n", "eventId": "3"} for line in lines]
    return json.dumps({"events": [{"eventId": "0"}, None, *events], "searchedLogStreams": []} | more, indent=4)


FORMATS: dict[str, Write] = {
    "bare": "\n".join,
    "short": lambda lines: "".join(f"2026-03-04T12:00:07 {line}\n" for line in lines),
    "detailed": lambda lines: "".join(f"2026-03-04T12:00:07.513000+00:00 {STREAM} {line}\n" for line in lines),
    "byte order mark": lambda lines: "\ufeff" + "\n".join(lines),
    "ends of Windows": "\r\n".join,
    "events": as_events,
    "events with a byte order mark": lambda lines: "\ufeff" + as_events(lines),
}


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def drawn(content: Any, log: str | None = None) -> str:
    """The page without the charting library."""
    Path("in.json").write_text(json.dumps(content))
    if log is not None:
        Path("log").write_text(log, encoding="utf-8", newline="")
    preview(Path("in.json"), Path("out.html"), data=None if log is None else Path("log"))
    return re.sub(r"<script>/\*\*.*?</script>", "", Path("out.html").read_text(), count=1, flags=re.DOTALL)


def line_of(page: str) -> dict[str, Any]:
    found = re.search(r"const figures = (.*);$", page, re.MULTILINE)
    assert found
    (figure,) = json.loads(found[1]).values()
    return dict(figure["data"][0])


def graph(*more: Any) -> dict[str, Any]:
    metric = ["Fairlane", "RunnableJobs", "JobQueueName", "p4", {"period": 60}]
    return {"widgets": [{"type": "metric", "properties": {"metrics": [metric, *more]}}]}


def log_of(values: dict[int, float], capsys: pytest.CaptureFixture[str]) -> list[str]:
    """What the exporter's functions print, and what AWS Lambda prints around it."""
    for minute, value in values.items():
        metrics = Metrics()
        metrics.add("RunnableJobs", value, queue="p4", time=(NOON + 60 * minute) * 1000)
        metrics.write((NOON + 60 * minute) * 1000)
    printed = capsys.readouterr().out.splitlines()
    return ["START RequestId: 5f0c Version: $LATEST", '{"level":"INFO","message":"{"}', *printed, "END RequestId: 5f0c"]


@pytest.mark.parametrize("write", FORMATS.values(), ids=FORMATS)
def test_a_log_is_read_as_tools_write_it(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    line = line_of(drawn(graph(), write(log_of({0: 3, 1: 5}, capsys))))
    seen = {time: value for time, value in zip(line["x"], line["y"], strict=True) if value is not None}
    assert seen == {"2026-03-04 12:00:00": 3, "2026-03-04 12:01:00": 5}


def test_a_line_ends_where_files_say_so(capsys: pytest.CaptureFixture[str]) -> None:
    line = log_of({0: 3}, capsys)[2]
    separated = line[:-1] + ',"note":"one\u2028two\u0085three"}'
    assert line_of(drawn(graph(), separated))["y"][0] == 3


ODD = '{"_aws": {"Timestamp": 1, "CloudWatchMetrics": [{}]}}'
FAR = '{"_aws": {"Timestamp": 99999999999999999, "CloudWatchMetrics": []}}'
NOT_QUITE = "this is not quite the embedded metric format"


@pytest.mark.parametrize(
    ("log", "said"),
    [
        ("{}\n" + ODD, f"log, line 2: {NOT_QUITE}"),
        (as_events(["{}", ODD]), f"log, event 3: {NOT_QUITE}"),
        (FAR, f"log, line 1: {NOT_QUITE}: Timestamp: got 99999999999999999, allowed: milliseconds since 1970"),
        ("[" * 100_000, "log has no line in the embedded metric format"),
        ('{"a": ' * 100_000, "log has no line in the embedded metric format"),
        ('{"events": []}', "log has no line in the embedded metric format"),
        ('{"events": 5}', "log has no line in the embedded metric format"),
    ],
)
def test_what_is_wrong_with_a_log_is_told_in_one_sentence(log: str, said: str) -> None:
    with pytest.raises(PreviewError) as raised:
        drawn(graph(), log)
    assert str(raised.value) == said


@pytest.mark.parametrize(
    ("start", "day"),
    [
        (None, "2026-03-03"),
        ("-P1D", "2026-03-03"),
        ("-P999999999M", "2024-12-04"),
        ("0001-01-01T00:00:00+14:00", "2024-12-04"),
    ],
)
def test_no_more_is_shown_than_is_kept(start: str | None, day: str, capsys: pytest.CaptureFixture[str]) -> None:
    page = drawn({"start": start, "widgets": []}, "\n".join(log_of({0: 3}, capsys)))
    assert f'<p class="about">{day} 12:01 to 2026-03-04 12:01 UTC</p>' in page


def test_a_start_of_too_many_digits_is_no_time(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(PreviewError, match="is no time"):
        drawn({"start": "-P" + "9" * 5000 + "D", "widgets": []}, "\n".join(log_of({0: 3}, capsys)))


def test_an_expression_that_is_nested_too_deeply_is_told_where_it_stands(capsys: pytest.CaptureFixture[str]) -> None:
    deep = [{"expression": "(" * 5000 + "m" + ")" * 5000}]
    page = drawn(graph(deep), "\n".join(log_of({0: 3}, capsys)))
    assert "it is nested too deeply</p>" in page
    assert line_of(page)["y"][0] == 3


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
    """A page with an alarm widget of a template, five jobs being ready to run."""
    arns = [name if ":" in name else f"${{{name}.Arn}}" for name in shown]
    body = {"widgets": [{"type": "alarm", "properties": {"title": "States", "alarms": arns, **more}}]}
    dashboard = {"Type": "AWS::CloudWatch::Dashboard", "Properties": {"DashboardBody": json.dumps(body)}}
    log = "\n".join(log_of(dict.fromkeys(range(9), 5.0), capsys))
    return drawn({"Resources": {"D": dashboard, **ALARMS}}, log)


def chips(page: str) -> dict[str, str]:
    found = re.findall(r'<b class="state">([^<]*)</b> <span class="name">([^<]*)<', page)
    return {name: words for words, name in found}


def test_alarms_beside_one_that_is_not_evaluated_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert chips(alarms(capsys, "Band", "Bare", "OfBand", "Busy", "Quiet", "OfBusy")) == {
        **dict.fromkeys(("Band", "Bare", "OfBand"), "Not evaluated"),
        "Busy": "In alarm",
        "Quiet": "OK",
        "OfBusy": "In alarm",
    }


def test_made_up_data_need_no_alarm_that_can_be_read() -> None:
    dashboard = {"Type": "AWS::CloudWatch::Dashboard", "Properties": {"DashboardBody": json.dumps(graph())}}
    assert len(line_of(drawn({"Resources": {"D": dashboard, **ALARMS}}))["y"]) > 100


@pytest.mark.parametrize(
    ("states", "shown"),
    [
        (["ALARM"], {"Busy": "In alarm", "named": "In alarm"}),
        (["OK"], {"Quiet": "OK"}),
        (["OK", "ALARM"], {"Busy": "In alarm", "Quiet": "OK", "named": "In alarm"}),
    ],
)
def test_only_alarms_in_the_states_that_are_asked_for(
    states: list[str], shown: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    named = "arn:aws:cloudwatch:us-east-1:111122223333:alarm:named"
    assert chips(alarms(capsys, "Busy", "Quiet", "Band", named, states=states)) == shown


@pytest.mark.parametrize(
    ("names", "states", "said"),
    [
        (["Quiet"], ["ALARM"], "None in state ALARM"),
        (["Busy", "Quiet"], ["INSUFFICIENT_DATA"], "None in state INSUFFICIENT_DATA"),
        (["Quiet"], ["ALARM", "INSUFFICIENT_DATA"], "None in state ALARM or INSUFFICIENT_DATA"),
        (["Quiet", "Band", "Gone"], ["ALARM"], "None in state ALARM; 2 not evaluated"),
    ],
)
def test_that_none_is_in_a_state_is_told(
    names: list[str], states: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    page = alarms(capsys, *names, states=states)
    assert chips(page) == {}
    assert '<h2 class="title">States</h2>' in page
    assert re.search(r'<div class="content text"><p>([^<]*)</p>', page).group(1) == said  # type: ignore[union-attr]
