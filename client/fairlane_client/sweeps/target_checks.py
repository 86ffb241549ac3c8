"""Checks of a target against the queue, its shares and the job definition of the account."""

from collections.abc import Callable, Mapping
from typing import Any

from fairlane.errors import Problem
from fairlane_run.objects import code

_DENIED = ("AccessDenied", "AccessDeniedException")


def account_problems(client: Any, target: Mapping[str, Any]) -> list[Problem]:
    """Return the mistakes of a target that show in the account. What this client must not read is not checked.

    AWS Batch accepts share identifiers that the policy does not list, with weight 1. The check refuses them.

    Args:
        client: Batch client.
        target: Target of the sweep.
    """
    checks: tuple[Callable[[Any, Mapping[str, Any]], list[Problem]], ...] = (_queue_problems, _definition_problems)
    problems: list[Problem] = []
    for check in checks:
        try:
            problems += check(client, target)
        except Exception as error:
            if code(error) not in _DENIED:
                raise
    return problems


def _queue_problems(client: Any, target: Mapping[str, Any]) -> list[Problem]:
    name = target["queue"]
    queues = client.describe_job_queues(jobQueues=[name])["jobQueues"]
    if not queues:
        return [Problem(("queue",), name, "a queue of this account and Region")]
    queue = queues[0]
    is_training = queue.get("jobQueueType") == "SAGEMAKER_TRAINING"
    if is_training != (target["payload"] is not None):
        kind = "for training jobs: use payload" if is_training else "on EC2: use job_definition"
        return [Problem.relation(("queue",), f"{name} is a queue {kind}")]
    policy: dict[str, Any] = {}
    if arn := queue.get("schedulingPolicyArn"):
        policy = client.describe_scheduling_policies(arns=[arn])["schedulingPolicies"][0]
    if "quotaSharePolicy" in policy:
        pages = client.get_paginator("list_quota_shares").paginate(jobQueue=name)
        names = [share["quotaShareName"] for page in pages for share in page["quotaShares"]]
        return [*_unused(name, target, "share_identifier"), *_chosen(target, "quota_share", names)]
    if "fairsharePolicy" in policy:
        names = [share["shareIdentifier"] for share in policy["fairsharePolicy"].get("shareDistribution", [])]
        return [*_unused(name, target, "quota_share"), *_chosen(target, "share_identifier", names)]
    return [*_unused(name, target, "share_identifier"), *_unused(name, target, "quota_share")]


def _definition_problems(client: Any, target: Mapping[str, Any]) -> list[Problem]:
    """Return a problem without an active revision, or without the priority that fair share requires."""
    if target["job_definition"] is None:
        return []
    name = target["job_definition"].rpartition("/")[2]
    query = {"jobDefinitions": [name]} if ":" in name else {"jobDefinitionName": name, "status": "ACTIVE"}
    found = client.describe_job_definitions(**query)["jobDefinitions"]
    active = [definition for definition in found if definition["status"] == "ACTIVE"]
    if not active:
        return [Problem(("job_definition",), target["job_definition"], "an active job definition of this account")]
    latest = max(active, key=lambda definition: definition["revision"])
    if target["share_identifier"] and target["priority"] is None and "schedulingPriority" not in latest:
        sentence = "missing; fair share requires it where the job definition has no scheduling priority"
        return [Problem.relation(("priority",), sentence)]
    return []


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
