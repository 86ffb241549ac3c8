"""Check of the share of a sweep against the scheduling policy of its queue."""

from collections.abc import Mapping
from typing import Any

from fairlane.errors import Problem
from fairlane_run.objects import code

_DENIED = ("AccessDenied", "AccessDeniedException")


def share_problems(client: Any, target: Mapping[str, Any]) -> list[Problem]:
    """Return the mistakes of the queue and of the share of a target. None are known without read access.

    AWS Batch accepts share identifiers that the policy does not list, with weight 1. The check refuses them.

    Args:
        client: Batch client.
        target: Target of the sweep.
    """
    try:
        return _problems(client, target)
    except Exception as error:
        if code(error) in _DENIED:
            return []
        raise


def _problems(client: Any, target: Mapping[str, Any]) -> list[Problem]:
    name = target["queue"]
    queues = client.describe_job_queues(jobQueues=[name])["jobQueues"]
    if not queues:
        return [Problem(("queue",), name, "a queue of this account and Region")]
    queue = queues[0]
    is_training = queue.get("jobQueueType") == "SAGEMAKER_TRAINING"
    if is_training != (target["payload"] is not None):
        sentence = (
            f"{name} is a queue {'for training jobs: use payload' if is_training else 'on EC2: use job_definition'}"
        )
        return [Problem.relation(("queue",), sentence)]
    policy: dict[str, Any] = {}
    if arn := queue.get("schedulingPolicyArn"):
        policy = next(iter(client.describe_scheduling_policies(arns=[arn])["schedulingPolicies"]), {})
    if "quotaSharePolicy" in policy:
        pages = client.get_paginator("list_quota_shares").paginate(jobQueue=name)
        names = [share["quotaShareName"] for page in pages for share in page["quotaShares"]]
        return [*_unused(name, target, "share_identifier"), *_chosen(target, "quota_share", names)]
    if "fairsharePolicy" in policy:
        names = [share["shareIdentifier"] for share in policy["fairsharePolicy"].get("shareDistribution", [])]
        return [*_unused(name, target, "quota_share"), *_chosen(target, "share_identifier", names)]
    if arn:  # a policy that is not readable
        return []
    return [*_unused(name, target, "share_identifier"), *_unused(name, target, "quota_share")]


def _unused(queue: str, target: Mapping[str, Any], field: str) -> list[Problem]:
    if target[field] is None:
        return []
    return [Problem.relation((field,), f"the policy of {queue} has none of these shares: leave it out")]


def _chosen(target: Mapping[str, Any], field: str, names: list[str]) -> list[Problem]:
    """Return a problem if a share is missing or unknown. Entries that end in `*` are prefixes."""
    share = target[field]
    covered = share in names or any(name.endswith("*") and (share or "").startswith(name[:-1]) for name in names)
    if share is not None and (covered or not names):
        return []
    return [Problem((field,), share, ", ".join(names) or "a share of the queue")]
