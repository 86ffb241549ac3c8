"""Calls to AWS that only read, with retries of throttled calls, and errors that name the missing permission."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from fairlane_client.clock import Clock
from fairlane_run.objects import code

_ATTEMPTS: Final = 6
_FIRST_PAUSE: Final = 0.5
_LONGEST_PAUSE: Final = 16.0
_THROTTLED: Final = frozenset(
    {"TooManyRequestsException", "Throttling", "ThrottlingException", "RequestLimitExceeded", "429"}
)
_DENIED: Final = frozenset({"AccessDeniedException", "AccessDenied", "UnauthorizedOperation", "403"})
_OBSERVERS: Final = "queue.grants.observe of Fairlane, or observers of a queue in the environment file, allows it"
_ABSENT: Final = re.compile(r"(does not exist|not found|doesn't exist)", re.IGNORECASE)


class NotAllowed(PermissionError):  # noqa: N818
    """Refusal of a call whose action the caller has no permission for. Its text names the action."""


class Throttled(RuntimeError):  # noqa: N818
    """Call that AWS throttled or failed again and again. What was read before it is incomplete."""


class Calls:
    """Calls of one answer to one AWS service.

    AWS documents no rate for the reading calls of AWS Batch. A throttled call is repeated after 0.5 to 16 seconds.

    Args:
        client: boto3 client without retries of its own.
        clock: Time of this client. Default: the computer's.
        service: Prefix of the service's IAM actions. Default: `batch`.

    Attributes:
        count: Number of requests that were sent.
    """

    def __init__(self, client: Any, clock: Clock | None = None, service: str = "batch") -> None:
        self._client = client
        self._clock = Clock() if clock is None else clock
        self._service = service
        self.count = 0

    def __call__(self, operation: str, **request: object) -> dict[str, Any]:
        """Return the response of a call.

        Args:
            operation: Name of the operation in boto3.
            request: Parameters of the call.

        Raises:
            NotAllowed: If the caller has no permission.
            LookupError: If AWS says that something does not exist.
            Throttled: If AWS throttled the call, or failed, six times in a row.
            ClientError: If AWS refused the call for another reason.
        """
        pause = _FIRST_PAUSE
        for attempt in range(1, _ATTEMPTS + 1):
            self.count += 1
            try:
                response: dict[str, Any] = getattr(self._client, operation)(**request)
            except Exception as error:
                action = f"{self._service}:{_action(operation)}"
                if code(error) in _DENIED:
                    raise NotAllowed(f"no permission for {action}: {_OBSERVERS}") from None
                if _ABSENT.search(str(error)) and code(error) in ("ClientException", "ResourceNotFoundException"):
                    raise LookupError(f"{_named(request)}: {_message(error)}") from None
                if not _is_temporary(error):
                    raise
                if attempt == _ATTEMPTS:
                    raise Throttled(
                        f"{action} failed {_ATTEMPTS} times: {code(error) or type(error).__name__}"
                    ) from None
                self._clock.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
            else:
                return response
        raise AssertionError("unreachable")

    def pages(self, operation: str, key: str, **request: object) -> Iterator[list[Any]]:
        """Yield the lists of all pages of a call.

        Args:
            operation: Name of the operation in boto3.
            key: Key of the list in a page.
            request: Parameters of the call.

        Raises:
            Throttled: If a page cannot be read. The pages before it were yielded.
        """
        token: Mapping[str, Any] = {}
        while True:
            page = self(operation, **request, **token)
            yield page.get(key, [])
            if not page.get("nextToken"):
                return
            token = {"nextToken": page["nextToken"]}


def _action(operation: str) -> str:
    return "".join(part.capitalize() for part in operation.split("_"))


def _named(request: Mapping[str, object]) -> str:
    values = [value for value in request.values() if isinstance(value, str)]
    return values[0] if values else "request"


def _message(error: Exception) -> str:
    response: Mapping[str, Any] = getattr(error, "response", {})
    return str(response.get("Error", {}).get("Message") or error)


def _is_temporary(error: Exception) -> bool:
    from botocore import exceptions

    if code(error) in _THROTTLED:
        return True
    if isinstance(error, exceptions.ClientError):
        return bool(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) >= 500)
    return isinstance(error, exceptions.ConnectionError | exceptions.HTTPClientError)
