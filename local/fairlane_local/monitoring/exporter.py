"""Runs of the deployed exporter of job metrics in a local AWS, without waiting for the clock."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from fairlane_local.functions import Invocation, run_function
from fairlane_local.reactions.queues import take_delivered
from fairlane_local.server.access import client
from fairlane_local.server.local_aws import LocalAws

_MAX_MESSAGES: Final = 10


@dataclass(frozen=True, slots=True)
class Value:
    """One value of a metric, as CloudWatch reads it from a line of embedded metric format.

    Attributes:
        namespace: Namespace of the metric.
        dimensions: Dimension values by dimension name.
        metric: Name of the metric.
        unit: CloudWatch unit of the value, for example `Seconds`.
        value: Value of the metric.
    """

    namespace: str
    dimensions: dict[str, str]
    metric: str
    unit: str
    value: float


def invoke(aws: LocalAws, account_id: str, region: str, function_arn: str, event: object) -> Invocation:
    """Run a deployed function with a Python runtime once, and return the result.

    Args:
        aws: Local AWS of the function.
        account_id: Account of the function.
        region: Region of the function.
        function_arn: ARN of the function.
        event: Event that the function receives.

    Raises:
        LocalAwsError: If the function fails.
    """
    return run_function(aws.port, account_id, region, function_arn, event)


def deliver(aws: LocalAws, account_id: str, region: str) -> list[Invocation]:
    """Deliver the waiting SQS messages to the functions of the event source mappings, and return the results.

    The results include those of the batches that the mappings have delivered by themselves since the last call. A
    message that fails stays in its queue. It can be received again after its visibility timeout.

    Args:
        aws: Local AWS of the functions.
        account_id: Account of the functions.
        region: Region of the functions.
    """
    mappings = client("lambda", aws.port, account_id, region).list_event_source_mappings()["EventSourceMappings"]
    sqs = client("sqs", aws.port, account_id, region)
    if aws.timeline.clock.speed is not None:
        aws.timeline.settle()
    invocations = take_delivered(account_id, region)
    for mapping in mappings:
        url = sqs.get_queue_url(QueueName=mapping["EventSourceArn"].rpartition(":")[2])["QueueUrl"]
        messages = list(_receive(sqs, url))
        for start in range(0, len(messages), mapping["BatchSize"]):
            batch = messages[start : start + mapping["BatchSize"]]
            records = [_record(message, mapping["EventSourceArn"], region) for message in batch]
            invocation = invoke(aws, account_id, region, mapping["FunctionArn"], {"Records": records})
            invocations.append(invocation)
            failures = (invocation.answer or {}).get("batchItemFailures", [])
            failed_ids = {failure["itemIdentifier"] for failure in failures}
            for message in batch:
                if message["MessageId"] not in failed_ids:
                    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return invocations


def poll(aws: LocalAws, account_id: str, region: str) -> list[Invocation]:
    """Call the target function of each schedule once, with the input of the schedule, and return the results.

    Args:
        aws: Local AWS of the schedules.
        account_id: Account of the schedules.
        region: Region of the schedules.
    """
    scheduler = client("scheduler", aws.port, account_id, region)
    schedules = [
        scheduler.get_schedule(GroupName=summary["GroupName"], Name=summary["Name"])
        for summary in scheduler.list_schedules()["Schedules"]
    ]
    return [
        invoke(aws, account_id, region, target["Arn"], json.loads(target["Input"]))
        for target in (schedule["Target"] for schedule in schedules)
        if ":function:" in target["Arn"]
    ]


def values(invocation: Invocation) -> Iterator[Value]:
    """Yield the metric values in the output of an invocation, as CloudWatch reads them. Other lines are ignored."""
    for line in invocation.output:
        if not line.startswith("{"):
            continue
        record = json.loads(line)
        for directive in record.get("_aws", {}).get("CloudWatchMetrics", []):
            for names in directive["Dimensions"]:
                dimensions = {name: record[name] for name in names}
                for metric in directive["Metrics"]:
                    numbers = record[metric["Name"]]
                    for number in numbers if isinstance(numbers, list) else [numbers]:
                        unit = metric.get("Unit", "None")
                        yield Value(directive["Namespace"], dimensions, metric["Name"], unit, number)


def _receive(sqs: Any, url: str) -> Iterator[dict[str, Any]]:
    options = {"MaxNumberOfMessages": _MAX_MESSAGES, "AttributeNames": ["All"], "WaitTimeSeconds": 0}
    while messages := sqs.receive_message(QueueUrl=url, **options).get("Messages"):
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
