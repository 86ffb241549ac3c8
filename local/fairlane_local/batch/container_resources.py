"""CloudFormation resources of AWS Batch for containers: compute environments, job definitions and resources of jobs."""

from collections.abc import Mapping
from typing import Any, Final, Self

from fairlane_local.batch.api import batch_api
from fairlane_local.batch.batch_resource import BatchResource

_CREATE_ONLY: Final = ("SpotIamFleetRole",)
_UPDATE_ONLY: Final = ("UpdatePolicy", "UpdateToLatestImageVersion")
_INFRASTRUCTURE: Final = (
    "AllocationStrategy",
    "BidPercentage",
    "Ec2Configuration",
    "Ec2KeyPair",
    "ImageId",
    "InstanceRole",
    "InstanceTypes",
    "LaunchTemplate",
    "PlacementGroup",
    "ScalingPolicy",
    "SecurityGroupIds",
    "Subnets",
    "Tags",
    "Type",
)
"""Compute resources whose change replaces the environment, unless `ReplaceComputeEnvironment` is false."""

_LAUNCH_OPTIONS: Final = ("CapacityOptionType", "FipsEnabled")
"""Options of managed instances whose change always replaces the environment."""


class ComputeEnvironment(BatchResource):
    """AWS::Batch::ComputeEnvironment.

    A change of name, type or tags replaces the environment. A change of its infrastructure does so unless
    `ReplaceComputeEnvironment` is false. State and vCPUs always update in place.
    """

    resource_type = "AWS::Batch::ComputeEnvironment"
    kind = "ComputeEnvironment"
    name_property = "ComputeEnvironmentName"
    create_only = frozenset({"ComputeEnvironmentName", "EksConfiguration", "Tags", "Type"})
    key = "computeEnvironment"
    template_only = frozenset({"ReplaceComputeEnvironment"})

    def call(
        self, operation: str, properties: Mapping[str, Any], members: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Return the response of an operation, which lacks some members of the other operations."""
        ignored = _UPDATE_ONLY if operation.startswith("Create") else _CREATE_ONLY
        supported = {name: value for name, value in properties.items() if name not in ignored}
        if resources := properties.get("ComputeResources"):
            supported["ComputeResources"] = {name: value for name, value in resources.items() if name not in ignored}
        return super().call(operation, supported, members)

    def is_replaced_by(self, properties: Mapping[str, Any]) -> bool:
        """Return True if a change replaces the environment."""
        old, new = self.properties.get("ComputeResources", {}), properties.get("ComputeResources", {})
        changes = {name for name in old.keys() | new.keys() if old.get(name) != new.get(name)}
        return (
            super().is_replaced_by(properties)
            or self.properties.get("Tags") != properties.get("Tags")
            or "SpotIamFleetRole" in changes
            or _launch_options(old) != _launch_options(new)
            or (properties.get("ReplaceComputeEnvironment", True) and not changes.isdisjoint(_INFRASTRUCTURE))
        )


class JobDefinition(BatchResource):
    """AWS::Batch::JobDefinition. An update registers a new revision.

    Attributes:
        revision_arn: ARN of the newest revision.
    """

    resource_type = "AWS::Batch::JobDefinition"
    kind = "JobDefinition"
    name_property = "JobDefinitionName"
    create_only = frozenset({"JobDefinitionName"})
    key = "jobDefinition"
    template_only = frozenset({"ResourceRetentionPolicy"})
    revision_arn: str

    def create(self) -> None:
        """Register a revision."""
        name = self.physical_resource_id.rpartition("/")[2]
        response = self.call("RegisterJobDefinition", {**self.properties, self.name_property: name})
        self.revision_arn = response["jobDefinitionArn"]
        self.physical_resource_id = self.revision_arn.rpartition(":")[0]

    def update(self, old: Self) -> None:
        """Register a revision, and deregister the previous one unless `SkipDeregisterOnUpdate` is true."""
        self.create()
        if not self.properties.get("ResourceRetentionPolicy", {}).get("SkipDeregisterOnUpdate"):
            self._deregister(old.revision_arn)

    def get_cfn_attribute(self, attribute_name: str) -> str:
        """Return the ARN of the newest revision."""
        return self.revision_arn

    def remove(self) -> None:
        """Deregister every revision."""
        for arn in list(batch_api(*self._location).batch.job_definitions):
            if arn.rpartition(":")[0] == self.physical_resource_id:
                self._deregister(arn)

    def _deregister(self, arn: str) -> None:
        self.call("DeregisterJobDefinition", {}, {self.key: arn})


class ConsumableResource(BatchResource):
    """AWS::Batch::ConsumableResource."""

    resource_type = "AWS::Batch::ConsumableResource"
    kind = "ConsumableResource"
    name_property = "ConsumableResourceName"
    create_only = frozenset({"ConsumableResourceName", "ResourceType"})
    key = "consumableResource"

    def update(self, old: Self) -> None:
        """Set the total quantity, and update the tags."""
        members = {self.key: self.physical_resource_id, "quantity": self.properties["TotalQuantity"]}
        self.call("UpdateConsumableResource", {}, members | {"operation": "SET"})
        self._update_tags(old)


def _launch_options(resources: Mapping[str, Any]) -> list[Any]:
    template = resources.get("ManagedInstancesProvider", {}).get("InstanceLaunchTemplate", {})
    return [template.get(option) for option in _LAUNCH_OPTIONS]
