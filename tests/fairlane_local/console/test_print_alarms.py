"""Table of alarms of the demo: changes to and from the state ALARM, and their messages."""

from typing import Any

import pytest

from fairlane_local import LocalAws, client
from fairlane_local.clock import Clock
from fairlane_local.console.print_alarms import alarm_rows, print_alarms
from fairlane_local.server.background import control

LOCATION = ("123456789012", "us-east-1")
NINE = 1_772_442_000
ALARM = {
    "Namespace": "N",
    "MetricName": "M",
    "Statistic": "Sum",
    "ComparisonOperator": "GreaterThanThreshold",
    "Threshold": 1,
    "EvaluationPeriods": 1,
    "Period": 60,
}


def change(aws: LocalAws, name: str, state: str) -> None:
    """Set the state of an alarm, and let a second pass."""
    client("cloudwatch", aws.port, *LOCATION).set_alarm_state(AlarmName=name, StateValue=state, StateReason="test")
    aws.timeline.advance(1)


def test_alarms_that_go_off_and_recover_are_listed_with_their_messages(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock(None)
    clock.start = NINE
    with LocalAws(clock=clock) as aws:
        cloudwatch: Any = client("cloudwatch", aws.port, *LOCATION)
        sns = client("sns", aws.port, *LOCATION)
        topic = sns.create_topic(Name="alarms")["TopicArn"]
        sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="team@example.com")
        text = "Queue cpu: a job waits. First step: look."
        cloudwatch.put_metric_alarm(AlarmName="waits", AlarmDescription=text, AlarmActions=[topic], **ALARM)
        cloudwatch.put_metric_alarm(AlarmName="plain", **ALARM)
        for name, state in (("waits", "OK"), ("waits", "ALARM"), ("plain", "ALARM"), ("waits", "OK"), ("waits", "OK")):
            change(aws, name, state)
        assert alarm_rows(cloudwatch, control(aws.port, "notifications")["notifications"]) == [
            ("09:00", "ALARM", "Queue cpu: a job waits; message to email:team@example.com"),
            ("09:00", "ALARM", "plain"),
            ("09:00", "OK", "Queue cpu: a job waits"),
        ]
        print_alarms(aws.port)
        assert capsys.readouterr().out == ""  # no Region has queues
