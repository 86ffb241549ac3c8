"""Rules of AWS Batch for the containers of a job definition, and of a job with overrides."""

import re
from collections.abc import Iterator
from typing import Any, Final

from fairlane.errors import Problem
from fairlane_client.checks.request_rules import Refusal, Request

_MIN_MEMORY_MIB: Final = 4
_MAX_CONTAINERS: Final = 10
_MAX_CONSUMABLES: Final = 5
_WHOLE_NUMBER: Final = re.compile(r"[0-9]+")
_FRACTION: Final = re.compile(r"[0-9]+(\.[0-9]+)?")
_CONDITIONS: Final = ("START", "COMPLETE", "SUCCESS")


def container_refusals(container: Request, platform: str) -> Iterator[Refusal]:
    """Yield the mistakes of the container of a job definition.

    Args:
        container: Value of `containerProperties`, or of `container` of a node range.
        platform: Platform capability: EC2, FARGATE or MANAGED_INSTANCES.
    """
    if not container.get("image"):
        yield _missing("image", "the URI of an image", "ECS Container Image must be provided.")
    if platform == "FARGATE":
        for name in ("vcpus", "memory"):
            if name in container:
                message = f"{name} is not applicable for Fargate. Use resource requirements instead."
                yield _sentence(name, "not for Fargate: use resourceRequirements", message)
        if not container.get("executionRoleArn"):
            yield _missing("executionRoleArn", "the ARN of a role", "executionRoleArn is required for Fargate jobs.")
    elif "networkConfiguration" in container:
        message = "networkConfiguration not applicable for EC2."
        yield _sentence("networkConfiguration", "not for EC2: leave it out", message)
    has_secrets = container.get("secrets") or container.get("logConfiguration", {}).get("secretOptions")
    if has_secrets and not container.get("executionRoleArn"):
        message = "executionRoleArn cannot be empty when using secrets or secretOptions"
        yield _missing("executionRoleArn", "the ARN of a role, because the container has secrets", message)
    yield from _requirement_refusals(container, platform)
    yield from _linux_refusals(container.get("linuxParameters", {}), platform)


def task_refusals(task: Request, platform: str) -> Iterator[Refusal]:
    """Yield the mistakes of a task of a job definition with several containers."""
    containers = task["containers"]
    if not 1 <= len(containers) <= _MAX_CONTAINERS:
        message = f"Number of containers must be between 1 and {_MAX_CONTAINERS}"
        yield _sentence("containers", f"{len(containers)} containers: use 1 to {_MAX_CONTAINERS}", message)
    names = [container.get("name") for container in containers]
    if len(set(names)) < len(names):
        yield _sentence("containers", "two containers have the same name", "Container names must be unique")
    if not any(container.get("essential", True) for container in containers):
        message = "At least one container must be set as essential"
        yield _sentence("containers", "no container is essential: set essential for one", message)
    for index, container in enumerate(containers):
        for refusal in (
            *_dependency_refusals(container, containers),
            *_requirement_refusals(container, platform),
            *_linux_refusals(container.get("linuxParameters", {}), platform),
        ):
            yield refusal.within("containers", index)


def consumable_refusals(properties: Request) -> Iterator[Refusal]:
    """Yield the mistakes of the consumable resources of a job."""
    names = [item.get("consumableResource") for item in properties.get("consumableResourceList", [])]
    if len(names) > _MAX_CONSUMABLES:
        message = "Each ConsumableResourceProperty can have at most 5 consumableResources"
        yield _sentence("consumableResourceList", f"{len(names)} resources: use at most {_MAX_CONSUMABLES}", message)
    if len(set(names)) < len(names):
        message = "Cannot have duplicate consumableResource in consumableResourceProperties"
        yield _sentence("consumableResourceList", "a resource is listed twice: list it once", message)


