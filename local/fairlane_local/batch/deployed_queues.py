"""Deployed queues of an account and Region, read through the Batch API as objects of `fairlane.scheduling`."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from fairlane.scheduling import FairShare, Fifo, QuotaManagement, QuotaShare, SchedulingPolicy, Sharing, State

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
        environment["serviceEnvironmentArn"]: _limits(environment)
        for environment in _all(batch, "describe_service_environments", "serviceEnvironments")
    }
    vcpus = {
        environment["computeEnvironmentArn"]: _vcpus(environment)
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
    if "quotaSharePolicy" in policy:
        summaries = _all(batch, "list_quota_shares", "quotaShares", jobQueue=queue["jobQueueArn"])
        shares = [batch.describe_quota_share(quotaShareArn=summary["quotaShareArn"]) for summary in summaries]
        return QuotaManagement(*map(_quota_share, shares))
    if "fairsharePolicy" in policy:
        fair_share = policy["fairsharePolicy"]
        weights = fair_share.get("shareDistribution", [])
        return FairShare(
            {share["shareIdentifier"]: share.get("weightFactor", 1.0) for share in weights},
            share_decay_seconds=fair_share.get("shareDecaySeconds"),
            compute_reservation=fair_share.get("computeReservation"),
        )
    return Fifo()


def _quota_share(share: dict[str, Any]) -> QuotaShare:
    sharing = share["resourceSharingConfiguration"]
    return QuotaShare(
        name=share["quotaShareName"],
        capacity=_limits(share),
        sharing=Sharing(sharing["strategy"]),
        borrow_limit=sharing.get("borrowLimit"),
        in_share_preemption=share["preemptionConfiguration"]["inSharePreemption"] == "ENABLED",
        state=State(share["state"]),
    )


def _vcpus(environment: dict[str, Any]) -> int:
    resources = environment.get("computeResources", {})
    return int(resources.get("maxvCpus", environment.get("unmanagedvCpus", 0)))


def _limits(resource: dict[str, Any]) -> dict[str, int]:
    return {limit["capacityUnit"]: limit["maxCapacity"] for limit in resource["capacityLimits"]}


def _all(batch: Any, call: str, key: str, **request: Any) -> Iterator[dict[str, Any]]:
    for page in batch.get_paginator(call).paginate(**request):
        yield from page[key]
