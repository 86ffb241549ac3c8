"""Permissions on prefixes of S3, for roles that jobs run with."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

from aws_cdk import Aws

from fairlane._training_permissions import split_s3_prefix

Statement: TypeAlias = dict[str, Any]

ARN: Final = f"arn:{Aws.PARTITION}"
WHY_OBJECTS: Final = "the objects below a prefix that was named for this role: their keys are not known beforehand"

_READ: Final = ["s3:GetObject"]
_READ_AND_WRITE: Final = ["s3:AbortMultipartUpload", "s3:GetObject", "s3:ListMultipartUploadParts", "s3:PutObject"]


def s3_statements(read: Sequence[str], write: Sequence[str]) -> Iterator[Statement]:
    """Allows to read below some prefixes and to read and write below others, and to list both."""
    prefixes: dict[str, list[str]] = {}
    for uri, allowed in (dict.fromkeys(read, _READ) | dict.fromkeys(write, _READ_AND_WRITE)).items():
        bucket, prefix = split_s3_prefix(uri)
        prefixes.setdefault(bucket, []).append(f"{prefix}*")
        yield allow(allowed, [f"{ARN}:s3:::{bucket}/{prefix}*"])
    for bucket, within in prefixes.items():
        yield allow(["s3:ListBucket"], [f"{ARN}:s3:::{bucket}"], {"StringLike": {"s3:prefix": within}})


def allow(actions: Sequence[str], resources: Sequence[str], condition: Mapping[str, Any] | None = None) -> Statement:
    """A statement that allows, as plain data."""
    statement: Statement = {"Effect": "Allow", "Action": list(actions), "Resource": list(resources)}
    return statement | ({"Condition": condition} if condition else {})
