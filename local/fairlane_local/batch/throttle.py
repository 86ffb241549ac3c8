"""Request rates of the Batch API."""

from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Final

SUBMIT_RATES: Final = {"submit_job": 50, "submit_service_job": 5}
"""Requests in a second that AWS Batch accepts in an account and Region. Source: "AWS Batch service quotas"."""
_MAX_SECONDS: Final = 3_600


class Throttle:
    """Number of requests for each limited operation in each second.

    The times of requests need no order, because a function that sleeps is ahead of the clock.

    Args:
        now: Time of the request in seconds.
        rates: Requests in a second, by operation.
    """

    def __init__(self, now: Callable[[], float], rates: dict[str, int]) -> None:
        self._now = now
        self._rates = rates
        self._requests: defaultdict[str, Counter[int]] = defaultdict(Counter)

    def admits(self, operation: str) -> bool:
        """Return True if a request is within the rate of its operation. A refused request counts nothing."""
        rate = self._rates.get(operation)
        if rate is None:
            return True
        requests, second = self._requests[operation], int(self._now())
        if requests[second] >= rate:
            return False
        requests[second] += 1
        if len(requests) > _MAX_SECONDS:
            del requests[min(requests)]
        return True
