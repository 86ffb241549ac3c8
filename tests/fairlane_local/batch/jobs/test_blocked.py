"""Jobs above a limit, and shortages of capacity: status reasons, events and time limits."""

import json
from typing import Any

import pytest

from fairlane_local.batch.api import batch_api
from fairlane_local.server.access import client
from fairlane_local.server.local_aws import LocalAws
from fairlane_local.simulation import current_simulation
from tests.fairlane_local.batch.jobs.support import G5, fair_queue, fifo_queue, notebook_queue, payload, status, submit
from tests.fairlane_local.batch.support import ACCOUNT, message_of, service_environment

SERVICE_LIMIT = "MISCONFIGURATION:SERVICE_ENVIRONMENT_MAX_RESOURCE"
QUOTA_LIMIT = "MISCONFIGURATION:QUOTA_MANAGEMENT_LIMIT_EXCEEDED"
CAPACITY = "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY"


def set_shortages(*instance_types: str) -> None:
    shortages = current_simulation().shortages
    shortages.clear()
    shortages.update(instance_types)
    batch_api(ACCOUNT, "us-east-1").batch.on_change()


def limit(reason: str, seconds: int = 600) -> list[dict[str, Any]]:
    return [{"reason": reason, "state": "RUNNABLE", "maxTimeSeconds": seconds, "action": "TERMINATE"}]


def test_a_job_above_the_limit_waits_until_the_limit_grows(aws: LocalAws, batch: Any) -> None:
    queue = fifo_queue(batch, instances=2)
    large = submit(batch, queue, serviceRequestPayload=payload(3))
    small = submit(batch, queue)
    aws.timeline.advance(100)
    waiting = batch.describe_service_job(jobId=large)
    assert (waiting["status"], status(batch, small)) == ("RUNNABLE", "RUNNING")
    assert waiting["statusReason"].startswith(f"{SERVICE_LIMIT} - ")

    batch.update_service_environment(
        serviceEnvironment="fifo-env", capacityLimits=[{"maxCapacity": 4, "capacityUnit": "NUM_INSTANCES"}]
    )
    aws.timeline.advance(1)
    running = batch.describe_service_job(jobId=large)
    assert (running["status"], running.get("statusReason")) == ("RUNNING", None)


def test_a_job_above_its_quota_is_terminated_at_the_time_limit(aws: LocalAws, batch: Any) -> None:
    queue = notebook_queue(batch)
    batch.update_job_queue(jobQueue=queue, jobStateTimeLimitActions=limit(QUOTA_LIMIT))
    job = submit(batch, queue, quotaShareName="QS3", serviceRequestPayload=payload(2))
    aws.timeline.advance(599)
    assert status(batch, job) == "RUNNABLE"

    aws.timeline.advance(1)
    ended = batch.describe_service_job(jobId=job)
    assert (ended["status"], ended["statusReason"]) == (
        "FAILED",
        f"Terminated by JobStateTimeLimit action due to reason: {QUOTA_LIMIT}",
    )


def test_an_instance_type_that_a_quota_queue_lacks_waits(aws: LocalAws, batch: Any) -> None:
    queue = notebook_queue(batch)
    request = payload(1, "ml.p5.48xlarge")
    job = submit(batch, queue, quotaShareName="QS1", serviceRequestPayload=request)
    aws.timeline.advance(10)

    assert batch.describe_service_job(jobId=job)["statusReason"].startswith(SERVICE_LIMIT)


def test_jobs_wait_for_instances_while_a_shortage_holds(aws: LocalAws, batch: Any) -> None:
    queue = fifo_queue(batch)
    set_shortages(G5)
    job = submit(batch, queue, run=60)
    aws.timeline.advance(100)
    waiting = batch.describe_service_job(jobId=job)
    assert waiting["status"] == "SCHEDULED"
    assert waiting["statusReason"].startswith(f"{CAPACITY} - ")

    set_shortages()
    assert status(batch, job) == "RUNNING"
    aws.timeline.advance(60)
    assert status(batch, job) == "SUCCEEDED"


def test_a_job_in_a_shortage_is_terminated_at_the_time_limit(aws: LocalAws, batch: Any) -> None:
    queue = fifo_queue(batch)
    batch.update_job_queue(jobQueue=queue, jobStateTimeLimitActions=limit(CAPACITY))
    set_shortages(G5)
    job = submit(batch, queue)
    aws.timeline.advance(590)
    assert status(batch, job) == "SCHEDULED"

    aws.timeline.advance(20)
    assert status(batch, job) == "FAILED"


