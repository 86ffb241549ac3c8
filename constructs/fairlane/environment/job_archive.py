"""Environment-file model of `job_archive`."""

from collections.abc import Iterator
from typing import Any

from fairlane._internal.checks import is_region
from fairlane.environment.base import Model
from fairlane.errors import Problem
from fairlane.monitoring.archive.archive_rules import EXPIRE_AFTER_DAYS, archive_problems


class JobArchiveModel(Model, title="job archive"):
    """Archive of ended jobs: a bucket with one record for each job, a table and queries."""

    expire_after_days: int = EXPIRE_AFTER_DAYS
    """Number of days after which records expire, 8 to 3,650. Default: 400."""
    encryption_key: str | None = None
    """ARN of the KMS key of the bucket, in the same Region. Its policy must allow the roles to use it.
    Default: Amazon S3 manages the key."""

    def problems(self, region: str) -> Iterator[Problem]:
        """Yield the problems of the settings.

        Args:
            region: Region of the archive.
        """
        yield from archive_problems(region=region if is_region(region) else None, **self.settings)

    @property
    def settings(self) -> dict[str, Any]:
        """Keyword arguments of `JobArchive`, without its queues."""
        return self.model_dump(include={"expire_after_days", "encryption_key"})
