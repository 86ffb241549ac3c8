"""SSM parameters: those of stacks without a name, which moto cannot delete, and values of template parameters."""

from typing import Any, Final

from moto.cloudformation.exceptions import ValidationError
from moto.cloudformation.parsing import ResourceMap
from moto.ssm.models import Parameter, ssm_backends

_IMAGE_TYPE: Final = "AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>"
_IMAGE_ID: Final = "ami-0123456789abcdef0"

_moto_create: Final = Parameter.create_from_cloudformation_json
_moto_parse: Final = ResourceMap.parse_ssm_parameter


def install() -> None:
    """Give parameters without a name a generated one, and answer for parameters that do not exist."""
    Parameter.create_from_cloudformation_json = _create  # type: ignore[method-assign]
    ResourceMap.parse_ssm_parameter = _parse  # type: ignore[method-assign]


def _create(
    resource_name: str, cloudformation_json: dict[str, Any], account_id: str, region_name: str, **options: Any
) -> Parameter:
    named = cloudformation_json | {"Properties": {"Name": resource_name, **cloudformation_json["Properties"]}}
    return _moto_create(resource_name, named, account_id, region_name, **options)


def _parse(self: ResourceMap, value: str, value_type: str) -> str:
    """Return the value of a parameter. An image need not exist, as no instance starts from it."""
    if ssm_backends[self._account_id][self._region_name].get_parameter(value):
        return _moto_parse(self, value, value_type)
    if value_type == _IMAGE_TYPE:
        return _IMAGE_ID
    raise ValidationError(message=f"Unable to fetch parameters [{value}] from parameter store for this account.")