@pytest.mark.parametrize(("short", "selected"), [((), "ml.g6.xlarge"), (("ml.g6.xlarge",), G5)])
def test_a_job_falls_to_its_next_instance_type(
    aws: LocalAws, batch: Any, short: tuple[str, ...], selected: str
) -> None:
    preferences = [{"InstanceType": name, "InstanceCount": 1} for name in ("ml.g6.xlarge", G5)]
    request = json.dumps({"ResourceConfig": {"InstancePreferences": preferences}})
    set_shortages(*short)
    job = submit(batch, fifo_queue(batch), serviceRequestPayload=request)
    aws.timeline.advance(1)

    arn = batch.describe_service_job(jobId=job)["latestAttempt"]["serviceResourceId"]["value"]
    sagemaker = client("sagemaker", aws.port, ACCOUNT, "us-east-1")
    training_job = sagemaker.describe_training_job(TrainingJobName=arn.rpartition("/")[2])
    assert training_job["ResourceConfig"]["SelectedInstanceType"] == selected


def test_a_job_with_preferences_counts_as_its_first_preference(aws: LocalAws, batch: Any) -> None:
    queue = fifo_queue(batch, instances=4)
    preferences = [{"InstanceType": "ml.g6.xlarge", "InstanceCount": 3}, {"InstanceType": G5, "InstanceCount": 2}]
    request = json.dumps({"ResourceConfig": {"InstancePreferences": preferences}})
    set_shortages("ml.g6.xlarge")
    flexible = submit(batch, queue, run=60, serviceRequestPayload=request)
    others = [submit(batch, queue, run=60) for _ in range(2)]
    aws.timeline.advance(1)
    assert [status(batch, job) for job in (flexible, *others)] == ["RUNNING", "RUNNING", "RUNNABLE"]
    set_shortages("ml.g6.xlarge", G5)
    second = submit(batch, queue, run=60, serviceRequestPayload=request)
    aws.timeline.advance(60)
    assert (status(batch, second), status(batch, others[1])) == ("SCHEDULED", "SCHEDULED")
    set_shortages(G5)
    assert (status(batch, second), status(batch, others[1])) == ("RUNNING", "SCHEDULED")


def test_a_job_that_has_ended_has_no_time_limit(aws: LocalAws, batch: Any) -> None:
    queue = fifo_queue(batch, instances=1)
    batch.update_job_queue(jobQueue=queue, jobStateTimeLimitActions=limit(SERVICE_LIMIT))
    job = submit(batch, queue, serviceRequestPayload=payload(2))
    batch.terminate_service_job(jobId=job, reason="not needed")
    ended = batch.describe_service_job(jobId=job)
    aws.timeline.advance(700)
    later = batch.describe_service_job(jobId=job)
    assert (later["statusReason"], later["stoppedAt"]) == ("not needed", ended["stoppedAt"])

    aws.timeline.advance(8 * 24 * 3600)
    assert batch.list_service_jobs(jobQueue=queue, jobStatus="FAILED")["jobSummaryList"] == []


def test_a_job_that_lost_its_place_in_a_shortage_has_no_time_limit_of_it(aws: LocalAws, batch: Any) -> None:
    queue = notebook_queue(batch)
    batch.update_job_queue(jobQueue=queue, jobStateTimeLimitActions=limit(CAPACITY))
    set_shortages(G5)
    jobs = [submit(batch, queue, quotaShareName="QS1") for _ in range(2)]
    aws.timeline.advance(2)
    submit(batch, queue, quotaShareName="QS2", run=60)
    aws.timeline.advance(2)
    set_shortages()
    aws.timeline.advance(900)

    assert [status(batch, job) for job in jobs] == ["RUNNING", "RUNNING"]


def test_the_kind_of_a_policy_cannot_change(batch: Any) -> None:
    fair, quota = fair_queue(batch), notebook_queue(batch)
    (policy,) = [queue["schedulingPolicyArn"] for queue in batch.describe_job_queues(jobQueues=[quota])["jobQueues"]]
    environment = service_environment(batch, "spare")
    order = [{"order": 1, "serviceEnvironment": environment}]
    for _ in range(2):
        message = message_of(
            batch.update_job_queue, jobQueue=fair, schedulingPolicyArn=policy, serviceEnvironmentOrder=order
        )
        assert message == "The kind of the scheduling policy of a job queue cannot change"
