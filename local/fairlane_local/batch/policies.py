"""Records of the local Batch as values of `fairlane.scheduling`."""

from fairlane.scheduling import FairShare, Fifo, QuotaManagement, QuotaShare, SchedulingPolicy, Sharing, State
from fairlane_local.batch.store import Batch, Record


def queue_policy(batch: Batch, queue: Record) -> SchedulingPolicy:
    """Return the scheduling policy of a queue."""
    policy = batch.policies.get(queue.get("schedulingPolicyArn", ""), {})
    if "quotaSharePolicy" in policy:
        shares = [share for share in batch.quota_shares.values() if share["jobQueueArn"] == queue["jobQueueArn"]]
        return QuotaManagement(*map(_quota_share, shares))
    if "fairsharePolicy" in policy:
        fair_share = policy["fairsharePolicy"]
        return FairShare(
            {
                share["shareIdentifier"]: share.get("weightFactor", 1.0)
                for share in fair_share.get("shareDistribution", [])
            },
            share_decay_seconds=fair_share.get("shareDecaySeconds"),
            compute_reservation=fair_share.get("computeReservation"),
        )
    return Fifo()


def capacity_limits(environment: Record) -> dict[str, int]:
    """Return the limits of a service environment or quota share, by capacity unit."""
    return {limit["capacityUnit"]: limit["maxCapacity"] for limit in environment["capacityLimits"]}


def _quota_share(share: Record) -> QuotaShare:
    sharing = share["resourceSharingConfiguration"]
    return QuotaShare(
        name=share["quotaShareName"],
        capacity=capacity_limits(share),
        sharing=Sharing(sharing["strategy"]),
        borrow_limit=sharing.get("borrowLimit"),
        in_share_preemption=share["preemptionConfiguration"]["inSharePreemption"] == "ENABLED",
        state=State(share["state"]),
    )
