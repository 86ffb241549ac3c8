"""Tasks that call AWS Batch."""

import json
from collections import Counter
from typing import Any

from fairlane_local import LocalAws
from fairlane_local.clock import Clock
from tests.fairlane_local.batch.jobs.support import fifo_queue, payload
from tests.fairlane_local.step_functions.support import Machines, task, wait

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
    retry = {"ErrorEquals": ["Batch.TooManyRequestsException"], "IntervalSeconds": 1, "BackoffRate": 1, "MaxAttempts": 20}
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
