"""Rules of AWS Batch for job definitions. `fairlane_client.checks.container_rules` has those for containers."""

import json
from itertools import combinations
from typing import Final

from fairlane_client.checks.container_rules import consumable_refusals, container_refusals, task_refusals
from fairlane_client.checks.overrides import node_range
from fairlane_client.checks.request_rules import container_retry_refusals, priority_refusals, timeout_refusals
from fairlane_local.batch.errors import RequestError, refuse
from fairlane_local.batch.rules import check_name
from fairlane_local.batch.store import Record, Request

_MAX_BYTES: Final = 24 * 1024
_MESSAGE_NAMES: Final = {"containerProperties": "ECS containerProperties"}
"""Names of members in AWS's messages, where they differ."""

_PROPERTIES: Final = ("containerProperties", "ecsProperties", "eksProperties")
_NODE_PROPERTIES: Final = ("container", "ecsProperties", "eksProperties")


def check_definition(request: Request) -> None:
    """Raise RequestError if a request of RegisterJobDefinition is invalid."""
    check_name(request["jobDefinitionName"], "Job Definition")
    if len(json.dumps(request).encode()) > _MAX_BYTES:
        raise RequestError("Job definition size exceeds 24 KiB.")
    refuse(priority_refusals(request.get("schedulingPriority")))
    if "retryStrategy" in request:
        refuse(container_retry_refusals(request["retryStrategy"]))
    refuse(timeout_refusals(request.get("timeout", {}), "timeout"))
    refuse(consumable_refusals(request.get("consumableResourceProperties", {})))
    platforms = request.get("platformCapabilities", ["EC2"])
    if len(platforms) != 1:
        raise RequestError("Exactly 1 capability must be provided.")
    if request["type"] == "multinode":
        _check_nodes(request, platforms[0])
    else:
        _check_containers(request, platforms[0])


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
        refuse(container_refusals(request["containerProperties"], platform))
    for task in request.get("ecsProperties", {}).get("taskProperties", []):
        refuse(task_refusals(task, platform))


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
        try:
            covered |= {*node_range(item["targetNodes"], nodes)}
        except ValueError as error:
            raise RequestError(str(error)) from None
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
        refuse(container_refusals(item["container"], platform))
    for task in item.get("ecsProperties", {}).get("taskProperties", []):
        refuse(task_refusals(task, platform))
