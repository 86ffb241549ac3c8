"""Events of jobs: bad ones, those of other jobs, and what is kept of their texts."""

from random import Random
from typing import Any

import boto3
import pytest
from moto import mock_aws

from fairlane_lambda.fan_out.ledger import Ledger
from fairlane_lambda.fan_out.news import public_reason
from fairlane_lambda.fan_out.table import Table

from .job_histories import START, Life, Transition, event_of, live, live_array
from .outcome_world import Context, World

DIGEST = "a" * 32


def ended_life(status: str = "SUCCEEDED", kind: str = "service") -> Life:
    """Return a job that ended with a state."""
    for seed in range(1000):
        life = Life(DIGEST, "job-a", kind)
        live(Random(seed), life)
        if life.description["status"] == status and len(life.transitions) > 3:
            return life
    raise AssertionError


def changed(life: Life, **detail: Any) -> dict[str, Any]:
    """Return the last event of a job with other fields."""
    event = event_of(life, life.transitions[-1])
    return {**event, "detail": {**event["detail"], **detail}}


@pytest.mark.parametrize(
    "event",
    [
        "no JSON",
        "[]",
        {},
        {"detail-type": "Batch Job State Change"},
        {"detail-type": "Batch Job State Change", "time": "2026-11-28T10:00:00Z", "detail": []},
        changed(ended_life(), status="LOST"),
        changed(ended_life(), status=["RUNNING"]),
        changed(ended_life(), jobId=""),
        changed(ended_life(), arrayProperties={"index": "x"}),
        {**changed(ended_life()), "time": "yesterday"},
        {**changed(ended_life()), "detail-type": "Batch Job Queue Blocked"},
    ],
)
def test_an_event_with_missing_or_invalid_fields_fails_alone(event: Any) -> None:
    world, life = World(), ended_life()
    world.put_line(life)
    assert world.deliver(event, event_of(life, life.transitions[-1])) == [0]
    assert world.line(DIGEST)["state"] == "SUCCEEDED"
    assert len(world.logged.splitlines()) == 1


@pytest.mark.parametrize("name", ["train", "other_drives_drive_" + DIGEST, f"campaigns_flights_drive_{DIGEST}"])
def test_events_of_other_jobs_change_nothing(name: str) -> None:
    world, life = World(), ended_life()
    world.put_line(life)
    before = dict(world.table.items)
    assert world.deliver(changed(life, jobName=name)) == []
    assert world.table.items == before


def test_a_second_job_of_a_line_does_not_count() -> None:
    world, life = World(), ended_life()
    world.put_line(life, job_id="job-first")
    assert world.deliver_lives((life, len(life.transitions) - 1)) == []
    assert world.line(DIGEST)["state"] == "SUBMITTED"


@pytest.mark.parametrize("status", ["SUCCEEDED", "FAILED"])
def test_the_end_counts_even_if_a_later_event_says_that_the_job_runs(status: str) -> None:
    world, life = World(), ended_life(status)
    world.put_line(life)
    running = next(one for one in life.transitions if one.detail["status"] == "RUNNING")
    late = Transition(life.transitions[-1].time + 60_000, running.detail, {})
    for order in ([late, life.transitions[-1]], [life.transitions[-1], late]):
        world.put_line(life)
        world.deliver(*(event_of(life, transition) for transition in order))
        assert world.line(DIGEST)["state"] == status


def test_an_attempt_in_both_lists_counts_once() -> None:
    world, life = World(), ended_life()
    world.put_line(life)
    attempt = {
        "startedAt": START,
        "stoppedAt": START + 5_000,
        "serviceResourceId": {"name": "TrainingJobArn", "value": "arn:aws:sagemaker:x:1:training-job/one"},
    }
    summary = {"preemptedAttemptCount": 12, "recentPreemptedAttempts": [attempt]}
    world.deliver(changed(life, attempts=[attempt], preemptionSummary=summary))
    line = world.line(DIGEST)
    assert (line["run_seconds"], line["attempts"]) == (5, 12)


