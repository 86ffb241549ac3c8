"""Environment-file model of `execution_roles`."""

from collections.abc import Iterator
from typing import Final

from fairlane._internal.checks import check_tags
from fairlane.environment.base import Model
from fairlane.errors import Problem
from fairlane.jobs.permission_rules import check_s3_prefix, policy_size_problems, training_permission_problems

_REST_OF_POLICY: Final = 1_200  # characters: logs, metrics, pulling images, keys


class TrainingExecutionRoleModel(Model):
    """A role that SageMaker assumes to run training jobs."""

    read: list[str] = []
    """S3 URIs of prefixes to read from, each with / at the end."""
    write: list[str] = []
    """S3 URIs of prefixes to write to and read from, each with / at the end."""
    repositories: list[str] = []
    """ECR repositories to pull images from: names in the account and Region, or ARNs."""
    kms_keys: list[str] = []
    """ARNs of the KMS keys of those buckets and of the jobs' volumes."""
    tags: dict[str, str] = {}

    def problems(self) -> Iterator[Problem]:
        """Yields every URI, name and ARN that cannot be right."""
        yield from training_permission_problems(
            read=self.read, write=self.write, repositories=self.repositories, kms_keys=self.kms_keys
        )
        if not any(check for uri in (*self.read, *self.write) for check in check_s3_prefix((), uri)):
            other = sum(map(len, (*self.repositories, *self.kms_keys))) + _REST_OF_POLICY
            yield from policy_size_problems(self.read, self.write, other)
        yield from check_tags(self.tags)
