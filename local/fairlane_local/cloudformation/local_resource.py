"""What CloudFormation resources that are made here have in common."""

from collections.abc import Iterable, Mapping
from typing import Any

from moto.cloudformation import parsing
from moto.core.common_models import CloudFormationModel


class LocalResource(CloudFormationModel):
    """A resource that is made here, not by moto, and so is deleted when another one has replaced it.

    Attributes:
        physical_resource_id: its ARN.
        properties: as the template has them.
    """

    def __init__(self, account_id: str, region: str, arn: str, properties: Mapping[str, Any]) -> None:
        self.physical_resource_id = arn
        self.properties = properties
        self._where = (account_id, region)

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        return attr.endswith("Arn")

    def get_cfn_attribute(self, attribute_name: str) -> str:
        """The ARN, the only attribute there is."""
        return self.physical_resource_id


class Record(LocalResource):
    """A resource of which only what was asked for is kept, as nothing here does anything with it."""

    @classmethod
    def cloudformation_name_type(cls) -> str:
        return ""

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: dict[str, Any], account_id: str, region_name: str, **kwargs: Any
    ) -> Any:
        return cls(account_id, region_name, resource_name, cloudformation_json.get("Properties", {}))

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: Any,
        new_resource_name: str,
        cloudformation_json: dict[str, Any],
        account_id: str,
        region_name: str,
    ) -> Any:
        return cls.create_from_cloudformation_json(new_resource_name, cloudformation_json, account_id, region_name)

    def delete(self, account_id: str, region_name: str) -> None:
        """Forgets it."""


def register(resources: Iterable[type[CloudFormationModel]]) -> None:
    """Has moto's CloudFormation make each of these from a template."""
    for resource in resources:
        parsing.get_model_map()[resource.cloudformation_type()] = resource
        parsing.get_name_type_map()[resource.cloudformation_type()] = resource.cloudformation_name_type()


def members(properties: Any) -> Any:
    """Spells property names as the API does: `QuotaShareName` is `quotaShareName` there."""
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
