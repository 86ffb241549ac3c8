"""Rules of AWS Batch for a SubmitJob request and its job definition."""

import json
from collections.abc import Iterator
from typing import Any, Final

from fairlane.errors import Problem
from fairlane_client.checks.container_rules import consumable_refusals, container_refusals, task_refusals
from fairlane_client.checks.overrides import (
    node_override_refusals,
    override_container,
    override_nodes,
    override_pod,
    override_tasks,
)
from fairlane_client.checks.request_rules import (
    Refusal,
    Request,
    container_retry_refusals,
    name_refusals,
    priority_refusals,
    size_refusals,
    timeout_refusals,
)

MIN_CHILDREN: Final = 2
MAX_CHILDREN: Final = 10_000
MAX_DEPENDENCIES: Final = 20
_TYPES: Final = (None, "SEQUENTIAL", "N_TO_N")
OVERRIDES: Final = {
    "containerOverrides": "containerProperties",
    "ecsPropertiesOverride": "ecsProperties",
    "eksPropertiesOverride": "eksProperties",
    "nodeOverrides": "nodeProperties",
}


def container_job_refusals(request: Request) -> Iterator[Refusal]:
    """Yield the mistakes of a request of SubmitJob that depend on neither its queue nor its job definition.

    Args:
        request: Request whose members have the types of the API.
    """
    yield from size_refusals(json.dumps(request))
    yield from name_refusals(request.get("jobName", "?"))
    yield from priority_refusals(request.get("schedulingPriorityOverride"), ("schedulingPriorityOverride",))
    size = request.get("arrayProperties", {}).get("size")
    if size is not None and not MIN_CHILDREN <= size <= MAX_CHILDREN:
        problem = Problem(("arrayProperties", "size"), size, f"a number of jobs, {MIN_CHILDREN} to {MAX_CHILDREN:,}")
        yield Refusal(problem, f"Array size must be between {MIN_CHILDREN} and {MAX_CHILDREN}.")
    if request.get("retryStrategy"):
        yield from container_retry_refusals(request["retryStrategy"])
    yield from timeout_refusals(request.get("timeout", {}), "timeout")
    for refusal in consumable_refusals(request.get("consumableResourcePropertiesOverride", {})):
        yield refusal.within("consumableResourcePropertiesOverride")
    yield from _dependency_refusals(request.get("dependsOn", []), size)


def definition_refusals(request: Request, definition: Request, *, is_fair_share: bool) -> Iterator[Refusal]:
    """Yield the mistakes of a request of SubmitJob that depend on its job definition.

    Args:
        request: Request whose members have the types of the API.
        definition: Job definition as DescribeJobDefinitions returns it.
        is_fair_share: True if the queue has a fair-share scheduling policy.
    """
    if is_fair_share and request.get("schedulingPriorityOverride", definition.get("schedulingPriority")) is None:
        allowed = "a whole number, 0 to 9999, because the job definition has no schedulingPriority"
        message = "Either schedulingPriority in job definition or schedulingPriorityOverride is required."
        yield Refusal(Problem(("schedulingPriorityOverride",), None, allowed), message)
    if definition["type"] == "multinode" and request.get("arrayProperties", {}).get("size") is not None:
        sentence = "the job definition has several nodes, which no array job can have: leave it out"
        message = "arrayProperties is not valid for multinode job definitions."
        yield Refusal(Problem.relation(("arrayProperties",), sentence), message)
    for override, member in OVERRIDES.items():
        if override in request and member not in definition:
            given = ", ".join(own for own, name in OVERRIDES.items() if name in definition) or "no override"
            message = f"{override} is only valid for job definitions with {member}."
            yield Refusal(Problem.relation((override,), f"not for this job definition: use {given}"), message)
    yield from _property_refusals(request, definition)


def merged_properties(request: Request, definition: Request) -> dict[str, Any]:
    """Return the containers or nodes of a job definition with the overrides of a request.

    Args:
        request: Request without mistakes in its overrides.
        definition: Job definition as DescribeJobDefinitions returns it.
    """
    if "nodeProperties" in definition:
        return {"nodeProperties": override_nodes(definition["nodeProperties"], request.get("nodeOverrides", {}))}
    if "ecsProperties" in definition:
        return {"ecsProperties": override_tasks(definition["ecsProperties"], request.get("ecsPropertiesOverride", {}))}
    if "eksProperties" in definition:
        return {"eksProperties": override_pod(definition["eksProperties"], request.get("eksPropertiesOverride", {}))}
    container = override_container(definition["containerProperties"], request.get("containerOverrides", {}))
    return {"containerProperties": container}


def _property_refusals(request: Request, definition: Request) -> Iterator[Refusal]:
    platform = definition.get("platformCapabilities", ["EC2"])[0]
    if "nodeProperties" in definition:
        wrong = [*node_override_refusals(definition["nodeProperties"], request.get("nodeOverrides", {}))]
        for refusal in wrong:
            yield refusal.within("nodeOverrides")
        if wrong:
            return
    properties = merged_properties(request, definition)
    for index, item in enumerate(properties.get("nodeProperties", {}).get("nodeRangeProperties", [])):
        found = [*consumable_refusals(item.get("consumableResourceProperties", {}))]
        if "container" in item:
            found += container_refusals(item["container"], platform)
        for refusal in found:
            yield refusal.within("nodeOverrides", "nodePropertyOverrides", index)
    for index, task in enumerate(properties.get("ecsProperties", {}).get("taskProperties", [])):
        for refusal in task_refusals(task, platform):
            yield refusal.within("ecsPropertiesOverride", "taskProperties", index)
    if "containerProperties" in properties:
        for refusal in container_refusals(properties["containerProperties"], platform):
            yield refusal.within("containerOverrides")


def _dependency_refusals(dependencies: list[Any], size: int | None) -> Iterator[Refusal]:
    if len(dependencies) > MAX_DEPENDENCIES:
        sentence = f"{len(dependencies)} jobs are too many: use at most {MAX_DEPENDENCIES}"
        message = f"A job can depend on at most {MAX_DEPENDENCIES} jobs."
        yield Refusal(Problem.relation(("dependsOn",), sentence), message)
    for index, dependency in enumerate(dependencies):
        kind = dependency.get("type")
        if kind not in _TYPES:
            problem = Problem(("dependsOn", index, "type"), kind, "N_TO_N or SEQUENTIAL")
            yield Refusal(problem, "The type of a dependency must be one of [N_TO_N, SEQUENTIAL].")
        elif "jobId" not in dependency and (kind != "SEQUENTIAL" or size is None):
            allowed = "the ID of a job; only SEQUENTIAL in an array job has none"
            message = "A dependency without jobId must have the type SEQUENTIAL, in an array job."
            yield Refusal(Problem(("dependsOn", index, "jobId"), None, allowed), message)
        elif kind == "N_TO_N" and size is None:
            sentence = "N_TO_N requires arrayProperties of the size of the other array job"
            message = "A dependency of the type N_TO_N must be on an array job of the same size."
            yield Refusal(Problem.relation(("dependsOn", index, "type"), sentence), message)
