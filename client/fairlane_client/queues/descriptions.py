"""Capacity and payload of a job, from its description by AWS Batch."""

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from math import ceil
from typing import Any, Final

from fairlane.scheduling import NUM_INSTANCES
from fairlane_client.queues.queue import VCPU

_VCPUS: Final = ("VCPU", "cpu")


def size_of(record: Mapping[str, Any]) -> tuple[int, str]:
    """Return the capacity of a job over all its nodes, rounded up, and its unit. 0 if AWS does not report it.

    DescribeJobs has no `capacityUsage`: the requirements of the containers count. An array job has the size of a child.
    """
    usage = (record.get("capacityUsage") or [{}])[0]
    if usage.get("quantity"):
        unit = str(usage.get("capacityUnit") or NUM_INSTANCES)
        return ceil(usage["quantity"]), VCPU if unit in _VCPUS else unit
    if "serviceRequestPayload" in record:
        config = payload_of(record).get("ResourceConfig") or {}
        groups = config.get("InstanceGroups") or []
        types = {group.get("InstanceType") for group in groups} or {config.get("InstanceType")}
        count = int(config.get("InstanceCount") or sum(int(group.get("InstanceCount") or 0) for group in groups))
        return count, str(types.pop() or NUM_INSTANCES) if len(types) == 1 else NUM_INSTANCES
    vcpus = ceil(over_nodes(record, lambda part: container_needs(part, "VCPU")))
    return vcpus, VCPU if vcpus else NUM_INSTANCES


def payload_of(description: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the CreateTrainingJob payload of a service job. Empty if there is none, or if it is no JSON object."""
    with suppress(ValueError):
        payload = json.loads(description.get("serviceRequestPayload") or "{}")
        if isinstance(payload, Mapping):
            return payload
    return {}


def over_nodes(description: Mapping[str, Any], amount: Callable[[Mapping[str, Any]], float]) -> float:
    """Return an amount over all nodes of a container job. Of the ranges of a node, the narrowest counts.

    Args:
        description: Description of the job by AWS.
        amount: Function that returns the amount of one node from its part of the description.
    """
    nodes = description.get("nodeProperties") or {}
    if not nodes.get("nodeRangeProperties"):
        return amount(description)
    count = int(nodes.get("numNodes") or 0)
    groups = [(_node_range(str(part.get("targetNodes", "")), count), part) for part in nodes["nodeRangeProperties"]]
    owners = [[(len(own), index) for index, (own, _) in enumerate(groups) if node in own] for node in range(count)]
    return sum(amount(groups[min(own)[1]][1]) for own in owners if own)


def _node_range(text: str, count: int) -> range:
    first, colon, last = text.partition(":")
    return range(int(first or 0), (int(last) if last else count - 1 if colon else int(first or 0)) + 1)


def container_needs(part: Mapping[str, Any], kind: str) -> float:
    """Return the amount of a resource that the containers of a job, or of one of its nodes, need.

    Args:
        part: Description of the job or of its node.
        kind: Type of the resource: `VCPU`, `GPU` or `MEMORY`.
    """
    tasks = (part.get("ecsProperties") or {}).get("taskProperties") or []
    containers = [part.get("container") or {}, *(each for task in tasks for each in task.get("containers") or [])]
    return sum(
        float(need.get("value") or 0)
        for container in containers
        for need in container.get("resourceRequirements") or []
        if need.get("type") == kind
    )
