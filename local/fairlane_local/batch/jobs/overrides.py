"""Members of a job definition with the overrides of a SubmitJob request."""

from collections.abc import Iterable
from fractions import Fraction
from math import ceil
from typing import Any, Final

from fairlane_local.batch.errors import RequestError
from fairlane_local.batch.job_definition_rules import node_range
from fairlane_local.batch.store import Record, Request

_MERGED: Final = {"environment": "name", "resourceRequirements": "type"}
"""Lists whose items replace the items of the definition with the same key. Other members are replaced as a whole."""
_MAX_NODES: Final = 1000


def override_container(container: Request, overrides: Request) -> Record:
    """Return the properties of a container with overrides.

    `vcpus` and `memory` do not override a resource requirement. Source: `ContainerOverrides` in the Batch API.
    """
    merged = {**container, **overrides}
    for name, key in _MERGED.items():
        if name in container and name in overrides:
            items = {item[key]: item for item in (*container[name], *overrides[name])}
            merged[name] = list(items.values())
    return merged


def override_tasks(properties: Request, overrides: Request) -> Record:
    """Return the properties of a job with several containers, with overrides of containers by name."""
    tasks = []
    for number, task in enumerate(properties["taskProperties"]):
        given = overrides.get("taskProperties", [])[number : number + 1]
        by_name = {item.get("name"): item for override in given for item in override.get("containers", [])}
        containers = [
            override_container(container, by_name.get(container.get("name"), {})) for container in task["containers"]
        ]
        tasks.append({**task, "containers": containers})
    return {**properties, "taskProperties": tasks}


def override_pod(properties: Request, overrides: Request) -> Record:
    """Return the properties of a job on Amazon EKS, with overrides of containers by name."""
    pod = properties["podProperties"]
    given = overrides.get("podProperties", {})
    by_name = {item.get("name"): item for item in given.get("containers", [])}
    containers = [{**container, **by_name.get(container.get("name"), {})} for container in pod.get("containers", [])]
    return {**properties, "podProperties": {**pod, "containers": containers}}


def override_nodes(properties: Request, overrides: Request) -> Record:
    """Return the node properties of a multi-node job with overrides.

    Raises:
        RequestError: If the number of nodes cannot be overridden, or if a node range is invalid.
    """
    nodes = overrides.get("numNodes", properties["numNodes"])
    ranges = [dict(item) for item in properties["nodeRangeProperties"]]
    if nodes != properties["numNodes"]:
        if not any(item["targetNodes"].endswith(":") for item in ranges):
            raise RequestError("numNodes can only be overridden if a node range has an open upper boundary.")
        if not properties["mainNode"] < nodes <= _MAX_NODES:
            raise RequestError("Main node index is out of range, must be less than numNodes.")
    for override in overrides.get("nodePropertyOverrides", []):
        target = node_range(override["targetNodes"], nodes)
        matching = [item for item in ranges if node_range(item["targetNodes"], nodes) == target]
        if not matching:
            raise RequestError(f"targetNodes {override['targetNodes']} is not a node range of the job definition.")
        for item in matching:
            _override_node_range(item, override)
    return {**properties, "numNodes": nodes, "nodeRangeProperties": ranges}


def node_counts(properties: Request) -> list[tuple[Record, int]]:
    """Return the node ranges of a multi-node job, and the number of nodes of each.

    A node that several ranges contain belongs to the narrowest of them, as AWS documents for nested ranges.
    """
    owners = [node_owner(properties, node) for node in range(properties["numNodes"])]
    return [(item, sum(owner is item for owner in owners)) for item in properties["nodeRangeProperties"]]


def node_owner(properties: Request, node: int) -> Record:
    """Return the node range that has the container of a node."""
    nodes = properties["numNodes"]
    ranges: list[Record] = properties["nodeRangeProperties"]
    return min(
        (item for item in ranges if node in node_range(item["targetNodes"], nodes)),
        key=lambda item: len(node_range(item["targetNodes"], nodes)),
    )


def vcpus(properties: Request) -> int:
    """Return the vCPUs of a job definition or node range, rounded up to a whole number."""
    if "eksProperties" in properties:
        containers = properties["eksProperties"]["podProperties"].get("containers", [])
        return _whole(_eks_cpu(container.get("resources", {})) for container in containers)
    if "ecsProperties" in properties:
        tasks = properties["ecsProperties"]["taskProperties"]
        return _whole(_container_vcpus(container) for task in tasks for container in task["containers"])
    return _whole([_container_vcpus(properties.get("containerProperties") or properties["container"])])


def _override_node_range(item: Record, override: Request) -> None:
    if "containerOverrides" in override:
        if "container" not in item:
            raise RequestError("containerOverrides is only valid for node ranges with container.")
        item["container"] = override_container(item["container"], override["containerOverrides"])
    if "ecsPropertiesOverride" in override and "ecsProperties" in item:
        item["ecsProperties"] = override_tasks(item["ecsProperties"], override["ecsPropertiesOverride"])
    if "instanceTypes" in override:
        item["instanceTypes"] = override["instanceTypes"]
    if "consumableResourcePropertiesOverride" in override:
        item["consumableResourceProperties"] = override["consumableResourcePropertiesOverride"]


def _container_vcpus(container: Request) -> Fraction:
    requirements = {item["type"]: item["value"] for item in container.get("resourceRequirements", [])}
    return Fraction(requirements.get("VCPU") or container["vcpus"])


def _eks_cpu(resources: Any) -> Fraction:
    text = str((resources.get("limits") or resources.get("requests") or {}).get("cpu", "0"))
    try:
        return Fraction(text.removesuffix("m")) / (1000 if text.endswith("m") else 1)
    except (ValueError, ZeroDivisionError):
        raise RequestError(f"Value {text} for cpu is not valid. Please provide a numeric value.") from None


def _whole(numbers: Iterable[Fraction]) -> int:
    return max(1, ceil(sum(numbers)))
