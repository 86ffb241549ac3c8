"""What a training job may be allowed to use, as people write it, and every rule for it. Knows no aws_cdk."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from fairlane._internal.iam_statements import MAX_INLINE_POLICY, Statement, allow, policy_size
from fairlane._internal.tokens import is_token, without_tokens
from fairlane.errors import Path, Problem

WHY_OBJECTS: Final = "the objects below a prefix that was named for this role: their keys are not known beforehand"
"""Reason for the wildcard behind a prefix, for cdk-nag."""

_READ: Final = ["s3:GetObject"]
_READ_AND_WRITE: Final = ["s3:AbortMultipartUpload", "s3:GetObject", "s3:ListMultipartUploadParts", "s3:PutObject"]
_STAND_IN: Final = "0"  # fits wherever a token may stand
_BUCKET: Final = r"(?!.*\.\.)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]|0"
_S3_PREFIX: Final = re.compile(rf"s3://(?:{_BUCKET})/(?:[^*?$\x00-\x1f\x7f]*/)?")
_REPOSITORY: Final = r"(?=[^/].{1,255}$)[a-z0-9]+(?:(?:[._/]|__|-+)[a-z0-9]+)*"
_REPOSITORY_NAME: Final = re.compile(_REPOSITORY)
_REPOSITORY_ARN: Final = re.compile(rf"arn:[a-z0-9-]+:ecr:[a-z0-9-]+:(?:[0-9]{{12}}|0):repository/(?:{_REPOSITORY}|0)")
_KEY_ARN: Final = re.compile(r"arn:[a-z0-9-]+:kms:[a-z0-9-]+:(?:[0-9]{12}|0):key/[A-Za-z0-9-]+")
_WILD: Final = re.compile(r"[*?$\s]|:alias/")


def split_s3_prefix(uri: str) -> tuple[str, str]:
    """Takes a bucket and a prefix out of the URI of a prefix that has passed `check_s3_prefix`."""
    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    return bucket, prefix


def check_s3_prefix(field: Path, uri: object) -> Iterator[Problem]:
    """Checks the S3 URI of a prefix: bucket and prefix may be tokens, what is between them may not."""
    if not (isinstance(uri, str) and _S3_PREFIX.fullmatch(without_tokens(uri, _STAND_IN))):
        allowed = "an S3 URI of a prefix, without *, ? and $, that ends with /, such as s3://datasets/imagenet/"
        yield Problem(field, uri, allowed)


def check_repository(field: Path, repository: object) -> Iterator[Problem]:
    """Checks the name or ARN of a repository; a token passes, but no wildcard beside one."""
    if not _names_one_thing(repository, _REPOSITORY_NAME, _REPOSITORY_ARN):
        yield Problem(field, repository, "the name of a repository, or its ARN")


def check_key(field: Path, key: object) -> Iterator[Problem]:
    """Checks the ARN of a KMS key; an alias will not do in a policy; a token passes, but no wildcard beside one."""
    if not _names_one_thing(key, _KEY_ARN):
        yield Problem(field, key, "the ARN of a KMS key, not of an alias")


def s3_statements(read: Sequence[str], write: Sequence[str], arn: str) -> Iterator[Statement]:
    """Allows to read below some prefixes and to read and write below others, and to list both.

    Args:
        read: S3 URIs of prefixes that have passed `check_s3_prefix`.
        write: more of them.
        arn: what ARNs begin with, such as `arn:aws`.
    """
    prefixes: dict[str, list[str]] = {}
    for uri, allowed in (dict.fromkeys(read, _READ) | dict.fromkeys(write, _READ_AND_WRITE)).items():
        bucket, prefix = split_s3_prefix(uri)
        prefixes.setdefault(bucket, []).append(f"{prefix}*")
        yield allow(allowed, [f"{arn}:s3:::{bucket}/{prefix}*"])
    for bucket, within in prefixes.items():
        yield allow(["s3:ListBucket"], [f"{arn}:s3:::{bucket}"], {"StringLike": {"s3:prefix": within}})


def policy_size_problems(read: Sequence[str], write: Sequence[str], other: int = 0) -> Iterator[Problem]:
    """Yields prefixes that are too many or too long for one role, beside `other` characters of its policy."""
    size = policy_size(s3_statements(read, write, "arn:aws")) + other
    if size > MAX_INLINE_POLICY:
        allowed = f"at most {MAX_INLINE_POLICY} characters in the role's policy: fewer or shorter prefixes"
        yield Problem(("read" if read else "write",), f"{size} characters with all that is named", allowed)


def _names_one_thing(value: object, *forms: re.Pattern[str]) -> bool:
    if not isinstance(value, str):
        return is_token(value)
    literal = without_tokens(value, _STAND_IN)
    if literal != value:
        return not _WILD.search(literal)
    return any(form.fullmatch(value) for form in forms)


def training_permission_problems(
    *, read: object, write: object, repositories: Sequence[object], kms_keys: Sequence[object]
) -> Iterator[Problem]:
    """Yields every mistake in what a training job shall be allowed to use."""
    for name, values, check in (
        ("read", read, check_s3_prefix),
        ("write", write, check_s3_prefix),
        ("repositories", repositories, check_repository),
        ("kms_keys", kms_keys, check_key),
    ):
        if isinstance(values, str) or not isinstance(values, Sequence):
            yield Problem((name,), values, "a list")
            continue
        for index, value in enumerate(values):
            yield from check((name, index), value)
