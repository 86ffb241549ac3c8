"""Pace of calls to AWS Batch."""

import time
from threading import Lock
from typing import Final

_FIRST_SECONDS: Final = 0.05
_LONGEST_SECONDS: Final = 2
_SHORTEST_SECONDS: Final = 0.005
_SPEEDUP: Final = 0.97


class Pace:
    """Pace of the calls of all polls. They slow down together, because AWS throttles the calls of an account together.

    The interval between two calls is zero until AWS throttles a call. It doubles with each throttled call, up to two
    seconds, and becomes three percent shorter with each successful call.

    The mode `adaptive` of botocore is similar, but its waits have no limit, so they can outlast the function.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._interval = 0.0
        self._next_call = 0.0
        self._slowdowns = 0

    def wait(self, seconds: float) -> int | None:
        """Wait for the turn of a call, and return its pace, for `slow_down`. Return None if the wait would be too long.

        Args:
            seconds: Longest wait in seconds.
        """
        with self._lock:
            now = time.monotonic()
            call, pace = max(now, self._next_call), self._slowdowns
            if call - now > seconds:
                return None
            self._next_call = call + self._interval
        if call > now:
            time.sleep(call - now)
        return pace

    def speed_up(self) -> None:
        """Shorten the interval after a successful call."""
        with self._lock:
            self._interval *= _SPEEDUP
            if self._interval < _SHORTEST_SECONDS:
                self._interval = 0.0

    def slow_down(self, pace: int) -> None:
        """Lengthen the interval after a throttled call.

        Args:
            pace: Pace of the call. If the interval has been lengthened since then, this call does not count.
        """
        with self._lock:
            if pace == self._slowdowns:
                self._slowdowns += 1
                self._interval = min(max(2 * self._interval, _FIRST_SECONDS), _LONGEST_SECONDS)
                self._next_call = max(self._next_call, time.monotonic() + self._interval)
