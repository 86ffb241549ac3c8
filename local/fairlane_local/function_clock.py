"""Time of functions that sleep, which are ahead of the clock of the local AWS."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from fairlane_local.simulation import current_simulation

EXECUTION_ENVIRONMENT: Final = "AWS_Lambda_"
"""Start of `AWS_EXECUTION_ENV` in a function. The SDK adds it to the user agent of its requests."""
SLEPT: Final = "x-fairlane-slept"
"""Header of an invocation's response with the seconds that the function slept."""


def seconds_ahead(headers: Mapping[str, str]) -> float:
    """Return the seconds that the caller of a request is ahead of the clock. 0 if the caller is no function."""
    signed = headers.get("X-Amz-Date")
    if signed is None or f"exec-env/{EXECUTION_ENVIRONMENT}" not in headers.get("User-Agent", ""):
        return 0.0
    moment = datetime.strptime(signed, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
    return max(0.0, moment - current_simulation().timeline.milliseconds / 1000)
