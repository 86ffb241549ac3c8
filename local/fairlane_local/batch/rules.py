"""Rules of AWS Batch for service environments, scheduling policies, SageMaker queues and quota shares."""

import re
from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from moto.batch.exceptions import ClientException

Request: TypeAlias = Mapping[str, Any]
Record: TypeAlias = dict[str, Any]

POLICY_KINDS: Final = ("fairsharePolicy", "quotaSharePolicy")
_REASONS: Final = (
    "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY",
    "MISCONFIGURATION:SERVICE_ENVIRONMENT_MAX_RESOURCE",
    "MISCONFIGURATION:QUOTA_MANAGEMENT_LIMIT_EXCEEDED",
)


def check_disabled(record: Record) -> None:
    """Raise ClientException if a resource is enabled, so it cannot be deleted."""
    if record["state"] != "DISABLED":
        raise ClientException("Cannot delete, state must be DISABLED")


def counts_instance_types(environment: Request) -> bool:
    """Return True if the capacity units of a service environment are instance types."""
    return any(limit["capacityUnit"] != "NUM_INSTANCES" for limit in environment["capacityLimits"])


def check_queue(queue: Record) -> None:
    """Raise ClientException if the priority or a time limit of a queue is invalid."""
    if not 0 <= queue["priority"] <= 1000:
        raise ClientException("Priority should be between 0 and 1000.")
    for action in queue["jobStateTimeLimitActions"]:
        if action["action"] != "TERMINATE":
            raise ClientException("Invalid job action. Valid job actions: [TERMINATE]")
        if action["reason"] not in _REASONS:
            raise ClientException(f"Invalid job reason. Valid job reasons: [{', '.join(_REASONS)}]")
        if not 600 <= action["maxTimeSeconds"] <= 86400:
            raise ClientException("Max time seconds should be between 600 and 86400.")


def check_limits(limits: list[Record]) -> None:
    """Raise ClientException if a capacity limit is invalid."""
    if not limits:
        raise ClientException("Capacitylimits are required.")
    if len(limits) > 5:
        raise ClientException("Number of capacity limits exceeds 5.")
    if any(limit.get("maxCapacity", 0) < 1 for limit in limits):
        raise ClientException("Max capacity must be more than 0.")
    units = [limit.get("capacityUnit", "") for limit in limits]
    if len(set(units)) < len(units):
        raise ClientException("Capacity units must be unique.")
    for unit in units:
        if unit != "NUM_INSTANCES" and not re.fullmatch(r"ml\.[a-z0-9-]+\.[a-z0-9]+", unit):
            raise ClientException(f"Invalid capacity unit: {unit}")
    if len({unit == "NUM_INSTANCES" for unit in units}) > 1:
        raise ClientException("Capacity units must specify either number of instances OR instance type")


def check_share(request: Request) -> None:
    """Raise ClientException if a quota share is invalid."""
    check_limits(request["capacityLimits"])
    sharing = request["resourceSharingConfiguration"]
    if "borrowLimit" in sharing and sharing["strategy"] != "LEND_AND_BORROW":
        raise ClientException("borrowLimit is only valid with the LEND_AND_BORROW strategy")


def check_policy(request: Request) -> None:
    """Raise ClientException if a scheduling policy is invalid."""
    if all(kind in request for kind in POLICY_KINDS):
        raise ClientException("A scheduling policy can have either fairsharePolicy or quotaSharePolicy")
    shares = request.get("fairsharePolicy", {}).get("shareDistribution", [])
    if len(shares) > 500:
        raise ClientException("ShareDistribution size cannot be greater than 500.")
    if any(not 0.0001 <= share.get("weightFactor", 1) <= 999.9999 for share in shares):
        raise ClientException("Weight factor should be between 0.0001 and 999.9999.")
