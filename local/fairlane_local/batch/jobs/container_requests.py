"""SubmitJob requests and their job definitions, with the rules of AWS Batch."""

from collections import Counter

from fairlane_client.checks.container_job_rules import definition_refusals, merged_properties
from fairlane_client.checks.overrides import node_counts, vcpus
from fairlane_local.batch.errors import RequestError, refuse
from fairlane_local.batch.jobs.container_job import ContainerSpec
from fairlane_local.batch.jobs.simulation_tags import exit_code
from fairlane_local.batch.store import Batch, Record, Request, get


def container_spec(
    batch: Batch, request: Request, definition: Record, *, is_fair_share: bool
) -> tuple[ContainerSpec, int]:
    """Return what the children of an array job have in common, and the vCPUs of the job or of each child.

    Raises:
        RequestError: If the request is invalid.
    """
    refuse(definition_refusals(request, definition, is_fair_share=is_fair_share))
    retry = request.get("retryStrategy") or definition.get("retryStrategy") or {}
    timeout = request.get("timeout") or definition.get("timeout") or {}
    properties = merged_properties(request, definition)
    resources = request.get("consumableResourcePropertiesOverride", definition.get("consumableResourceProperties"))
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
    try:
        units = sum(count * vcpus(item) for item, count in nodes) if nodes else vcpus(properties)
    except ValueError as error:
        raise RequestError(str(error)) from None
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
