"""What fair share keeps free for shares that have no jobs now."""

from collections import deque
from fractions import Fraction
from math import ceil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fairlane.scheduler.fair_share import Share


class Reservation:
    """The capacity that AWS holds back: (compute reservation / 100) ** n of it, with n active shares.

    A share is active while it has jobs that wait or run, and until what it used has left the window.
    """

    def __init__(self, capacity: int, percent: int, window: int) -> None:
        self._capacity = capacity
        self._part = Fraction(percent, 100)
        self._window = window
        self._active = 0
        self._fading: deque[tuple[int, Share]] = deque()
        self._reserved: dict[int, int] = {}

    def wakes(self, share: "Share") -> None:
        """A share has a job."""
        if not share.active:
            share.active = True
            self._active += 1

    def fades(self, share: "Share", now: int) -> None:
        """A run of a share is over."""
        if not share.usage.units:
            self._fading.append((now + self._window, share))

    def leaves(self, free: int, now: int) -> bool:
        """Whether so much free capacity is as much as is held back now."""
        while self._fading and self._fading[0][0] <= now:
            share = self._fading.popleft()[1]
            if share.active and not share.waiting and not share.usage.units and not share.usage.at(now):
                share.active = False
                self._active -= 1
        if self._active not in self._reserved:
            self._reserved[self._active] = ceil(self._capacity * self._part**self._active)
        return free >= self._reserved[self._active]
