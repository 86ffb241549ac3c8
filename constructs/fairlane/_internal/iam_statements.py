"""IAM statements as plain data. Imports no aws_cdk."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, TypeAlias

Statement: TypeAlias = dict[str, Any]

MAX_INLINE_POLICY: Final = 10_240
"""Characters in the inline policies of a role (IAM quotas)."""


def allow(actions: Sequence[str], resources: Sequence[str], condition: Mapping[str, Any] | None = None) -> Statement:
    """A statement that allows, as plain data."""
    statement: Statement = {"Effect": "Allow", "Action": list(actions), "Resource": list(resources)}
    return statement | ({"Condition": condition} if condition else {})


def policy_size(statements: Iterable[Statement]) -> int:
    """The characters of statements as IAM counts them, about."""
    return len(json.dumps(list(statements), separators=(",", ":")))
