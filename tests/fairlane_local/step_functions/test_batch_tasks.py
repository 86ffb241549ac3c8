"""Tasks that call AWS Batch."""

import json
from collections import Counter
from typing import Any

import pytest

from fairlane_local import LocalAws
from fairlane_local.clock import Clock
from fairlane_local.step_functions.clients import error_prefix
from tests.fairlane_local.batch.jobs import containers
from tests.fairlane_local.batch.jobs.support import fifo_queue, payload
from tests.fairlane_local.step_functions.support import Machines, task, wait

pytestmark = pytest.mark.slow

LINES = [{"name": f"line-{number}"} for number in range(12)]


def submit_task(queue: str, **fields: Any) -> dict[str, Any]:
    parameters = {
        "JobName.$": "$.name",
        "JobQueue": queue,
        "ServiceJobType": "SAGEMAKER_TRAINING",
        "ServiceRequestPayload": json.loads(payload()),
        "Tags": {"fairlane:run-seconds": "300"},
    }
    return task("aws-sdk:batch:submitServiceJob", parameters, **fields)


def line_states(queue: str) -> dict[str, Any]:
    retry = {
        "ErrorEquals": ["Batch.TooManyRequestsException"],
        "IntervalSeconds": 1,
        "BackoffRate": 1,
        "MaxAttempts": 20,
    }
    describe = {"JobId.$": "$.JobId"}
    ended = {"Variable": "$.Status", "StringEquals": "SUCCEEDED", "Next": "Done"}
    return {
        "StartAt": "Submit",
        "States": {
            "Submit": submit_task(queue, Retry=[retry], Next="Wait"),
            "Wait": wait(60) | {"Next": "Describe"},
            "Describe": task("aws-sdk:batch:describeServiceJob", describe, Next="Ended?"),
            "Ended?": {"Type": "Choice", "Choices": [ended], "Default": "Wait"},
            "Done": {"Type": "Pass", "Parameters": {"Name.$": "$.JobName", "Share.$": "$.Status"}, "End": True},
        },
    }


def test_twelve_lines_are_submitted_at_the_rate_of_the_service_and_followed_to_their_end() -> None:
    with LocalAws(clock=Clock(None)) as aws:
        machines = Machines(aws)
        queue = fifo_queue(machines.client("batch"), instances=4)
        map_state = {"Type": "Map", "ItemsPath": "$.lines", "ItemProcessor": line_states(queue)}
        execution = machines.start(map_state, given={"lines": LINES})
        aws.timeline.advance(3600)

        assert [line["Name"] for line in machines.output(execution)] == [line["name"] for line in LINES]
        history = machines.history(execution)
        failures = [event["taskFailedEventDetails"] for event in history if event["type"] == "TaskFailed"]
        assert {failure["error"] for failure in failures} == {"Batch.TooManyRequestsException"}
        succeeded = [
            event["timestamp"]
            for event in history
            if event.get("taskSucceededEventDetails", {}).get("resource") == "submitServiceJob"
        ]
        assert [*Counter(succeeded).values()] == [5, 5, 2]
        ends = {job["stoppedAt"] for job in aws_jobs(machines, queue)}
        assert len(ends) == 3, "four at a time"


def aws_jobs(machines: Machines, queue: str) -> list[dict[str, Any]]:
    batch = machines.client("batch")
    listed = batch.list_service_jobs(jobQueue=queue, jobStatus="SUCCEEDED")["jobSummaryList"]
    return [batch.describe_service_job(jobId=job["jobId"]) for job in listed]


@pytest.mark.parametrize(("exit_code", "status"), [("0", "SUCCEEDED"), ("3", "FAILED")])
def test_a_task_waits_for_the_end_of_a_container_job(
    exit_code: str, status: str, aws: LocalAws, machines: Machines
) -> None:
    parameters = {
        "JobName": "job",
        "JobQueue": containers.fifo_queue(machines.client("batch")),
        "JobDefinition": "train",
        "Tags": {"fairlane:run-seconds": "600", "fairlane:exit-code": exit_code},
    }
    execution = machines.start(task("batch:submitJob.sync", parameters))
    aws.timeline.advance(599)
    assert machines.status(execution) == "RUNNING"
    aws.timeline.advance(30)
    if status == "SUCCEEDED":
        output = machines.output(execution)
        assert output["Status"] == "SUCCEEDED"
        assert {"Name": "MANAGED_BY_AWS", "Value": "STARTED_BY_STEP_FUNCTIONS"} in output["Container"]["Environment"]
    else:
        error, cause = machines.error(execution)
        assert error == "States.TaskFailed"
        assert json.loads(cause)["Status"] == "FAILED"


def test_the_optimized_integration_names_its_errors(machines: Machines) -> None:
    parameters = {"JobName": "job", "JobQueue": "none", "JobDefinition": "none"}
    error, cause = machines.error(machines.start(task("batch:submitJob", parameters)))
    assert error == "Batch.ClientException"
    assert "Service: AWSBatch; Status Code: 400" in cause


@pytest.mark.parametrize(
    ("account_id", "region"),
    [("123456789012", "eu-west-1"), ("111122223333", "us-east-1"), ("111122223333", "ap-south-1")],
)
def test_tasks_call_the_account_and_region_of_their_execution(account_id: str, region: str, aws: LocalAws) -> None:
    machines = Machines(aws, account_id, region)
    queue = fifo_queue(machines.client("batch"))
    execution = machines.start(submit_task(queue), given=LINES[0])
    assert machines.output(execution)["JobArn"].split(":")[3:5] == [region, account_id]


def test_the_names_of_a_service_are_those_of_its_java_sdk() -> None:
    names = {"batch": "Batch", "dynamodb": "DynamoDb", "cloudwatchlogs": "CloudWatchLogs", "sfn": "Sfn", "sqs": "Sqs"}
    assert {service: error_prefix(service) for service in names} == names
