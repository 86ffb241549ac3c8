"""Capacity that a job held, from its last event."""

import math
from typing import Any, NamedTuple

from fairlane_lambda.job_events.jobs import (
    container_requirements,
    instance_gpus,
    instance_types_are_known,
    number,
    required,
)

MAX_RANGES = 5
"""Most node ranges of a multi-node job (quotas of AWS Batch)."""

_MOST_NODES = 10_000
_ANY_INSTANCE = "NUM_INSTANCES"
_VCPU = "VCPU"


class Capacity(NamedTuple):
    """Capacity of a job.

    Attributes:
        unit: NUM_INSTANCES, a SageMaker instance type, or VCPU.
        amount: Amount in this unit, over all nodes. 0 if the event does not have it.
        gpus: Number of GPUs over all nodes. None if it is unknown.
        instance_type: SageMaker instance type. Empty if it is unknown.
        nodes: Number of nodes of a multi-node job. Otherwise 1.
    """

    unit: str
    amount: int
    gpus: int | None
    instance_type: str = ""
    nodes: int = 1


def job_capacity(event: dict[str, Any]) -> Capacity:
    """Return the capacity of a job.

    A service job with instances of several types has their number, in NUM_INSTANCES. A multi-node job has the resources
    of all nodes, each by the narrowest node range that contains it.

    Args:
        event: Last event of the job, as the rule's input transformer sends it.

    Raises:
        ValueError: If the job has an impossible number of nodes.
    """
    if event["type"].startswith("Batch Service"):
        return _service_capacity(event.get("usage"), event.get("instance_type"))
    nodes = number(event.get("nodes"))
    if nodes is None:
        return _capacity(container_requirements(event, "needs"), 1)
    if not 1 <= nodes <= _MOST_NODES:
        raise ValueError("nodes")
    ranges = _node_ranges(event, int(nodes))
    if not ranges:
        return _capacity(container_requirements(event, "needs"), int(nodes))
    found = [container for node in range(int(nodes)) for container in _owner(ranges, node)]
    return _capacity(found, 1)._replace(nodes=int(nodes))


def _service_capacity(usage: object, instance_type: object) -> Capacity:
    """Return the capacity of a service job. The instance type is that of a queue that counts instances of any type."""
    listed = [item for item in usage if isinstance(item, dict)] if isinstance(usage, list) else []
    amount = math.ceil(sum(number(item.get("quantity")) or 0 for item in listed))
    units = {str(item.get("capacityUnit")) for item in listed}
    unit = units.pop() if len(units) == 1 else _ANY_INSTANCE
    if unit == _ANY_INSTANCE and len(listed) == 1 and instance_type:
        listed = [listed[0] | {"capacityUnit": instance_type}]
    gpus = instance_gpus(listed) if instance_types_are_known(listed) else None
    names = {str(item.get("capacityUnit")) for item in listed}
    name = names.pop() if len(names) == 1 else ""
    return Capacity(unit, amount, gpus, name if name.startswith("ml.") else "")


def _capacity(containers: list[list[Any]], nodes: int) -> Capacity:
    vcpus, gpus = (sum(required(container, kind) for container in containers) for kind in (_VCPU, "GPU"))
    return Capacity(_VCPU, math.ceil(vcpus) * nodes, int(gpus) * nodes if containers else None, nodes=nodes)


_Range = tuple[int, int, list[list[Any]]]


def _node_ranges(event: dict[str, Any], nodes: int) -> list[_Range]:
    """Return the first and last node of each node range, and the requirements of its containers."""
    found = []
    for index in range(MAX_RANGES):
        first, colon, last = str(event.get(f"range{index}") or "-").partition(":")
        containers = container_requirements(event, f"range{index}needs")
        if all(part.isdecimal() or (colon and not part) for part in (first, last if colon else first)) and containers:
            found.append((int(first or 0), int(last or nodes - 1) if colon else int(first), containers))
    return found


def _owner(ranges: list[_Range], node: int) -> list[list[Any]]:
    owners = [found for found in ranges if found[0] <= node <= found[1]]
    return min(reversed(owners), key=lambda found: found[1] - found[0])[2] if owners else []
