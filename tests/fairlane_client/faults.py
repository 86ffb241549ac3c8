"""Faults at the calls of a client to a simulated account."""

from collections.abc import Callable
from typing import Any, Final

from botocore.exceptions import ClientError

FAULTS: Final = ("before", "after", "lost")
"""Faults at a call: the client is killed before it, or after it, or the answer is lost."""


class Killed(BaseException):
    """End of a client at a call."""


class LostError(Exception):
    """Answer that did not arrive."""


class Calls:
    """Calls to an account, and a fault at one of them.

    Attributes:
        calls: Names of all calls.
        fault: Number of a call, and its fault.
        denied: Names of calls that are denied.
    """

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.fault: tuple[int, str] | None = None
        self.denied: set[str] = set()

    def answer(self, name: str, function: Callable[[], Any]) -> Any:
        """Return the answer to a call, unless it has a fault."""
        self.calls.append(name)
        number, fault = self.fault or (0, "")
        fails = len(self.calls) == number
        if fails and fault == "before":
            raise Killed
        if name in self.denied:
            raise client_error("AccessDeniedException", "not authorized", 403, name)
        try:
            return function()
        finally:
            if fails:
                raise Killed if fault == "after" else LostError


def client_error(code: str, message: str, status: int, operation: str) -> ClientError:
    """Return an error as boto3 raises it."""
    response: Any = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(response, operation)
