"""The machines of a queue on EC2: some idle and warm, some to be started, some taken back."""

import math
from collections import deque
from random import Random

from fairlane.scheduler.options import Machines


class MachinePool:
    """Machines that idle after their jobs, and when Spot takes back those in use."""

    def __init__(self, machines: Machines) -> None:
        self._machines = machines
        self._random = Random(machines.seed)
        self._warm: deque[tuple[int, int]] = deque()
        self._idle = 0

    def take(self, number: int, now: int) -> tuple[int, int | None]:
        """Takes machines for a run, warm ones first.

        Returns:
            Seconds until all are ready, and seconds until the first of them is reclaimed; None is never.
        """
        warm = self._warm
        while warm and warm[0][0] < now:
            self._idle -= warm.popleft()[1]
        cold = number > self._idle
        lacking = min(number, self._idle)
        self._idle -= lacking
        while lacking:
            until, there = warm.popleft()
            if there > lacking:
                warm.appendleft((until, there - lacking))
            lacking -= min(there, lacking)
        reclaimed = None
        if self._machines.reclaims_per_hour:
            reclaimed = max(1, math.ceil(self._random.expovariate(number * self._machines.reclaims_per_hour / 3600)))
        return self._machines.start_up_seconds if cold else 0, reclaimed

    def give(self, number: int, now: int) -> None:
        """Gets machines back from a run; they stay warm for a while."""
        if number:
            self._warm.append((now + self._machines.idle_seconds, number))
            self._idle += number
