"""Rules and IAM statements of the permissions of jobs: S3 prefixes, repositories and KMS keys. Imports no aws_cdk."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from fairlane._internal.checks import BUCKET_NAME, STAND_IN, check_region, is_single_resource
from fairlane._internal.iam_statements import MAX_INLINE_POLICY, Statement, allow, policy_size
from fairlane._internal.key_rules import check_key
from fairlane._internal.tokens import without_tokens
from fairlane.errors import Path, Problem

OBJECTS_REASON: Final = "the wildcard covers objects below a prefix of this role, whose keys are unknown at synth"
"""Reason for the wildcard after a prefix, for cdk-nag."""

_READ: Final = ["s3:GetObject"]
_READ_AND_WRITE: Final = ["s3:AbortMultipartUpload", "s3:GetObject", "s3:ListMultipartUploadParts", "s3:PutObject"]
_S3_PREFIX: Final = re.compile(rf"s3://(?:{BUCKET_NAME}|0)/(?:(?:(?![*?$])[ -~])*/)?")
_BUCKET: Final = re.compile(BUCKET_NAME)
_REPOSITORY: Final = r"(?=[^/].{1,255}$)[a-z0-9]+(?:(?:[._/]|__|-+)[a-z0-9]+)*"
_REPOSITORY_NAME: Final = re.compile(_REPOSITORY)
_REPOSITORY_ARN: Final = re.compile(rf"arn:[a-z0-9-]+:ecr:[a-z0-9-]+:(?:[0-9]{{12}}|0):repository/(?:{_REPOSITORY}|0)")
_TOKEN: Final = r"\$\{Token\[[^]]*\]\}"
_ECR_IMAGE: Final = re.compile(
    rf"(?P<account>[0-9]{{12}}|{_TOKEN})\.dkr[.-]ecr(?:-fips)?\.(?P<region>[a-z0-9-]+|{_TOKEN})\.[^/]+"
    rf"/(?P<name>(?:[a-z0-9._/-]|{_TOKEN})+)(?:[:@].*)?"
)


def split_s3_prefix(uri: str) -> tuple[str, str]:
    """Return bucket and prefix of an S3 URI that has passed `check_s3_prefix`."""
    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    return bucket, prefix


def check_s3_prefix(field: Path, uri: object) -> Iterator[Problem]:
    """Check the S3 URI of a prefix. Bucket and prefix can be tokens, but not the slashes between them."""
    if not (isinstance(uri, str) and _S3_PREFIX.fullmatch(without_tokens(uri, STAND_IN))):
        allowed = (
            "the S3 URI of a prefix in ASCII, without *, ? and $, with / at the end, such as s3://datasets/imagenet/"
        )
        bucket = re.match(r"s3://([a-z0-9.-]*)/", uri) if isinstance(uri, str) else None
        if bucket and not _BUCKET.fullmatch(bucket[1]):
            characters = "3 to 63 characters of a-z, 0-9, - and . without .., a letter or a digit at each end"
            yield Problem.relation(field, f"{bucket[1]!r} is not the name of a bucket: use {characters}")
        else:
            yield Problem(field, uri, allowed)


def check_repository(field: Path, repository: object) -> Iterator[Problem]:
    """Check the name or ARN of an ECR repository; a token passes, but not a wildcard beside a token."""
    if not is_single_resource(repository, _REPOSITORY_NAME, _REPOSITORY_ARN):
        yield Problem(field, repository, "the name or the ARN of an ECR repository")


def s3_statements(read: Sequence[str], write: Sequence[str], arn: str) -> Iterator[Statement]:
    """Yield IAM statements that allow reading below prefixes, writing below others, and listing all of them.

    Args:
        read: S3 URIs of the prefixes to read from, which have passed `check_s3_prefix`.
        write: S3 URIs of the prefixes to write to and read from, which have passed `check_s3_prefix`.
        arn: Start of the ARNs, for example `arn:aws`.
    """
    prefixes: dict[str, list[str]] = {}
    for uri, allowed in (dict.fromkeys(read, _READ) | dict.fromkeys(write, _READ_AND_WRITE)).items():
        bucket, prefix = split_s3_prefix(uri)
        prefixes.setdefault(bucket, []).append(f"{prefix}*")
        yield allow(allowed, [f"{arn}:s3:::{bucket}/{prefix}*"])
    for bucket, within in prefixes.items():
        # A call without a prefix has no s3:prefix, so that the pattern * would deny it.
        condition = None if "*" in within else {"StringLike": {"s3:prefix": within}}
        yield allow(["s3:ListBucket"], [f"{arn}:s3:::{bucket}"], condition)


def ecr_repository(image: str, arn: str) -> str | None:
    """Return the ARN of the Amazon ECR repository of an image, or None for an image elsewhere.

    Account, Region and name can be tokens. Of an image that is one token, the repository is unknown.

    Args:
        image: URI of the image.
        arn: Start of the ARN, for example `arn:aws`.
    """
    match = _ECR_IMAGE.fullmatch(image)
    return f"{arn}:ecr:{match['region']}:{match['account']}:repository/{match['name']}" if match else None


def policy_size_problems(read: Sequence[str], write: Sequence[str], other: int = 0) -> Iterator[Problem]:
    """Yield a problem if the prefixes are too many or too long for the policy of one role.

    Args:
        read: S3 URIs of the prefixes to read from.
        write: S3 URIs of the prefixes to write to and read from.
        other: Number of characters of the other statements in the policy. Default: 0.
    """
    size = policy_size(s3_statements(read, write, "arn:aws")) + other
    if size > MAX_INLINE_POLICY:
        yield policy_size_problem("read" if read else "write", size)


def policy_size_problem(argument: str, size: int) -> Problem:
    """Return the problem of a policy with too many characters."""
    sentence = (
        f"the policy of the role has {size} characters, but IAM accepts at most {MAX_INLINE_POLICY}: "
        "use fewer or shorter prefixes"
    )
    return Problem.relation((argument,), sentence)


def training_permission_problems(
    *,
    read: object,
    write: object,
    repositories: Sequence[object],
    kms_keys: Sequence[object],
    regions: Sequence[object] = (),
) -> Iterator[Problem]:
    """Yield the problems of the prefixes, repositories, keys and Regions that a training job can use."""
    for name, values, check in (
        ("read", read, check_s3_prefix),
        ("write", write, check_s3_prefix),
        ("repositories", repositories, check_repository),
        ("kms_keys", kms_keys, check_key),
        ("regions", regions, check_region),
    ):
        if isinstance(values, str) or not isinstance(values, Sequence):
            yield Problem((name,), values, "a list")
            continue
        for index, value in enumerate(values):
            yield from check((name, index), value)
