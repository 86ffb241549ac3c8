"""Base of the jobs of a sweep, and requests that must not be sent twice."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from fairlane_client.clock import Clock
from fairlane_client.sweeps.submission import Refused, Unanswered
from fairlane_run.objects import code

ENDED: Final = ("SUCCEEDED", "FAILED")
STARTED: Final = ("STARTING", "RUNNING")
_PAUSE_SECONDS: Final = 1.0


class BatchJobs:
    """Jobs of a sweep in one queue.

    Args:
        client: Batch client.
        submitter: Batch client that sends each request once.
        sweep: Id of the sweep.
        settings: Settings of the runs, without those of a job.
        request: SubmitJob or SubmitServiceJob parameters: `jobQueue`, `shareIdentifier` and the like.
        content: Environment variables of the containers, or CreateTrainingJob request.
        clock: Time of this client.
    """

    def __init__(
        self,
        client: Any,
        submitter: Any,
        sweep: str,
        settings: Mapping[str, Any],
        request: Mapping[str, Any],
        content: Mapping[str, Any],
        clock: Clock,
    ) -> None:
        self._client, self._submitter, self._sweep, self._settings = client, submitter, sweep, settings
        self._request, self._content, self._clock = request, content, clock


def send(
    request: Callable[[], Any],
    renew: Callable[[], None],
    clock: Clock,
    *,
    partial: bool = False,
    throttled: Callable[[], None] = lambda: None,
) -> Any:
    """Send a request that must not be repeated without a look-up. Requests above AWS's rate are sent again later.

    Args:
        request: Function that sends the request.
        renew: Function to call before each request.
        clock: Time of this client.
        partial: True if other jobs of the manifest exist.
        throttled: Function to call for each request above AWS's rate.

    Raises:
        Refused: If AWS refuses the request.
        Unanswered: If the answer is lost.
    """
    pause = _PAUSE_SECONDS
    while True:
        renew()
        try:
            return request()
        except Exception as error:
            if code(error) in ("TooManyRequestsException", "ThrottlingException", "Throttling"):
                throttled()
                clock.sleep(pause)
                pause = min(2 * pause, 16 * _PAUSE_SECONDS)
            elif status(error) in range(400, 500):
                raise Refused(str(error), partial=partial) from error
            else:
                raise Unanswered(str(error)) from error


def status(error: Exception) -> int:
    """Return the HTTP status of a failed request. 0 if there is no answer."""
    response: dict[str, Any] = getattr(error, "response", None) or {}
    return int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