def _dependency_refusals(container: Request, containers: list[Any]) -> Iterator[Refusal]:
    dependencies = container.get("dependsOn", [])
    if dependencies and len(containers) == 1:
        message = "Container dependency can not be used in a single-container job."
        yield _sentence("dependsOn", "the job has one container: leave it out", message)
    essential = {other.get("name"): other.get("essential", True) for other in containers}
    for dependency in dependencies:
        name, condition = dependency["containerName"], dependency["condition"]
        if name not in essential:
            message = f"containerName {name} must reference a defined container."
            yield _sentence("dependsOn", f"{name} is no container of the job", message)
            continue
        if condition not in _CONDITIONS:
            values = ", ".join(_CONDITIONS)
            message = f"TaskContainer dependency {condition} is not valid. Valid values are: [{values}]"
            yield Refusal(Problem(("dependsOn",), condition, values), message)
        elif condition != "START" and essential[name]:
            message = (
                f"The container target of a dependency can not have condition {condition} if the target is essential"
            )
            yield _sentence("dependsOn", f"{name} is essential: use the condition START", message)


def _requirement_refusals(container: Request, platform: str) -> Iterator[Refusal]:
    requirements = container.get("resourceRequirements", [])
    values = {requirement["type"]: requirement["value"] for requirement in requirements}
    field = ("resourceRequirements",)
    if len(values) < len(requirements):
        message = "Cannot provide duplicates in resourceRequirements."
        yield _sentence(field[0], "a type is listed twice: list each type once", message)
    wrong = set()
    for kind, value in values.items():
        is_fraction_allowed = kind == "VCPU" and platform == "FARGATE"
        if not (_FRACTION if is_fraction_allowed else _WHOLE_NUMBER).fullmatch(value):
            wrong.add(kind)
            message = (
                f"Value {value} for type {kind} in resourceRequirement is not valid. Please provide a numeric value."
            )
            yield Refusal(Problem((*field, kind), value, "a whole number, as text"), message)
    if "GPU" in values and platform == "FARGATE":
        yield _sentence(field[0], "Fargate has no GPUs: leave GPU out", "GPU is not applicable for Fargate.")
    vcpus = values.get("VCPU", container.get("vcpus"))
    if vcpus is None:
        yield Refusal(Problem((*field, "VCPU"), None, "a number of vCPUs, 1 or more"), "vCPU is required.")
    elif "VCPU" not in wrong and platform != "FARGATE" and int(vcpus) < 1:
        problem = Problem((*field, "VCPU"), vcpus, "a number of vCPUs, 1 or more")
        yield Refusal(problem, f"vCPU must be at least 1, got {vcpus}.")
    memory = values.get("MEMORY", container.get("memory"))
    allowed = f"a number of MiB, {_MIN_MEMORY_MIB} or more"
    if memory is None:
        yield Refusal(Problem((*field, "MEMORY"), None, allowed), "Memory is required.")
    elif "MEMORY" not in wrong and int(memory) < _MIN_MEMORY_MIB:
        message = f"Memory must be at least {_MIN_MEMORY_MIB} Mib, got {memory} Mib."
        yield Refusal(Problem((*field, "MEMORY"), memory, allowed), message)


def _linux_refusals(parameters: Request, platform: str) -> Iterator[Refusal]:
    if platform == "FARGATE" and "sharedMemorySize" in parameters:
        message = "linuxParameter.sharedMemorySize is not allowed for Fargate."
        yield _sentence("linuxParameters", "no sharedMemorySize for Fargate: leave it out", message)
    if "maxSwap" in parameters and "swappiness" not in parameters:
        message = "When container specified swap memory, swappiness value is required."
        yield _sentence("linuxParameters", "maxSwap requires swappiness", message)
    if any(mount.get("size", 0) < 1 for mount in parameters.get("tmpfs", [])):
        message = "Size of a tmpfs is invalid. The size is required and must be a positive integer."
        yield _sentence("linuxParameters", "each tmpfs requires a size, 1 or more", message)


def _missing(name: str, allowed: str, message: str) -> Refusal:
    return Refusal(Problem((name,), None, allowed), message)


def _sentence(name: str, sentence: str, message: str) -> Refusal:
    return Refusal(Problem.relation((name,), sentence), message)
