"""Answers about jobs by their state: blocked, preempted, ended, array jobs, and jobs that could start."""

from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

from fairlane_client.explain import Explanation, Reason, explain
from fairlane_client.explain.words import duration
from fairlane_client.queues.calls import Calls
from fairlane_client.queues.queue import read_queue
from tests.fairlane_client.explain.world import G5, P5, World, world
from tests.fairlane_local.batch.jobs import containers
from tests.fairlane_local.batch.jobs.support import payload, submit
from tests.fairlane_local.batch.jobs.test_consumables import needs, resource


@pytest.fixture
def own() -> Iterator[World]:
    with world() as own:
        yield own


def answer(own: World, queue: str, job: str) -> Explanation:
    calls = Calls(own.batch)
    return explain(calls, read_queue(calls, queue), job, now=own.now)


def quota_queue(own: World, **changes: Any) -> str:
    """Create a queue in which share a borrows all capacity of share b."""
    queue = own.create("quota", Random(0))
    for share in "abc":
        own.batch.update_quota_share(
            quotaShareArn=f"{queue}/quota-share/{share}",
            resourceSharingConfiguration={"strategy": "LEND_AND_BORROW"},
            preemptionConfiguration={"inSharePreemption": "DISABLED"},
        )
    return queue


def submit_to(own: World, queue: str, share: str, instances: int, name: str, **members: Any) -> str:
    config = payload(instances, P5, **members)
    return submit(
        own.batch, queue, name, run=20_000, serviceRequestPayload=config, quotaShareName=share, schedulingPriority=1
    )


@pytest.mark.parametrize("checkpoint", [False, True])
def test_a_preempted_job_names_who_got_its_instances_and_what_it_lost(own: World, checkpoint: bool) -> None:
    queue = quota_queue(own)
    members = {"CheckpointConfig": {"S3Uri": "s3://bucket/checkpoints"}} if checkpoint else {}
    submit_to(own, queue, "a", 2, "owner", **members)
    borrower = submit_to(own, queue, "a", 2, "borrower", **members)
    own.advance(3600)
    reclaiming = submit_to(own, queue, "b", 2, "reclaiming")
    own.advance(1)
    before = answer(own, queue, reclaiming)
    assert before.reason is Reason.STARTS_NEXT
    assert "preempts jobs for it, of share a, which borrows 2" in before.text
    own.advance(60)
    after = answer(own, queue, borrower)
    assert after.reason is Reason.SHARE_ABOVE_ENTITLEMENT
    assert after.preemption
    assert after.preemption.by == "reclaiming of share b"
    assert after.preemption.lost_seconds == pytest.approx(3620, abs=2)
    assert ("since its last checkpoint" in after.preemption.lost) is checkpoint
    assert "by      reclaiming of share b, most likely (inferred)" in str(after)
    own.batch.terminate_service_job(jobId=reclaiming, reason="not needed")
    own.advance(60)
    back = answer(own, queue, borrower)
    assert (back.state, back.reason) == ("RUNNING", None)
    assert back.preemption
    assert back.preemption.back.startswith("back after ")


def test_borrowed_capacity_that_is_not_enough_names_the_borrower(own: World) -> None:
    queue = quota_queue(own)
    submit_to(own, queue, "a", 2, "owner")
    own.batch.update_service_environment(
        serviceEnvironment=own.batch.describe_job_queues(jobQueues=[queue])["jobQueues"][0]["serviceEnvironmentOrder"][
            0
        ]["serviceEnvironment"],
        capacityLimits=[{"capacityUnit": "ml.g5.xlarge", "maxCapacity": 8}, {"capacityUnit": P5, "maxCapacity": 3}],
    )
    own.advance(10)
    job = submit_to(own, queue, "b", 2, "second")
    own.advance(10)
    found = answer(own, queue, job)
    assert (found.reason, found.starts) == (Reason.CAPACITY_FULL, f"when 1 more {P5} becomes free")
    assert [(holder.share, holder.amount, holder.borrowed) for holder in found.holders] == [("a", 2, 0)]


def test_free_capacity_that_a_share_cannot_use_is_named_and_so_are_the_jobs_ahead(own: World) -> None:
    queue = quota_queue(own)
    own.batch.update_quota_share(
        quotaShareArn=f"{queue}/quota-share/c", resourceSharingConfiguration={"strategy": "RESERVE"}
    )
    for number in range(5):
        more = {"quotaShareName": "a", "serviceRequestPayload": payload(2, G5)}
        submit(own.batch, queue, f"job-{number}", run=9000, schedulingPriority=1, **more)
    own.advance(60)
    first, second = answer(own, queue, "job-3"), answer(own, queue, "job-4")
    assert (first.reason, first.starts) == (Reason.CAPACITY_FULL, f"when 1 more {G5} becomes free")
    assert first.text.endswith("the job needs 2, and 2 of 8 are free, 1 of them for shares that do not lend")
    assert second.starts == f"when 3 more {G5} become free"
    assert second.text == f"{first.text}; 1 job ahead needs 2 {G5}"


