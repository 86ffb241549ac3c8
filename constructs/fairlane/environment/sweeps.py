"""Environment-file model of `sweeps`."""

from collections.abc import Iterator
from typing import Any

from fairlane._internal.checks import is_region
from fairlane.environment.base import Model, entry_problem
from fairlane.errors import Problem
from fairlane.sweeps.store_rules import store_problems


class SweepStoreModel(Model, title="sweep store"):
    """Store of hyperparameter sweeps: a bucket, tables and queries, and the roles whose jobs can run a sweep."""

    job_definitions: list[str] = []
    """Job definitions of the Region whose containers can run a sweep. Default: none."""
    execution_roles: list[str] = []
    """Execution roles of the Region whose SageMaker training jobs can run a sweep. Default: none."""
    expire_after_days: int | None = None
    """Number of days after which sweeps and their results expire, 1 to 3,650. Default: never."""
    encryption_key: str | None = None
    """ARN of the KMS key of the bucket, in the same Region. Its policy must allow the roles to use it.
    Default: Amazon S3 manages the key."""
    bucket_name: str | None = None
    """Name of the bucket, 3 to 63 characters of a-z, 0-9 and -, unique in all accounts. Required if containers of a
    fan-out in other Regions use the store. Another name, also the first one of a store that has sweeps, creates an
    empty bucket. Default: CloudFormation chooses it."""
    tags: dict[str, str] = {}
    """Tags of the resources of the store, at most 50. Default: none."""

    def problems(self, name: str, region: str) -> Iterator[Problem]:
        """Yield the problems of the store by itself.

        Args:
            name: Name of the store, its key in the file.
            region: Region of the store.
        """
        for problem in store_problems(store_name=name, region=region if is_region(region) else None, **self.settings):
            yield entry_problem(problem, "store_name")
        for key in ("job_definitions", "execution_roles"):
            names = getattr(self, key)
            for index, entry in enumerate(names):
                if entry in names[:index]:
                    yield Problem.relation((key, index), f"{entry} is listed twice: list each name once")

    @property
    def settings(self) -> dict[str, Any]:
        """Keyword arguments of `SweepStore`, without its name."""
        return self.model_dump(include={"expire_after_days", "encryption_key", "bucket_name", "tags"})
