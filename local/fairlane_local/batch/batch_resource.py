"""Base class of the CloudFormation resources of AWS Batch. They call the Batch API, as AWS's own do."""

from collections.abc import Mapping
from typing import Any, ClassVar, Self

from botocore.model import Shape
from botocore.validate import ParamValidator
from moto.cloudformation.exceptions import ValidationError

from fairlane_local.batch.api import batch_api
from fairlane_local.batch.parameters import batch_model
from fairlane_local.cloudformation.local_resource import LocalResource


class BatchResource(LocalResource):
    """Resource whose properties are the members of its API requests, with an upper-case first letter.

    Attributes:
        kind: Name of the resource in API calls, for example `QuotaShare` in `CreateQuotaShare`.
        key: Member that identifies the resource in update and delete requests.
        template_only: Properties that are no members of a request.
    """

    kind: ClassVar[str]
    key: ClassVar[str]
    template_only: ClassVar[frozenset[str]] = frozenset()

    def create(self) -> None:
        """Create the resource through the Batch API."""
        self.properties = {self.name_property: self.physical_resource_id, **self.properties}
        response = self.call(f"Create{self.kind}", self.properties)
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
        self.call(f"Update{self.kind}", changes, {self.key: self.physical_resource_id})
        self._update_tags(old)
        names = {name: old.properties[name] for name in self.create_only if name in old.properties}
        self.properties = {**names, **properties}

    def remove(self) -> None:
        """Disable and delete the resource, as AWS does."""
        arn = {self.key: self.physical_resource_id}
        if "state" in batch_model().operation_model(f"Update{self.kind}").input_shape.members:
            self.call(f"Update{self.kind}", {"State": "DISABLED"}, arn)
        self.call(f"Delete{self.kind}", {}, arn)

    def call(
        self, operation: str, properties: Mapping[str, Any], members: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Return the response of an operation.

        Args:
            operation: Operation of the Batch API.
            properties: Properties of the template.
            members: Other members of the request.

        Raises:
            ValidationError: If a property is unknown, missing or has an invalid type.
        """
        shape = batch_model().operation_model(operation).input_shape
        properties = {name: value for name, value in properties.items() if name not in self.template_only}
        request = {**api_members(properties, shape), **(members or {})}
        report = ParamValidator().validate(request, shape)
        errors = [f"#: extraneous key [{name}] is not permitted" for name in request.keys() - shape.members.keys()]
        if report.has_errors() or errors:
            reasons = "; ".join([*errors, report.generate_report()])
            raise ValidationError(message=f"Properties validation failed: {reasons}")
        return batch_api(*self._location).call(operation, request)

    def _update_tags(self, old: Self) -> None:
        arn = {"resourceArn": self.physical_resource_id}
        old_tags, new_tags = old.properties.get("Tags", {}), self.properties.get("Tags", {})
        api = batch_api(*self._location)
        if removed_keys := [key for key in old_tags if key not in new_tags]:
            api.call("UntagResource", arn | {"tagKeys": removed_keys})
        if new_tags:
            api.call("TagResource", arn | {"tags": new_tags})


def api_members(properties: Any, shape: Shape | None) -> Any:
    """Return properties with the names of API members: `QuotaShareName` becomes `quotaShareName`.

    Args:
        properties: Properties of a template.
        shape: Shape of the API, which tells the members of a structure from the keys of a map.
    """
    match properties:
        case dict() if shape is not None and shape.type_name == "map":
            return properties
        case dict():
            names = {name: name[0].lower() + name[1:] for name in properties}
            shapes = shape.members if shape is not None and shape.type_name == "structure" else {}
            return {names[name]: api_members(value, shapes.get(names[name])) for name, value in properties.items()}
        case list():
            item_shape = shape.member if shape is not None and shape.type_name == "list" else None
            return [api_members(item, item_shape) for item in properties]
        case _:
            return properties
