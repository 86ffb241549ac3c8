"""Evaluation of alarms on the local clock, and their notifications."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from fairlane_local import LocalAws
from fairlane_local.server.background import control
from tests.fairlane_local.reactions.functions import (
    MIDNIGHT,
    deploy_function,
    events,
    manual_aws,
    new_queue,
    received,
    service,
)

pytestmark = pytest.mark.slow

METRIC = {"Namespace": "N", "MetricName": "M", "Dimensions": [{"Name": "Queue", "Value": "q"}]}
LIMIT = {"ComparisonOperator": "GreaterThanThreshold", "Threshold": 1, "EvaluationPeriods": 1, "Period": 60}


@pytest.fixture
def aws() -> Iterator[LocalAws]:
    with manual_aws() as aws:
        yield aws


def put_alarm(aws: LocalAws, name: str = "a", **settings: Any) -> None:
    service(aws, "cloudwatch").put_metric_alarm(AlarmName=name, **METRIC, **LIMIT, **{"Statistic": "Sum"} | settings)


def put_value(aws: LocalAws, value: float) -> None:
    name, dimensions = METRIC["MetricName"], METRIC["Dimensions"]
    datum = {"MetricName": name, "Dimensions": dimensions, "Value": value}
    service(aws, "cloudwatch").put_metric_data(Namespace="N", MetricData=[datum])


def state(aws: LocalAws, name: str = "a") -> str:
    described = service(aws, "cloudwatch").describe_alarms(AlarmNames=[name])
    (alarm,) = described["MetricAlarms"] + described["CompositeAlarms"]
    return str(alarm["StateValue"])


def minute(aws: LocalAws, value: float | None = None) -> None:
    """Advance by a minute in which a value is published."""
    aws.timeline.advance(30)
    if value is not None:
        put_value(aws, value)
    aws.timeline.advance(30)


def test_an_alarm_notifies_of_each_change_of_its_state(aws: LocalAws) -> None:
    url, queue = new_queue(aws, "of-topic")
    events_url, of_events = new_queue(aws, "of-events")
    topic = service(aws, "sns").create_topic(Name="t")["TopicArn"]
    service(aws, "sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue)
    bus = service(aws, "events")
    bus.put_rule(Name="rule", EventPattern=json.dumps({"source": ["aws.cloudwatch"]}))
    bus.put_targets(Rule="rule", Targets=[{"Id": "q", "Arn": of_events}])
    put_alarm(aws, AlarmActions=[topic, deploy_function(aws)], OKActions=[topic])
    assert state(aws) == "INSUFFICIENT_DATA"
    for value in (0, 2, 2, 0):
        minute(aws, value)

    messages = [json.loads(notice["Message"]) for notice in received(aws, url)]
    changes = [(message["OldStateValue"], message["NewStateValue"], message["StateChangeTime"]) for message in messages]
    assert changes == [
        ("INSUFFICIENT_DATA", "OK", "2026-03-02T00:01:00.000+0000"),
        ("OK", "ALARM", "2026-03-02T00:02:00.000+0000"),
        ("ALARM", "OK", "2026-03-02T00:04:00.000+0000"),
    ]
    assert messages[1]["NewStateReason"] == (
        "Threshold Crossed: 1 datapoint [2 (02/03/26 00:01:00)] was greater than the threshold (1) "
        "(minimum 1 datapoint for OK -> ALARM transition)."
    )
    assert [message["detail"]["state"]["value"] for message in received(aws, events_url)] == ["OK", "ALARM", "OK"]
    (first, *_) = control(aws.port, "notifications")["notifications"]
    assert (first["time"], first["subject"]) == ("2026-03-02T00:01:00Z", 'OK: "a" in us-east-1')
    assert first["subscribers"] == [f"sqs:{queue}"]
    (called,) = events(aws)
    assert called["alarmData"]["state"]["value"] == "ALARM"
    history = service(aws, "cloudwatch").describe_alarm_history(AlarmName="a", HistoryItemType="StateUpdate")
    assert [item["HistorySummary"] for item in history["AlarmHistoryItems"]] == [
        "Alarm updated from ALARM to OK",
        "Alarm updated from OK to ALARM",
        "Alarm updated from INSUFFICIENT_DATA to OK",
    ]
    (alarm,) = service(aws, "cloudwatch").describe_alarms()["MetricAlarms"]
    assert int(alarm["StateUpdatedTimestamp"].timestamp()) == MIDNIGHT + 240


@pytest.mark.parametrize(
    ("treatment", "expected"),
    [("missing", "INSUFFICIENT_DATA"), ("breaching", "ALARM"), ("notBreaching", "OK"), ("ignore", "INSUFFICIENT_DATA")],
)
def test_an_alarm_on_a_metric_that_nobody_publishes(aws: LocalAws, treatment: str, expected: str) -> None:
    put_alarm(aws, TreatMissingData=treatment)
    for _ in range(3):
        minute(aws)
    assert state(aws) == expected


def test_disabled_actions_are_not_executed(aws: LocalAws) -> None:
    url, queue = new_queue(aws, "of-topic")
    topic = service(aws, "sns").create_topic(Name="t")["TopicArn"]
    service(aws, "sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue)
    put_alarm(aws, AlarmActions=[topic], ActionsEnabled=False)
    minute(aws, 5)
    assert state(aws) == "ALARM"
    assert received(aws, url) == []


def test_a_state_that_is_set_lasts_until_the_next_evaluation(aws: LocalAws) -> None:
    put_alarm(aws)
    minute(aws, 0)
    service(aws, "cloudwatch").set_alarm_state(AlarmName="a", StateValue="ALARM", StateReason="test")
    assert state(aws) == "ALARM"
    minute(aws, 0)
    assert state(aws) == "OK"


def test_a_composite_alarm_follows_its_children(aws: LocalAws) -> None:
    cloudwatch = service(aws, "cloudwatch")
    put_alarm(aws)
    cloudwatch.put_composite_alarm(AlarmName="outer", AlarmRule='ALARM("inner")')
    cloudwatch.put_composite_alarm(AlarmName="inner", AlarmRule='ALARM("a") OR INSUFFICIENT_DATA("a")')
    cloudwatch.put_composite_alarm(AlarmName="broken", AlarmRule='ALARM("gone")')
    minute(aws, 0)
    assert [state(aws, name) for name in ("inner", "outer")] == ["OK", "OK"]
    minute(aws, 5)
    assert [state(aws, name) for name in ("inner", "outer")] == ["ALARM", "ALARM"]
    (broken,) = cloudwatch.describe_alarms(AlarmNames=["broken"], AlarmTypes=["CompositeAlarm"])["CompositeAlarms"]
    assert broken["StateReason"] == "Not evaluated by the local AWS: there is no alarm gone"


def test_an_alarm_with_an_unsupported_feature_says_that_it_is_not_evaluated(aws: LocalAws) -> None:
    query = {"Id": "m", "Expression": "ANOMALY_DETECTION_BAND(m1)", "Period": 60}
    service(aws, "cloudwatch").put_metric_alarm(
        AlarmName="a", Metrics=[query], EvaluationPeriods=1, ComparisonOperator="GreaterThanThreshold", Threshold=1
    )
    minute(aws)
    (alarm,) = service(aws, "cloudwatch").describe_alarms()["MetricAlarms"]
    assert alarm["StateValue"] == "INSUFFICIENT_DATA"
    assert alarm["StateReason"].startswith("Not evaluated by the local AWS: ")


def test_a_changed_alarm_keeps_its_state(aws: LocalAws) -> None:
    put_alarm(aws)
    minute(aws, 5)
    put_alarm(aws, AlarmDescription="changed")
    assert state(aws) == "ALARM"


def test_queues_publish_the_age_of_their_oldest_message(aws: LocalAws) -> None:
    url, _ = new_queue(aws, "q")
    service(aws, "sqs").send_message(QueueUrl=url, MessageBody="m")
    aws.timeline.advance(180)
    ages = service(aws, "cloudwatch").get_metric_statistics(
        Namespace="AWS/SQS",
        MetricName="ApproximateAgeOfOldestMessage",
        Dimensions=[{"Name": "QueueName", "Value": "q"}],
        StartTime=MIDNIGHT,
        EndTime=MIDNIGHT + 240,
        Period=60,
        Statistics=["Maximum"],
    )["Datapoints"]
    assert sorted(point["Maximum"] for point in ages) == [60, 120, 180]
