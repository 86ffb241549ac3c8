"""Schedules whose targets are operations of AWS Batch."""

import json
from typing import Any

import pytest

from fairlane_local import LocalAws
from tests.fairlane_local.reactions.functions import ACCOUNT, new_queue, service

pytestmark = pytest.mark.slow

PAYLOAD = {"ResourceConfig": {"InstanceType": "ml.g5.12xlarge", "InstanceCount": 1, "VolumeSizeInGB": 100}}
REQUEST = {
    "JobName": "nightly",
    "JobQueue": "training",
    "ServiceJobType": "SAGEMAKER_TRAINING",
    "ServiceRequestPayload": json.dumps(PAYLOAD),
    "ClientToken": "nightly-<aws.scheduler.scheduled-time>",
}


def create_queue(aws: LocalAws) -> None:
    batch = service(aws, "batch")
    batch.create_service_environment(
        serviceEnvironmentName="training",
        serviceEnvironmentType="SAGEMAKER_TRAINING",
        capacityLimits=[{"capacityUnit": "NUM_INSTANCES", "maxCapacity": 4}],
    )
    batch.create_job_queue(
        jobQueueName="training",
        jobQueueType="SAGEMAKER_TRAINING",
        priority=1,
        serviceEnvironmentOrder=[{"order": 1, "serviceEnvironment": "training"}],
    )


def schedule(aws: LocalAws, request: dict[str, Any], action: str = "batch:submitServiceJob", name: str = "s") -> str:
    """Create a daily schedule, and return the URL of its dead-letter queue."""
    url, dead_letters = new_queue(aws, f"dead-{name}")
    target = {
        "Arn": f"arn:aws:scheduler:::aws-sdk:{action}",
        "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/r",
        "Input": json.dumps(request),
        "DeadLetterConfig": {"Arn": dead_letters},
    }
    service(aws, "scheduler").create_schedule(
        Name=name, ScheduleExpression="cron(0 2 * * ? *)", FlexibleTimeWindow={"Mode": "OFF"}, Target=target
    )
    return url


def job_names(aws: LocalAws) -> list[str]:
    jobs = []
    for status in ("SUBMITTED", "RUNNABLE", "SCHEDULED", "STARTING", "RUNNING", "SUCCEEDED", "FAILED"):
        jobs += service(aws, "batch").list_service_jobs(jobQueue="training", jobStatus=status)["jobSummaryList"]
    return sorted(job["jobName"] for job in jobs)


def dead_letters(aws: LocalAws, url: str) -> list[tuple[str, str]]:
    """Return code and text of the errors of failed calls."""
    messages = (
        service(aws, "sqs")
        .receive_message(QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"])
        .get("Messages", [])
    )
    attributes = [message["MessageAttributes"] for message in messages]
    return [(entry["ERROR_CODE"]["StringValue"], entry["ERROR_MESSAGE"]["StringValue"]) for entry in attributes]


def test_a_schedule_submits_a_job_each_day(aws: LocalAws) -> None:
    create_queue(aws)
    url = schedule(aws, REQUEST)
    aws.timeline.advance(2 * 86_400)
    assert job_names(aws) == ["nightly", "nightly"]
    assert dead_letters(aws, url) == []


def test_each_attempt_has_its_own_keywords(aws: LocalAws) -> None:
    create_queue(aws)
    token = "t<aws.scheduler.execution-id>"
    schedule(aws, REQUEST | {"JobName": "n<aws.scheduler.attempt-number>", "ClientToken": token})
    aws.timeline.advance(86_400)
    assert job_names(aws) == ["n1"]


def test_a_second_invocation_for_the_same_time_is_rejected(aws: LocalAws) -> None:
    create_queue(aws)
    schedule(aws, REQUEST)
    url = schedule(aws, REQUEST, name="twin")
    aws.timeline.advance(86_400)
    assert job_names(aws) == ["nightly"]
    ((code, text),) = dead_letters(aws, url) or dead_letters(aws, url.replace("twin", "s"))
    assert code == "ClientException"
    assert "clientToken" in text


@pytest.mark.parametrize(
    ("changes", "action", "code"),
    [
        ({"JobQueue": "other"}, "batch:submitServiceJob", "ClientException"),
        ({"Jobqueue": "training"}, "batch:submitServiceJob", "ValidationException"),
        ({}, "batch:submitAll", "ValidationException"),
    ],
)
def test_a_call_that_fails_becomes_a_dead_letter(
    aws: LocalAws, changes: dict[str, str], action: str, code: str
) -> None:
    create_queue(aws)
    url = schedule(aws, REQUEST | changes, action)
    aws.timeline.advance(86_400)
    assert [error for error, _ in dead_letters(aws, url)] == [code]
    assert job_names(aws) == []


def test_throttled_calls_are_repeated(aws: LocalAws) -> None:
    create_queue(aws)
    for number in range(7):
        name = f"n{number}-<aws.scheduler.attempt-number>"
        schedule(aws, REQUEST | {"JobName": name, "ClientToken": f"t{number}"}, name=f"n{number}")
    aws.timeline.advance(3 * 3_600)
    names = [name.split("-") for name in job_names(aws)]
    assert [name for name, _ in names] == [f"n{number}" for number in range(7)]
    assert sorted(attempt for _, attempt in names) == ["1"] * 5 + ["2"] * 2
