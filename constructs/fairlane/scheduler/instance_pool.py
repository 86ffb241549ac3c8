"""Pool of the EC2 instances of a queue, with start-up, idle time and Spot reclaims."""

import math
from collections import deque
from random import Random

from fairlane.scheduler.compilation import mypyc_attr
from fairlane.scheduler.options import Ec2Instances


@mypyc_attr(serializable=True)
class InstancePool:
    """Idle instances, which stay available for some time after their jobs."""

    def __init__(self, options: Ec2Instances) -> None:
        self._options = options
        self._random = Random(options.seed)
        self._idle: deque[tuple[int, int]] = deque()
        self._number_idle = 0

    def take(self, number: int, now: int) -> tuple[int, int | None]:
        """Take instances for a run, idle instances first.

        Returns:
            Number of seconds until all instances are ready, and number of seconds until the first instance is
            reclaimed. None if no instance is reclaimed.
        """
        idle = self._idle
        while idle and idle[0][0] < now:
            self._number_idle -= idle.popleft()[1]
        must_start = number > self._number_idle
        remaining = min(number, self._number_idle)
        self._number_idle -= remaining
        while remaining:
            until, available = idle.popleft()
            if available > remaining:
                idle.appendleft((until, available - remaining))
            remaining -= min(available, remaining)
        reclaimed = None
        if self._options.reclaims_per_hour:
            reclaimed = max(1, math.ceil(self._random.expovariate(number * self._options.reclaims_per_hour / 3600)))
        return self._options.start_up_seconds if must_start else 0, reclaimed

    def give(self, number: int, now: int) -> None:
        """Return the instances of a run to the pool."""
        if number:
            self._idle.append((now + self._options.idle_seconds, number))
            self._number_idle += number
