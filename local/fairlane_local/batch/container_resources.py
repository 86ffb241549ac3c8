"""The CloudFormation resources of AWS Batch for containers as today's templates have them; moto keeps the records.

Moto's own resources know no template without a service role, drop a queue's scheduling policy, update nothing, and have
no attributes. Machines are never started.
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
    """AWS::Batch::ComputeEnvironment: replaced only for another name or type, or where the template asks for it."""

    resource_type = "AWS::Batch::ComputeEnvironment"
    name_property = "ComputeEnvironmentName"
    create_only = frozenset({"ComputeEnvironmentName", "Type"})

    def create(self) -> None:
        """Create the environment; without a service role in the template it has AWS's own."""
        properties = self.properties
        self.physical_resource_id = self._batch.create_compute_environment(
            self.physical_resource_id,
            properties["Type"].upper(),
            properties.get("State", "ENABLED"),
            _machines(properties, *self._where),
            properties.get("ServiceRole") or _service_role(self._where[0]),
        ).arn

    def is_replaced_by(self, properties: Mapping[str, Any]) -> bool:
        """Return True if name or type change, or what only a replacement can change."""
        infrastructure = _without_sizes(self.properties) != _without_sizes(properties)
        return super().is_replaced_by(properties) or (
            infrastructure and properties.get("ReplaceComputeEnvironment", True)
        )

    def update(self, old: Self) -> None:
        """Update state and compute resources."""
        environment = self._batch._compute_environments[self.physical_resource_id]
        environment.state = self.properties.get("State", "ENABLED")
        environment.compute_resources = _machines(self.properties, *self._where)

    def remove(self) -> None:
        """Delete the environment, unless a queue refers to it."""
        backend, arn = self._batch, self.physical_resource_id
        for queue in backend.describe_job_queues():
            if any(arn == order["computeEnvironment"] for order in queue["computeEnvironmentOrder"]):
                raise ClientException("Cannot delete, found existing JobQueue relationship")
        backend.delete_compute_environment(arn)

    @property
    def _batch(self) -> BatchBackend:
        return _backend(*self._where)


class ContainerQueue(LocalResource):
    """AWS::Batch::JobQueue for containers."""

    create_only = frozenset({"JobQueueName"})

    def create(self) -> None:
        """Create the queue."""
        tags = self.properties.get("Tags")
        made = _backend(*self._where).create_job_queue(
            queue_name=self.physical_resource_id, tags=tags, **self._settings
        )
        self.physical_resource_id = made.arn

    def update(self, old: Self) -> None:
        """Update the queue."""
        _backend(*self._where).update_job_queue(queue_name=self.physical_resource_id, **self._settings)

    def remove(self) -> None:
        """Delete the queue."""
        _backend(*self._where).delete_job_queue(self.physical_resource_id)

    @property
    def _settings(self) -> dict[str, Any]:
        return {
            "priority": self.properties["Priority"],
            "state": self.properties.get("State", "ENABLED"),
            "compute_env_order": members(self.properties["ComputeEnvironmentOrder"]),
            "schedule_policy": self.properties.get("SchedulingPolicyArn"),
        }


class JobDefinition(LocalResource):
    """AWS::Batch::JobDefinition: an update makes a new revision; the template decides if the one before stays.

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
            _backend(*self._where)
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
        """Register a revision and, unless the template says otherwise, deregister the one before."""
        self.create()
        if not self.properties.get("ResourceRetentionPolicy", {}).get("SkipDeregisterOnUpdate"):
            _backend(*self._where).deregister_job_definition(old.revision_arn)

    def get_cfn_attribute(self, attribute_name: str) -> str:
        """Return the ARN of the newest revision."""
        return self.revision_arn

    def remove(self) -> None:
        """Deregister every revision."""
        backend = _backend(*self._where)
        for arn in list(backend._job_definitions):
            if arn.rpartition(":")[0] == self.physical_resource_id:
                backend.deregister_job_definition(arn)


def _without_sizes(properties: Mapping[str, Any]) -> dict[str, Any]:
    """All that CloudFormation may replace an environment for: sizes and state it changes in place."""
    machines = {name: value for name, value in properties["ComputeResources"].items() if not name.endswith("vCpus")}
    return {**properties, "State": None, "ComputeResources": machines}


def _machines(properties: Mapping[str, Any], account_id: str, region_name: str) -> dict[str, Any]:
    """What moto takes for machines: it wants security groups even where only the launch template has them."""
    machines: dict[str, Any] = members(properties["ComputeResources"])
    if "securityGroupIds" not in machines:
        backend = ec2_backends[account_id][region_name]
        (subnet,) = backend.describe_subnets(subnet_ids=machines["subnets"][:1])
        groups = backend.describe_security_groups(filters={"vpc-id": [subnet.vpc_id]})
        machines["securityGroupIds"] = [group.id for group in groups]
    return machines


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
