"""Events of container jobs on the default event bus."""

import json
from typing import Any

import pytest

from fairlane_local.server.access import client
from fairlane_local.server.local_aws import LocalAws
from tests.fairlane_local.batch.jobs.containers import describe, fifo_queue, one_vcpu, submit
from tests.fairlane_local.batch.support import ACCOUNT


class Events:
    """Events that a rule sends to a queue of Amazon SQS."""

    def __init__(self, aws: LocalAws, **pattern: Any) -> None:
        self._sqs = client("sqs", aws.port, ACCOUNT, "us-east-1")
        self._url = self._sqs.create_queue(QueueName="events")["QueueUrl"]
        bus = client("events", aws.port, ACCOUNT, "us-east-1")
        bus.put_rule(Name="jobs", EventPattern=json.dumps({"source": ["aws.batch"]} | pattern))
        bus.put_targets(Rule="jobs", Targets=[{"Id": "q", "Arn": f"arn:aws:sqs:us-east-1:{ACCOUNT}:events"}])

    def receive(self) -> list[dict[str, Any]]:
        events: list[dict[str, Any]] = []
        while messages := self._sqs.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10).get("Messages"):
            events += [json.loads(message["Body"]) for message in messages]
        return events


def test_each_status_has_an_event_with_the_job(aws: LocalAws, batch: Any) -> None:
    queue = fifo_queue(batch)
    events = Events(aws)
    job = submit(batch, queue, tags={"secret": "x"})
    aws.timeline.advance(61)
    received = events.receive()
    assert [event["detail"]["status"] for event in received] == ["RUNNABLE", "STARTING", "RUNNING", "SUCCEEDED"]
    last = received[-1]
    described = describe(batch, job)
    assert (last["detail-type"], last["resources"]) == ("Batch Job State Change", [described["jobArn"]])
    detail = last["detail"]
    assert "tags" not in detail
    for name in ("jobId", "jobName", "jobQueue", "statusReason", "attempts", "startedAt", "stoppedAt", "container"):
        assert detail[name] == described[name]


def test_children_and_nodes_have_events(aws: LocalAws, batch: Any) -> None:
    queue = fifo_queue(batch, vcpus=9)
    batch.register_job_definition(
        jobDefinitionName="nodes",
        type="multinode",
        nodeProperties={
            "numNodes": 2,
            "mainNode": 0,
            "nodeRangeProperties": [{"targetNodes": "0:1", "container": one_vcpu()}],
        },
    )
    events = Events(aws)
    array = submit(batch, queue, arrayProperties={"size": 2})
    nodes = submit(batch, queue, jobDefinition="nodes")
    aws.timeline.advance(61)
    statuses: dict[str, list[str]] = {}
    for event in events.receive():
        statuses.setdefault(event["detail"]["jobId"], []).append(event["detail"]["status"])
    run = ["RUNNABLE", "STARTING", "RUNNING", "SUCCEEDED"]
    assert statuses == {
        array: ["PENDING", "SUCCEEDED"],
        **{f"{array}:{index}": run for index in range(2)},
        **dict.fromkeys((nodes, f"{nodes}#0", f"{nodes}#1"), run),
    }


@pytest.mark.parametrize(
    ("pattern", "number"),
    [
        ({}, 4),
        ({"detail": {"status": ["FAILED", "SUCCEEDED"]}}, 1),
        ({"detail": {"status": [{"anything-but": "RUNNABLE"}]}}, 3),
        ({"detail": {"status": ["FAILED"]}}, 0),
        ({"detail": {"container": {"exitCode": [0]}}}, 1),
        ({"detail-type": ["Batch Service Job State Change"]}, 0),
    ],
)
def test_rules_select_events(aws: LocalAws, batch: Any, pattern: dict[str, Any], number: int) -> None:
    queue = fifo_queue(batch)
    events = Events(aws, **pattern)
    submit(batch, queue)
    aws.timeline.advance(61)
    assert len(events.receive()) == number
