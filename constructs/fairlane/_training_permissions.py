"""What a training job may be allowed to use, as people write it, and every rule for it. Knows no aws_cdk."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from fairlane._checks import check_text
from fairlane._problems import Path, Problem
from fairlane._tokens import is_token

_S3_PREFIX: Final = re.compile(r"s3://(?P<bucket>[^/]+)/(?P<prefix>(?:[^*?]*/)?)")
_BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_REPOSITORY_NAME: Final = re.compile(r"(?=.{2,256}$)[a-z0-9]+([._/-][a-z0-9]+|__[a-z0-9]+|-+[a-z0-9]+)*")
_REPOSITORY_ARN: Final = re.compile(r"arn:[a-z-]+:ecr:[a-z0-9-]+:\d{12}:repository/[a-z0-9._/-]+")
_KEY_ARN: Final = re.compile(r"arn:[a-z-]+:kms:[a-z0-9-]+:\d{12}:key/[A-Za-z0-9-]+")


def split_s3_prefix(uri: str) -> tuple[str, str]:
    """Takes a bucket and a prefix out of the URI of a prefix that has passed `check_s3_prefix`."""
    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    return bucket, prefix


def check_s3_prefix(field: Path, uri: object) -> Iterator[Problem]:
    """Checks the S3 URI of a prefix: bucket and prefix may be tokens, what is between them may not."""
    allowed = "an S3 URI of a prefix, without * and ?, that ends with /, such as s3://datasets/imagenet/"
    match = _S3_PREFIX.fullmatch(uri) if isinstance(uri, str) else None
    if match is None or not (is_token(match["bucket"]) or _BUCKET.fullmatch(match["bucket"])):
        yield Problem(field, uri, allowed)


def check_repository(field: Path, repository: object) -> Iterator[Problem]:
    """Checks the name or ARN of a repository; a token passes."""
    allowed = "the name of a repository, or its ARN"
    yield from check_text(
        field, repository, lambda text: _REPOSITORY_NAME.fullmatch(text) or _REPOSITORY_ARN.fullmatch(text), allowed
    )


def check_key(field: Path, key: object) -> Iterator[Problem]:
    """Checks the ARN of a KMS key; an alias will not do in a policy; a token passes."""
    yield from check_text(field, key, _KEY_ARN.fullmatch, "the ARN of a KMS key, not of an alias")


def training_permission_problems(
    *, read: object, write: object, repositories: Sequence[object], kms_keys: Sequence[object]
) -> Iterator[Problem]:
    """Yields every mistake in what a training job shall be allowed to use; what is no text is not looked at."""
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
