"""Tags that say how the simulated attempts of a job end."""

from collections.abc import Mapping
from typing import Final

from fairlane_local.batch.errors import RequestError

RUN_SECONDS: Final = "fairlane:run-seconds"
"""Tag with the number of seconds that each attempt of a job runs."""
FAILS: Final = "fairlane:fails"
"""Tag with the status reason that each attempt of a job fails with."""
EXIT_CODE: Final = "fairlane:exit-code"
"""Tag with the exit code of the containers of a job. Another code than 0 fails each attempt."""

_MAX_SECONDS: Final = 999_999_999
_MAX_EXIT_CODE: Final = 255


def run_seconds(tags: Mapping[str, str], default: int) -> int:
    """Return the number of seconds that each attempt of a job runs.

    Raises:
        RequestError: If the tag has an invalid value.
    """
    seconds = _number(tags, RUN_SECONDS, range(1, _MAX_SECONDS + 1), "a whole number of seconds, 1 or more")
    return default if seconds is None else seconds


def exit_code(tags: Mapping[str, str]) -> int:
    """Return the exit code of the containers of a job. Without the tag, it is 1 if the job fails, and otherwise 0.

    Raises:
        RequestError: If the tag has an invalid value, or 0 for a job that fails.
    """
    first = int(FAILS in tags)
    code = _number(tags, EXIT_CODE, range(first, _MAX_EXIT_CODE + 1), f"an exit code, {first} to {_MAX_EXIT_CODE}")
    return first if code is None else code


def _number(tags: Mapping[str, str], name: str, valid: range, allowed: str) -> int | None:
    text = tags.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= 9 and int(text) in valid):
        raise RequestError(f"Tag {name}: got {text}, allowed: {allowed}")
    return int(text)
