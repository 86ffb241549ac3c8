"""Errors of calls to AWS."""

import sys
from typing import Any, Final

_TEMPORARY: Final = (
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "Throttling",
    "ThrottlingException",
    "TransactionCanceledException",
    "TransactionConflictException",
    "TransactionInProgressException",
)
"""Codes of throttled calls, and of writes that met a transaction of DynamoDB. Their status is 400."""


def error_name(error: Exception) -> str:
    """Return the AWS error code of an error, or its class.

    The message of an error is not for the log: it can contain parts of jobs.
    """
    response: dict[str, Any] = getattr(error, "response", None) or {}
    return str(response.get("Error", {}).get("Code") or type(error).__name__)


def is_temporary(error: object) -> bool:
    """Return True if AWS throttled a call, failed, was busy or did not answer, so that the same call can succeed."""
    from botocore import exceptions

    if isinstance(error, exceptions.ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return bool(status == 429 or status >= 500 or error_name(error) in _TEMPORARY)
    return isinstance(error, exceptions.ConnectionError | exceptions.HTTPClientError)


def log_error(text: str, error: Exception) -> None:
    """Print a text and the name of an error to standard error. A line that cannot be printed is lost."""
    try:
        print(f"{text}: {error_name(error)}", file=sys.stderr, flush=True)
    except (OSError, ValueError):  # a lost line of the log must not fail the events
        return
