"""Environment-file model of `execution_roles`."""

from collections.abc import Iterator
from typing import Final

from fairlane._internal.checks import check_tags
from fairlane.environment.base import Model
from fairlane.errors import Problem
from fairlane.jobs.permission_rules import check_s3_prefix, policy_size_problems, training_permission_problems

_REST_OF_POLICY: Final = 1_200
"""Characters of the statements for logs, metrics, images and keys."""


class TrainingExecutionRoleModel(Model, title="execution role"):
    """IAM role that SageMaker assumes to run training jobs."""

    read: list[str] = []
    """S3 URIs of the prefixes that jobs read from, for example s3://datasets/imagenet/. Each ends with /.
    Default: none."""
    write: list[str] = []
    """S3 URIs of the prefixes that jobs write to and read from. Each ends with /. Default: none."""
    repositories: list[str] = []
    """ECR repositories to pull images from: names in the same account and Region, or ARNs. Default: none."""
    kms_keys: list[str] = []
    """ARNs of the KMS keys of the buckets and of the jobs' volumes. Default: none."""
    tags: dict[str, str] = {}
    """Tags of the role, at most 50. Default: none."""

    def problems(self) -> Iterator[Problem]:
        """Yield the problems of the URIs, names, ARNs and tags."""
        yield from training_permission_problems(
            read=self.read, write=self.write, repositories=self.repositories, kms_keys=self.kms_keys
        )
        if not any(check for uri in (*self.read, *self.write) for check in check_s3_prefix((), uri)):
            other = sum(map(len, (*self.repositories, *self.kms_keys))) + _REST_OF_POLICY
            yield from policy_size_problems(self.read, self.write, other)
        yield from check_tags(self.tags)
