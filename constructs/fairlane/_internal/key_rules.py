"""Rules of the ARNs of KMS keys. Imports no aws_cdk."""

import re
from collections.abc import Iterator
from typing import Final

from fairlane._internal.checks import is_single_resource
from fairlane._internal.tokens import is_token
from fairlane.errors import Path, Problem

_KEY_ARN: Final = re.compile(r"arn:[a-z0-9-]+:kms:([a-z0-9-]+):([0-9]{12}|0):key/[A-Za-z0-9-]+")


def check_key(field: Path, key: object) -> Iterator[Problem]:
    """Check the ARN of a KMS key; policies do not accept aliases. A token passes, but not a wildcard beside a token."""
    if not is_single_resource(key, _KEY_ARN):
        yield Problem(field, key, "the ARN of a KMS key, not of an alias")


def check_regional_key(
    field: Path, key: object, region: str | None, account: str | None, *, place: str
) -> Iterator[Problem]:
    """Check the ARN of a KMS key that must be where the resource is that it encrypts.

    Args:
        field: Path to the ARN.
        key: ARN that was given.
        region: Region of the resource. None if it is unknown.
        account: Account of the resource. None if it is unknown, or if the key can be in another account.
        place: Resource and verb for the text of the problem, for example `the bucket is`.
    """
    problems = list(check_key(field, key))
    yield from problems
    match = None if problems or is_token(key) else _KEY_ARN.fullmatch(str(key))
    for kind, got, home in zip(("Region", "account"), match.groups() if match else (), (region, account), strict=False):
        if home and not is_token(home) and got != home:
            sentence = f"the key is in {kind} {got}: use a key in {kind} {home}, where {place}"
            yield Problem.relation(field, sentence)


def check_log_key(field: Path, key: object, region: str | None, account: str | None) -> Iterator[Problem]:
    """Check the ARN of a KMS key of log groups, which must be in the account and Region of the log groups."""
    yield from check_regional_key(field, key, region, account, place="the log groups are")
