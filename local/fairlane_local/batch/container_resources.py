"""The CloudFormation resources of AWS Batch for containers as today's templates have them; moto keeps the records.

Moto's own resources know no template without a service role, drop a queue's scheduling policy, update nothing, and have
no attributes. Machines are never started.
"""

from typing import Any

from moto.batch.exceptions import ClientException
from moto.batch.models import BatchBackend, batch_backends
from moto.ec2.models import ec2_backends
from moto.iam.exceptions import NotFoundException
from moto.iam.models import iam_backends

from fairlane_local.cloudformation.local_resource import LocalResource, members

_SERVICE_ROLE = "AWSServiceRoleForBatch"
_REPLACES = frozenset({"ComputeEnvironmentName", "Type"})


class ComputeEnvironment(LocalResource):
    """AWS::Batch::ComputeEnvironment; it is never replaced but by another name or type, as its changes are in place."""

    @classmethod
    def cloudformation_type(cls) -> str:
        return "AWS::Batch::ComputeEnvironment"

    @classmethod
    def cloudformation_name_type(cls) -> str:
        return "ComputeEnvironmentName"

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: dict[str, Any], account_id: str, region_name: str, **kwargs: Any
    ) -> Any:
        properties = cloudformation_json["Properties"]
        made = _backend(account_id, region_name).create_compute_environment(
            resource_name,
            properties["Type"].upper(),
            properties.get("State", "ENABLED"),
            _machines(properties, account_id, region_name),
            properties.get("ServiceRole") or _service_role(account_id),
        )
        return cls(account_id, region_name, made.arn, properties)

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: Any,
        new_resource_name: str,
        cloudformation_json: dict[str, Any],
        account_id: str,
        region_name: str,
    ) -> Any:
        properties = cloudformation_json["Properties"]
        old, arn = original_resource.properties, original_resource.physical_resource_id
        infrastructure = _without_sizes(old) != _without_sizes(properties)
        if any(old.get(name) != properties.get(name) for name in _REPLACES) or (
            infrastructure and properties.get("ReplaceComputeEnvironment", True)
        ):
            return cls.create_from_cloudformation_json(new_resource_name, cloudformation_json, account_id, region_name)
        environment = _backend(account_id, region_name)._compute_environments[arn]
        environment.state = properties.get("State", "ENABLED")
        environment.compute_resources = _machines(properties, account_id, region_name)
        return cls(account_id, region_name, arn, properties)

    def delete(self, account_id: str, region_name: str) -> None:
        """Deletes it, unless a queue has it."""
        backend, arn = _backend(account_id, region_name), self.physical_resource_id
        for queue in backend.describe_job_queues():
            if any(arn == order["computeEnvironment"] for order in queue["computeEnvironmentOrder"]):
                raise ClientException("Cannot delete, found existing JobQueue relationship")
        backend.delete_compute_environment(arn)


class ContainerQueue(LocalResource):
    """AWS::Batch::JobQueue for containers."""

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: dict[str, Any], account_id: str, region_name: str, **kwargs: Any
    ) -> Any:
        properties = cloudformation_json["Properties"]
        made = _backend(account_id, region_name).create_job_queue(
            queue_name=resource_name,
            priority=properties["Priority"],
            schedule_policy=properties.get("SchedulingPolicyArn"),
            state=properties.get("State", "ENABLED"),
            compute_env_order=members(properties["ComputeEnvironmentOrder"]),
            tags=properties.get("Tags"),
        )
        return cls(account_id, region_name, made.arn, properties)

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: Any,
        new_resource_name: str,
        cloudformation_json: dict[str, Any],
        account_id: str,
        region_name: str,
    ) -> Any:
        properties, arn = cloudformation_json["Properties"], original_resource.physical_resource_id
        if original_resource.properties.get("JobQueueName") != properties.get("JobQueueName"):
            return cls.create_from_cloudformation_json(new_resource_name, cloudformation_json, account_id, region_name)
        _backend(account_id, region_name).update_job_queue(
            queue_name=arn,
            priority=properties["Priority"],
            state=properties.get("State", "ENABLED"),
            compute_env_order=members(properties["ComputeEnvironmentOrder"]),
            schedule_policy=properties.get("SchedulingPolicyArn"),
        )
        return cls(account_id, region_name, arn, properties)

    def delete(self, account_id: str, region_name: str) -> None:
        """Deletes it."""
        _backend(account_id, region_name).delete_job_queue(self.physical_resource_id)


class JobDefinition(LocalResource):
    """AWS::Batch::JobDefinition: each update is a new revision, the one before stays if the template says so."""

    @classmethod
    def cloudformation_type(cls) -> str:
        return "AWS::Batch::JobDefinition"

    @classmethod
    def cloudformation_name_type(cls) -> str:
        return "JobDefinitionName"

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: dict[str, Any], account_id: str, region_name: str, **kwargs: Any
    ) -> Any:
        properties = cloudformation_json["Properties"]
        made = _backend(account_id, region_name).register_job_definition(
            def_name=resource_name,
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
        resource = cls(account_id, region_name, made.arn.rpartition(":")[0], properties)
        resource.revision_arn = made.arn
        return resource

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: Any,
        new_resource_name: str,
        cloudformation_json: dict[str, Any],
        account_id: str,
        region_name: str,
    ) -> Any:
        properties = cloudformation_json["Properties"]
        new = cls.create_from_cloudformation_json(new_resource_name, cloudformation_json, account_id, region_name)
        if not properties.get("ResourceRetentionPolicy", {}).get("SkipDeregisterOnUpdate"):
            _backend(account_id, region_name).deregister_job_definition(original_resource.revision_arn)
        return new

    revision_arn: str

    def get_cfn_attribute(self, attribute_name: str) -> str:
        """The ARN of the newest revision."""
        return self.revision_arn

    def delete(self, account_id: str, region_name: str) -> None:
        """Deregisters every revision."""
        backend = _backend(account_id, region_name)
        for arn in list(backend._job_definitions):
            if arn.rpartition(":")[0] == self.physical_resource_id:
                backend.deregister_job_definition(arn)


def _without_sizes(properties: dict[str, Any]) -> dict[str, Any]:
    """All that CloudFormation may replace an environment for: sizes and state it changes in place."""
    machines = {name: value for name, value in properties["ComputeResources"].items() if not name.endswith("vCpus")}
    return {**properties, "State": None, "ComputeResources": machines}


def _machines(properties: dict[str, Any], account_id: str, region_name: str) -> dict[str, Any]:
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
