"""Rules and names of sweep stores, and the prefixes of their buckets. Imports no aws_cdk."""

import re
from collections.abc import Iterator
from typing import Final

from fairlane._internal.athena_names import NAME_PREFIX, PREFIX, PREFIX_RULE
from fairlane._internal.checks import check_tags, check_text, check_whole_number
from fairlane._internal.key_rules import check_regional_key
from fairlane.errors import Problem

SWEEPS: Final = "sweeps/"
RESULTS: Final = "results/"
FAILURES: Final = "failures/"
PROGRESS: Final = "progress/"
ATHENA: Final = "athena/"

MANIFESTS: Final = f"{SWEEPS}*/manifests/*"
PUT_ONCE: Final = (f"{RESULTS}*", f"{SWEEPS}*/sweep.json", MANIFESTS)
"""Keys that the bucket policy lets nobody overwrite."""

MAX_DAYS: Final = 3_650
_NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,63}")
_BUCKET: Final = re.compile(
    r"(?!xn--|sthree-|amzn-s3-demo-)(?!.*(-s3alias|--ol-s3|--x-s3|--table-s3)$)[a-z0-9][a-z0-9-]{1,61}[a-z0-9]"
)
"""Name of a new bucket. Amazon S3 allows dots, but recommends names without them."""


def store_problems(
    *,
    store_name: object,
    expire_after_days: object,
    encryption_key: object,
    tags: object,
    region: str | None,
    bucket_name: object = None,
    name_prefix: object = NAME_PREFIX,
) -> Iterator[Problem]:
    """Yield the problems of a sweep store.

    Args:
        store_name: Name of the store.
        expire_after_days: Number of days after which the objects of sweeps expire. None if they never expire.
        encryption_key: ARN of the KMS key of the bucket. None if Amazon S3 manages the key.
        tags: Tags of the resources.
        region: Region of the store. None if it is unknown.
        bucket_name: Name of the bucket. None if CloudFormation chooses it.
        name_prefix: Start of the names of the workgroup and the database.
    """
    if not isinstance(name_prefix, str) or PREFIX.fullmatch(name_prefix) is None:
        yield Problem(("name_prefix",), name_prefix, PREFIX_RULE)
    if bucket_name is not None:
        allowed = "3 to 63 characters of a-z, 0-9 and -, without the prefixes and suffixes that Amazon S3 reserves"
        yield from check_text(("bucket_name",), bucket_name, _BUCKET.fullmatch, allowed)
    if isinstance(store_name, str) and _NAME.fullmatch(store_name) is None:
        yield Problem(("store_name",), store_name, "1 to 64 characters of a-z, 0-9 and -, a letter first")
    elif not isinstance(store_name, str):
        yield Problem(("store_name",), store_name, "a text that is known at synth")
    if expire_after_days is not None:
        yield from check_whole_number(("expire_after_days",), expire_after_days, 1, MAX_DAYS, unit="days")
    if encryption_key is not None:
        yield from check_regional_key(("encryption_key",), encryption_key, region, None, place="the bucket is")
    yield from check_tags(tags)


def import_problems(
    *, bucket_name: object, store_name: object, encryption_key: object, region: str | None, name_prefix: object
) -> Iterator[Problem]:
    """Yield the problems of the arguments that import a sweep store."""
    yield from store_problems(
        store_name=store_name,
        expire_after_days=None,
        encryption_key=encryption_key,
        tags=None,
        region=region,
        bucket_name="" if bucket_name is None else bucket_name,
        name_prefix=name_prefix,
    )


def parameter_name(store_name: str, prefix: str) -> str:
    """Return the name of the SSM parameter that tells where a store is, whose path has a prefix other than fairlane."""
    return f"/fairlane/sweep-store/{store_name if prefix == NAME_PREFIX else f'{prefix}/{store_name}'}"
