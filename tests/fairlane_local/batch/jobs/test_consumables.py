"""Consumable resources: jobs wait for them, hold them, and give them back."""

from typing import Any

from fairlane_local.server.local_aws import LocalAws
from tests.fairlane_local.batch.jobs.containers import (
    children,
    describe,
    fair_queue,
    fifo_queue,
    one_vcpu,
    statuses,
    submit,
)
from tests.fairlane_local.batch.support import message_of


def resource(batch: Any, quantity: int, name: str = "licence", **request: Any) -> str:
    created = batch.create_consumable_resource(consumableResourceName=name, totalQuantity=quantity, **request)
    return str(created["consumableResourceArn"])


def needs(*names: str, quantity: int = 1) -> dict[str, Any]:
    return {"consumableResourceList": [{"consumableResource": name, "quantity": quantity} for name in names]}


def quantities(batch: Any, name: str = "licence") -> tuple[int, ...]:
    """Return the total, used and available quantity."""
    described = batch.describe_consumable_resource(consumableResource=name)
    return tuple(described[f"{kind}Quantity"] for kind in ("total", "inUse", "available"))


def test_a_job_waits_until_a_resource_is_given_back(aws: LocalAws, batch: Any) -> None:
    resource(batch, 2)
    queue = fifo_queue(batch, vcpus=9, consumableResourceProperties=needs("licence"))
    jobs = [submit(batch, queue) for _ in range(3)]
    assert quantities(batch) == (2, 0, 2)
    aws.timeline.advance(1)
    assert statuses(batch, *jobs) == ["RUNNING", "RUNNING", "RUNNABLE"]
    assert quantities(batch) == (2, 2, 0)
    aws.timeline.advance(60)
    assert statuses(batch, *jobs) == ["SUCCEEDED", "SUCCEEDED", "RUNNING"]
    assert quantities(batch) == (2, 1, 1)
    aws.timeline.advance(60)
    assert quantities(batch) == (2, 0, 2)
    assert describe(batch, jobs[0])["consumableResourceProperties"] == needs("licence")


def test_a_job_waits_for_all_its_resources(aws: LocalAws, batch: Any) -> None:
    resource(batch, 1)
    resource(batch, 1, "token")
    queue = fifo_queue(batch, vcpus=9)
    both = needs("licence", "token")
    first = submit(batch, queue, consumableResourcePropertiesOverride=needs("token"))
    second = submit(batch, queue, consumableResourcePropertiesOverride=both)
    third = submit(batch, queue, consumableResourcePropertiesOverride=needs("licence"))
    aws.timeline.advance(1)
    assert statuses(batch, first, second, third) == ["RUNNING", "RUNNABLE", "RUNNING"]
    aws.timeline.advance(60)
    assert statuses(batch, second) == ["RUNNING"]


def test_used_up_resources_are_added(aws: LocalAws, batch: Any) -> None:
    resource(batch, 3, resourceType="NON_REPLENISHABLE")
    queue = fifo_queue(batch, vcpus=9, consumableResourceProperties=needs("licence", quantity=2))
    jobs = [submit(batch, queue), submit(batch, queue)]
    aws.timeline.advance(61)
    assert statuses(batch, *jobs) == ["SUCCEEDED", "RUNNABLE"]
    assert quantities(batch) == (1, 0, 1)
    batch.update_consumable_resource(consumableResource="licence", operation="ADD", quantity=1)
    aws.timeline.advance(1)
    assert statuses(batch, *jobs) == ["SUCCEEDED", "RUNNING"]
    assert quantities(batch) == (0, 0, 0)


def test_stopped_jobs_give_their_resources_back(aws: LocalAws, batch: Any) -> None:
    resource(batch, 1)
    queue = fifo_queue(batch, vcpus=9, consumableResourceProperties=needs("licence"))
    jobs = [submit(batch, queue) for _ in range(4)]
    batch.cancel_job(jobId=jobs[0], reason="before it starts")
    batch.cancel_job(jobId=jobs[1], reason="as the next")
    aws.timeline.advance(1)
    assert statuses(batch, *jobs[2:]) == ["RUNNING", "RUNNABLE"]
    batch.terminate_job(jobId=jobs[2], reason="while it runs")
    aws.timeline.advance(20)
    assert quantities(batch) == (1, 0, 1)
    aws.timeline.advance(1)
    assert (statuses(batch, jobs[3]), quantities(batch)) == (["RUNNING"], (1, 1, 0))


def test_resources_are_held_between_attempts(aws: LocalAws, batch: Any) -> None:
    resource(batch, 1)
    queue = fifo_queue(batch, consumableResourceProperties=needs("licence"))
    retried = submit(batch, queue, tags={"fairlane:fails": "crash"}, retryStrategy={"attempts": 2})
    other = submit(batch, queue)
    aws.timeline.advance(90)
    assert statuses(batch, retried, other) == ["RUNNING", "RUNNABLE"]
    aws.timeline.advance(32)
    assert statuses(batch, retried, other) == ["FAILED", "RUNNING"]


