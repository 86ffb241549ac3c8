"""Container jobs: statuses, attempts, retries, timeouts, cancellations, lists and rules of SubmitJob."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from fairlane_local.clock import Clock
from fairlane_local.server.access import client
from fairlane_local.server.local_aws import LocalAws
from tests.fairlane_local.batch.jobs.containers import describe, fair_queue, fifo_queue, one_vcpu, statuses, submit
from tests.fairlane_local.batch.support import (
    ACCOUNT,
    COUNTED,
    PREFIX,
    compute_environment,
    container_queue,
    fargate,
    job_definition,
    message_of,
    service_environment,
    training_queue,
)

EXITED = "Essential container in task exited"


def test_a_job_runs_and_succeeds(aws: LocalAws, batch: Any) -> None:
    queue = fifo_queue(batch)
    job = submit(batch, queue, run=100)
    waiting = describe(batch, job)
    assert (waiting["status"], waiting["attempts"], waiting["jobQueue"]) == ("RUNNABLE", [], queue)
    assert "startedAt" not in waiting
    assert waiting["jobDefinition"] == f"{PREFIX}job-definition/train:1"

    aws.timeline.advance(1)
    running = describe(batch, job)
    assert (running["status"], running["startedAt"]) == ("RUNNING", running["createdAt"])
    assert "exitCode" not in running["container"]

    aws.timeline.advance(99)
    ended = describe(batch, f"{PREFIX}job/{job}")
    assert (ended["status"], ended["statusReason"], ended["container"]["exitCode"]) == ("SUCCEEDED", EXITED, 0)
    assert ended["stoppedAt"] - ended["startedAt"] == 100_000
    (attempt,) = ended["attempts"]
    assert (attempt["startedAt"], attempt["stoppedAt"]) == (ended["startedAt"], ended["stoppedAt"])
    task = attempt["container"]
    assert task["logStreamName"] == f"train/default/{task['taskArn'].rpartition('/')[2]}"
    assert task["exitCode"] == 0
    (environment,) = batch.describe_compute_environments()["computeEnvironments"]
    cluster = environment["ecsClusterArn"].rpartition("/")[2]
    assert task["taskArn"].rpartition("/")[0].endswith(f":task/{cluster}")
    assert task["containerInstanceArn"].rpartition("/")[0].endswith(f":container-instance/{cluster}")
    logs = client("logs", aws.port, ACCOUNT, "us-east-1")
    streams = logs.describe_log_streams(logGroupName="/aws/batch/job")["logStreams"]
    assert [stream["logStreamName"] for stream in streams] == [task["logStreamName"]]

    aws.timeline.advance(8 * 24 * 3600)
    assert batch.describe_jobs(jobs=[job])["jobs"] == []
    assert logs.describe_log_streams(logGroupName="/aws/batch/job")["logStreams"] == []


def test_vcpus_are_shared_in_the_order_of_submission(aws: LocalAws, batch: Any) -> None:
    queue = fifo_queue(batch, vcpus=4)
    large = {"resourceRequirements": [{"type": "VCPU", "value": "3"}]}
    first = submit(batch, queue, containerOverrides=large)
    second, third = submit(batch, queue), submit(batch, queue)
    aws.timeline.advance(1)
    assert statuses(batch, first, second, third) == ["RUNNING", "RUNNING", "RUNNABLE"]
    (summary,) = [item for item in batch.list_jobs(jobQueue=queue)["jobSummaryList"] if item["jobId"] == first]
    assert summary["capacityUsage"] == [{"capacityUnit": "VCPU", "quantity": 3.0}]
    requirements = describe(batch, first)["container"]["resourceRequirements"]
    assert {item["type"]: item["value"] for item in requirements} == {"VCPU": "3", "MEMORY": "4"}


def test_overrides_replace_members_of_the_definition(aws: LocalAws, batch: Any) -> None:
    environment = [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]
    definition: dict[str, Any] = {
        "containerProperties": one_vcpu(environment=environment),
        "parameters": {"a": "1", "b": "2"},
    }
    queue = fifo_queue(batch, timeout={"attemptDurationSeconds": 600}, **definition)
    overrides = {"command": ["other"], "environment": [{"name": "B", "value": "3"}, {"name": "C", "value": "4"}]}
    job = describe(batch, submit(batch, queue, containerOverrides=overrides, parameters={"b": "3"}))
    assert job["container"]["command"] == ["other"]
    values = {item["name"]: item["value"] for item in job["container"]["environment"]}
    assert values == {"A": "1", "B": "3", "C": "4"}
    assert job["parameters"] == {"a": "1", "b": "3"}
    assert job["timeout"] == {"attemptDurationSeconds": 600}
    assert job["retryStrategy"] == {"attempts": 1, "evaluateOnExit": []}


def test_several_containers_count_together(aws: LocalAws, batch: Any) -> None:
    properties = {"containers": [{"name": name, **one_vcpu()} for name in ("main", "log")]}
    queue = fifo_queue(batch, vcpus=3)
    batch.register_job_definition(
        jobDefinitionName="two", type="container", ecsProperties={"taskProperties": [properties]}
    )
    jobs = [submit(batch, queue, jobDefinition="two") for _ in range(2)]
    aws.timeline.advance(61)
    assert statuses(batch, *jobs) == ["SUCCEEDED", "RUNNING"]
    (task,) = describe(batch, jobs[0])["attempts"][0]["taskProperties"]
    assert [(item["name"], item["exitCode"]) for item in task["containers"]] == [("main", 0), ("log", 0)]


def test_failed_attempts_are_retried_by_the_first_rule_that_matches(aws: LocalAws, batch: Any) -> None:
    queue = fifo_queue(batch, vcpus=8)
    spot = {"fairlane:fails": "Host EC2 (instance i-0abc) terminated."}
    rules = [{"onStatusReason": "Host EC2*", "action": "RETRY"}, {"onReason": "*", "action": "EXIT"}]
    retry = {"attempts": 3, "evaluateOnExit": rules}
    reclaimed = submit(batch, queue, tags=spot, retryStrategy=retry)
    crashed = submit(batch, queue, tags={"fairlane:fails": "crash"}, retryStrategy=retry)
    by_code = {"attempts": 3, "evaluateOnExit": [{"onExitCode": "4*", "action": "EXIT"}]}
    coded = submit(batch, queue, tags={"fairlane:exit-code": "42"}, retryStrategy=by_code)
    other = submit(batch, queue, tags={"fairlane:exit-code": "5"}, retryStrategy=by_code)
    aws.timeline.advance(300)
    jobs = [describe(batch, job) for job in (reclaimed, crashed, coded, other)]
    assert [(job["status"], len(job["attempts"])) for job in jobs] == [
        ("FAILED", 3),
        ("FAILED", 1),
        ("FAILED", 1),
        ("FAILED", 3),
    ]
    assert [job["statusReason"] for job in jobs] == [spot["fairlane:fails"], "crash", EXITED, EXITED]
    assert [job["container"]["exitCode"] for job in jobs] == [1, 1, 42, 5]
    assert len({attempt["container"]["taskArn"] for attempt in jobs[0]["attempts"]}) == 3


def test_a_timeout_ends_a_job_without_a_retry(aws: LocalAws, batch: Any) -> None:
    queue = fifo_queue(batch, retryStrategy={"attempts": 3})
    job = submit(batch, queue, run=600, timeout={"attemptDurationSeconds": 90})
    aws.timeline.advance(90)
    ended = describe(batch, job)
    assert (ended["status"], len(ended["attempts"])) == ("FAILED", 1)
    assert ended["statusReason"] == "Job attempt duration exceeded timeout"
    assert ended["stoppedAt"] - ended["startedAt"] == 90_000
    assert ended["container"]["exitCode"] == 137


def test_fair_share_needs_a_share_and_a_priority(aws: LocalAws, batch: Any) -> None:
    queue = fair_queue(batch)
    request = {"jobName": "j", "jobQueue": queue, "jobDefinition": "train"}
    assert "must be specified" in message_of(batch.submit_job, **request)
    message = "Either schedulingPriority in job definition or schedulingPriorityOverride is required."
    assert message_of(batch.submit_job, **request, shareIdentifier="a") == message
    override = {"shareIdentifier": "a", "schedulingPriorityOverride": 7}
    job = batch.submit_job(**request, **override)["jobId"]
    assert describe(batch, job)["schedulingPriority"] == 7
    assert describe(batch, job)["shareIdentifier"] == "a"
    too_high = override | {"schedulingPriorityOverride": 10_000}
    assert message_of(batch.submit_job, **request, **too_high) == "Scheduling priority must be between 0 and 9999."
    assert "Share identifier" in message_of(batch.submit_job, **request, **(override | {"shareIdentifier": "a b"}))


def test_priority_orders_the_jobs_of_a_share(aws: LocalAws, batch: Any) -> None:
    queue = fair_queue(batch, vcpus=1, schedulingPriority=5)
    low = submit(batch, queue, shareIdentifier="a")
    high = submit(batch, queue, shareIdentifier="a", schedulingPriorityOverride=9)
    aws.timeline.advance(1)
    assert statuses(batch, low, high) == ["RUNNABLE", "RUNNING"]


def test_invalid_submissions_are_refused(batch: Any) -> None:
    queue = fifo_queue(batch)
    training = training_queue(batch, service_environment(batch, capacityLimits=COUNTED))
    request = {"jobName": "j", "jobQueue": queue, "jobDefinition": "train"}

    def refused(**changes: Any) -> str:
        return message_of(batch.submit_job, **(request | changes))

    assert refused(jobName="a b") == "Job name should match valid pattern: ^[a-zA-Z0-9_-]{1,128}$"
    assert refused(jobQueue="none") == "none does not exist"
    assert refused(jobQueue=training) == "Job queue queue accepts only service jobs."
    assert refused(shareIdentifier="a") == "shareIdentifier requires a fair-share scheduling policy."
    batch.register_job_definition(jobDefinitionName="train", type="container", containerProperties=one_vcpu())
    batch.deregister_job_definition(jobDefinition="train:2")
    assert describe(batch, submit(batch, queue))["jobDefinition"].endswith(":1")
    assert refused(jobDefinition="train:2") == "JobDefinition train:2 not found or inactive."
    assert refused(jobDefinition="train:9") == "JobDefinition train:9 not found or inactive."
    for size in (0, 1, 10_001):
        assert refused(arrayProperties={"size": size}) == "Array size must be between 2 and 10000."
    assert "RetryAttempts must be between 1 and 10" in refused(retryStrategy={"attempts": 11})
    assert refused(timeout={"attemptDurationSeconds": 59}) == "Timeout should be at least 60 seconds."
    assert refused(parameters={"a": "x" * 31_000}).startswith("Job size must be less than 30 KiB")
    assert "nodeProperties" in refused(nodeOverrides={"numNodes": 2})
    number = {"resourceRequirements": [{"type": "VCPU", "value": "many"}]}
    assert "Please provide a numeric value" in refused(containerOverrides=number)
    assert "whole number of seconds" in refused(tags={"fairlane:run-seconds": "0"})
    assert "exit code, 0 to 255" in refused(tags={"fairlane:exit-code": "256"})
    assert "exit code, 1 to 255" in refused(tags={"fairlane:exit-code": "0", "fairlane:fails": "x"})
    batch.update_job_queue(jobQueue=queue, state="DISABLED")
    assert refused() == "Job queue fifo is DISABLED."
    batch.update_job_queue(jobQueue=queue, state="ENABLED")
    assert batch.submit_job(**request)["jobName"] == "j"


def test_submissions_above_the_rate_are_throttled() -> None:
    with LocalAws(clock=Clock(None)) as aws:
        batch = client("batch", aws.port, ACCOUNT, "us-east-1")
        batch.meta.events.register("needs-retry.batch", lambda **_: None)
        queue = fifo_queue(batch)
        for _ in range(50):
            submit(batch, queue)
        with pytest.raises(ClientError) as raised:
            submit(batch, queue)
        assert raised.value.response["Error"]["Code"] == "TooManyRequestsException"
        assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 429
        aws.timeline.advance(1)
        assert submit(batch, queue)


def test_more_than_fifty_propagated_tags_fail_a_job(batch: Any) -> None:
    queue = fifo_queue(batch, tags={f"d{number}": "x" for number in range(25)})
    tags = {f"j{number}": "x" for number in range(26)}
    assert statuses(batch, submit(batch, queue, None, tags=tags)) == ["RUNNABLE"]
    failed = describe(batch, submit(batch, queue, None, tags=tags, propagateTags=True))
    assert (failed["status"], failed["attempts"]) == ("FAILED", [])
    assert "cannot exceed 50" in failed["statusReason"]
    array = submit(batch, queue, None, tags=tags, propagateTags=True, arrayProperties={"size": 2})
    assert statuses(batch, array) == ["FAILED"]


def test_only_waiting_jobs_are_cancelled(aws: LocalAws, batch: Any) -> None:
    queue = fifo_queue(batch, vcpus=1)
    running, waiting, ended = submit(batch, queue), submit(batch, queue), submit(batch, queue)
    aws.timeline.advance(1)
    batch.cancel_job(jobId=running, reason="no")
    batch.cancel_job(jobId=f"{PREFIX}job/{waiting}", reason="too slow")
    batch.cancel_jobs(jobs=[ended], reason="first")
    batch.cancel_job(jobId=ended, reason="second")
    cancelled = describe(batch, waiting)
    assert (cancelled["status"], cancelled["statusReason"]) == ("FAILED", "too slow")
    assert (cancelled["isCancelled"], cancelled["isTerminated"]) == (True, False)
    assert describe(batch, ended)["statusReason"] == "first"
    assert message_of(batch.cancel_job, jobId="none", reason="x") == "Job none does not exist."
    aws.timeline.advance(60)
    assert (describe(batch, running)["status"], describe(batch, running)["isCancelled"]) == ("SUCCEEDED", False)


def test_terminated_jobs_fail(aws: LocalAws, batch: Any) -> None:
    queue = fifo_queue(batch, vcpus=1, retryStrategy={"attempts": 3})
    running, waiting = submit(batch, queue), submit(batch, queue)
    aws.timeline.advance(1)
    batch.terminate_job(jobId=running, reason="wrong data")
    assert batch.terminate_jobs(jobs=[waiting, "none"], reason="also") | {"ResponseMetadata": None} == {
        "successful": [waiting, "none"],
        "errors": [],
        "ResponseMetadata": None,
    }
    assert statuses(batch, running, waiting) == ["RUNNING", "FAILED"]
    aws.timeline.advance(20)
    ended = describe(batch, running)
    assert (ended["status"], ended["statusReason"], len(ended["attempts"])) == ("FAILED", "wrong data", 1)
    assert (ended["isTerminated"], ended["container"]["exitCode"]) == (True, 137)
    assert message_of(batch.terminate_job, jobId="none", reason="x") == "Job none does not exist."
    for call in (batch.cancel_jobs, batch.terminate_jobs):
        assert message_of(call, jobs=["j"] * 51, reason="x") == "jobs must have 1 to 50 jobs."


def test_at_most_100_jobs_are_described(batch: Any) -> None:
    job = submit(batch, fifo_queue(batch))
    assert message_of(batch.describe_jobs, jobs=["j"] * 101) == "Maximum number of jobs supported is 100"
    assert [item["jobId"] for item in batch.describe_jobs(jobs=["none", job, f"{job}#0"])["jobs"]] == [job]


def test_jobs_are_listed_with_filters(aws: LocalAws, batch: Any) -> None:
    queue = fifo_queue(batch, vcpus=1)
    job_definition(batch, "train", containerProperties=one_vcpu())
    job_definition(batch, "trainer", containerProperties=one_vcpu())
    first = submit(batch, queue, jobName="Sweep-1", jobDefinition="train:1")
    aws.timeline.advance(1)
    second = submit(batch, queue, jobName="sweep-2", jobDefinition="train:2")
    third = submit(batch, queue, jobName="other", jobDefinition="trainer")

    def listed(name: str = "", value: str = "", **request: Any) -> list[str]:
        filters = [{"name": name, "values": [value]}] if name else []
        found = batch.list_jobs(jobQueue=queue, filters=filters, **request)["jobSummaryList"]
        return [job["jobId"] for job in found]

    assert listed() == [first]
    assert listed(jobStatus="RUNNABLE") == [third, second]
    assert listed("JOB_NAME", "SWEEP*") == [second, first]
    assert listed("JOB_DEFINITION", "train") == [second, first]
    assert listed("JOB_DEFINITION", "train*") == [third, second, first]
    assert listed("JOB_DEFINITION", f"{PREFIX}job-definition/train:2") == [second]
    created = describe(batch, first)["createdAt"]
    assert listed("AFTER_CREATED_AT", str(created)) == [third, second]
    assert listed("BEFORE_CREATED_AT", str(created + 1)) == [first]
    assert listed("SHARE_IDENTIFIER", "a", jobStatus="RUNNABLE") == []
    assert "Invalid filter" in message_of(batch.list_jobs, jobQueue=queue, filters=[{"name": "X", "values": ["y"]}])
    assert "jobStatus" in message_of(batch.list_jobs, jobQueue=queue, jobStatus="SCHEDULED")
    assert message_of(batch.list_jobs, jobQueue=queue, nextToken="abc") == "Invalid nextToken"
    for request in ({}, {"jobQueue": queue, "arrayJobId": first}):
        assert message_of(batch.list_jobs, **request).startswith("Exactly one of jobQueue")


def test_lists_without_filter_have_larger_pages(batch: Any) -> None:
    queue = fifo_queue(batch)
    jobs = [submit(batch, queue) for _ in range(101)]

    def sizes(**request: Any) -> list[int]:
        paginator = batch.get_paginator("list_jobs").paginate(jobQueue=queue, **request)
        return [len(page["jobSummaryList"]) for page in paginator]

    assert sizes(jobStatus="RUNNABLE") == [101]
    assert sizes(filters=[{"name": "JOB_NAME", "values": ["job"]}]) == [100, 1]
    pages = batch.get_paginator("list_jobs").paginate(
        jobQueue=queue, jobStatus="RUNNABLE", PaginationConfig={"PageSize": 40}
    )
    assert [job["jobId"] for page in pages for job in page["jobSummaryList"]] == jobs[::-1]


def test_a_job_on_fargate_may_need_a_part_of_a_vcpu(aws: LocalAws, batch: Any) -> None:
    requirements = [{"type": "VCPU", "value": "0.25"}, {"type": "MEMORY", "value": "512"}]
    role = f"arn:aws:iam::{ACCOUNT}:role/execution"
    job_definition(
        batch,
        containerProperties={"image": "i", "resourceRequirements": requirements, "executionRoleArn": role},
        platformCapabilities=["FARGATE"],
    )
    queue = container_queue(batch, compute_environment(batch, "fargate", computeResources=fargate(maxvCpus=1)))
    jobs = [submit(batch, queue) for _ in range(2)]
    aws.timeline.advance(1)
    assert statuses(batch, *jobs) == ["RUNNING", "RUNNABLE"]


def test_the_jobs_of_a_deleted_queue_are_stopped(aws: LocalAws, batch: Any) -> None:
    queue = fifo_queue(batch, vcpus=1)
    jobs = [submit(batch, queue), submit(batch, queue), submit(batch, queue, arrayProperties={"size": 2})]
    aws.timeline.advance(1)
    batch.update_job_queue(jobQueue=queue, state="DISABLED")
    batch.delete_job_queue(jobQueue=queue)
    aws.timeline.advance(30)
    assert statuses(batch, *jobs) == ["FAILED"] * 3
    assert describe(batch, jobs[1])["statusReason"] == "The job queue was deleted"
