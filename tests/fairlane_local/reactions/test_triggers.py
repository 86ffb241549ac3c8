"""Rules, queues, topics and schedules, which call their targets by themselves."""

import json
from typing import Any

import pytest

from fairlane_local import LocalAws
from tests.fairlane_local.reactions.functions import (
    ACCOUNT,
    MIDNIGHT,
    REGION,
    deploy_function,
    events,
    log_lines,
    new_queue,
    put_event,
    put_rule,
    received,
    service,
)

pytestmark = pytest.mark.slow


def map_queue(aws: LocalAws, arn: str, **settings: Any) -> None:
    service(aws, "lambda").create_event_source_mapping(EventSourceArn=arn, FunctionName="f", **settings)


def schedule(aws: LocalAws, expression: str, arn: str, **settings: Any) -> None:
    target = {"Arn": arn, "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/r", "Input": json.dumps({"at": expression})}
    service(aws, "scheduler").create_schedule(
        Name="s", ScheduleExpression=expression, FlexibleTimeWindow={"Mode": "OFF"}, Target=target, **settings
    )


def test_a_rule_calls_every_kind_of_target(aws: LocalAws) -> None:
    function = deploy_function(aws)
    url, queue = new_queue(aws, "q")
    of_topic, topic_queue = new_queue(aws, "of-topic")
    topic = service(aws, "sns").create_topic(Name="t")["TopicArn"]
    service(aws, "sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=topic_queue)
    service(aws, "sns").subscribe(TopicArn=topic, Protocol="lambda", Endpoint=function)
    service(aws, "logs").create_log_group(logGroupName="/events")
    definition = {"StartAt": "p", "States": {"p": {"Type": "Pass", "End": True}}}
    role = f"arn:aws:iam::{ACCOUNT}:role/r"
    machine = service(aws, "stepfunctions").create_state_machine(
        name="m", definition=json.dumps(definition), roleArn=role
    )["stateMachineArn"]
    put_rule(aws, function, queue, topic, f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/events", machine)
    put_event(aws, number=1)
    aws.timeline.advance(0)

    (message,) = received(aws, url)
    assert message["detail"] == {"number": 1}
    assert message["time"] == "2026-03-02T00:00:00Z"
    called, notified = events(aws)
    assert called == message
    assert json.loads(notified["Records"][0]["Sns"]["Message"]) == message
    assert json.loads(received(aws, of_topic)[0]["Message"]) == message
    assert [json.loads(line) for line in log_lines(aws, "/events")] == [message]
    (execution,) = service(aws, "stepfunctions").list_executions(stateMachineArn=machine)["executions"]
    described = service(aws, "stepfunctions").describe_execution(executionArn=execution["executionArn"])
    assert json.loads(described["input"]) == message


def test_a_target_that_does_not_exist_does_not_stop_the_other_targets(aws: LocalAws) -> None:
    url, queue = new_queue(aws, "q")
    gone = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:gone"
    put_rule(aws, gone, f"{queue}-gone", "arn:aws:kinesis:us-east-1:1:stream/s", queue)
    put_event(aws)
    aws.timeline.advance(1)
    assert len(received(aws, url)) == 1


def test_an_event_of_another_region_keeps_its_region_and_resources(aws: LocalAws) -> None:
    url, queue = new_queue(aws, "q")
    put_rule(aws, queue)
    put_rule(aws, f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/default", region="eu-west-1")
    put_event(aws, region="eu-west-1")
    (message,) = received(aws, url)
    assert (message["region"], message["resources"]) == ("eu-west-1", ["arn:own"])


def test_a_disabled_rule_calls_nothing(aws: LocalAws) -> None:
    url, queue = new_queue(aws, "q")
    put_rule(aws, queue)
    service(aws, "events").disable_rule(Name="rule")
    put_event(aws)
    assert received(aws, url) == []


@pytest.mark.parametrize(
    ("expression", "settings", "advance", "seconds"),
    [
        ("rate(5 minutes)", {}, 700, [60, 360, 660]),
        ("cron(30 9 ? * MON-FRI *)", {}, 2 * 86_400, [34_200, 120_600]),
        ("cron(30 9 ? * MON *)", {"ScheduleExpressionTimezone": "Europe/Berlin"}, 86_400, [30_600]),
        ("at(2026-03-02T01:00:00)", {}, 86_400, [3600]),
        ("rate(1 hour)", {"State": "DISABLED"}, 86_400, []),
    ],
)
def test_a_schedule_calls_its_function_at_its_times(
    aws: LocalAws, expression: str, settings: dict[str, Any], advance: int, seconds: list[int]
) -> None:
    code = "import time\ndef handler(event, context): print('event', '[%s, \"%s\"]' % (int(time.time()), event['at']))"
    schedule(aws, expression, deploy_function(aws, code), **settings)
    aws.timeline.advance(advance)
    assert [*events(aws)] == [[MIDNIGHT + second, expression] for second in seconds]


def test_a_schedule_that_is_changed_or_deleted_calls_nothing_more(aws: LocalAws) -> None:
    schedule(aws, "rate(1 minute)", deploy_function(aws))
    aws.timeline.advance(61)
    scheduler = service(aws, "scheduler")
    current = scheduler.get_schedule(Name="s")
    target = current["Target"] | {"Input": json.dumps({"at": "hourly"})}
    scheduler.update_schedule(
        Name="s", ScheduleExpression="rate(1 hour)", FlexibleTimeWindow={"Mode": "OFF"}, Target=target
    )
    aws.timeline.advance(3600)
    assert [event["at"] for event in events(aws)] == ["rate(1 minute)", "hourly"]
    scheduler.delete_schedule(Name="s")
    aws.timeline.advance(7200)
    assert len([*events(aws)]) == 2


def test_a_rule_with_a_schedule_calls_its_targets(aws: LocalAws) -> None:
    url, queue = new_queue(aws, "q")
    put_rule(aws, queue, ScheduleExpression="rate(1 minute)")
    aws.timeline.advance(60)
    (message,) = received(aws, url)
    assert message["detail-type"] == "Scheduled Event"
    assert message["time"] == "2026-03-02T00:01:00Z"


def test_a_batch_waits_for_its_window_or_its_size(aws: LocalAws) -> None:
    deploy_function(aws)
    url, arn = new_queue(aws, "q")
    map_queue(aws, arn, BatchSize=3, MaximumBatchingWindowInSeconds=30)
    sqs = service(aws, "sqs")
    sqs.send_message(QueueUrl=url, MessageBody="1")
    aws.timeline.advance(29)
    assert [*events(aws)] == []
    aws.timeline.advance(1)
    for number in range(2, 6):
        sqs.send_message(QueueUrl=url, MessageBody=str(number))
    aws.timeline.advance(0)
    bodies = [[record["body"] for record in event["Records"]] for event in events(aws)]
    assert bodies == [["1"], ["2", "3", "4"], ["5"]]
    assert received(aws, url) == []


def test_failed_messages_are_received_again_and_move_to_the_dead_letter_queue(aws: LocalAws) -> None:
    code = """
def handler(event, context):
    for record in event["Records"]:
        print("event", '["%s", %s]' % (record["body"], record["attributes"]["ApproximateReceiveCount"]))
    bad = [record["messageId"] for record in event["Records"] if record["body"] == "bad"]
    return {"batchItemFailures": [{"itemIdentifier": name} for name in bad]}
"""
    deploy_function(aws, code)
    dead_url, dead = new_queue(aws, "dead")
    redrive = json.dumps({"deadLetterTargetArn": dead, "maxReceiveCount": 2})
    url, arn = new_queue(aws, "q", VisibilityTimeout="90", RedrivePolicy=redrive)
    map_queue(aws, arn, FunctionResponseTypes=["ReportBatchItemFailures"])
    sqs = service(aws, "sqs")
    for body in ("good", "bad"):
        sqs.send_message(QueueUrl=url, MessageBody=body)
    aws.timeline.advance(89)
    assert [*events(aws)] == [["good", 1], ["bad", 1]]
    aws.timeline.advance(400)
    assert [*events(aws)] == [["good", 1], ["bad", 1], ["bad", 2]]
    count = sqs.get_queue_attributes(QueueUrl=dead_url, AttributeNames=["ApproximateNumberOfMessages"])
    assert count["Attributes"]["ApproximateNumberOfMessages"] == "1"


@pytest.mark.parametrize("answer", ["{'batchItemFailures': [{'itemIdentifier': 'unknown'}]}", "1 / 0"])
def test_a_batch_fails_as_a_whole(aws: LocalAws, answer: str) -> None:
    deploy_function(aws, f"def handler(event, context):\n print('event', 1)\n return {answer}")
    url, arn = new_queue(aws, "q", VisibilityTimeout="30")
    map_queue(aws, arn, FunctionResponseTypes=["ReportBatchItemFailures"])
    service(aws, "sqs").send_message(QueueUrl=url, MessageBody="m")
    aws.timeline.advance(32)
    assert [*events(aws)] == [1, 1]


def test_a_mapping_that_is_enabled_later_receives_the_waiting_messages(aws: LocalAws) -> None:
    deploy_function(aws)
    url, arn = new_queue(aws, "q")
    map_queue(aws, arn, Enabled=False)
    service(aws, "sqs").send_message(QueueUrl=url, MessageBody="m")
    aws.timeline.advance(60)
    assert [*events(aws)] == []
    (mapping,) = service(aws, "lambda").list_event_source_mappings()["EventSourceMappings"]
    service(aws, "lambda").update_event_source_mapping(UUID=mapping["UUID"], Enabled=True)
    aws.timeline.advance(0)
    assert len([*events(aws)]) == 1
