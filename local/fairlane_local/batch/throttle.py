"""Request rates of the Batch API."""

from collections.abc import Callable
from typing import Final

SUBMIT_RATES: Final = {"submit_job": 50, "submit_service_job": 5}
"""Requests in a second that AWS Batch accepts in an account and Region. Source: "AWS Batch service quotas"."""


class Throttle:
    """Token bucket of each limited operation. A bucket holds the requests of one second.

    Args:
        now: Time in seconds.
        rates: Requests in a second, by operation.
    """

    def __init__(self, now: Callable[[], float], rates: dict[str, int]) -> None:
        self._now = now
        self._rates = rates
        self._buckets: dict[str, tuple[float, float]] = {}

    def admits(self, operation: str) -> bool:
        """Return True if a request is within the rate of its operation. A refused request counts nothing."""
        rate = self._rates.get(operation)
        if rate is None:
            return True
        now = self._now()
        tokens, since = self._buckets.get(operation, (float(rate), now))
        tokens = min(float(rate), tokens + (now - since) * rate)
        admitted = tokens >= 1
        self._buckets[operation] = (tokens - admitted, now)
        return admitted
