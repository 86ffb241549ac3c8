"""CloudFormation resources of HyperPod: clusters, quotas and scheduler configurations."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, ClassVar, Final, Self

from moto.sagemaker.exceptions import ResourceNotFound, SagemakerClientError

from fairlane_local.cloudformation.local_resource import LocalResource, register
from fairlane_local.errors import LocalAwsError
from fairlane_local.hyperpod.api import call
from fairlane_local.hyperpod.policies import QUOTA, SCHEDULE
from fairlane_local.hyperpod.store import Members, hyperpod

_FAILED: Final = "Failed"


class HyperPodResource(LocalResource):
    """Resource whose properties are the members of its API requests. `Ref` returns its ARN.

    Attributes:
        noun: Name of the resource in API calls, for example `ComputeQuota` in `CreateComputeQuota`.
        status: Member of descriptions with the status.
        reason: Member of descriptions with the reason of a failure.
    """

    noun: ClassVar[str]
    status: ClassVar[str] = "Status"
    reason: ClassVar[str] = "FailureReason"

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        """Return True for the ARN and for members of descriptions."""
        return True

    def get_cfn_attribute(self, attribute_name: str) -> Any:
        """Return a member of the description."""
        return self.call("Describe", self.key)[attribute_name]

    def create(self) -> None:
        """Create the resource, and delete it if it fails."""
        self.physical_resource_id = self.call("Create", self.given)[f"{self.noun}Arn"]
        try:
            self.check()
        except LocalAwsError:
            self.remove()
            raise

    def update(self, old: Self) -> None:
        """Update the resource in place, and restore it if it fails."""
        try:
            self.change(old)
            self.check()
        except (LocalAwsError, SagemakerClientError):
            with suppress(SagemakerClientError):
                old.change(self)
            raise
        resource = hyperpod(self._location).tagged(self.physical_resource_id)
        if resource is not None:
            resource.tags = list(self.properties.get("Tags", []))

    def remove(self) -> None:
        """Delete the resource, if it exists."""
        with suppress(ResourceNotFound):
            self.call("Delete", self.key)

    def check(self) -> None:
        """Raise LocalAwsError if the resource failed."""
        description = self.call("Describe", self.key)
        if description[self.status].endswith(_FAILED):
            raise LocalAwsError(f"{self.noun} {description[self.status]}: {description.get(self.reason)}")

    def change(self, old: Self) -> None:
        """Change the resource from the properties of `old` to its own."""
        raise NotImplementedError

    def call(self, verb: str, request: Mapping[str, Any]) -> Members:
        """Return the response of an operation on the resource."""
        return call(self._location, f"{verb}{self.noun}", request)

    @property
    def given(self) -> Members:
        """Members of the request that creates the resource."""
        return dict(self.properties)

    @property
    def key(self) -> Members:
        """Members that identify the resource in requests."""
        return {f"{self.noun}Id": self.physical_resource_id.rpartition("/")[2]}


class Cluster(HyperPodResource):
    """AWS::SageMaker::Cluster. Every update sends all instance groups."""

    resource_type = "AWS::SageMaker::Cluster"
    name_property = "ClusterName"
    create_only = frozenset({"ClusterName", "VpcConfig", "Orchestrator/Eks"})
    noun = "Cluster"
    status, reason = "ClusterStatus", "FailureMessage"

    def create(self) -> None:
        """Create the cluster, and delete it if it fails."""
        self.properties = {"ClusterName": self.physical_resource_id, **self.properties}
        super().create()

    def is_replaced_by(self, properties: Mapping[str, Any]) -> bool:
        """Return True for a new name, VPC or EKS cluster. A name that CloudFormation generated is kept."""
        return super().is_replaced_by({"ClusterName": self.properties["ClusterName"], **properties})

    def change(self, old: Self) -> None:
        """Update settings and groups, and delete groups that the template no longer has."""
        self.properties = {"ClusterName": old.properties["ClusterName"], **self.properties}
        names = [{group["InstanceGroupName"] for group in each.properties["InstanceGroups"]} for each in (old, self)]
        deleted = {"InstanceGroupsToDelete": sorted(names[0] - names[1])} if names[0] - names[1] else {}
        fixed = ("ClusterName", "Tags", "VpcConfig")
        changes = {name: value for name, value in self.properties.items() if name not in fixed}
        self.call("Update", {**self.key, **changes, **deleted})

    @property
    def key(self) -> Members:
        """Members that identify the cluster in requests."""
        return {"ClusterName": self.physical_resource_id}


class Policy(HyperPodResource):
    """Quota or scheduler configuration. An update sends the version that it describes just before."""

    def change(self, old: Self) -> None:
        """Update the content."""
        version = self.call("Describe", self.key)[f"{self.noun}Version"]
        changes = {name: value for name, value in self.properties.items() if name not in ("ClusterArn", "Name", "Tags")}
        self.call("Update", {**self.key, "TargetVersion": version, **changes})


class ComputeQuota(Policy):
    """AWS::SageMaker::ComputeQuota, whose replacement comes after its deletion."""

    resource_type = "AWS::SageMaker::ComputeQuota"
    create_only = frozenset({"Name", "ClusterArn", "ComputeQuotaTarget/TeamName"})
    is_deleted_first = True
    noun = QUOTA


class ClusterSchedulerConfig(Policy):
    """AWS::SageMaker::ClusterSchedulerConfig."""

    resource_type = "AWS::SageMaker::ClusterSchedulerConfig"
    create_only = frozenset({"Name", "ClusterArn"})
    noun = SCHEDULE


def install() -> None:
    """Register the resources with moto's CloudFormation."""
    register((Cluster, ComputeQuota, ClusterSchedulerConfig))
