"""Members of a job definition with the overrides of a SubmitJob request."""

import re
from collections.abc import Iterable, Iterator
from fractions import Fraction
from math import ceil
from typing import Any, Final

from fairlane.errors import Problem
from fairlane_client.checks.request_rules import Refusal, Request

Record = dict[str, Any]

_MERGED: Final = {"environment": "name", "resourceRequirements": "type"}
"""Lists whose items replace the items of the definition with the same key. Other members are replaced as a whole."""
_MAX_NODES: Final = 1000
_TARGET_NODES: Final = re.compile(r"([0-9]*)(:?)([0-9]*)")


def node_range(target_nodes: str, nodes: int) -> range:
    """Return the nodes of a node range, for example of `0:3`, `4:` or `5`.

    Args:
        target_nodes: Value of `targetNodes`.
        nodes: Number of nodes of the job.

    Raises:
        ValueError: If the value is invalid or outside the nodes of the job. Its text is AWS's message.
    """
    match = _TARGET_NODES.fullmatch(target_nodes)
    if match is None or target_nodes in ("", ":"):
        raise ValueError("targetNodes should contain only digits.")
    first, colon, last = match.groups()
    start = int(first or 0)
    end = int(last or nodes - 1) if colon else start
    if not 0 <= start <= end < nodes:
        raise ValueError(f"targetNodes {target_nodes} is out of range, must be less than numNodes.")
    return range(start, end + 1)


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


def node_override_refusals(properties: Request, overrides: Request) -> Iterator[Refusal]:
    """Yield the mistakes of the overrides of a multi-node job."""
    nodes = overrides.get("numNodes", properties["numNodes"])
    ranges = properties["nodeRangeProperties"]
    if nodes != properties["numNodes"]:
        if not any(item["targetNodes"].endswith(":") for item in ranges):
            message = "numNodes can only be overridden if a node range has an open upper boundary."
            sentence = f"the job definition has fixed node ranges for {properties['numNodes']} nodes: leave it out"
            yield Refusal(Problem.relation(("numNodes",), sentence), message)
            return
        if not properties["mainNode"] < nodes <= _MAX_NODES:
            problem = Problem(("numNodes",), nodes, f"a number of nodes, {properties['mainNode'] + 1} to {_MAX_NODES}")
            yield Refusal(problem, "Main node index is out of range, must be less than numNodes.")
            return
    targets = {}
    for item in ranges:
        try:
            targets[item["targetNodes"]] = node_range(item["targetNodes"], nodes)
        except ValueError as error:
            sentence = f"the job definition has a range for the nodes {item['targetNodes']}: use more nodes"
            yield Refusal(Problem.relation(("numNodes",), sentence), str(error))
    for index, override in enumerate(overrides.get("nodePropertyOverrides", [])):
        target, field = override["targetNodes"], ("nodePropertyOverrides", index, "targetNodes")
        allowed = f"a node range of the job definition: {', '.join(targets)}"
        try:
            matching = [item for item in ranges if targets.get(item["targetNodes"]) == node_range(target, nodes)]
        except ValueError as error:
            yield Refusal(Problem(field, target, allowed), str(error))
            continue
        if not matching:
            message = f"targetNodes {target} is not a node range of the job definition."
            yield Refusal(Problem(field, target, allowed), message)
        if "containerOverrides" in override and any("container" not in item for item in matching):
            sentence = "the node range has no container: leave it out"
            message = "containerOverrides is only valid for node ranges with container."
            yield Refusal(Problem.relation((*field[:2], "containerOverrides"), sentence), message)


def override_nodes(properties: Request, overrides: Request) -> Record:
    """Return the node properties of a multi-node job with overrides without mistakes of `node_override_refusals`."""
    nodes = overrides.get("numNodes", properties["numNodes"])
    ranges = [dict(item) for item in properties["nodeRangeProperties"]]
    for override in overrides.get("nodePropertyOverrides", []):
        target = node_range(override["targetNodes"], nodes)
        for item in ranges:
            if node_range(item["targetNodes"], nodes) == target:
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
    """Return the vCPUs of a job definition or node range, rounded up to a whole number.

    Raises:
        ValueError: If the CPUs of a pod are no number. Its text is AWS's message.
    """
    if "eksProperties" in properties:
        containers = properties["eksProperties"]["podProperties"].get("containers", [])
        return _whole(_eks_cpu(container.get("resources", {})) for container in containers)
    if "ecsProperties" in properties:
        tasks = properties["ecsProperties"]["taskProperties"]
        return _whole(_container_vcpus(container) for task in tasks for container in task["containers"])
    return _whole([_container_vcpus(properties.get("containerProperties") or properties["container"])])


def _override_node_range(item: Record, override: Request) -> None:
    if "containerOverrides" in override:
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
        raise ValueError(f"Value {text} for cpu is not valid. Please provide a numeric value.") from None


def _whole(numbers: Iterable[Fraction]) -> int:
    return max(1, ceil(sum(numbers)))
