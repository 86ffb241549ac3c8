"""Multi-node jobs: capacity, nodes, overrides and ends."""

from typing import Any

from fairlane_local.server.local_aws import LocalAws
from tests.fairlane_local.batch.jobs.containers import describe, fifo_queue, one_vcpu, statuses, submit
from tests.fairlane_local.batch.support import message_of


def nodes(*ranges: str, number: int = 3) -> dict[str, Any]:
    items = [{"targetNodes": target, "container": one_vcpu()} for target in ranges]
    return {"numNodes": number, "mainNode": 0, "nodeRangeProperties": items}


def pretraining(batch: Any, *ranges: str, number: int = 3) -> None:
    batch.register_job_definition(
        jobDefinitionName="pretrain", type="multinode", nodeProperties=nodes(*ranges, number=number)
    )


def test_a_job_needs_the_vcpus_of_all_nodes_at_once(aws: LocalAws, batch: Any) -> None:
    queue = fifo_queue(batch, vcpus=4)
    pretraining(batch, "0:0", "1:2")
    small, job = submit(batch, queue, run=120), submit(batch, queue, jobDefinition="pretrain")
    other = submit(batch, queue, jobDefinition="pretrain")
    aws.timeline.advance(1)
    assert statuses(batch, small, job, other) == ["RUNNING", "RUNNING", "RUNNABLE"]
    (summary,) = [item for item in batch.list_jobs(jobQueue=queue)["jobSummaryList"] if item["jobId"] == job]
    assert summary["capacityUsage"] == [{"capacityUnit": "VCPU", "quantity": 3.0}]
    assert summary["nodeProperties"] == {"numNodes": 3}
    assert describe(batch, job)["nodeProperties"]["numNodes"] == 3

    overrides = [
        {"targetNodes": "1:2", "containerOverrides": {"resourceRequirements": [{"type": "VCPU", "value": "2"}]}}
    ]
    large = submit(batch, queue, jobDefinition="pretrain", nodeOverrides={"nodePropertyOverrides": overrides})
    aws.timeline.advance(120)
    assert statuses(batch, small, job, other, large) == ["SUCCEEDED", "SUCCEEDED", "SUCCEEDED", "RUNNABLE"]


def test_the_nodes_are_described_and_listed(aws: LocalAws, batch: Any) -> None:
    queue = fifo_queue(batch, vcpus=4)
    pretraining(batch, "0:", "1:1")
    job = submit(batch, queue, jobDefinition="pretrain")
    aws.timeline.advance(1)
    listed = batch.list_jobs(multiNodeJobId=job)["jobSummaryList"]
    assert [(item["jobId"], item["nodeProperties"]) for item in listed] == [
        (f"{job}#{index}", {"nodeIndex": index, "isMainNode": index == 0}) for index in range(3)
    ]
    assert batch.list_jobs(multiNodeJobId=job, jobStatus="RUNNABLE")["jobSummaryList"] == []
    aws.timeline.advance(60)
    described = batch.describe_jobs(jobs=[f"{job}#0", f"{job}#2", f"{job}#3"])["jobs"]
    assert [(item["jobId"], item["status"], item["nodeDetails"]) for item in described] == [
        (f"{job}#0", "SUCCEEDED", {"nodeIndex": 0, "isMainNode": True}),
        (f"{job}#2", "SUCCEEDED", {"nodeIndex": 2, "isMainNode": False}),
    ]
    tasks = {item["attempts"][0]["container"]["taskArn"] for item in described}
    assert len(tasks) == 2
    assert {item["container"]["taskArn"] for item in described} == tasks
    assert "nodeProperties" not in described[0]


def test_the_number_of_nodes_is_overridden(aws: LocalAws, batch: Any) -> None:
    queue = fifo_queue(batch, vcpus=8)
    pretraining(batch, "0:")
    job = submit(batch, queue, jobDefinition="pretrain", nodeOverrides={"numNodes": 5})
    aws.timeline.advance(1)
    assert len(batch.list_jobs(multiNodeJobId=job)["jobSummaryList"]) == 5
    pretraining(batch, "0:2")
    request = {"jobName": "j", "jobQueue": queue, "jobDefinition": "pretrain"}
    assert "open upper boundary" in message_of(batch.submit_job, **request, nodeOverrides={"numNodes": 5})
    assert "not a node range" in message_of(
        batch.submit_job, **request, nodeOverrides={"nodePropertyOverrides": [{"targetNodes": "0:1"}]}
    )
    assert "arrayProperties" in message_of(batch.submit_job, **request, arrayProperties={"size": 2})
    assert "containerProperties" in message_of(batch.submit_job, **request, containerOverrides={"command": ["x"]})


def test_the_nodes_end_together(aws: LocalAws, batch: Any) -> None:
    queue = fifo_queue(batch, vcpus=3)
    pretraining(batch, "0:")
    job = submit(
        batch, queue, jobDefinition="pretrain", tags={"fairlane:fails": "crash"}, retryStrategy={"attempts": 2}
    )
    aws.timeline.advance(200)
    failed = describe(batch, f"{job}#1")
    assert (failed["status"], failed["statusReason"], len(failed["attempts"])) == ("FAILED", "crash", 2)
