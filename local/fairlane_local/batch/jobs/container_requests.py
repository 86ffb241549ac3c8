"""SubmitJob requests and their job definitions, with the rules of AWS Batch."""

from collections import Counter
from typing import Final

from fairlane_local.batch.container_rules import check_container, check_task
from fairlane_local.batch.errors import RequestError
from fairlane_local.batch.job_definition_rules import check_consumable_resources
from fairlane_local.batch.jobs.container_job import ContainerSpec
from fairlane_local.batch.jobs.overrides import (
    node_counts,
    override_container,
    override_nodes,
    override_pod,
    override_tasks,
    vcpus,
)
from fairlane_local.batch.jobs.simulation_tags import exit_code
from fairlane_local.batch.rules import check_priority, check_retry_strategy, check_timeout
from fairlane_local.batch.store import Batch, Record, Request, get

_MIN_CHILDREN: Final = 2
_MAX_CHILDREN: Final = 10_000
_OVERRIDES: Final = {
    "containerOverrides": "containerProperties",
    "ecsPropertiesOverride": "ecsProperties",
    "eksPropertiesOverride": "eksProperties",
    "nodeOverrides": "nodeProperties",
}


def priority_of(request: Request, definition: Record, *, is_required: bool) -> int | None:
    """Return the scheduling priority of a job.

    Raises:
        RequestError: If the priority is out of range, or if it is missing on a fair-share queue.
    """
    priority: int | None = request.get("schedulingPriorityOverride", definition.get("schedulingPriority"))
    check_priority(priority)
    if priority is None and is_required:
        raise RequestError("Either schedulingPriority in job definition or schedulingPriorityOverride is required.")
    return priority


def array_size(request: Request, definition: Record) -> int | None:
    """Return the number of children of an array job. None for other jobs.

    Raises:
        RequestError: If the size is invalid.
    """
    size: int | None = request.get("arrayProperties", {}).get("size")
    if size is None:
        return None
    if not _MIN_CHILDREN <= size <= _MAX_CHILDREN:
        raise RequestError(f"Array size must be between {_MIN_CHILDREN} and {_MAX_CHILDREN}.")
    if definition["type"] == "multinode":
        raise RequestError("arrayProperties is not valid for multinode job definitions.")
    return size


def container_spec(batch: Batch, request: Request, definition: Record) -> tuple[ContainerSpec, int]:
    """Return what the children of an array job have in common, and the vCPUs of the job or of each child.

    Raises:
        RequestError: If the request is invalid.
    """
    for override, member in _OVERRIDES.items():
        if override in request and member not in definition:
            raise RequestError(f"{override} is only valid for job definitions with {member}.")
    retry = request.get("retryStrategy") or definition.get("retryStrategy") or {}
    if request.get("retryStrategy"):
        check_retry_strategy(request["retryStrategy"])
    timeout = request.get("timeout") or definition.get("timeout") or {}
    check_timeout(timeout)
    properties = _properties(request, definition)
    resources = request.get("consumableResourcePropertiesOverride", definition.get("consumableResourceProperties"))
    if resources:
        check_consumable_resources(resources)
    detail: Record = {
        "retryStrategy": {"attempts": 1, "evaluateOnExit": [], **retry},
        "dependsOn": request.get("dependsOn", []),
        "jobDefinition": definition["jobDefinitionArn"],
        "parameters": {**definition["parameters"], **request.get("parameters", {})},
        "propagateTags": request.get("propagateTags", definition.get("propagateTags", False)),
        "platformCapabilities": definition["platformCapabilities"],
        **({"timeout": timeout} if timeout else {}),
        **({"consumableResourceProperties": resources} if resources else {}),
        **{"container" if name == "containerProperties" else name: value for name, value in properties.items()},
    }
    nodes = node_counts(properties["nodeProperties"]) if "nodeProperties" in properties else []
    units = sum(count * vcpus(item) for item, count in nodes) if nodes else vcpus(properties)
    groups = [(item.get("consumableResourceProperties"), count) for item, count in nodes] or [(resources, 1)]
    spec = ContainerSpec(
        definition=definition["jobDefinitionArn"],
        detail=detail,
        needs=_needs(batch, groups),
        exit_code=exit_code(request.get("tags", {})),
        nodes=properties["nodeProperties"]["numNodes"] if nodes else 0,
        capacity_unit="cpu" if "eksProperties" in properties else "VCPU",
    )
    return spec, units


def _properties(request: Request, definition: Record) -> Record:
    """Return the containers or nodes of a job definition with the overrides of a request."""
    platform = definition["platformCapabilities"][0]
    if "nodeProperties" in definition:
        nodes = override_nodes(definition["nodeProperties"], request.get("nodeOverrides", {}))
        for item in nodes["nodeRangeProperties"]:
            if "container" in item:
                check_container(item["container"], platform)
            check_consumable_resources(item.get("consumableResourceProperties", {}))
        return {"nodeProperties": nodes}
    if "ecsProperties" in definition:
        tasks = override_tasks(definition["ecsProperties"], request.get("ecsPropertiesOverride", {}))
        for task in tasks["taskProperties"]:
            check_task(task, platform)
        return {"ecsProperties": tasks}
    if "eksProperties" in definition:
        return {"eksProperties": override_pod(definition["eksProperties"], request.get("eksPropertiesOverride", {}))}
    container = override_container(definition["containerProperties"], request.get("containerOverrides", {}))
    check_container(container, platform)
    return {"containerProperties": container}


def _needs(batch: Batch, groups: list[tuple[Record | None, int]]) -> tuple[tuple[str, int], ...]:
    """Return the quantities of consumable resources by ARN.

    Args:
        batch: Records of the account and Region.
        groups: Consumable resources of a container, and the number of containers.
    """
    needs: Counter[str] = Counter()
    for resources, count in groups:
        for item in (resources or {}).get("consumableResourceList", []):
            resource = get(batch.consumable_resources, item["consumableResource"])
            needs[resource["consumableResourceArn"]] += count * item.get("quantity", 1)
    return tuple(needs.items())
