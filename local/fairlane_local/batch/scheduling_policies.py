"""Batch API calls for scheduling policies, with the rules of AWS Batch."""

import re
from collections.abc import Mapping
from typing import Any, Final

from fairlane_local.batch.errors import RequestError
from fairlane_local.batch.rules import check_name, check_unused
from fairlane_local.batch.store import Batch, Record, Request, get_by_arn, page

POLICY_KINDS: Final = ("fairsharePolicy", "quotaSharePolicy")
_BOTH_KINDS: Final = "A scheduling policy can have either fairsharePolicy or quotaSharePolicy"
_IDENTIFIER: Final = re.compile(r"[a-zA-Z0-9_-]{1,254}[a-zA-Z0-9_*-]?")


class SchedulingPolicies:
    """Scheduling policies of one account and Region. A policy without a kind is a fair-share policy."""

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        self._records = batch.policies

    def create_scheduling_policy(self, request: Request) -> Record:
        name = request["name"]
        check_name(name, "Scheduling policy")
        _check_policy(request)
        arn = self._batch.new_arn(self._records, f"scheduling-policy/{name}")
        kinds = {kind: request[kind] for kind in POLICY_KINDS if kind in request} or {"fairsharePolicy": {}}
        policy = {"name": name, "arn": arn, **kinds, "tags": dict(request.get("tags", {}))}
        self._batch.add(self._records, arn, policy)
        return {"name": name, "arn": arn}

    def update_scheduling_policy(self, request: Request) -> Record:
        policy = get_by_arn(self._records, request["arn"])
        _check_policy(request)
        if any(kind in request and kind not in policy for kind in POLICY_KINDS):
            raise RequestError(_BOTH_KINDS)
        self._batch.update(policy, request, POLICY_KINDS)
        return {}

    def delete_scheduling_policy(self, request: Request) -> Record:
        arn = get_by_arn(self._records, request["arn"])["arn"]
        check_unused(self._batch.queues, arn)
        self._batch.remove(self._records, arn)
        return {}

    def describe_scheduling_policies(self, request: Request) -> Record:
        if len(request["arns"]) > 100:
            raise RequestError("Maximum number of scheduling policies supported is 100")
        return {"schedulingPolicies": [self._records[arn] for arn in request["arns"] if arn in self._records]}

    def list_scheduling_policies(self, request: Request) -> Record:
        return page("schedulingPolicies", [{"arn": arn} for arn in self._records], request)


def _check_policy(request: Request) -> None:
    if all(kind in request for kind in POLICY_KINDS):
        raise RequestError(_BOTH_KINDS)
    policy: Mapping[str, Any] = request.get("fairsharePolicy", {})
    if not 0 <= policy.get("shareDecaySeconds", 0) <= 604800:
        raise RequestError("ShareDecaySeconds should be between 0 and 604800.")
    if not 0 <= policy.get("computeReservation", 0) <= 99:
        raise RequestError("ComputeReservation should be between 0 and 99.")
    shares = policy.get("shareDistribution", [])
    if len(shares) > 500:
        raise RequestError("ShareDistribution size cannot be greater than 500.")
    if any(not 0.0001 <= share.get("weightFactor", 1) <= 999.9999 for share in shares):
        raise RequestError("Weight factor should be between 0.0001 and 999.9999.")
    _check_identifiers([share["shareIdentifier"] for share in shares])


def _check_identifiers(identifiers: list[str]) -> None:
    if not all(_IDENTIFIER.fullmatch(identifier) for identifier in identifiers):
        raise RequestError("ShareIdentifier name should match a valid pattern.")
    if len(set(identifiers)) < len(identifiers):
        raise RequestError("Cannot have two or more identical shareIdentifiers.")
    prefixes = [identifier for identifier in identifiers if identifier.endswith("*")]
    for prefix in prefixes:
        for identifier in identifiers:
            if identifier != prefix and identifier.startswith(prefix[:-1]):
                raise RequestError(f"Share identifier {identifier} matches another share identifier {prefix}")
