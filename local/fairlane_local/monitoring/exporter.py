"""Runs the deployed exporter of job metrics in an AWS on localhost, as Lambda and EventBridge Scheduler would.

It is the deployed code that runs, in a Python process of its own, and only when it is asked to.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from fairlane_local.functions import Invocation, run
from fairlane_local.server.access import client
from fairlane_local.server.local_aws import LocalAws

_SQS_AT_ONCE: Final = 10


@dataclass(frozen=True, slots=True)
class Value:
    """One value of a metric, as CloudWatch would read it off a line of embedded metric format.

    Attributes:
        namespace: of the metric.
        dimensions: their names and values.
        metric: its name.
        unit: its unit.
        value: the value.
    """

    namespace: str
    dimensions: dict[str, str]
    metric: str
    unit: str
    value: float


def invoke(aws: LocalAws, account_id: str, region: str, function_arn: str, event: object) -> Invocation:
    """Runs a deployed function of Python once.

    Args:
        aws: where it is deployed.
        account_id: in which account.
        region: in which Region.
        function_arn: its ARN.
        event: what it is called with.

    Raises:
        LocalAwsError: if it fails.
    """
    return run(aws.port, account_id, region, function_arn, event)


def deliver(aws: LocalAws, account_id: str, region: str) -> list[Invocation]:
    """Gives the messages that wait in queues of SQS to the functions that are mapped to them.

    A message that fails stays in its queue, to be received again once its visibility timeout is over.

    Args:
        aws: where the functions are deployed.
        account_id: in which account.
        region: in which Region.
    """
    mappings = client("lambda", aws.port, account_id, region).list_event_source_mappings()["EventSourceMappings"]
    sqs = client("sqs", aws.port, account_id, region)
    invocations = []
    for mapping in mappings:
        url = sqs.get_queue_url(QueueName=mapping["EventSourceArn"].rpartition(":")[2])["QueueUrl"]
        messages = list(_received(sqs, url))
        for start in range(0, len(messages), mapping["BatchSize"]):
            batch = messages[start : start + mapping["BatchSize"]]
            records = [_record(message, mapping["EventSourceArn"], region) for message in batch]
            done = invoke(aws, account_id, region, mapping["FunctionArn"], {"Records": records})
            invocations.append(done)
            failed = {item["itemIdentifier"] for item in (done.answer or {}).get("batchItemFailures", [])}
            for message in batch:
                if message["MessageId"] not in failed:
                    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return invocations


def poll(aws: LocalAws, account_id: str, region: str) -> list[Invocation]:
    """Calls the functions that schedules call, each with its schedule's input.

    Args:
        aws: where they are deployed.
        account_id: in which account.
        region: in which Region.
    """
    scheduler = client("scheduler", aws.port, account_id, region)
    schedules = [
        scheduler.get_schedule(GroupName=one["GroupName"], Name=one["Name"])
        for one in scheduler.list_schedules()["Schedules"]
    ]
    return [
        invoke(aws, account_id, region, target["Arn"], json.loads(target["Input"]))
        for target in (schedule["Target"] for schedule in schedules)
        if ":function:" in target["Arn"]
    ]


def values(invocation: Invocation) -> Iterator[Value]:
    """Reads the metrics that an invocation printed, as CloudWatch would; other lines are none."""
    for line in invocation.output:
        if not line.startswith("{"):
            continue
        told = json.loads(line)
        for directive in told.get("_aws", {}).get("CloudWatchMetrics", []):
            for names in directive["Dimensions"]:
                dimensions = {name: told[name] for name in names}
                for metric in directive["Metrics"]:
                    found = told[metric["Name"]]
                    for value in found if isinstance(found, list) else [found]:
                        unit = metric.get("Unit", "None")
                        yield Value(directive["Namespace"], dimensions, metric["Name"], unit, value)


def _received(sqs: Any, url: str) -> Iterator[dict[str, Any]]:
    asked = {"MaxNumberOfMessages": _SQS_AT_ONCE, "AttributeNames": ["All"], "WaitTimeSeconds": 0}
    while messages := sqs.receive_message(QueueUrl=url, **asked).get("Messages"):
        yield from messages


def _record(message: dict[str, Any], queue_arn: str, region: str) -> dict[str, Any]:
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message["Attributes"],
        "messageAttributes": {},
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": queue_arn,
        "awsRegion": region,
    }
