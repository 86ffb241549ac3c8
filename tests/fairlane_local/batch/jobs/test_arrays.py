"""Array jobs: children, status summaries, lists, cancellations and long chains."""

from typing import Any

from fairlane_local.server.local_aws import LocalAws
from tests.fairlane_local.batch.jobs.containers import children, describe, fifo_queue, statuses, submit
from tests.fairlane_local.batch.support import message_of


def summary(batch: Any, job: str) -> dict[str, int]:
    """Return the statuses of an array job that children have, with the number of children."""
    counts = describe(batch, job)["arrayProperties"]["statusSummary"]
    return {status: number for status, number in counts.items() if number}


def test_the_parent_succeeds_after_its_children(aws: LocalAws, batch: Any) -> None:
    job = submit(batch, fifo_queue(batch, vcpus=2), arrayProperties={"size": 3})
    assert (describe(batch, job)["status"], summary(batch, job)) == ("PENDING", {"RUNNABLE": 3})
    assert describe(batch, job)["arrayProperties"]["size"] == 3

    aws.timeline.advance(1)
    assert (describe(batch, job)["status"], summary(batch, job)) == ("PENDING", {"RUNNING": 2, "RUNNABLE": 1})
    child = describe(batch, f"{job}:1")
    assert (child["arrayProperties"], child["status"], child["jobName"]) == ({"index": 1}, "RUNNING", "job")
    assert child["jobArn"] == f"{describe(batch, job)['jobArn']}:1"

    aws.timeline.advance(60)
    assert (describe(batch, job)["status"], summary(batch, job)) == ("PENDING", {"SUCCEEDED": 2, "RUNNING": 1})
    aws.timeline.advance(60)
    assert (describe(batch, job)["status"], summary(batch, job)) == ("SUCCEEDED", {"SUCCEEDED": 3})


def test_the_parent_fails_if_a_child_fails(aws: LocalAws, batch: Any) -> None:
    job = submit(batch, fifo_queue(batch), arrayProperties={"size": 3})
    aws.timeline.advance(1)
    batch.terminate_job(jobId=f"{job}:2", reason="bad index")
    assert statuses(batch, job, *children(job, 3)) == ["PENDING", "RUNNING", "RUNNING", "FAILED"]
    aws.timeline.advance(60)
    parent = describe(batch, job)
    assert (parent["status"], parent["statusReason"]) == ("FAILED", "Array Child Job failed")
    assert summary(batch, job) == {"SUCCEEDED": 2, "FAILED": 1}


def test_children_are_retried_one_by_one(aws: LocalAws, batch: Any) -> None:
    job = submit(
        batch,
        fifo_queue(batch),
        arrayProperties={"size": 2},
        tags={"fairlane:fails": "crash"},
        retryStrategy={"attempts": 2},
    )
    aws.timeline.advance(200)
    assert [len(describe(batch, child)["attempts"]) for child in children(job, 2)] == [2, 2]
    assert describe(batch, job)["status"] == "FAILED"


def test_children_are_listed_by_their_array_job(aws: LocalAws, batch: Any) -> None:
    queue = fifo_queue(batch, vcpus=1)
    job = submit(batch, queue, arrayProperties={"size": 3})
    aws.timeline.advance(1)

    def listed(**request: object) -> list[str]:
        return [item["jobId"] for item in batch.list_jobs(**request)["jobSummaryList"]]

    assert listed(jobQueue=queue) == []
    assert listed(jobQueue=queue, jobStatus="PENDING") == [job]
    assert listed(jobQueue=queue, filters=[{"name": "JOB_NAME", "values": ["job"]}]) == [job]
    assert listed(arrayJobId=job) == [f"{job}:0"]
    assert listed(arrayJobId=job, jobStatus="RUNNABLE") == [f"{job}:2", f"{job}:1"]
    pages = batch.get_paginator("list_jobs").paginate(
        arrayJobId=job, jobStatus="RUNNABLE", PaginationConfig={"PageSize": 1}
    )
    assert [item["arrayProperties"]["index"] for page in pages for item in page["jobSummaryList"]] == [2, 1]
    (parent,) = batch.list_jobs(jobQueue=queue, jobStatus="PENDING")["jobSummaryList"]
    assert parent["arrayProperties"]["size"] == 3
    assert message_of(batch.list_jobs, arrayJobId="none") == "Job none does not exist."


def test_the_children_that_wait_are_cancelled(aws: LocalAws, batch: Any) -> None:
    job = submit(batch, fifo_queue(batch, vcpus=1), arrayProperties={"size": 3})
    aws.timeline.advance(1)
    batch.cancel_job(jobId=job, reason="enough")
    assert statuses(batch, job, *children(job, 3)) == ["PENDING", "RUNNING", "FAILED", "FAILED"]
    aws.timeline.advance(60)
    assert statuses(batch, job, f"{job}:0") == ["FAILED", "SUCCEEDED"]
    parent = describe(batch, job)
    assert (parent["isCancelled"], parent["statusReason"]) == (True, "enough")


def test_an_array_job_whose_children_all_run_is_not_cancelled(aws: LocalAws, batch: Any) -> None:
    job = submit(batch, fifo_queue(batch, vcpus=2), arrayProperties={"size": 2})
    aws.timeline.advance(1)
    batch.cancel_job(jobId=job, reason="too late")
    assert describe(batch, job)["isCancelled"] is False
    aws.timeline.advance(60)
    parent = describe(batch, job)
    assert (parent["status"], parent["isCancelled"], parent.get("statusReason")) == ("SUCCEEDED", False, None)


def test_all_children_are_terminated(aws: LocalAws, batch: Any) -> None:
    job = submit(batch, fifo_queue(batch, vcpus=1), arrayProperties={"size": 3}, dependsOn=[{"type": "SEQUENTIAL"}])
    aws.timeline.advance(1)
    batch.terminate_job(jobId=job, reason="wrong")
    aws.timeline.advance(20)
    described = batch.describe_jobs(jobs=[job, *children(job, 3)])["jobs"]
    assert {(item["status"], item["isTerminated"], item["statusReason"]) for item in described} == {
        ("FAILED", True, "wrong")
    }


def test_ten_thousand_children_can_fail_one_after_the_other(aws: LocalAws, batch: Any) -> None:
    job = submit(
        batch,
        fifo_queue(batch),
        arrayProperties={"size": 10_000},
        dependsOn=[{"type": "SEQUENTIAL"}],
        tags={"fairlane:fails": "crash"},
    )
    assert summary(batch, job) == {"RUNNABLE": 1, "PENDING": 9_999}
    aws.timeline.advance(61)
    assert (describe(batch, job)["status"], summary(batch, job)) == ("FAILED", {"FAILED": 10_000})
    assert describe(batch, f"{job}:9999")["statusReason"] == "Dependent Job failed"


def test_jobs_and_children_have_tags_of_their_own(batch: Any) -> None:
    job = submit(batch, fifo_queue(batch), None, arrayProperties={"size": 2}, tags={"team": "a"})
    arns = [describe(batch, name)["jobArn"] for name in (job, *children(job, 2))]
    batch.tag_resource(resourceArn=arns[1], tags={"team": "b", "more": "c"})
    batch.untag_resource(resourceArn=arns[1], tagKeys=["more"])
    assert [batch.list_tags_for_resource(resourceArn=arn)["tags"] for arn in arns] == [
        {"team": "a"},
        {"team": "b"},
        {"team": "a"},
    ]
    assert describe(batch, f"{job}:0")["tags"] == {"team": "b"}
    assert message_of(batch.list_tags_for_resource, resourceArn=f"{arns[0]}:2").endswith("does not exist")
