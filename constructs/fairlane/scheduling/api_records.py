"""Records of the Batch API as values of `fairlane.scheduling`."""

from collections.abc import Iterable
from typing import Any

from fairlane.scheduling import FairShare, Fifo, QuotaManagement, QuotaShare, SchedulingPolicy, Sharing, State


def scheduling_policy(policy: dict[str, Any], quota_shares: Iterable[dict[str, Any]]) -> SchedulingPolicy:
    """Return the scheduling policy of a queue.

    Args:
        policy: Scheduling policy as the Batch API describes it. Empty for a queue without a policy.
        quota_shares: Quota shares of the queue as the Batch API describes them. Read only for quota management.
    """
    if "quotaSharePolicy" in policy:
        return QuotaManagement(*map(_quota_share, quota_shares))
    if "fairsharePolicy" in policy:
        fair_share = policy["fairsharePolicy"]
        weights = fair_share.get("shareDistribution") or []
        return FairShare(
            {share["shareIdentifier"]: share.get("weightFactor", 1.0) for share in weights},
            share_decay_seconds=fair_share.get("shareDecaySeconds"),
            compute_reservation=fair_share.get("computeReservation"),
        )
    return Fifo()


def capacity_limits(resource: dict[str, Any]) -> dict[str, int]:
    """Return the limits of a service environment or quota share, by capacity unit."""
    return {limit["capacityUnit"]: limit["maxCapacity"] for limit in resource["capacityLimits"]}


def max_vcpus(environment: dict[str, Any]) -> int:
    """Return the maximum number of vCPUs of a compute environment."""
    resources = environment.get("computeResources", {})
    return int(resources.get("maxvCpus", environment.get("unmanagedvCpus", 0)))


def _quota_share(share: dict[str, Any]) -> QuotaShare:
    sharing = share["resourceSharingConfiguration"]
    return QuotaShare(
        name=share["quotaShareName"],
        capacity=capacity_limits(share),
        sharing=Sharing(sharing["strategy"]),
        borrow_limit=sharing.get("borrowLimit"),
        in_share_preemption=share["preemptionConfiguration"]["inSharePreemption"] == "ENABLED",
        state=State(share["state"]),
    )
