"""CloudFormation resources of AWS Batch for SageMaker training. They call the Batch API, as AWS's own do."""

from collections.abc import Mapping
from typing import Any, ClassVar, Self

from botocore import xform_name
from botocore.validate import ParamValidator
from moto.cloudformation.exceptions import ValidationError

from fairlane_local.batch.api import batch_model, training_batch
from fairlane_local.batch.container_resources import ComputeEnvironment, ContainerQueue, JobDefinition
from fairlane_local.cloudformation.local_resource import LocalResource, members, register


class BatchResource(LocalResource):
    """Resource whose properties are the members of its API requests, with an upper-case first letter.

    Attributes:
        kind: Name of the resource in API calls, for example `QuotaShare` in `CreateQuotaShare`.
        key: Member that identifies the resource in update and delete requests.
    """

    kind: ClassVar[str]
    key: ClassVar[str]

    def create(self) -> None:
        """Create the resource through the Batch API."""
        self.properties = {self.name_property: self.physical_resource_id, **self.properties}
        response = self._call("Create", members(self.properties))
        (self.physical_resource_id,) = (value for key, value in response.items() if key.lower().endswith("arn"))

    def is_replaced_by(self, properties: Mapping[str, Any]) -> bool:
        """Return True for a change of name, type or parent. A name that CloudFormation generated is kept."""
        return super().is_replaced_by({**self.properties, **properties})

    def update(self, old: Self) -> None:
        """Update the resource through the Batch API. A list that is removed from the template becomes empty."""
        properties = self.properties
        empty_lists: dict[str, Any] = {
            name: [] for name, value in old.properties.items() if isinstance(value, list) and name not in properties
        }
        changes = empty_lists | {
            name: value for name, value in properties.items() if name not in {*self.create_only, "Tags"}
        }
        self._call("Update", {self.key: self.physical_resource_id, **members(changes)})
        training_batch(*self._location).set_tags(self.physical_resource_id, properties.get("Tags", {}))
        names = {name: old.properties[name] for name in self.create_only if name in old.properties}
        self.properties = {**names, **properties}

    def remove(self) -> None:
        """Disable and delete the resource, as AWS does."""
        arn = {self.key: self.physical_resource_id}
        if "state" in batch_model().operation_model(f"Update{self.kind}").input_shape.members:
            self._call("Update", arn | {"state": "DISABLED"})
        self._call("Delete", arn)

    def _call(self, verb: str, request: dict[str, Any]) -> dict[str, Any]:
        operation = f"{verb}{self.kind}"
        shape = batch_model().operation_model(operation).input_shape
        report = ParamValidator().validate(request, shape)
        errors = [f"#: extraneous key [{name}] is not permitted" for name in request.keys() - shape.members.keys()]
        if report.has_errors() or errors:
            reasons = "; ".join([*errors, report.generate_report()])
            raise ValidationError(message=f"Properties validation failed: {reasons}")
        return getattr(training_batch(*self._location), xform_name(operation))(request)  # type: ignore[no-any-return]


class ServiceEnvironment(BatchResource):
    """AWS::Batch::ServiceEnvironment."""

    resource_type = "AWS::Batch::ServiceEnvironment"
    kind = "ServiceEnvironment"
    name_property = "ServiceEnvironmentName"
    create_only = frozenset({"ServiceEnvironmentName", "ServiceEnvironmentType"})
    key = "serviceEnvironment"


class SchedulingPolicy(BatchResource):
    """AWS::Batch::SchedulingPolicy."""

    resource_type = "AWS::Batch::SchedulingPolicy"
    kind = "SchedulingPolicy"
    name_property = "Name"
    create_only = frozenset({"Name"})
    key = "arn"


class QuotaShare(BatchResource):
    """AWS::Batch::QuotaShare."""

    resource_type = "AWS::Batch::QuotaShare"
    kind = "QuotaShare"
    name_property = "QuotaShareName"
    create_only = frozenset({"QuotaShareName", "JobQueue"})
    key = "quotaShareArn"


class JobQueue(BatchResource):
    """AWS::Batch::JobQueue for SageMaker training. `ContainerQueue` models a queue for containers."""

    resource_type = "AWS::Batch::JobQueue"
    kind = "JobQueue"
    name_property = "JobQueueName"
    create_only = frozenset({"JobQueueName", "JobQueueType"})
    key = "jobQueue"

    @classmethod
    def variant(cls, properties: Mapping[str, Any]) -> type[LocalResource]:
        """Return `ContainerQueue` for a queue without a service environment."""
        return cls if "ServiceEnvironmentOrder" in properties else ContainerQueue


RESOURCES = (ServiceEnvironment, SchedulingPolicy, JobQueue, QuotaShare, ComputeEnvironment, JobDefinition)


def install() -> None:
    """Register the resources with moto's CloudFormation."""
    register(RESOURCES)
