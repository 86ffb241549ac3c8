"""Permissions of people in CloudFormation: managed policies, which moto does not update, and roles of other owners."""

import json
from typing import Any, Final

from moto.iam.models import IAMBackend, InlinePolicy, iam_backends
from moto.iam.policy_validation import IAMPolicyDocumentValidator
from moto.utilities.utils import get_partition

from fairlane_local.cloudformation.local_resource import LocalResource, register


class LocalManagedPolicy(LocalResource):
    """AWS::IAM::ManagedPolicy. An update creates a new default version, and deletes the previous one."""

    resource_type = "AWS::IAM::ManagedPolicy"
    create_only = frozenset({"Description", "ManagedPolicyName", "Path"})

    def create(self) -> None:
        """Create the policy and attach it to the roles of the template."""
        policy = self._iam.create_policy(
            description=self.properties.get("Description"),
            path=self.properties.get("Path"),
            policy_document=json.dumps(self.properties["PolicyDocument"]),
            policy_name=self.properties.get("ManagedPolicyName", self.physical_resource_id),
            tags=[],
        )
        self.physical_resource_id = policy.arn
        self._attach(self._roles)

    def update(self, old: "LocalManagedPolicy") -> None:
        """Replace the document, and change the attachments."""
        document = json.dumps(self.properties["PolicyDocument"])
        replaced = self._iam.get_policy(self.physical_resource_id).default_version_id
        self._iam.create_policy_version(self.physical_resource_id, document, set_as_default=True)
        self._iam.delete_policy_version(self.physical_resource_id, replaced)
        self._detach(old._roles - self._roles)
        self._attach(self._roles - old._roles)

    def remove(self) -> None:
        """Detach the policy from the roles of the template, and delete it."""
        self._detach(self._roles)
        self._iam.delete_policy(self.physical_resource_id)

    def _attach(self, roles: set[str]) -> None:
        for role in sorted(roles):
            self._iam.attach_role_policy(self.physical_resource_id, role)

    def _detach(self, roles: set[str]) -> None:
        attached = {role.name for role in self._iam.get_roles() if self.physical_resource_id in role.managed_policies}
        for role in sorted(roles & attached):  # a role of the stack may be deleted before
            self._iam.detach_role_policy(self.physical_resource_id, role)

    @property
    def _roles(self) -> set[str]:
        return set(self.properties.get("Roles", ()))

    @property
    def _iam(self) -> IAMBackend:
        account_id, region = self._location
        return iam_backends[account_id][get_partition(region)]


def install() -> None:
    """Register the resource, create the roles that inline policies name, and accept numbers in conditions."""
    register((LocalManagedPolicy,))
    IAMPolicyDocumentValidator._validate_condition_syntax = staticmethod(_validate)  # type: ignore[method-assign]
    InlinePolicy.apply_policy = _apply_policy  # type: ignore[method-assign]


_moto_apply: Final = InlinePolicy.apply_policy
_moto_validate: Final = IAMPolicyDocumentValidator._validate_condition_syntax


def _validate(statement: dict[str, Any]) -> None:
    _moto_validate(json.loads(json.dumps(statement), parse_int=str, parse_float=str))


def _apply_policy(self: InlinePolicy, backend: IAMBackend) -> None:
    """Apply a policy. A role that exists in the account and not in the local AWS is created, for the account's use."""
    names = {role.name for role in backend.get_roles()}
    for name in set(self.role_names or ()) - names:
        trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": backend.account_id}}
        document: dict[str, Any] = {"Version": "2012-10-17", "Statement": [trust]}
        backend.create_role(name, json.dumps(document), "/", None, "Role of another owner", [], None)
    _moto_apply(self, backend)
