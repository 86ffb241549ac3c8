"""CloudFormation resource of S3 bucket policies, which moto lacks."""

import json
from typing import Any

from moto.iam.access_control import IAMPolicy, PermissionResult
from moto.s3.models import FakeBucket, s3_backends
from moto.utilities.utils import get_partition

from fairlane_local.cloudformation.local_resource import LocalResource, register


class BucketPolicy(LocalResource):
    """AWS::S3::BucketPolicy. Replaces the policy of the bucket."""

    resource_type = "AWS::S3::BucketPolicy"
    create_only = frozenset({"Bucket"})

    def create(self) -> None:
        """Put the policy."""
        policy = json.dumps(self.properties["PolicyDocument"])
        self._s3.put_bucket_policy(self.properties["Bucket"], policy.encode())

    def remove(self) -> None:
        """Delete the policy."""
        if self.properties["Bucket"] in self._s3.buckets:
            self._s3.delete_bucket_policy(self.properties["Bucket"])

    @property
    def _s3(self) -> Any:
        account_id, region = self._location
        return s3_backends[account_id][get_partition(region)]


def install() -> None:
    """Register the resource with moto's CloudFormation, and ignore statements with conditions.

    Moto ignores only their conditions, so a statement that denies requests without TLS would deny all requests.
    """
    register((BucketPolicy,))
    FakeBucket.get_permission = _get_unconditional_permission  # type: ignore[method-assign]


def _get_unconditional_permission(self: FakeBucket, action: str, resource: str) -> PermissionResult:
    document = json.loads(self.policy or "{}")
    statements = document.get("Statement", [])
    statements = [statements] if isinstance(statements, dict) else statements
    unconditional = [statement for statement in statements if "Condition" not in statement]
    return IAMPolicy(json.dumps({"Statement": unconditional})).is_action_permitted(action, resource)