def test_the_writes_are_accepted_by_moto() -> None:
    world, (parent, *children) = World(), live_array(Random(1), DIGEST, 3)
    keys = {"pk": "HASH", "sk": "RANGE"}
    with mock_aws():
        client = boto3.client("dynamodb", region_name="us-east-1")
        client.create_table(
            TableName="ledger",
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in keys],
            KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind in keys.items()],
            BillingMode="PAY_PER_REQUEST",
        )
        world.put_line(parent)
        client.put_item(TableName="ledger", Item=world.table.items["drives", f"line#{DIGEST}"])
        world.ledger = Ledger(Table(client, "ledger"))
        events = [(one, number) for one in (parent, *children) for number in range(len(one.transitions))]
        for batch in (events[::-1], events):
            assert world.deliver_lives(*batch) == []
        lines = {line["child"]: line for line in world.ledger.lines("drives")}
    assert lines.keys() == {None, 0, 1, 2}
    for one in (parent, *children):
        fields = one.transitions[-1].fields
        assert {name: lines[one.child].get(name) for name in fields} == fields


def test_a_late_function_returns_its_events() -> None:
    world, life = World(), ended_life()
    world.put_line(life)
    event = event_of(life, life.transitions[-1])
    assert world.deliver(event, event, context=Context(14_000)) == [0, 1]
    assert world.line(DIGEST)["state"] == "SUBMITTED"


def test_a_model_artifact_that_sagemaker_does_not_tell_fails_no_event() -> None:
    world, life = World(), ended_life()
    world.put_line(life)
    world.sagemaker.fail = lambda call: "AccessDeniedException"
    assert world.deliver_lives((life, len(life.transitions) - 1)) == []
    assert "model" not in world.line(DIGEST)
    assert world.logged == "a model artifact was not recorded: AccessDeniedException\n"


def test_an_error_of_the_ledger_returns_the_event_and_logs_a_code() -> None:
    world, life = World(), ended_life()
    world.put_line(life)
    world.dynamodb.fail = lambda call: "AccessDeniedException"
    assert world.deliver_lives((life, 0), (life, 1)) == [0, 1]
    assert set(world.logged.splitlines()) == {"an event failed: AccessDeniedException"}


@pytest.mark.parametrize(
    ("job", "reason"),
    [
        ({}, ""),
        ({"statusReason": "Essential container in task exited"}, "Essential container in task exited"),
        (
            {
                "statusReason": "Essential container in task exited",
                "container": {"exitCode": 137, "reason": "OutOfMemoryError: Container killed due to memory usage"},
            },
            "Essential container in task exited, OutOfMemoryError, exit code 137",
        ),
        ({"statusReason": "Host EC2 (instance i-0a) terminated."}, "Host EC2"),
        (
            {"statusReason": 'CannotStartContainerError: Error response from daemon: exec: "train --rate 3"'},
            "CannotStartContainerError",
        ),
        (
            {
                "statusReason": "Canceled by JobStateTimeLimit action due to reason: CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY"
            },
            "Canceled by JobStateTimeLimit action due to reason: CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY",
        ),
        (
            {
                "statusReason": "Received status from SageMaker: AlgorithmError: Command python t.py --rate 3, exit code: 1"
            },
            "Received status from SageMaker: AlgorithmError, exit code 1",
        ),
        (
            {"statusReason": "Received status from SageMaker: Value 'lr-3' at 'hyperParameters' is wrong"},
            "Received status from SageMaker: Other",
        ),
        ({"statusReason": "Terminated: train --rate 3"}, "Terminated"),
        ({"statusReason": 7}, ""),
    ],
)
def test_reasons_keep_codes_and_no_text_that_aws_quotes(job: dict[str, Any], reason: str) -> None:
    assert public_reason(job) == reason
