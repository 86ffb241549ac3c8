"""Rules of AWS Batch for the containers of a job definition."""

import re
from typing import Final

from fairlane_local.batch.errors import RequestError
from fairlane_local.batch.store import Record, Request

_MIN_MEMORY_MIB: Final = 4
_WHOLE_NUMBER: Final = re.compile(r"[0-9]+")
_FRACTION: Final = re.compile(r"[0-9]+(\.[0-9]+)?")
_CONDITIONS: Final = ("START", "COMPLETE", "SUCCESS")


def check_container(container: Request, platform: str) -> None:
    """Raise RequestError if the container of a job definition is invalid.

    Args:
        container: Value of `containerProperties`, or of `container` of a node range.
        platform: Platform capability: EC2, FARGATE or MANAGED_INSTANCES.
    """
    if not container.get("image"):
        raise RequestError("ECS Container Image must be provided.")
    if platform == "FARGATE":
        for name in ("vcpus", "memory"):
            if name in container:
                raise RequestError(f"{name} is not applicable for Fargate. Use resource requirements instead.")
        if not container.get("executionRoleArn"):
            raise RequestError("executionRoleArn is required for Fargate jobs.")
    elif "networkConfiguration" in container:
        raise RequestError("networkConfiguration not applicable for EC2.")
    has_secrets = container.get("secrets") or container.get("logConfiguration", {}).get("secretOptions")
    if has_secrets and not container.get("executionRoleArn"):
        raise RequestError("executionRoleArn cannot be empty when using secrets or secretOptions")
    _check_requirements(container, platform)
    _check_linux_parameters(container.get("linuxParameters", {}), platform)


def check_task(task: Request, platform: str) -> None:
    """Raise RequestError if a task of a job definition with several containers is invalid."""
    containers = task["containers"]
    if not 1 <= len(containers) <= 10:
        raise RequestError("Number of containers must be between 1 and 10")
    names = [container.get("name") for container in containers]
    if len(set(names)) < len(names):
        raise RequestError("Container names must be unique")
    if not any(container.get("essential", True) for container in containers):
        raise RequestError("At least one container must be set as essential")
    for container in containers:
        _check_dependencies(container, containers)
        _check_requirements(container, platform)
        _check_linux_parameters(container.get("linuxParameters", {}), platform)


def _check_dependencies(container: Record, containers: list[Record]) -> None:
    dependencies = container.get("dependsOn", [])
    if dependencies and len(containers) == 1:
        raise RequestError("Container dependency can not be used in a single-container job.")
    essential = {other.get("name"): other.get("essential", True) for other in containers}
    for dependency in dependencies:
        name, condition = dependency["containerName"], dependency["condition"]
        if name not in essential:
            raise RequestError(f"containerName {name} must reference a defined container.")
        if condition not in _CONDITIONS:
            values = ", ".join(_CONDITIONS)
            raise RequestError(f"TaskContainer dependency {condition} is not valid. Valid values are: [{values}]")
        if condition != "START" and essential[name]:
            raise RequestError(
                f"The container target of a dependency can not have condition {condition} if the target is essential"
            )


def _check_requirements(container: Request, platform: str) -> None:
    requirements = container.get("resourceRequirements", [])
    values = {requirement["type"]: requirement["value"] for requirement in requirements}
    if len(values) < len(requirements):
        raise RequestError("Cannot provide duplicates in resourceRequirements.")
    for kind, value in values.items():
        is_fraction_allowed = kind == "VCPU" and platform == "FARGATE"
        if not (_FRACTION if is_fraction_allowed else _WHOLE_NUMBER).fullmatch(value):
            raise RequestError(
                f"Value {value} for type {kind} in resourceRequirement is not valid. Please provide a numeric value."
            )
    if "GPU" in values and platform == "FARGATE":
        raise RequestError("GPU is not applicable for Fargate.")
    vcpus = values.get("VCPU", container.get("vcpus"))
    if vcpus is None:
        raise RequestError("vCPU is required.")
    if platform != "FARGATE" and int(vcpus) < 1:
        raise RequestError(f"vCPU must be at least 1, got {vcpus}.")
    memory = values.get("MEMORY", container.get("memory"))
    if memory is None:
        raise RequestError("Memory is required.")
    if int(memory) < _MIN_MEMORY_MIB:
        raise RequestError(f"Memory must be at least {_MIN_MEMORY_MIB} Mib, got {memory} Mib.")


def _check_linux_parameters(parameters: Request, platform: str) -> None:
    if platform == "FARGATE" and "sharedMemorySize" in parameters:
        raise RequestError("linuxParameter.sharedMemorySize is not allowed for Fargate.")
    if "maxSwap" in parameters and "swappiness" not in parameters:
        raise RequestError("When container specified swap memory, swappiness value is required.")
    if any(mount.get("size", 0) < 1 for mount in parameters.get("tmpfs", [])):
        raise RequestError("Size of a tmpfs is invalid. The size is required and must be a positive integer.")
