"""Deployed queues of an account and Region, read through the Batch API as objects of `fairlane.scheduling`."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from fairlane.scheduling import SchedulingPolicy
from fairlane.scheduling.api_records import capacity_limits, max_vcpus, scheduling_policy

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
        environment["serviceEnvironmentArn"]: environment
        for environment in _all(batch, "describe_service_environments", "serviceEnvironments")
    } | {
        environment["computeEnvironmentArn"]: environment
        for environment in _all(batch, "describe_compute_environments", "computeEnvironments")
    }
    queues = _all(batch, "describe_job_queues", "jobQueues")
    return [deployed_queue(queue, environments, _scheduling(batch, queue)) for queue in queues]


def deployed_queue(
    queue: Mapping[str, Any], environments: Mapping[str, dict[str, Any]], scheduling: SchedulingPolicy
) -> DeployedQueue:
    """Return a queue that AWS Batch describes.

    Args:
        queue: Queue as the Batch API describes it.
        environments: Service environments and compute environments as the Batch API describes them, by ARN.
        scheduling: Scheduling policy of the queue.
    """
    if queue.get("serviceEnvironmentOrder"):
        capacity = capacity_limits(environments[queue["serviceEnvironmentOrder"][0]["serviceEnvironment"]])
    else:
        orders = queue["computeEnvironmentOrder"]
        capacity = {VCPUS: sum(max_vcpus(environments[order["computeEnvironment"]]) for order in orders)}
    return DeployedQueue(queue["jobQueueName"], queue["state"], capacity, scheduling)


def _scheduling(batch: Any, queue: dict[str, Any]) -> SchedulingPolicy:
    arn = queue.get("schedulingPolicyArn")
    (policy,) = batch.describe_scheduling_policies(arns=[arn])["schedulingPolicies"] if arn else ({},)
    summaries = _all(batch, "list_quota_shares", "quotaShares", jobQueue=queue["jobQueueArn"])
    shares = (batch.describe_quota_share(quotaShareArn=summary["quotaShareArn"]) for summary in summaries)
    return scheduling_policy(policy, shares)


def _all(batch: Any, call: str, key: str, **request: Any) -> Iterator[dict[str, Any]]:
    for page in batch.get_paginator(call).paginate(**request):
        yield from page[key]
