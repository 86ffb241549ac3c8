"""Sources of capacity, each of which can fail alone."""

import sys
from collections.abc import Callable
from typing import Any, TypeVar

from fairlane_lambda.aws_errors import error_name

Value = TypeVar("Value")


def read(name: str, region: str, source: Callable[[], Value], default: Value) -> Value:
    """Return the value of a source, or a default if it fails.

    Args:
        name: Name of the source, for the log.
        region: Region of the source, for the log.
        source: Function that calls AWS.
        default: Value of a source that fails.
    """
    try:
        return source()
    except Exception as error:  # one source must not stop the others
        print(f"{name} failed in {region}: {error_name(error)}", file=sys.stderr)
        return default


def pages(client: Any, operation: str, **request: Any) -> list[dict[str, Any]]:
    """Return all pages of a call that continues by `NextToken`."""
    found = [getattr(client, operation)(**request)]
    while token := found[-1].get("NextToken"):
        found.append(getattr(client, operation)(**request, NextToken=token))
    return found
