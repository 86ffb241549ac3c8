"""Answers of commands whose work is on AWS: their exit codes, and the errors that they print."""

import sys
from collections.abc import Callable

from fairlane.errors import ConfigurationError


def run(function: Callable[[], int]) -> int:
    """Run a command and return its exit code. Mistakes, and errors whose text is an answer to the user, are printed."""
    try:
        return function()
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        return 2
    except Exception as error:
        if not _is_answer(error):
            raise
        print(f"fairlane: {_text(error)}", file=sys.stderr)
        return 1


def _is_answer(error: Exception) -> bool:
    """Return True for an error of AWS, and for a missing sweep, store, fan-out, manifest, file or package."""
    if isinstance(error, ImportError | OSError) or type(error) is LookupError:
        return True
    from botocore.exceptions import BotoCoreError, ClientError

    from fairlane_client.fan_out import ExecutionFailed
    from fairlane_client.queues.calls import Throttled
    from fairlane_client.sweeps import Refused, Unanswered

    return isinstance(error, BotoCoreError | ClientError | ExecutionFailed | Refused | Throttled | Unanswered)


def _text(error: Exception) -> str:
    is_of_file = isinstance(error, OSError) and error.filename is not None and error.strerror
    return f"{error.filename}: {error.strerror}" if is_of_file else str(error)  # type: ignore[attr-defined]
