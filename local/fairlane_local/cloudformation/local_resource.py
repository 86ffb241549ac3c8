"""Interface between moto's CloudFormation and the resources that moto lacks or models differently."""

from collections.abc import Iterable, Mapping
from copy import copy
from typing import Any, ClassVar, Self

from moto.cloudformation import parsing
from moto.core.common_models import CloudFormationModel


class LocalResource(CloudFormationModel):
    """CloudFormation resource of this package.

    Subclasses implement `create`, `update` and `remove`. A resource that replaces another exists beside it until the
    deployment deletes the old one.

    Attributes:
        resource_type: CloudFormation type, for example `AWS::Batch::JobQueue`.
        name_property: Property that names the resource. Empty for resources without a name.
        create_only: Properties whose change replaces the resource, parts of properties as `Property/Part`.
        is_deleted_first: True if a resource is deleted before its replacement is created. Default: False.
        physical_resource_id: Name of the resource before `create`, and the value of `Ref` afterwards.
        properties: Properties from the template.
        context: Logical ID, stack ID and type, as moto passes them at creation.
    """

    resource_type: ClassVar[str] = ""
    name_property: ClassVar[str] = ""
    create_only: ClassVar[frozenset[str]] = frozenset()
    is_deleted_first: ClassVar[bool] = False

    def __init__(self, account_id: str, region: str, physical_id: str, properties: Any) -> None:
        self.physical_resource_id = physical_id
        self.properties = properties
        self.context: Mapping[str, str] = {}
        self._location = (account_id, region)

    def create(self) -> None:
        """Create the resource."""

    def update(self, old: Self) -> None:
        """Update the resource in place. The default implementation creates it again."""
        self.create()

    def remove(self) -> None:
        """Delete the resource."""

    def is_replaced_by(self, properties: Mapping[str, Any]) -> bool:
        """Return True if an update to these properties replaces the resource."""
        return any(_part(properties, path) != _part(self.properties, path) for path in self.create_only)

    @classmethod
    def variant(cls, properties: Mapping[str, Any]) -> type["LocalResource"]:
        """Return the class of a resource with these properties."""
        return cls

    @classmethod
    def cloudformation_type(cls) -> str:
        """Return the CloudFormation type."""
        return cls.resource_type

    @classmethod
    def cloudformation_name_type(cls) -> str:
        """Return the property that names the resource."""
        return cls.name_property

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        """Return True for ARNs."""
        return attr.endswith("Arn")

    def get_cfn_attribute(self, attribute_name: str) -> Any:
        """Return the ARN."""
        return self.physical_resource_id

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: dict[str, Any], account_id: str, region_name: str, **kwargs: Any
    ) -> Any:
        """Create a resource for moto."""
        properties = cloudformation_json.get("Properties", {})
        resource = cls.variant(properties)(account_id, region_name, resource_name, properties)
        resource.context = kwargs
        resource.create()
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
        """Update or replace a resource for moto."""
        properties = cloudformation_json.get("Properties", {})
        if original_resource.is_replaced_by(properties):
            arguments = (new_resource_name, cloudformation_json, account_id, region_name)
            if not cls.is_deleted_first:
                return cls.create_from_cloudformation_json(*arguments)
            original_resource.remove()
            try:
                return cls.create_from_cloudformation_json(*arguments)
            except Exception:
                original_resource.create()
                raise
        changed = copy(original_resource)
        changed.properties = properties
        changed.update(original_resource)
        return changed

    def delete(self, account_id: str, region_name: str) -> None:
        """Delete the resource for moto."""
        self.remove()


def register(resources: Iterable[type[CloudFormationModel]]) -> None:
    """Register resources with moto's CloudFormation."""
    for resource in resources:
        parsing.get_model_map()[resource.cloudformation_type()] = resource
        parsing.get_name_type_map()[resource.cloudformation_type()] = resource.cloudformation_name_type()


def _part(properties: Any, path: str) -> Any:
    for name in path.split("/"):
        properties = properties.get(name) if isinstance(properties, Mapping) else None
    return properties


def members(properties: Any) -> Any:
    """Return properties with the names of the API: `QuotaShareName` becomes `quotaShareName`."""
    match properties:
        case dict():
            return {
                name[0].lower() + name[1:]: value if name == "Tags" else members(value)
                for name, value in properties.items()
            }
        case list():
            return [members(item) for item in properties]
        case _:
            return properties
