"""Rules, names and prefixes of job archives. Imports no aws_cdk."""

from collections.abc import Iterator
from typing import Final

from fairlane._internal.athena_names import NAME_PREFIX, PREFIX, PREFIX_RULE
from fairlane._internal.checks import check_whole_number
from fairlane._internal.key_rules import check_regional_key
from fairlane.errors import Problem

ARCHIVE_NAME: Final = "job-archive"
"""Name of the archive of a Region, from which the names of its workgroup and its database are formed."""
JOBS: Final = "jobs/"
ATHENA: Final = "athena/"
EXPIRE_AFTER_DAYS: Final = 400
MAX_DAYS: Final = 3_650


def archive_problems(
    *, expire_after_days: object, encryption_key: object, region: str | None, name_prefix: object = NAME_PREFIX
) -> Iterator[Problem]:
    """Yield the problems of the settings of a job archive.

    Args:
        expire_after_days: Number of days after which records expire.
        encryption_key: ARN of the KMS key of the bucket. None if Amazon S3 manages the key.
        region: Region of the archive. None if it is unknown.
        name_prefix: Start of the names of the workgroup and the database.
    """
    if not isinstance(name_prefix, str) or PREFIX.fullmatch(name_prefix) is None:
        yield Problem(("name_prefix",), name_prefix, PREFIX_RULE)
    yield from check_whole_number(("expire_after_days",), expire_after_days, 8, MAX_DAYS, unit="days")
    if encryption_key is not None:
        yield from check_regional_key(("encryption_key",), encryption_key, region, None, place="the bucket is")
