"""What a share used of late, in whole numbers: kept up to date in constant time, however long the window."""

from collections import deque
from math import sqrt
from typing import Final

_NEVER: Final = 1 << 62
_JUST_BELOW: Final = 1 - 1e-9


class Usage:
    """A share's use over a window times its weight factor: what fair share ranks it by.

    Use of x seconds ago counts 1 - x / window, or all alike if `even`. All is in whole numbers, `step` for a unit that
    is used for a second. From one change to the next, x seconds after the second `since`, the key is

        value + x * (slope - x * bend)

    The units in use now raise the slope, and those of a window ago straighten the bend, when they leave the window;
    steps are kept until then.

    Attributes:
        units: in use now.
        leaves: when the next step leaves the window, and the formula ends.
    """

    __slots__ = (
        "_even",
        "_steps",
        "_was",
        "bend",
        "leaves",
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
        self.leaves = _NEVER
        self._even = even
        self._was = 0
        self._steps: deque[tuple[int, int]] = deque()

    def at(self, now: int) -> int:
        """The key at a second; time never goes back."""
        if self.leaves <= now:
            self._forget(now)
        seconds = now - self.since
        return self.value + seconds * (self.slope - seconds * self.bend)

    def add(self, units: int, now: int) -> None:
        """From now on, so many units more are in use."""
        if self.leaves <= now:
            self._forget(now)
        self._move(now)
        self.units += units
        self.slope += self.step * units
        if not self._even:
            self.bend += self.weight * units
        steps, leaves = self._steps, now + self.window
        if not steps:
            self.leaves = leaves
        elif steps[-1][0] == leaves:
            steps.pop()
        steps.append((leaves, self.units))

    def _move(self, now: int) -> None:
        seconds = now - self.since
        if seconds:
            turned = seconds * self.bend
            self.value += seconds * (self.slope - turned)
            self.slope -= 2 * turned
            self.since = now

    def _forget(self, now: int) -> None:
        """Lets steps leave the window."""
        steps = self._steps
        while self.leaves <= now:
            self._move(self.leaves)
            units = steps.popleft()[1]
            if self._even:
                self.slope -= self.weight * (units - self._was)
            else:
                self.bend -= self.weight * (units - self._was)
            self._was = units
            self.leaves = steps[0][0] if steps else _NEVER

    def trend(self, now: int) -> int:
        """How fast the key grows at a second, which it was asked for."""
        return self.slope - 2 * (now - self.since) * self.bend

    def stays_above(self, now: int, room: int, rise: int) -> int:
        """For how many seconds the key cannot fall below a level, unless units are taken away.

        Args:
            now: a second that the key was asked for.
            room: how much it is above the level now.
            rise: how much the level rises each second.
        """
        # The key is least if no units are added, and if none were in use a window ago.
        loss = rise - self.slope + 2 * (now - self.since) * self.bend
        bend = self.weight * self.units
        if loss > 0:
            seconds = 2 * room / (loss + sqrt(loss * loss + 4.0 * bend * room))
        elif bend:
            seconds = (sqrt(loss * loss + 4.0 * bend * room) - loss) / (2 * bend)
        else:
            return self.window
        return int(seconds * _JUST_BELOW)
