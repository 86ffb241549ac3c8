"""Compute reservation of a fair-share queue: capacity for shares that have no jobs now."""

from collections import deque
from fractions import Fraction
from math import ceil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fairlane.scheduler.fair_share import Share


class ComputeReservation:
    """Reserved part of the capacity: (compute reservation / 100) ** n, with n active shares.

    A share is active while it has waiting or running jobs, and while its past use counts.
    """

    def __init__(self, capacity: int, percent: int, window: int) -> None:
        self._capacity = capacity
        self._fraction = Fraction(percent, 100)
        self._window = window
        self._active = 0
        self._expirations: deque[tuple[int, Share]] = deque()
        self._reserved: dict[int, int] = {}

    def add_job(self, share: "Share") -> None:
        """Make a share active, because it has a job."""
        if not share.active:
            share.active = True
            self._active += 1

    def end_run(self, share: "Share", now: int) -> None:
        """Schedule the check of an idle share, because one of its runs ended."""
        if not share.usage.units:
            self._expirations.append((now + self._window, share))

    def allows(self, free: int, now: int) -> bool:
        """Return True if `free` is at least the reserved capacity."""
        while self._expirations and self._expirations[0][0] <= now:
            share = self._expirations.popleft()[1]
            if share.active and not share.waiting and not share.usage.units and not share.usage.key_at(now):
                share.active = False
                self._active -= 1
        if self._active not in self._reserved:
            self._reserved[self._active] = ceil(self._capacity * self._fraction**self._active)
        return free >= self._reserved[self._active]
