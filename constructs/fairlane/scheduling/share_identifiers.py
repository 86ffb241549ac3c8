"""Share identifiers of fair-share policies. Imports no aws_cdk.

Source: error messages of the service. The Batch API documents neither the number nor the pattern.
"""

import re
from collections.abc import Iterator
from typing import Final

from fairlane._internal.checks import check_text
from fairlane.errors import Path, Problem

MAX_SHARE_IDENTIFIERS: Final = 500
"""Maximum number of share identifiers in a policy."""

_SHARE_IDENTIFIER: Final = re.compile(r"[A-Za-z0-9_-]{1,254}[A-Za-z0-9_*-]?")


def check_share_identifier(field: Path, got: object) -> Iterator[Problem]:
    """Yield a problem unless a value is a share identifier. `*` at its end stands for any suffix. A token passes."""
    allowed = "a share identifier: 1 to 255 characters of A-Z, a-z, 0-9, - and _, optionally with * at the end"
    yield from check_text(field, got, _SHARE_IDENTIFIER.fullmatch, allowed)


def stands_for(entry: str, identifier: str) -> bool:
    """Return True if an entry of a policy is the identifier, or a prefix of it with `*`."""
    return entry == identifier or (entry.endswith("*") and identifier.startswith(entry[:-1]))
