"""Active shares of a fair-share queue, and the capacity that is reserved for shares without jobs."""

from collections import deque
from collections.abc import Iterator
from fractions import Fraction
from math import ceil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fairlane.scheduler.shares import Share


class ActiveShares:
    """Shares that have waiting or running jobs, or past use that counts.

    Attributes:
        number: Number of active shares.
    """

    def __init__(self) -> None:
        self.number = 0
        self._expirations: deque[tuple[int, Share]] = deque()

    def add(self, share: "Share") -> bool:
        """Make a share active, because it has a job, and return True if it was not active."""
        if share.active:
            return False
        share.active = True
        self.number += 1
        return True

    def check_at(self, share: "Share", second: int) -> None:
        """Check a share at a later second, because it may have no jobs now."""
        if not share.usage.units:
            self._expirations.append((second, share))

    def check_now(self, share: "Share", now: int) -> None:
        """Check a share at the next pass, because a waiting job left it."""
        if not share.waiting and not share.usage.units:
            self._expirations.appendleft((now, share))

    def expire(self, now: int) -> Iterator["Share"]:
        """Yield the shares that are no longer active."""
        while self._expirations and self._expirations[0][0] <= now:
            share = self._expirations.popleft()[1]
            if share.active and not share.waiting and not share.usage.units and not share.usage.key_at(now):
                share.active = False
                self.number -= 1
                yield share


class ComputeReservation:
    """Reserved part of the capacity: (compute reservation / 100) ** n, with n active shares."""

    def __init__(self, capacity: int, percent: int) -> None:
        self._capacity = capacity
        self._fraction = Fraction(percent, 100)
        self._reserved: dict[int, int] = {}

    def allows(self, free: int, active: int) -> bool:
        """Return True if `free` is at least the capacity that is reserved with a number of active shares."""
        if active not in self._reserved:
            self._reserved[active] = ceil(self._capacity * self._fraction**active)
        return free >= self._reserved[active]
