"""What queues of every kind have: a scheduling policy, time limits."""

from collections.abc import Sequence

from aws_cdk import aws_batch as batch
from constructs import Construct

from fairlane.scheduling import FairShare, JobAction, JobStateTimeLimitAction, QuotaManagement, SchedulingPolicy


def policy_resource(scope: Construct, scheduling: SchedulingPolicy) -> batch.CfnSchedulingPolicy | None:
    """Makes the policy's resource; none for first in, first out."""
    policy = batch.CfnSchedulingPolicy
    match scheduling:
        case FairShare():
            fair_share = policy.FairsharePolicyProperty(
                share_decay_seconds=scheduling.share_decay_seconds,
                compute_reservation=scheduling.compute_reservation,
                share_distribution=[
                    policy.ShareAttributesProperty(share_identifier=identifier, weight_factor=weight)
                    for identifier, weight in scheduling.weight_factors.items()
                ],
            )
            return policy(scope, "SchedulingPolicy", fairshare_policy=fair_share)
        case QuotaManagement():
            quotas = policy.QuotaSharePolicyProperty(idle_resource_assignment_strategy="FIFO")
            return policy(scope, "SchedulingPolicy", quota_share_policy=quotas)
        case _:
            return None


def time_limits(
    actions: Sequence[JobStateTimeLimitAction], default: JobAction
) -> list[batch.CfnJobQueue.JobStateTimeLimitActionProperty] | None:
    """Renders time-limit actions, with the only action of the queue's kind by default."""
    return [
        batch.CfnJobQueue.JobStateTimeLimitActionProperty(
            action=action.action or default,
            reason=action.reason,
            max_time_seconds=action.max_time_seconds,
            state="RUNNABLE",
        )
        for action in actions
    ] or None
