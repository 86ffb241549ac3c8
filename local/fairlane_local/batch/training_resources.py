"""The CloudFormation resources of AWS Batch for SageMaker training, made by calling the Batch API as AWS's own are."""

from typing import Any, ClassVar

from botocore import xform_name
from botocore.validate import ParamValidator
from moto.cloudformation.exceptions import ValidationError

from fairlane_local.batch.api import batch_model, training_batch
from fairlane_local.batch.container_resources import ComputeEnvironment, ContainerQueue, JobDefinition
from fairlane_local.cloudformation.local_resource import LocalResource, members, register


class BatchResource(LocalResource):
    """A resource whose properties are the members of its API requests, in another spelling.

    Attributes:
        kind: its name in the API's calls, as in `CreateQuotaShare`.
        name_property: the property that names it.
        create_only: properties whose change replaces it.
        key: what later requests call it by.
    """

    kind: ClassVar[str] = ""
    name_property: ClassVar[str] = ""
    create_only: ClassVar[frozenset[str]]
    key: ClassVar[str]

    @classmethod
    def cloudformation_type(cls) -> str:
        return f"AWS::Batch::{cls.kind}"

    @classmethod
    def cloudformation_name_type(cls) -> str:
        return cls.name_property

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: dict[str, Any], account_id: str, region_name: str, **kwargs: Any
    ) -> Any:
        properties = {cls.name_property: resource_name, **cloudformation_json["Properties"]}
        answer = _call(f"Create{cls.kind}", members(properties), account_id, region_name)
        (arn,) = (value for key, value in answer.items() if key.lower().endswith("arn"))
        return cls(account_id, region_name, arn, properties)

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
        old = original_resource.properties
        if any(properties.get(name, old.get(name)) != old.get(name) for name in cls.create_only):
            return cls.create_from_cloudformation_json(new_resource_name, cloudformation_json, account_id, region_name)
        emptied: dict[str, Any] = {
            name: [] for name, value in old.items() if isinstance(value, list) and name not in properties
        }
        changes = emptied | {
            name: value for name, value in properties.items() if name not in {*cls.create_only, "Tags"}
        }
        arn = original_resource.physical_resource_id
        _call(f"Update{cls.kind}", {cls.key: arn, **members(changes)}, account_id, region_name)
        training_batch(account_id, region_name).set_tags(arn, properties.get("Tags", {}))
        names = {name: old[name] for name in cls.create_only if name in old}
        return cls(account_id, region_name, arn, {**names, **properties})

    def delete(self, account_id: str, region_name: str) -> None:
        """Disables and deletes it, as AWS's handlers do."""
        arn = {self.key: self.physical_resource_id}
        if "state" in batch_model().operation_model(f"Update{self.kind}").input_shape.members:
            _call(f"Update{self.kind}", arn | {"state": "DISABLED"}, account_id, region_name)
        _call(f"Delete{self.kind}", arn, account_id, region_name)


class ServiceEnvironment(BatchResource):
    """AWS::Batch::ServiceEnvironment."""

    kind = "ServiceEnvironment"
    name_property = "ServiceEnvironmentName"
    create_only = frozenset({"ServiceEnvironmentName", "ServiceEnvironmentType"})
    key = "serviceEnvironment"


class SchedulingPolicy(BatchResource):
    """AWS::Batch::SchedulingPolicy."""

    kind = "SchedulingPolicy"
    name_property = "Name"
    create_only = frozenset({"Name"})
    key = "arn"


class QuotaShare(BatchResource):
    """AWS::Batch::QuotaShare."""

    kind = "QuotaShare"
    name_property = "QuotaShareName"
    create_only = frozenset({"QuotaShareName", "JobQueue"})
    key = "quotaShareArn"


class JobQueue(BatchResource):
    """AWS::Batch::JobQueue: one for SageMaker training; one for containers is a `ContainerQueue`."""

    kind = "JobQueue"
    name_property = "JobQueueName"
    create_only = frozenset({"JobQueueName", "JobQueueType"})
    key = "jobQueue"

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: dict[str, Any], account_id: str, region_name: str, **kwargs: Any
    ) -> Any:
        arguments = (resource_name, cloudformation_json, account_id, region_name)
        if "ServiceEnvironmentOrder" in cloudformation_json["Properties"]:
            return super().create_from_cloudformation_json(*arguments, **kwargs)
        return ContainerQueue.create_from_cloudformation_json(*arguments, **kwargs)

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: Any,
        new_resource_name: str,
        cloudformation_json: dict[str, Any],
        account_id: str,
        region_name: str,
    ) -> Any:
        arguments = (original_resource, new_resource_name, cloudformation_json, account_id, region_name)
        if isinstance(original_resource, ContainerQueue):
            return ContainerQueue.update_from_cloudformation_json(*arguments)
        return super().update_from_cloudformation_json(*arguments)


RESOURCES = (ServiceEnvironment, SchedulingPolicy, JobQueue, QuotaShare, ComputeEnvironment, JobDefinition)


def install() -> None:
    """Registers the resources with moto's CloudFormation."""
    register(RESOURCES)


def _call(operation: str, request: dict[str, Any], account_id: str, region: str) -> dict[str, Any]:
    shape = batch_model().operation_model(operation).input_shape
    report = ParamValidator().validate(request, shape)
    faults = [f"#: extraneous key [{name}] is not permitted" for name in request.keys() - shape.members.keys()]
    if report.has_errors() or faults:
        raise ValidationError(message="Properties validation failed: " + "; ".join([*faults, report.generate_report()]))
    return getattr(training_batch(account_id, region), xform_name(operation))(request)  # type: ignore[no-any-return]
