"""Placement of jobs on the environments of a queue, each job on one environment."""

from collections.abc import Sequence

from fairlane.scheduler.environment import CLOSED, Environment
from fairlane.scheduler.event_loop import EventLoop


class Placement:
    """Environments of a queue. A job starts on the first environment that has enough free capacity.

    Attributes:
        group: Bit of the group of queues that share environments.
        retries_first: True, because AWS puts a job that is retried first.
        largest: Number of instances that a job can have at most.
    """

    retries_first = True

    def __init__(self, loop: EventLoop, environments: Sequence[Environment]) -> None:
        self.group = 0
        self._loop = loop
        self._jobs = loop.jobs
        self.change_environments(environments)

    def change_environments(self, environments: Sequence[Environment]) -> None:
        """Change the environments, their limits or their states."""
        limits = [environment.limit for environment in environments]
        self.largest, self._capacity = max(limits, default=0), sum(limits)
        self._environments = [environment for environment in environments if environment.enabled]
        self._several = len(self._environments) > 1
        self._first = self._environments[0] if self._environments else CLOSED

    def find(self, units: int) -> Environment | None:
        """Return the environment for a job. None if the capacity is not free."""
        for environment in self._environments:
            if units <= environment.free:
                return environment
        return None
