"""IAM statements as plain data. Imports no aws_cdk."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, TypeAlias

Statement: TypeAlias = dict[str, Any]

MAX_INLINE_POLICY: Final = 10_240
"""Most characters of all inline policies of a role (IAM quotas)."""


def allow(actions: Sequence[str], resources: Sequence[str], condition: Mapping[str, Any] | None = None) -> Statement:
    """Return a statement with the effect Allow, as plain data."""
    statement: Statement = {"Effect": "Allow", "Action": list(actions), "Resource": list(resources)}
    return statement | ({"Condition": condition} if condition else {})


def policy_size(statements: Iterable[Statement]) -> int:
    """Return the approximate number of characters that IAM counts for the statements."""
    return len(json.dumps(list(statements), separators=(",", ":")))
