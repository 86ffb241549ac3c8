"""Jobs that depend on others: single jobs, array jobs in sequence, and array jobs child by child."""

from typing import Any

from fairlane_local.server.local_aws import LocalAws
from tests.fairlane_local.batch.jobs.containers import children, describe, fifo_queue, statuses, submit
from tests.fairlane_local.batch.support import PREFIX, message_of

FAILS = {"fairlane:fails": "crash"}


def test_a_job_waits_for_others(aws: LocalAws, batch: Any) -> None:
    queue = fifo_queue(batch, vcpus=4)
    first, second = submit(batch, queue, run=60), submit(batch, queue, run=120)
    depends = [{"jobId": first}, {"jobId": f"{PREFIX}job/{second}", "type": "SEQUENTIAL"}]
    job = submit(batch, queue, dependsOn=depends)
    assert describe(batch, job)["dependsOn"] == depends
    aws.timeline.advance(61)
    assert statuses(batch, first, second, job) == ["SUCCEEDED", "RUNNING", "PENDING"]
    aws.timeline.advance(60)
    assert statuses(batch, second, job) == ["SUCCEEDED", "RUNNING"]
    late = submit(batch, queue, dependsOn=[{"jobId": second}])
    assert statuses(batch, late) == ["RUNNABLE"]


def test_a_dependency_that_is_named_twice_counts_once(aws: LocalAws, batch: Any) -> None:
    queue = fifo_queue(batch, vcpus=4)
    first = submit(batch, queue, arrayProperties={"size": 2})
    job = submit(batch, queue, dependsOn=[{"jobId": first}, {"jobId": f"{PREFIX}job/{first}"}])
    array = submit(batch, queue, arrayProperties={"size": 2}, dependsOn=[{"jobId": first, "type": "N_TO_N"}] * 2)
    batch.terminate_job(jobId=f"{first}:0", reason="stop")
    aws.timeline.advance(30)
    assert statuses(batch, array, *children(array, 2)) == ["PENDING", "FAILED", "PENDING"]
    later = submit(batch, queue, dependsOn=[{"jobId": f"{first}:1"}, {"jobId": f"{first}:1", "type": "SEQUENTIAL"}])
    aws.timeline.advance(31)
    assert statuses(batch, job, later, *children(array, 2)) == ["FAILED", "RUNNING", "FAILED", "RUNNING"]
    aws.timeline.advance(60)
    assert statuses(batch, later, array) == ["SUCCEEDED", "FAILED"]
    assert len(describe(batch, later)["attempts"]) == 1


def test_a_failed_dependency_fails_all_jobs_behind_it(aws: LocalAws, batch: Any) -> None:
    queue = fifo_queue(batch, vcpus=4)
    first = submit(batch, queue, tags=FAILS)
    second = submit(batch, queue, dependsOn=[{"jobId": first}])
    third = submit(batch, queue, dependsOn=[{"jobId": second}])
    array = submit(batch, queue, dependsOn=[{"jobId": first}], arrayProperties={"size": 2})
    aws.timeline.advance(61)
    late = submit(batch, queue, dependsOn=[{"jobId": third}])
    for job in (second, third, late, *children(array, 2)):
        described = describe(batch, job)
        assert (described["status"], described["statusReason"]) == ("FAILED", "Dependent Job failed")
        assert described["attempts"] == []
    assert statuses(batch, array) == ["FAILED"]


def test_a_dependency_that_is_retried_is_waited_for(aws: LocalAws, batch: Any) -> None:
    queue = fifo_queue(batch)
    first = submit(batch, queue, tags=FAILS, retryStrategy={"attempts": 2})
    second = submit(batch, queue, dependsOn=[{"jobId": first}])
    aws.timeline.advance(90)
    assert statuses(batch, first, second) == ["RUNNING", "PENDING"]
    aws.timeline.advance(60)
    assert statuses(batch, first, second) == ["FAILED", "FAILED"]


def test_a_job_waits_for_all_children_of_an_array_job(aws: LocalAws, batch: Any) -> None:
    queue = fifo_queue(batch, vcpus=1)
    array = submit(batch, queue, arrayProperties={"size": 2})
    job = submit(batch, queue, dependsOn=[{"jobId": array}])
    aws.timeline.advance(61)
    assert statuses(batch, array, job) == ["PENDING", "PENDING"]
    aws.timeline.advance(60)
    assert statuses(batch, array, job) == ["SUCCEEDED", "RUNNING"]


def test_the_children_of_an_array_job_run_in_sequence(aws: LocalAws, batch: Any) -> None:
    job = submit(batch, fifo_queue(batch, vcpus=9), arrayProperties={"size": 3}, dependsOn=[{"type": "SEQUENTIAL"}])
    assert statuses(batch, *children(job, 3)) == ["RUNNABLE", "PENDING", "PENDING"]
    aws.timeline.advance(61)
    assert statuses(batch, *children(job, 3)) == ["SUCCEEDED", "RUNNING", "PENDING"]
    batch.terminate_job(jobId=f"{job}:1", reason="stop")
    aws.timeline.advance(20)
    assert statuses(batch, job, *children(job, 3)) == ["FAILED", "SUCCEEDED", "FAILED", "FAILED"]


def test_array_jobs_follow_each_other_child_by_child(aws: LocalAws, batch: Any) -> None:
    queue = fifo_queue(batch, vcpus=2)
    first = submit(batch, queue, arrayProperties={"size": 3})
    second = submit(batch, queue, arrayProperties={"size": 3}, dependsOn=[{"jobId": first, "type": "N_TO_N"}])
    aws.timeline.advance(1)
    batch.terminate_job(jobId=f"{first}:1", reason="stop")
    aws.timeline.advance(60)
    assert statuses(batch, *children(first, 3)) == ["SUCCEEDED", "FAILED", "RUNNING"]
    assert statuses(batch, *children(second, 3)) == ["RUNNING", "FAILED", "PENDING"]


def test_a_pending_job_is_cancelled(aws: LocalAws, batch: Any) -> None:
    queue = fifo_queue(batch)
    first = submit(batch, queue)
    second = submit(batch, queue, dependsOn=[{"jobId": first}])
    third = submit(batch, queue, dependsOn=[{"jobId": second}])
    batch.cancel_job(jobId=second, reason="no")
    assert [describe(batch, job).get("statusReason") for job in (first, second, third)] == [
        None,
        "no",
        "Dependent Job failed",
    ]
    aws.timeline.advance(61)
    assert statuses(batch, first, second) == ["SUCCEEDED", "FAILED"]


def test_invalid_dependencies_are_refused(batch: Any) -> None:
    queue = fifo_queue(batch)
    job = submit(batch, queue)
    array = submit(batch, queue, arrayProperties={"size": 3})
    request = {"jobName": "j", "jobQueue": queue, "jobDefinition": "train"}

    def refused(*depends: dict[str, str], **changes: Any) -> str:
        return message_of(batch.submit_job, **request, dependsOn=[*depends], **changes)

    assert refused(*[{"jobId": job}] * 21) == "A job can depend on at most 20 jobs."
    assert refused({"jobId": "none"}) == "Job none of dependsOn does not exist."
    assert "without jobId" in refused({"type": "SEQUENTIAL"})
    assert "without jobId" in refused({"type": "N_TO_N"}, arrayProperties={"size": 3})
    assert "enum value set" in refused({"jobId": job, "type": "X"})
    for other, changes in (
        (job, {"arrayProperties": {"size": 3}}),
        (array, {"arrayProperties": {"size": 2}}),
        (array, {}),
    ):
        assert "same size" in refused({"jobId": other, "type": "N_TO_N"}, **changes)
