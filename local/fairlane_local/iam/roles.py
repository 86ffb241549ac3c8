"""Policies of roles that moto drops, or that keep it from deleting the role of a stack."""

import json
from functools import cache
from typing import Any, Final

from moto.iam.aws_managed_policies import aws_managed_policies_data
from moto.iam.models import AWSManagedPolicy, IAMBackend, Role, iam_backends
from moto.utilities.utils import get_partition

_AWS_POLICY: Final = ":iam::aws:policy/"


def install() -> None:
    """Replace the functions of moto that drop policies, or that do not detach them at a deletion."""
    IAMBackend.attach_role_policy = _attach_role_policy  # type: ignore[method-assign]
    Role.create_from_cloudformation_json = _create  # type: ignore[method-assign]
    Role.update_from_cloudformation_json = _update  # type: ignore[method-assign,assignment]
    Role.delete_from_cloudformation_json = _delete  # type: ignore[method-assign]


_moto_attach: Final = IAMBackend.attach_role_policy
_moto_create: Final = Role.create_from_cloudformation_json
_moto_update: Final = Role.update_from_cloudformation_json
_moto_delete: Final = Role.delete_from_cloudformation_json


def _attach_role_policy(self: IAMBackend, policy_arn: str, role_name: str) -> None:
    name = policy_arn.rpartition("/")[2]
    if _AWS_POLICY in policy_arn and policy_arn not in self.managed_policies and name in _aws_policies():
        policy = AWSManagedPolicy.from_data(name, self.account_id, self.region_name, _aws_policies()[name])
        self.managed_policies[policy.arn] = policy
    _moto_attach(self, policy_arn, role_name)


def _create(
    resource_name: str, cloudformation_json: dict[str, Any], account_id: str, region_name: str, **options: Any
) -> Role:
    role = _moto_create(resource_name, cloudformation_json, account_id, region_name, **options)
    return _with_policies(role, cloudformation_json["Properties"])


def _update(cloudformation_json: dict[str, Any], **arguments: Any) -> Role:
    role = _moto_update(cloudformation_json=cloudformation_json, **arguments)
    return _with_policies(role, cloudformation_json["Properties"])


def _delete(resource_name: str, cloudformation_json: dict[str, Any], account_id: str, region_name: str) -> None:
    backend = iam_backends[account_id][get_partition(region_name)]
    for arn in list(backend.get_role(resource_name).managed_policies):
        backend.detach_role_policy(arn, resource_name)
    _moto_delete(resource_name, cloudformation_json, account_id, region_name)


def _with_policies(role: Role, properties: dict[str, Any]) -> Role:
    for policy in properties.get("Policies", []):
        role.put_policy(policy["PolicyName"], json.dumps(policy["PolicyDocument"]))
    for arn in properties.get("ManagedPolicyArns", []):
        iam_backends[role.account_id][role.partition].attach_role_policy(arn, role.name)
    return role


@cache
def _aws_policies() -> dict[str, dict[str, Any]]:
    policies: dict[str, dict[str, Any]] = json.loads(aws_managed_policies_data)
    return policies
