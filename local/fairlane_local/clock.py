"""Clock of a local AWS: real, faster than real, or manual."""

import math
import time
from collections.abc import Callable
from typing import Final

from fairlane_local.errors import LocalAwsError

_MINUTE: Final = 60
_MAX_ADVANCE: Final = 366 * 86_400
"""Longest step of a clock in seconds."""


class Clock:
    """Time of a local AWS. It starts at the current second or, if it is manual, at the begin of the current minute.

    Args:
        speed: Seconds of this clock for each real second, above 0. None for a manual clock, which only `advance` moves.
            Default: 1.
        monotonic: Real time in seconds from any origin.

    Attributes:
        speed: Seconds of this clock for each real second. None for a manual clock.
        start: Second at which the clock started, since the epoch.

    Raises:
        LocalAwsError: If the speed is not above 0.
    """

    def __init__(self, speed: float | None = 1.0, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        if speed is not None and not (0 < speed < math.inf):
            raise LocalAwsError(f"speed: got {speed:g}, allowed: a number above 0")
        self.speed = speed
        second = int(time.time())
        self.start = second - second % _MINUTE if speed is None else second
        self._monotonic = monotonic
        self._state: tuple[float | None, float] = (None if speed is None else monotonic(), 0.0)
        """Real time from which the clock runs, or None if it stands, and its time then. One value, so that a thread
        that reads the clock while another one pauses it sees no jump."""

    @property
    def is_paused(self) -> bool:
        """True if the clock is not manual and stands."""
        return self.speed is not None and self._state[0] is None

    def now(self) -> float:
        """Return the time in seconds since the epoch."""
        return self.start + self.elapsed()

    def elapsed(self) -> float:
        """Return the number of seconds since the start of the clock."""
        origin, elapsed = self._state
        if origin is None or self.speed is None:
            return elapsed
        return elapsed + (self._monotonic() - origin) * self.speed

    def pause(self) -> None:
        """Stop a clock until `resume`.

        Raises:
            LocalAwsError: If the clock is manual.
        """
        self._require_running_clock()
        self._state = (None, self.elapsed())

    def resume(self) -> None:
        """Let a paused clock run on from its time.

        Raises:
            LocalAwsError: If the clock is manual.
        """
        self._require_running_clock()
        self._state = (self._monotonic(), self.elapsed())

    def advance(self, seconds: float) -> None:
        """Move a manual or a paused clock forward.

        Args:
            seconds: Number of seconds, 0 to 31,622,400, which is 366 days.

        Raises:
            LocalAwsError: If the clock runs, or if the number is out of range.
        """
        self.check_advance(seconds)
        self._state = (None, self.elapsed() + seconds)

    def check_advance(self, seconds: float) -> None:
        """Raise LocalAwsError if the clock runs, or if the number is out of range."""
        if self._state[0] is not None:
            raise LocalAwsError("the clock is not manual: start the local AWS with --clock manual")
        if not (0 <= seconds <= _MAX_ADVANCE):
            raise LocalAwsError(f"the clock cannot advance by {seconds:g} seconds: use 0 to {_MAX_ADVANCE:,}")

    def real_seconds_until(self, elapsed: float) -> float | None:
        """Return the real seconds until a number of seconds has elapsed, or None for a clock that stands."""
        if self._state[0] is None or self.speed is None:
            return None
        return max(0.0, (elapsed - self.elapsed()) / self.speed)

    def _require_running_clock(self) -> None:
        if self.speed is None:
            raise LocalAwsError("a manual clock cannot be paused: it moves only when it is advanced")