def test_ended_jobs_say_how_they_ended(own: World) -> None:
    queue = own.create("fifo", Random(0))
    succeeded = submit(own.batch, queue, "good", run=600)
    failed = submit(own.batch, queue, "bad", run=None, tags={"fairlane:run-seconds": "90", "fairlane:fails": "broken"})
    terminated = submit(own.batch, queue, "gone")
    own.advance(30)
    own.batch.terminate_service_job(jobId=terminated, reason="not needed")
    own.advance(3000)
    texts = [answer(own, queue, job).text for job in (succeeded, failed, terminated)]
    assert texts[0].startswith("the job has ended: SUCCEEDED, its last attempt ran 10 min, 1 attempt.")
    assert "FAILED, its last attempt ran 1 min 30 s" in texts[1]
    assert texts[1].endswith("AWS gives the reason: Received status from SageMaker: broken")
    assert "terminated by a request" in texts[2]
    assert texts[2].endswith("AWS gives the reason: not needed")


@pytest.mark.parametrize("seconds", [10, 400])
@pytest.mark.parametrize("closed", [False, True])
def test_a_job_that_could_start_is_disabled_only_after_five_minutes(own: World, seconds: int, closed: bool) -> None:
    queue = own.create("fifo", Random(0))
    name = own.batch.describe_job_queues(jobQueues=[queue])["jobQueues"][0]["jobQueueName"]
    own.set_environments(queue, "DISABLED")
    job = submit(own.batch, queue)
    if closed:
        own.batch.update_job_queue(jobQueue=queue, state="DISABLED")
    own.advance(seconds)
    assert answer(own, queue, job).reason is Reason.DISABLED
    own.set_environments(queue, "ENABLED")
    found = answer(own, queue, job)
    if closed and seconds > 300:
        assert (found.reason, found.starts) == (Reason.DISABLED, f"when queue {name} is enabled")
    else:
        assert found.reason is Reason.STARTS_NEXT
        noted = closed or seconds > 300
        assert (
            any("is disabled: it takes no new jobs" in note or "free instances" in note for note in found.notes)
            is noted
        )


def test_a_shortage_of_instances_has_the_reason_of_aws(own: World) -> None:
    queue = own.create("fifo", Random(0))
    own.api.lifecycle._shortages = ["ml.g5.xlarge"]
    job = submit(own.batch, queue, serviceRequestPayload=payload(1, "ml.g5.xlarge"))
    own.advance(60)
    found = answer(own, queue, job)
    assert (found.state, found.reason, found.inferred) == ("SCHEDULED", Reason.HEAD_BLOCKED, False)
    assert "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY" in found.text


def test_a_job_with_consumable_resources_is_unknown(own: World) -> None:
    resource(own.batch, 0)
    queue = containers.fifo_queue(own.batch, consumableResourceProperties=needs("licence"))
    job = containers.submit(own.batch, queue)
    own.advance(60)
    found = answer(own, queue, job)
    assert found.reason is Reason.UNKNOWN
    assert "consumable resource licence" in found.text


def test_a_dependency_that_is_named_twice_is_reported_once(own: World) -> None:
    queue = containers.fifo_queue(own.batch)
    first = containers.submit(own.batch, queue, jobName="first")
    job = containers.submit(own.batch, queue, dependsOn=[{"jobId": first}] * 2)
    own.advance(10)
    assert answer(own, queue, job).text == "the job depends on first (RUNNING)"


def test_array_jobs_and_their_children(own: World) -> None:
    queue = containers.fifo_queue(own.batch, vcpus=2)
    job = containers.submit(own.batch, queue, arrayProperties={"size": 4})
    chain = containers.submit(own.batch, queue, arrayProperties={"size": 2}, dependsOn=[{"type": "SEQUENTIAL"}])
    own.advance(10)
    parent = answer(own, queue, job)
    assert (parent.state, parent.reason, parent.text) == (
        "PENDING",
        Reason.UNKNOWN,
        "children of the array job: 2 RUNNABLE, 2 RUNNING",
    )
    assert (parent.amount, parent.array) == (1, 4)
    assert "needs   1 vCPU for each of 4 jobs" in str(parent)
    assert f"explain a child, {job}:0" in parent.notes[0]
    assert answer(own, queue, f"{job}:3").reason is Reason.CAPACITY_FULL
    assert answer(own, queue, f"{chain}:1").reason is Reason.DEPENDENCY


def test_an_array_job_says_what_it_depends_on_and_what_its_children_do(own: World) -> None:
    queue = containers.fifo_queue(own.batch, vcpus=2)
    before = containers.submit(own.batch, queue, run=600, jobName="prepare")
    job = containers.submit(own.batch, queue, run=600, arrayProperties={"size": 2}, dependsOn=[{"jobId": before}])
    own.advance(10)
    waiting = answer(own, queue, job)
    assert (waiting.reason, waiting.text) == (Reason.DEPENDENCY, "the job depends on prepare (RUNNING)")
    own.advance(700)
    running = answer(own, queue, job)
    assert (running.state, running.reason, running.text) == (
        "PENDING",
        None,
        "children of the array job: 2 RUNNING",
    )
    own.advance(3600)
    assert answer(own, queue, job).text == "children of the array job: 2 SUCCEEDED"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-5, "0 s"), (0, "0 s"), (59.9, "59 s"), (61, "1 min 1 s"), (3600, "1 h"), (90_061, "1 d 1 h"), (86_460, "1 d")],
)
def test_durations_have_two_units_and_no_sign(seconds: float, text: str) -> None:
    assert duration(seconds) == text
