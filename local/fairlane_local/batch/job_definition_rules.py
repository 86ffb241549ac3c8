"""Rules of AWS Batch for job definitions. `container_rules` has those for their containers."""

import json
import re
from itertools import combinations
from typing import Final

from fairlane_local.batch.container_rules import check_container, check_task
from fairlane_local.batch.errors import RequestError
from fairlane_local.batch.rules import check_name, check_priority, check_retry_strategy, check_timeout
from fairlane_local.batch.store import Record, Request

_MAX_BYTES: Final = 24 * 1024
_MESSAGE_NAMES: Final = {"containerProperties": "ECS containerProperties"}
"""Names of members in AWS's messages, where they differ."""

_PROPERTIES: Final = ("containerProperties", "ecsProperties", "eksProperties")
_NODE_PROPERTIES: Final = ("container", "ecsProperties", "eksProperties")
_TARGET_NODES: Final = re.compile(r"([0-9]*)(:?)([0-9]*)")


def check_definition(request: Request) -> None:
    """Raise RequestError if a request of RegisterJobDefinition is invalid."""
    check_name(request["jobDefinitionName"], "Job Definition")
    if len(json.dumps(request).encode()) > _MAX_BYTES:
        raise RequestError("Job definition size exceeds 24 KiB.")
    check_priority(request.get("schedulingPriority"))
    if "retryStrategy" in request:
        check_retry_strategy(request["retryStrategy"])
    check_timeout(request.get("timeout", {}))
    check_consumable_resources(request.get("consumableResourceProperties", {}))
    platforms = request.get("platformCapabilities", ["EC2"])
    if len(platforms) != 1:
        raise RequestError("Exactly 1 capability must be provided.")
    if request["type"] == "multinode":
        _check_nodes(request, platforms[0])
    else:
        _check_containers(request, platforms[0])


def check_consumable_resources(properties: Request) -> None:
    """Raise RequestError if the consumable resources of a job are invalid."""
    names = [item.get("consumableResource") for item in properties.get("consumableResourceList", [])]
    if len(names) > 5:
        raise RequestError("Each ConsumableResourceProperty can have at most 5 consumableResources")
    if len(set(names)) < len(names):
        raise RequestError("Cannot have duplicate consumableResource in consumableResourceProperties")


def node_range(target_nodes: str, nodes: int) -> range:
    """Return the nodes of a node range, for example of `0:3`, `4:` or `5`.

    Args:
        target_nodes: Value of `targetNodes`.
        nodes: Number of nodes of the job.

    Raises:
        RequestError: If the value is invalid or outside the nodes of the job.
    """
    match = _TARGET_NODES.fullmatch(target_nodes)
    if match is None or target_nodes in ("", ":"):
        raise RequestError("targetNodes should contain only digits.")
    first, colon, last = match.groups()
    start = int(first or 0)
    end = int(last or nodes - 1) if colon else start
    if not 0 <= start <= end < nodes:
        raise RequestError(f"targetNodes {target_nodes} is out of range, must be less than numNodes.")
    return range(start, end + 1)


def _check_containers(request: Request, platform: str) -> None:
    if "nodeProperties" in request:
        raise RequestError("nodeProperties is only valid for multinode job definitions.")
    given = [name for name in _PROPERTIES if name in request]
    for first, second in combinations(given, 2):
        raise RequestError(f"Cannot use both {_MESSAGE_NAMES.get(first, first)} and {second}")
    if not given:
        raise RequestError("ECS Container Image must be provided.")
    if platform == "MANAGED_INSTANCES" and "containerProperties" in request:
        raise RequestError("Cannot use ECS containerProperties for MANAGED_INSTANCES")
    if "containerProperties" in request:
        check_container(request["containerProperties"], platform)
    for task in request.get("ecsProperties", {}).get("taskProperties", []):
        check_task(task, platform)


def _check_nodes(request: Request, platform: str) -> None:
    if platform != "EC2":
        raise RequestError(f"{platform.replace('FARGATE', 'Fargate')} does not support MNP jobs")
    properties = request.get("nodeProperties")
    if properties is None:
        raise RequestError("Node properties of multinode job is required.")
    nodes, ranges = properties["numNodes"], properties["nodeRangeProperties"]
    if not 1 <= nodes <= 1000:
        raise RequestError("Number of nodes must be between 1 and 1000.")
    if not 0 <= properties["mainNode"] < nodes:
        raise RequestError("Main node index is out of range, must be less than numNodes.")
    if len(ranges) > 5:
        raise RequestError("Maximum allowed size of node range properties is 5")
    covered: set[int] = set()
    for item in ranges:
        covered |= {*node_range(item["targetNodes"], nodes)}
        _check_node_range(item, platform)
    if len(covered) < nodes:
        raise RequestError(f"The node ranges must cover all {nodes} nodes of the job.")


def _check_node_range(item: Record, platform: str) -> None:
    given = [name for name in _NODE_PROPERTIES if name in item]
    if not given:
        raise RequestError(f"Must specify container for node range {item['targetNodes']}")
    if len(given) > 1:
        raise RequestError(f"NodeRangeProperties can not use both {given[1]} and {given[0]} fields")
    if "instanceTypes" in item and "ecsProperties" not in item:
        raise RequestError("Using instanceTypes with nodeRangeProperty is only allowed for ecsProperties jobs.")
    if "container" in item:
        check_container(item["container"], platform)
    for task in item.get("ecsProperties", {}).get("taskProperties", []):
        check_task(task, platform)
