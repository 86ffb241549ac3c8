"""Deployed queues of an account and Region, read through the Batch API as objects of `fairlane.scheduling`."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from fairlane.scheduling import SchedulingPolicy
from fairlane_local.batch.policies import capacity_limits, max_vcpus, scheduling_policy

VCPUS: Final = "vCPUs"
"""Capacity unit of a queue for containers."""


@dataclass(frozen=True, slots=True)
class DeployedQueue:
    """Job queue as AWS Batch describes it.

    Attributes:
        name: Name of the queue.
        state: `ENABLED` if the queue accepts jobs, otherwise `DISABLED`.
        capacity: Limits of the service environment by capacity unit, or the maximum vCPUs of all compute environments.
        scheduling: Scheduling policy of the queue.
    """

    name: str
    state: str
    capacity: dict[str, int]
    scheduling: SchedulingPolicy


def deployed_queues(batch: Any) -> list[DeployedQueue]:
    """Return the queues of an account and Region.

    Args:
        batch: boto3 client of AWS Batch.
    """
    environments = {
        environment["serviceEnvironmentArn"]: capacity_limits(environment)
        for environment in _all(batch, "describe_service_environments", "serviceEnvironments")
    }
    vcpus = {
        environment["computeEnvironmentArn"]: max_vcpus(environment)
        for environment in _all(batch, "describe_compute_environments", "computeEnvironments")
    }
    queues = []
    for queue in _all(batch, "describe_job_queues", "jobQueues"):
        if queue.get("serviceEnvironmentOrder"):
            capacity = environments[queue["serviceEnvironmentOrder"][0]["serviceEnvironment"]]
        else:
            capacity = {VCPUS: sum(vcpus[order["computeEnvironment"]] for order in queue["computeEnvironmentOrder"])}
        scheduling = _scheduling(batch, queue)
        queues.append(DeployedQueue(queue["jobQueueName"], queue["state"], capacity, scheduling))
    return queues


def _scheduling(batch: Any, queue: dict[str, Any]) -> SchedulingPolicy:
    arn = queue.get("schedulingPolicyArn")
    (policy,) = batch.describe_scheduling_policies(arns=[arn])["schedulingPolicies"] if arn else ({},)
    summaries = _all(batch, "list_quota_shares", "quotaShares", jobQueue=queue["jobQueueArn"])
    shares = (batch.describe_quota_share(quotaShareArn=summary["quotaShareArn"]) for summary in summaries)
    return scheduling_policy(policy, shares)


def _all(batch: Any, call: str, key: str, **request: Any) -> Iterator[dict[str, Any]]:
    for page in batch.get_paginator(call).paginate(**request):
        yield from page[key]
