"""Requests of a live view: their pace, their maximum number, and errors that belong to one queue."""

from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeVar

from fairlane_client.clock import Clock
from fairlane_client.queues.calls import Calls, NotAllowed, Throttled
from fairlane_run.objects import code

Item = TypeVar("Item")

MAX_WAITING: Final = 1000
"""Maximum number of waiting jobs of a queue that are counted."""
_PAUSE: Final = 0.1
"""Seconds between requests: at most 10 a second. AWS documents no rate for reading calls."""


class _Spent(Exception):  # noqa: N818
    """End of the requests for an answer."""


class PacedCalls(Calls):
    """Calls with a pause before each request, which end after a number of requests.

    Args:
        calls: Calls to AWS Batch.
        clock: Time of this client.
        most: Maximum number of requests, without the repeats of throttled ones. Default: no maximum.
    """

    def __init__(self, calls: Calls, clock: Clock, most: int | None = None) -> None:
        self._calls, self._wait, self._left = calls, clock.sleep, most

    def __call__(self, operation: str, **request: object) -> dict[str, Any]:
        """Return the response of a call after a pause. The errors are those of `Calls`."""
        if self._left is not None:
            if not self._left:
                raise _Spent
            self._left -= 1
        self._wait(_PAUSE)
        return self._calls(operation, **request)


def collect(found: Iterator[Item]) -> tuple[list[Item], bool, Exception | None]:
    """Return at most 1,000 values, True if they are all, and the error that ended them."""
    items: list[Item] = []
    try:
        for item in found:
            if len(items) == MAX_WAITING:
                return items, False, None
            items.append(item)
    except _Spent:
        return items, False, None
    except Exception as error:
        if not is_of_queue(error):
            raise
        return items, False, error
    return items, True, None


def is_of_queue(error: Exception) -> bool:
    """Return True for an error of AWS that is shown with its queue, so that the other queues are read."""
    return isinstance(error, NotAllowed | Throttled) or type(error) is LookupError or bool(code(error))


def problem_of(error: Exception | None) -> str:
    """Return the text of an error of AWS. Empty without an error."""
    if error is None or not code(error):
        return "" if error is None else str(error)
    response: Mapping[str, Any] = getattr(error, "response", {})
    return f"{code(error)}: {response.get('Error', {}).get('Message', '')}"
