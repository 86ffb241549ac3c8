"""Holders of the capacity that a job waits for."""

from collections import defaultdict

from fairlane.scheduling import FairShare, QuotaManagement
from fairlane_client.explain.answer import Holder
from fairlane_client.explain.facts import Facts
from fairlane_client.explain.order import entitlements
from fairlane_client.queues.jobs import QueuedJob


def holders_of(facts: Facts, job: QueuedJob) -> list[Holder]:
    """Return the shares, and the other queues, that hold capacity of the kind that a job needs, the largest first."""
    groups: dict[tuple[str, str], list[QueuedJob]] = defaultdict(list)
    for each in facts.holders(job.unit):
        groups["", each.share].append(each)
    for queue, each in facts.others:
        groups[queue, ""].append(each)
    entitled = _entitled(facts, job)
    holders = []
    for (queue, share), jobs in groups.items():
        amount = sum(each.amount for each in jobs)
        part = None if queue else entitled.get(share)
        starts = [each.since for each in jobs if each.since is not None]
        holders.append(
            Holder(
                share=share,
                queue=queue,
                jobs=len(jobs),
                amount=amount,
                entitlement=part,
                borrowed=0 if part is None else max(0.0, amount - part),
                oldest=min(starts, default=None),
            )
        )
    return sorted(holders, key=lambda holder: (-holder.amount, holder.queue, holder.share))


def _entitled(facts: Facts, job: QueuedJob) -> dict[str, float]:
    policy = facts.queue.policy
    if isinstance(policy, FairShare):
        return {name: round(float(part), 2) for name, part in entitlements(facts).items()}
    if isinstance(policy, QuotaManagement):
        return {share.name: float(share.capacity.get(job.unit, 0)) for share in policy.shares}
    return {}
