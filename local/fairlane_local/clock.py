"""Clock of a local AWS: real, faster than real, or manual."""

import math
import time
from collections.abc import Callable

from fairlane_local.errors import LocalAwsError


class Clock:
    """Time of a local AWS. It starts at the current second.

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
        self.start = int(time.time())
        self._monotonic = monotonic
        self._origin = monotonic()
        self._advanced = 0.0

    def now(self) -> float:
        """Return the time in seconds since the epoch."""
        return self.start + self.elapsed()

    def elapsed(self) -> float:
        """Return the number of seconds since the start of the clock."""
        return self._advanced if self.speed is None else (self._monotonic() - self._origin) * self.speed

    def advance(self, seconds: float) -> None:
        """Move a manual clock forward.

        Args:
            seconds: Number of seconds, 0 or more.

        Raises:
            LocalAwsError: If the clock is not manual, or if the number is negative.
        """
        self.check_advance(seconds)
        self._advanced += seconds

    def check_advance(self, seconds: float) -> None:
        """Raise LocalAwsError if the clock is not manual, or if the number is negative."""
        if self.speed is not None:
            raise LocalAwsError("the clock is not manual: start the local AWS with --clock manual")
        if not (0 <= seconds < math.inf):
            raise LocalAwsError(f"the clock cannot advance by {seconds:g} seconds: use 0 or more")

    def real_seconds_until(self, elapsed: float) -> float | None:
        """Return the real seconds until a number of seconds has elapsed, or None for a manual clock."""
        return None if self.speed is None else max(0.0, (elapsed - self.elapsed()) / self.speed)
