"""CloudFormation resources of AWS Batch for containers. Moto keeps the records.

Moto's own resources require a service role, ignore the scheduling policy of a queue, cannot be updated and have no
attributes. No instance is started.
"""

from collections.abc import Mapping
from typing import Any, Self

from moto.batch.exceptions import ClientException
from moto.batch.models import BatchBackend, batch_backends
from moto.ec2.models import ec2_backends
from moto.iam.exceptions import NotFoundException
from moto.iam.models import iam_backends

from fairlane_local.cloudformation.local_resource import LocalResource, members

_SERVICE_ROLE = "AWSServiceRoleForBatch"


class ComputeEnvironment(LocalResource):
    """AWS::Batch::ComputeEnvironment.

    A change of name or type replaces the environment. Other changes do so unless `ReplaceComputeEnvironment` is false;
    state and vCPUs always update in place.
    """

    resource_type = "AWS::Batch::ComputeEnvironment"
    name_property = "ComputeEnvironmentName"
    create_only = frozenset({"ComputeEnvironmentName", "Type"})

    def create(self) -> None:
        """Create the environment, by default with the service-linked role of AWS Batch."""
        properties = self.properties
        self.physical_resource_id = self._batch.create_compute_environment(
            self.physical_resource_id,
            properties["Type"].upper(),
            properties.get("State", "ENABLED"),
            _compute_resources(properties, *self._location),
            properties.get("ServiceRole") or _service_role(self._location[0]),
        ).arn

    def is_replaced_by(self, properties: Mapping[str, Any]) -> bool:
        """Return True if a change replaces the environment."""
        is_changed = _without_sizes(self.properties) != _without_sizes(properties)
        return super().is_replaced_by(properties) or (is_changed and properties.get("ReplaceComputeEnvironment", True))

    def update(self, old: Self) -> None:
        """Update state and compute resources."""
        environment = self._batch._compute_environments[self.physical_resource_id]
        environment.state = self.properties.get("State", "ENABLED")
        environment.compute_resources = _compute_resources(self.properties, *self._location)

    def remove(self) -> None:
        """Delete the environment, unless a queue refers to it."""
        backend, arn = self._batch, self.physical_resource_id
        for queue in backend.describe_job_queues():
            if any(arn == order["computeEnvironment"] for order in queue["computeEnvironmentOrder"]):
                raise ClientException("Cannot delete, found existing JobQueue relationship")
        backend.delete_compute_environment(arn)

    @property
    def _batch(self) -> BatchBackend:
        return _backend(*self._location)


class ContainerQueue(LocalResource):
    """AWS::Batch::JobQueue for containers."""

    create_only = frozenset({"JobQueueName"})

    def create(self) -> None:
        """Create the queue."""
        tags = self.properties.get("Tags")
        queue = _backend(*self._location).create_job_queue(
            queue_name=self.physical_resource_id, tags=tags, **self._settings
        )
        self.physical_resource_id = queue.arn

    def update(self, old: Self) -> None:
        """Update the queue."""
        _backend(*self._location).update_job_queue(queue_name=self.physical_resource_id, **self._settings)

    def remove(self) -> None:
        """Delete the queue."""
        _backend(*self._location).delete_job_queue(self.physical_resource_id)

    @property
    def _settings(self) -> dict[str, Any]:
        return {
            "priority": self.properties["Priority"],
            "state": self.properties.get("State", "ENABLED"),
            "compute_env_order": members(self.properties["ComputeEnvironmentOrder"]),
            "schedule_policy": self.properties.get("SchedulingPolicyArn"),
        }


class JobDefinition(LocalResource):
    """AWS::Batch::JobDefinition. An update registers a new revision.

    Attributes:
        revision_arn: ARN of the newest revision.
    """

    resource_type = "AWS::Batch::JobDefinition"
    name_property = "JobDefinitionName"
    create_only = frozenset({"JobDefinitionName"})
    revision_arn: str

    def create(self) -> None:
        """Register a revision."""
        properties = self.properties
        self.revision_arn = (
            _backend(*self._location)
            .register_job_definition(
                def_name=self.physical_resource_id.rpartition("/")[2],
                parameters=properties.get("Parameters"),
                _type=properties["Type"],
                tags=properties.get("Tags"),
                retry_strategy=members(properties.get("RetryStrategy")),
                container_properties=members(properties.get("ContainerProperties")),
                node_properties=members(properties.get("NodeProperties")),
                eks_properties=None,
                timeout=members(properties.get("Timeout")),
                platform_capabilities=properties.get("PlatformCapabilities"),
                propagate_tags=properties.get("PropagateTags", False),
            )
            .arn
        )
        self.physical_resource_id = self.revision_arn.rpartition(":")[0]

    def update(self, old: Self) -> None:
        """Register a revision, and deregister the previous one unless `SkipDeregisterOnUpdate` is true."""
        self.create()
        if not self.properties.get("ResourceRetentionPolicy", {}).get("SkipDeregisterOnUpdate"):
            _backend(*self._location).deregister_job_definition(old.revision_arn)

    def get_cfn_attribute(self, attribute_name: str) -> str:
        """Return the ARN of the newest revision."""
        return self.revision_arn

    def remove(self) -> None:
        """Deregister every revision."""
        backend = _backend(*self._location)
        for arn in list(backend._job_definitions):
            if arn.rpartition(":")[0] == self.physical_resource_id:
                backend.deregister_job_definition(arn)


def _without_sizes(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return the properties without state and vCPUs, which CloudFormation updates in place."""
    resources = {name: value for name, value in properties["ComputeResources"].items() if not name.endswith("vCpus")}
    return {**properties, "State": None, "ComputeResources": resources}


def _compute_resources(properties: Mapping[str, Any], account_id: str, region_name: str) -> dict[str, Any]:
    """Return compute resources for moto, which requires security groups even if the launch template has them."""
    resources: dict[str, Any] = members(properties["ComputeResources"])
    if "securityGroupIds" not in resources:
        backend = ec2_backends[account_id][region_name]
        (subnet,) = backend.describe_subnets(subnet_ids=resources["subnets"][:1])
        groups = backend.describe_security_groups(filters={"vpc-id": [subnet.vpc_id]})
        resources["securityGroupIds"] = [group.id for group in groups]
    return resources


def _backend(account_id: str, region_name: str) -> BatchBackend:
    return batch_backends[account_id][region_name]


def _service_role(account_id: str) -> str:
    iam = iam_backends[account_id]["aws"]
    try:
        role = iam.get_role(_SERVICE_ROLE)
    except NotFoundException:
        path = "/aws-service-role/batch.amazonaws.com/"
        role = iam.create_role(_SERVICE_ROLE, "{}", path, None, "", [], "3600")
    return str(role.arn)
