"""Past use of a share in whole numbers, with updates in constant time for each window."""

from collections import deque
from math import sqrt
from typing import Final

_NEVER: Final = 1 << 62
_JUST_BELOW: Final = 1 - 1e-9


class Usage:
    """Use of a share over a window times its weight factor. This key ranks the shares of a fair-share queue.

    Use x seconds ago counts 1 - x / window, or 1 if `even`. All numbers are whole numbers: a unit that is used for a
    second counts `step`. Between two changes, x seconds after the second `since`, the key is

        value + x * (slope - x * bend)

    Units that start raise the slope. Units that leave the window lower the bend or, if `even`, the slope.

    Attributes:
        units: Number of units in use now.
        next_expiry: Second at which the next change leaves the window. The formula is valid until then.
    """

    __slots__ = (
        "_even",
        "_expired_units",
        "_steps",
        "bend",
        "next_expiry",
        "since",
        "slope",
        "step",
        "units",
        "value",
        "weight",
        "window",
    )

    def __init__(self, window: int, weight: int, *, even: bool) -> None:
        self.window = window
        self.weight = weight
        self.step = weight if even else 2 * window * weight
        self.units = 0
        self.since = self.value = self.slope = self.bend = 0
        self.next_expiry = _NEVER
        self._even = even
        self._expired_units = 0
        self._steps: deque[tuple[int, int]] = deque()

    def key_at(self, now: int) -> int:
        """Return the key at a second. Calls must have increasing seconds."""
        if self.next_expiry <= now:
            self._expire(now)
        seconds = now - self.since
        return self.value + seconds * (self.slope - seconds * self.bend)

    def add(self, units: int, now: int) -> None:
        """Change the number of units in use by `units`."""
        if self.next_expiry <= now:
            self._expire(now)
        seconds = now - self.since  # as in _move, without a call
        change = seconds * self.bend
        self.value += seconds * (self.slope - change)
        self.slope += self.step * units - 2 * change
        self.since = now
        self.units += units
        if not self._even:
            self.bend += self.weight * units
        steps, expiry = self._steps, now + self.window
        if not steps:
            self.next_expiry = expiry
        elif steps[-1][0] == expiry:
            steps.pop()
        steps.append((expiry, self.units))

    def reweigh(self, weight: int) -> None:
        """Change the weight factor, also of the past use."""
        old = self.weight
        self.weight = weight
        self.step, self.value, self.slope, self.bend = (
            number // old * weight for number in (self.step, self.value, self.slope, self.bend)
        )

    def changed(self, window: int, weight: int, now: int) -> "Usage":
        """Return the use with another window and weight factor. Use before the old window stays forgotten."""
        self.key_at(now)
        changed = Usage(window, weight, even=self._even)
        if self._expired_units:
            changed.add(self._expired_units, now - self.window)
        for expiry, units in self._steps:
            changed.add(units - changed.units, expiry - self.window)
        changed.key_at(now)
        return changed

    @property
    def last_expiry(self) -> int:
        """Second at which all past use has left the window if no units are in use."""
        return self._steps[-1][0] if self._steps else 0

    def _move(self, now: int) -> None:
        seconds = now - self.since
        change = seconds * self.bend
        self.value += seconds * (self.slope - change)
        self.slope -= 2 * change
        self.since = now

    def _expire(self, now: int) -> None:
        """Remove the changes that have left the window."""
        steps = self._steps
        while self.next_expiry <= now:
            self._move(self.next_expiry)
            units = steps.popleft()[1]
            if self._even:
                self.slope -= self.weight * (units - self._expired_units)
            else:
                self.bend -= self.weight * (units - self._expired_units)
            self._expired_units = units
            self.next_expiry = steps[0][0] if steps else _NEVER

    def slope_at(self, now: int) -> int:
        """Return the growth of the key per second. `key_at` must have been called for the same second."""
        return self.slope - 2 * (now - self.since) * self.bend

    def seconds_above(self, now: int, margin: int, level_slope: int) -> int:
        """Return the number of seconds for which the key stays above a level if no units are removed.

        Args:
            now: Second for which `key_at` was called.
            margin: Key minus the level.
            level_slope: Growth of the level per second.
        """
        # Lower bound of the key: no units are added, and no units were in use one window ago.
        loss = level_slope - self.slope + 2 * (now - self.since) * self.bend
        bend = self.weight * self.units
        if loss > 0:
            seconds = 2 * margin / (loss + sqrt(loss * loss + 4.0 * bend * margin))
        elif bend:
            seconds = (sqrt(loss * loss + 4.0 * bend * margin) - loss) / (2 * bend)
        else:
            return self.window
        return int(seconds * _JUST_BELOW)
