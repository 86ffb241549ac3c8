"""Client of AWS Batch with faults at its calls."""

from collections.abc import Callable
from typing import Any

from tests.fairlane_client.faults import client_error


class Faulty:
    """Client whose calls can be denied or throttled, or have an effect.

    Args:
        client: Client of AWS Batch.

    Attributes:
        denied: Operations that are denied.
        throttled: Number of calls of an operation after which it is throttled, with a condition on its request.
        before: Function that is called before each call of an operation.
        calls: Names of all calls.
    """

    def __init__(self, client: Any) -> None:
        self._client = client
        self.denied: set[str] = set()
        self.throttled: dict[str, Callable[[dict[str, Any]], bool]] = {}
        self.before: dict[str, Callable[[], None]] = {}
        self.calls: list[str] = []

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(**request: Any) -> Any:
            self.calls.append(name)
            if name in self.denied:
                raise client_error("AccessDeniedException", "not authorized", 403, name)
            if name in self.throttled and self.throttled[name](request):
                raise client_error("TooManyRequestsException", "slow down", 429, name)
            if name in self.before:
                self.before.pop(name)()
            return getattr(self._client, name)(**request)

        return call
