"""IAM statements as plain data. Imports no aws_cdk."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, TypeAlias

_PARTITION: Final = re.compile(r"\$\{Token\[AWS\.Partition\.\d+\]\}")
_LONGEST_PARTITION: Final = "aws-us-gov"

Statement: TypeAlias = dict[str, Any]

MAX_INLINE_POLICY: Final = 10_240
"""Most characters of all inline policies of a role (IAM quotas)."""


def allow(actions: Sequence[str], resources: Sequence[str], condition: Mapping[str, Any] | None = None) -> Statement:
    """Return a statement with the effect Allow, as plain data."""
    statement: Statement = {"Effect": "Allow", "Action": list(actions), "Resource": list(resources)}
    return statement | ({"Condition": condition} if condition else {})


def policy_size(statements: Iterable[Statement]) -> int:
    """Return the approximate number of characters that IAM counts for the statements."""
    text = json.dumps(list(statements), separators=(",", ":"))
    return len(_PARTITION.sub(_LONGEST_PARTITION, text))
