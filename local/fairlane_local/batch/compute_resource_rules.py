"""Rules of AWS Batch for the compute resources of a compute environment."""

import re
from collections.abc import Iterable
from typing import Final

from fairlane_local.batch.errors import RequestError
from fairlane_local.batch.store import Record, Request

FARGATE: Final = ("FARGATE", "FARGATE_SPOT")
MANAGED_INSTANCES: Final = "ECS_MANAGED_INSTANCES"
BEST_FIT: Final = "BEST_FIT"

_STRATEGY_TYPES: Final = {
    "BEST_FIT_PROGRESSIVE_ORDERED": "EC2",
    "SPOT_CAPACITY_OPTIMIZED": "SPOT",
    "SPOT_PRICE_CAPACITY_OPTIMIZED": "SPOT",
    "SPOT_CAPACITY_OPTIMIZED_PRIORITIZED": "SPOT",
}
"""Type of compute resources for strategies that have only one."""

_EC2_ONLY: Final = (
    "allocationStrategy",
    "bidPercentage",
    "desiredvCpus",
    "ec2Configuration",
    "ec2KeyPair",
    "imageId",
    "instanceRole",
    "instanceTypes",
    "launchTemplate",
    "minvCpus",
    "placementGroup",
    "spotIamFleetRole",
)
_NOT_FARGATE: Final = (*_EC2_ONLY, "tags")
_NOT_MANAGED_INSTANCES: Final = (*_EC2_ONLY, "securityGroupIds", "subnets")
_AL2: Final = ("ECS_AL2", "ECS_AL2_NVIDIA")
_IMAGE_TYPES: Final = {
    "ECS": (*_AL2, "ECS_AL2023", "ECS_AL2023_NVIDIA"),
    "EKS": ("EKS_AL2", "EKS_AL2_NVIDIA", "EKS_AL2023", "EKS_AL2023_NVIDIA"),
}
_ARM: Final = re.compile(r"default_arm64|a1(\..*)?|[a-z]+[0-9]+[a-z0-9-]*g[a-z0-9]*(\..*)?")
_VERSION: Final = re.compile(r"|[0-9]+|\$Default|\$Latest")


def check_compute_resources(resources: Request, orchestration: str) -> None:
    """Raise RequestError if compute resources are invalid.

    Args:
        resources: All members of `computeResources`, for an update merged with the existing members.
        orchestration: `ECS` or `EKS`.
    """
    if resources["type"] == MANAGED_INSTANCES:
        _check_inapplicable(resources, _NOT_MANAGED_INSTANCES, "managed instances")
        _require(resources, "managedInstancesProvider", "compute resource managedInstancesProvider is required.")
    elif resources["type"] in FARGATE:
        _check_inapplicable(resources, _NOT_FARGATE, "Fargate")
        _check_fargate_network(resources)
    else:
        _check_instances(resources)
        _check_strategy(resources)
        _check_images(resources.get("ec2Configuration"), orchestration)
        _check_launch_template(resources.get("launchTemplate"), resources["instanceTypes"])
    _check_vcpus(resources)


def architecture(instance_types: Iterable[str]) -> str:
    """Return the CPU architecture of instance types and families, `x86_64` or `arm64`.

    Raises:
        RequestError: If the instance types have different architectures.
    """
    architectures = {"arm64" if _ARM.fullmatch(name) else "x86_64" for name in instance_types}
    if len(architectures) > 1:
        raise RequestError("arm-based instance type cannot be used with other instance types")
    return architectures.pop() if architectures else "x86_64"


def _require(resources: Request, name: str, message: str) -> None:
    if not resources.get(name):
        raise RequestError(message)


def _check_inapplicable(resources: Request, names: Iterable[str], kind: str) -> None:
    for name in names:
        if name in resources:
            raise RequestError(f"{name} is not applicable for {kind}.")


def _check_fargate_network(resources: Request) -> None:
    _require(resources, "subnets", "Subnets are required.")
    _require(resources, "securityGroupIds", "Security group ids are required.")
    if len(resources["subnets"]) > 16:
        raise RequestError("Fargate supports a maximum of 16 subnets.")
    if len(resources["securityGroupIds"]) > 5:
        raise RequestError("Fargate supports a maximum of 5 security groups.")