def front(batch: Any, queue: str) -> list[str]:
    snapshot = batch.get_job_queue_snapshot(jobQueue=queue)
    return [job["jobArn"].rpartition("/")[2] for job in snapshot["frontOfQueue"]["jobs"]]


def test_jobs_that_wait_for_a_resource_are_in_the_front_of_a_fifo_queue(aws: LocalAws, batch: Any) -> None:
    resource(batch, 1)
    queue = fifo_queue(batch, vcpus=1)
    licence: dict[str, Any] = {"consumableResourcePropertiesOverride": needs("licence")}
    jobs = [submit(batch, queue, **request) for request in (licence, licence, {}, licence, {})]
    assert front(batch, queue) == jobs
    aws.timeline.advance(1)
    assert front(batch, queue) == jobs[1:]
    batch.terminate_job(jobId=jobs[3], reason="not needed")
    assert front(batch, queue) == [jobs[1], jobs[2], jobs[4]]


def test_jobs_that_wait_for_a_resource_follow_in_the_front_of_a_fair_share_queue(aws: LocalAws, batch: Any) -> None:
    resource(batch, 1)
    queue = fair_queue(batch, vcpus=1, schedulingPriority=1)
    licence: dict[str, Any] = {"consumableResourcePropertiesOverride": needs("licence")}
    running, held = [submit(batch, queue, shareIdentifier="a", **licence) for _ in range(2)]
    aws.timeline.advance(1)
    low = submit(batch, queue, shareIdentifier="a")
    high = submit(batch, queue, shareIdentifier="a", schedulingPriorityOverride=9)
    assert statuses(batch, running) == ["RUNNING"]
    assert front(batch, queue) == [high, low, held]


def test_each_child_and_each_node_needs_its_resources(aws: LocalAws, batch: Any) -> None:
    resource(batch, 3)
    queue = fifo_queue(batch, vcpus=9, consumableResourceProperties=needs("licence", quantity=2))
    array = submit(batch, queue, arrayProperties={"size": 2})
    aws.timeline.advance(1)
    assert statuses(batch, *children(array, 2)) == ["RUNNING", "RUNNABLE"]
    aws.timeline.advance(120)
    item = {"targetNodes": "0:2", "container": one_vcpu(), "consumableResourceProperties": needs("licence")}
    batch.register_job_definition(
        jobDefinitionName="nodes",
        type="multinode",
        nodeProperties={"numNodes": 3, "mainNode": 0, "nodeRangeProperties": [item]},
    )
    submit(batch, queue, jobDefinition="nodes")
    aws.timeline.advance(1)
    assert quantities(batch) == (3, 3, 0)


def test_the_jobs_of_a_resource_are_listed(aws: LocalAws, batch: Any) -> None:
    arn = resource(batch, 1)
    queue = fifo_queue(batch, vcpus=9, consumableResourceProperties=needs("licence"))
    submit(batch, queue, jobName="other", consumableResourcePropertiesOverride={"consumableResourceList": []})
    for name in ("Sweep-1", "sweep-2"):
        submit(batch, queue, jobName=name)
    aws.timeline.advance(1)

    def listed(*filters: tuple[str, str]) -> list[str]:
        conditions = [{"name": name, "values": [value]} for name, value in filters]
        pages = batch.get_paginator("list_jobs_by_consumable_resource").paginate(
            consumableResource="licence", filters=conditions
        )
        return [job["jobName"] for page in pages for job in page["jobs"]]

    assert listed() == ["sweep-2", "Sweep-1"]
    assert listed(("JOB_NAME", "SWEEP-1")) == ["Sweep-1"]
    assert listed(("JOB_NAME", "sweep*"), ("JOB_STATUS", "RUNNABLE")) == ["sweep-2"]
    first = batch.list_jobs_by_consumable_resource(consumableResource=arn)["jobs"][1]
    assert (first["quantity"], first["jobStatus"], first["jobQueueArn"]) == (1, "RUNNING", queue)
    assert first["consumableResourceProperties"] == {
        "consumableResourceList": [{"consumableResource": arn, "quantity": 1}]
    }
    call = batch.list_jobs_by_consumable_resource
    assert "Invalid filter name" in message_of(call, consumableResource=arn, filters=[{"name": "X", "values": ["y"]}])


def test_unknown_and_repeated_resources_are_refused(batch: Any) -> None:
    resource(batch, 1)
    request = {"jobName": "j", "jobQueue": fifo_queue(batch), "jobDefinition": "train"}
    call = batch.submit_job
    assert message_of(call, **request, consumableResourcePropertiesOverride=needs("none")) == "none does not exist"
    assert "duplicate" in message_of(call, **request, consumableResourcePropertiesOverride=needs("licence", "licence"))
