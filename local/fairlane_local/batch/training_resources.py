"""The CloudFormation resources of AWS Batch for SageMaker training, made by calling the Batch API as AWS's own are."""

from collections.abc import Mapping
from typing import Any, ClassVar, Self

from botocore import xform_name
from botocore.validate import ParamValidator
from moto.cloudformation.exceptions import ValidationError

from fairlane_local.batch.api import batch_model, training_batch
from fairlane_local.batch.container_resources import ComputeEnvironment, ContainerQueue, JobDefinition
from fairlane_local.cloudformation.local_resource import LocalResource, members, register


class BatchResource(LocalResource):
    """A resource whose properties are the members of its API requests, in another spelling.

    Attributes:
        kind: Name in the API's calls, as in `CreateQuotaShare`.
        key: Member that later requests name it by.
    """

    kind: ClassVar[str]
    key: ClassVar[str]

    def create(self) -> None:
        """Create the resource by the API's own call."""
        self.properties = {self.name_property: self.physical_resource_id, **self.properties}
        answer = self._call("Create", members(self.properties))
        (self.physical_resource_id,) = (value for key, value in answer.items() if key.lower().endswith("arn"))

    def is_replaced_by(self, properties: Mapping[str, Any]) -> bool:
        """Return True for a change of name, type or parent; a name that CloudFormation chose stays."""
        return super().is_replaced_by({**self.properties, **properties})

    def update(self, old: Self) -> None:
        """Update the resource by the API's own call; lists that the template no longer has become empty."""
        properties = self.properties
        emptied: dict[str, Any] = {
            name: [] for name, value in old.properties.items() if isinstance(value, list) and name not in properties
        }
        changes = emptied | {
            name: value for name, value in properties.items() if name not in {*self.create_only, "Tags"}
        }
        self._call("Update", {self.key: self.physical_resource_id, **members(changes)})
        training_batch(*self._where).set_tags(self.physical_resource_id, properties.get("Tags", {}))
        names = {name: old.properties[name] for name in self.create_only if name in old.properties}
        self.properties = {**names, **properties}

    def remove(self) -> None:
        """Disable and delete the resource, as AWS's handlers do."""
        arn = {self.key: self.physical_resource_id}
        if "state" in batch_model().operation_model(f"Update{self.kind}").input_shape.members:
            self._call("Update", arn | {"state": "DISABLED"})
        self._call("Delete", arn)

    def _call(self, verb: str, request: dict[str, Any]) -> dict[str, Any]:
        operation = f"{verb}{self.kind}"
        shape = batch_model().operation_model(operation).input_shape
        report = ParamValidator().validate(request, shape)
        faults = [f"#: extraneous key [{name}] is not permitted" for name in request.keys() - shape.members.keys()]
        if report.has_errors() or faults:
            reasons = "; ".join([*faults, report.generate_report()])
            raise ValidationError(message=f"Properties validation failed: {reasons}")
        return getattr(training_batch(*self._where), xform_name(operation))(request)  # type: ignore[no-any-return]


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
    """AWS::Batch::JobQueue: one for SageMaker training; one for containers is a `ContainerQueue`."""

    resource_type = "AWS::Batch::JobQueue"
    kind = "JobQueue"
    name_property = "JobQueueName"
    create_only = frozenset({"JobQueueName", "JobQueueType"})
    key = "jobQueue"

    @classmethod
    def variant(cls, properties: Mapping[str, Any]) -> type[LocalResource]:
        """Return `ContainerQueue` for a queue that names no service environment."""
        return cls if "ServiceEnvironmentOrder" in properties else ContainerQueue


RESOURCES = (ServiceEnvironment, SchedulingPolicy, JobQueue, QuotaShare, ComputeEnvironment, JobDefinition)


def install() -> None:
    """Register the resources with moto's CloudFormation."""
    register(RESOURCES)