def _check_instances(resources: Request) -> None:
    _require(resources, "subnets", "Subnets are required.")
    _require(resources, "instanceRole", "Instance role is required.")
    _require(resources, "instanceTypes", "Resource instanceTypes are required.")
    if not resources.get("launchTemplate"):
        _require(resources, "securityGroupIds", "Security group ids are required.")
    architecture(resources["instanceTypes"])
    delay = resources.get("scalingPolicy", {}).get("minScaleDownDelayMinutes", 0)
    if delay != 0 and not 20 <= delay <= 10080:
        raise RequestError("minScaleDownDelayMinutes must be 0 or between 20 and 10080.")


def _check_strategy(resources: Request) -> None:
    strategy, kind = resources.get("allocationStrategy", BEST_FIT), resources["type"]
    if _STRATEGY_TYPES.get(strategy, kind) != kind:
        raise RequestError(
            f"Allocation strategy {strategy} is only available for {_STRATEGY_TYPES[strategy]} resources"
        )
    if kind == "SPOT" and strategy == BEST_FIT:
        _require(resources, "spotIamFleetRole", "compute resource spotIamFleetRole is required.")
    if "bidPercentage" in resources and kind != "SPOT":
        raise RequestError("bidPercentage is only applicable for SPOT.")
    if not 0 <= resources.get("bidPercentage", 0) <= 100:
        raise RequestError("Bid percentage must be between 0 to 100.")


def _check_vcpus(resources: Request) -> None:
    minimum, maximum = resources.get("minvCpus", 0), resources["maxvCpus"]
    if minimum < 0:
        raise RequestError("minvCpus should be greater than or equal to 0.")
    if maximum < minimum:
        raise RequestError("maxvCpus should be greater than or equal to minvCpus.")
    if not minimum <= resources.get("desiredvCpus", minimum) <= maximum:
        raise RequestError("desiredvCpus should be between minvCpus and maxvCpus.")


def _check_images(configurations: list[Record] | None, orchestration: str) -> None:
    if configurations is None:
        return
    if not 1 <= len(configurations) <= 2:
        raise RequestError("ComputeResources.ec2Configuration must have 1 or 2 entries")
    for configuration in configurations:
        image = configuration["imageType"]
        if image not in _IMAGE_TYPES[orchestration]:
            raise RequestError("Invalid imageType in ComputeResources.ec2Configuration")
        if (
            "_AL2" in image
            and not image.endswith(("AL2023", "AL2023_NVIDIA"))
            and "imageIdOverride" not in configuration
        ):
            raise RequestError("Amazon Linux 2 is end-of-life.")


def _check_launch_template(template: Record | None, instance_types: list[str]) -> None:
    if template is None:
        return
    overrides = template.get("overrides", [])
    names = [name for name in ("launchTemplateId", "launchTemplateName") if template.get(name)]
    if len(names) > 1 or not (names or overrides):
        raise RequestError(
            "One of LaunchTemplateId and LaunchTemplateName or LaunchTemplate.overrides should be provided"
        )
    if len(overrides) > 10:
        raise RequestError("LaunchTemplate.overrides size cannot be greater than 10")
    for specification in (template, *overrides):
        if not _VERSION.fullmatch(specification.get("version", "")):
            raise RequestError("LaunchTemplateVersion must be either empty or a number or $Default or $Latest")
    targets = [target for override in overrides for target in override.get("targetInstanceTypes", [])]
    for override in overrides:
        if bool(override.get("launchTemplateId")) == bool(override.get("launchTemplateName")):
            raise RequestError("LaunchTemplate.overrides should have either LaunchTemplateId or LaunchTemplateName")
        if not override.get("targetInstanceTypes"):
            raise RequestError("LaunchTemplate.overrides.targetInstanceTypes[] is required")
    if len(set(targets)) < len(targets):
        raise RequestError("LaunchTemplate.overrides have duplicate targetInstanceTypes")
    if not all(_is_offered(target, instance_types) for target in targets):
        raise RequestError("LaunchTemplate.overrides have targetInstanceTypes that do not match")


def _is_offered(target: str, instance_types: list[str]) -> bool:
    return target in instance_types or target.partition(".")[0] in instance_types
