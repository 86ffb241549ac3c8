"""Queues and many shares that divide the capacity of one environment."""

from collections import Counter
from typing import Any

import pytest

from fairlane_local.server.local_aws import LocalAws
from tests.fairlane_local.batch.jobs import containers
from tests.fairlane_local.batch.jobs.support import G5, fair_queue, fifo_queue, payload, status, submit
from tests.fairlane_local.batch.support import (
    compute_environment,
    container_queue,
    ec2,
    job_definition,
    limits,
    message_of,
    quota_policy,
    quota_share,
    service_environment,
    training_queue,
)


def test_the_queue_with_the_higher_priority_gets_the_instances_first(aws: LocalAws, batch: Any) -> None:
    low = fifo_queue(batch, instances=1)
    high = training_queue(batch, "fifo-env", "high", priority=9)
    jobs = [submit(batch, queue, run=60) for queue in (low, low, high, high)]
    aws.timeline.advance(1)
    assert [status(batch, job) for job in jobs] == ["RUNNABLE", "RUNNABLE", "RUNNING", "RUNNABLE"]
    batch.update_job_queue(jobQueue=low, priority=10)
    aws.timeline.advance(60)
    assert [status(batch, job) for job in jobs] == ["RUNNING", "RUNNABLE", "SUCCEEDED", "RUNNABLE"]


def test_the_priority_of_queues_orders_container_jobs(aws: LocalAws, batch: Any) -> None:
    environment = compute_environment(batch, computeResources=ec2(maxvCpus=1))
    job_definition(batch, containerProperties=containers.one_vcpu())
    low = container_queue(batch, environment, name="low")
    high = container_queue(batch, environment, name="high", priority=9)
    jobs = [containers.submit(batch, queue) for queue in (low, high, high)]
    aws.timeline.advance(1)
    assert containers.statuses(batch, *jobs) == ["RUNNABLE", "RUNNING", "RUNNABLE"]
    aws.timeline.advance(120)
    assert containers.statuses(batch, *jobs) == ["RUNNING", "SUCCEEDED", "SUCCEEDED"]


def test_twenty_quota_shares_take_their_instances_back(aws: LocalAws, batch: Any) -> None:
    environment = service_environment(batch, capacityLimits=limits(20, G5))
    queue = training_queue(batch, environment, schedulingPolicyArn=quota_policy(batch))
    shares = [f"share-{number}" for number in range(20)]
    sharing = {"strategy": "LEND_AND_BORROW", "borrowLimit": -1}
    for share in shares:
        quota_share(batch, queue, share, capacityLimits=limits(1, G5), resourceSharingConfiguration=sharing)
    borrowers = [submit(batch, queue, quotaShareName=shares[0]) for _ in range(21)]
    aws.timeline.advance(1)
    assert [status(batch, job) for job in borrowers] == ["RUNNING"] * 20 + ["RUNNABLE"]

    owners = [submit(batch, queue, quotaShareName=share) for share in shares[1:]]
    aws.timeline.advance(22)
    assert {status(batch, job) for job in owners} == {"RUNNING"}
    assert [status(batch, job) for job in borrowers].count("RUNNING") == 1
    snapshot = batch.get_job_queue_snapshot(jobQueue=queue)
    use = snapshot["queueUtilization"]["quotaShareUtilization"]["topCapacityUtilization"]
    assert {share["quotaShareName"]: share["capacityUsage"] for share in use} == {
        share: [{"capacityUnit": G5, "quantity": 1.0}] for share in shares
    }
    assert len(snapshot["frontOfQueue"]["jobs"]) == 20
    assert snapshot["frontOfQuotaShares"]["quotaShares"].keys() == {shares[0]}


@pytest.mark.slow
def test_a_queue_has_at_most_500_active_share_identifiers(aws: LocalAws, batch: Any) -> None:
    queue = fair_queue(batch, instances=250)
    jobs = [submit(batch, queue, run=60, shareIdentifier=f"user-{number}") for number in range(500)]
    aws.timeline.advance(1)
    assert Counter(status(batch, job) for job in jobs) == {"RUNNING": 250, "RUNNABLE": 250}
    utilization = batch.get_job_queue_snapshot(jobQueue=queue)["queueUtilization"]["fairshareUtilization"]
    assert (utilization["activeShareCount"], len(utilization["topCapacityUtilization"])) == (250, 20)

    request = {
        "jobName": "job",
        "jobQueue": queue,
        "serviceJobType": "SAGEMAKER_TRAINING",
        "serviceRequestPayload": payload(),
    }
    refused = message_of(batch.submit_service_job, **request, shareIdentifier="user-500")
    assert refused == "Number of active share identifiers exceeds 500."
    submit(batch, queue, run=60, shareIdentifier="user-0")
    aws.timeline.advance(60)
    submit(batch, queue, run=60, shareIdentifier="user-500")
    aws.timeline.advance(120)
    assert {status(batch, job) for job in jobs} == {"SUCCEEDED"}
