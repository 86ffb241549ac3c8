"""Rules of AWS Batch that several kinds of resources share."""

import re
from collections.abc import Sized
from typing import Final

from fairlane_local.batch.errors import RequestError
from fairlane_local.batch.store import Record, Records, Request

MAX_RESOURCES: Final = 50
"""Maximum number of queues, and of environments of each kind, in an account and Region."""

_MAX_BULK: Final = 50

IN_USE: Final = "Cannot delete, found existing JobQueue relationship"

_NAME: Final = re.compile(r"[a-zA-Z0-9_-]{1,128}")
_INSTANCE_TYPE: Final = re.compile(r"ml\.[a-z0-9-]+\.[a-z0-9]+")


def check_name(name: str, kind: str) -> None:
    """Raise RequestError if a name is invalid.

    Args:
        name: Name of a new resource.
        kind: Kind of the resource in AWS's message, for example "Job Queue".
    """
    if not _NAME.fullmatch(name):
        raise RequestError(f"{kind} name should match a valid pattern.")


def check_disabled(record: Record) -> None:
    """Raise RequestError if a resource is enabled, so it cannot be deleted."""
    if record["state"] != "DISABLED":
        raise RequestError("Cannot delete, state must be DISABLED")


def check_unused(queues: Records, arn: str) -> None:
    """Raise RequestError if a queue refers to an environment or a scheduling policy."""
    for queue in queues.values():
        orders = [*queue["computeEnvironmentOrder"], *queue.get("serviceEnvironmentOrder", [])]
        if queue.get("schedulingPolicyArn") == arn or any(arn in order.values() for order in orders):
            raise RequestError(IN_USE)


def counts_instance_types(environment: Request) -> bool:
    """Return True if the capacity units of a service environment are instance types."""
    return any(limit["capacityUnit"] != "NUM_INSTANCES" for limit in environment["capacityLimits"])


def check_limits(limits: list[Record]) -> None:
    """Raise RequestError if a capacity limit is invalid."""
    if not limits:
        raise RequestError("Capacitylimits are required.")
    if len(limits) > 5:
        raise RequestError("Number of capacity limits exceeds 5.")
    if any(limit.get("maxCapacity", 0) < 1 for limit in limits):
        raise RequestError("Max capacity must be more than 0.")
    units = [limit.get("capacityUnit", "") for limit in limits]
    if len(set(units)) < len(units):
        raise RequestError("Capacity units must be unique.")
    for unit in units:
        if unit != "NUM_INSTANCES" and not _INSTANCE_TYPE.fullmatch(unit):
            raise RequestError(f"{unit} is unknown capacity unit")
    if len({unit == "NUM_INSTANCES" for unit in units}) > 1:
        raise RequestError("Capacity units must specify either number of instances OR instance type")


def check_bulk(ids: Sized) -> None:
    """Raise RequestError if a call for several jobs has none or too many."""
    if not 1 <= len(ids) <= _MAX_BULK:
        raise RequestError(f"jobs must have 1 to {_MAX_BULK} jobs.")
