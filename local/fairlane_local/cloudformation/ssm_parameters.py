"""SSM parameters of stacks without a name, which moto cannot delete."""

from typing import Any, Final

from moto.ssm.models import Parameter

_moto_create: Final = Parameter.create_from_cloudformation_json


def install() -> None:
    """Give parameters without a name a generated one."""
    Parameter.create_from_cloudformation_json = _create  # type: ignore[method-assign]


def _create(
    resource_name: str, cloudformation_json: dict[str, Any], account_id: str, region_name: str, **options: Any
) -> Parameter:
    named = cloudformation_json | {"Properties": {"Name": resource_name, **cloudformation_json["Properties"]}}
    return _moto_create(resource_name, named, account_id, region_name, **options)
