"""Share identifiers of fair-share policies. Imports no aws_cdk.

Source: the service's own answers; the Batch API documents neither the number nor the pattern.
"""

import re
from collections.abc import Iterator
from typing import Final

from fairlane._internal.checks import check_text
from fairlane.errors import Path, Problem

MAX_SHARE_IDENTIFIERS: Final = 500
"""Share identifiers in one policy."""

_SHARE_IDENTIFIER: Final = re.compile(r"[A-Za-z0-9_-]{1,254}[A-Za-z0-9_*-]?")


def check_share_identifier(field: Path, got: object) -> Iterator[Problem]:
    """Check a share identifier; with `*` at its end it stands for all that start so. A token passes."""
    allowed = "a share identifier: 1 to 255 characters of A-Z, a-z, 0-9, - and _, of which the last may be *"
    yield from check_text(field, got, _SHARE_IDENTIFIER.fullmatch, allowed)


def stands_for(entry: str, identifier: str) -> bool:
    """Return True if an entry of a policy is the identifier, or stands for it by its `*`."""
    return entry == identifier or (entry.endswith("*") and identifier.startswith(entry[:-1]))
