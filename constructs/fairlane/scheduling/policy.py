"""Base class of scheduling policies."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Final, TypeAlias

from fairlane.errors import Advice, Problem
from fairlane.scheduling.capacity import Capacity

MAX_JOB_PRIORITY: Final = 9999
"""Highest scheduling priority of a job. The lowest is 0."""

Allotment: TypeAlias = dict[str, dict[str, float]]
"""Number of instances by share and capacity unit."""


class SchedulingPolicy(ABC):
    """Scheduling policy of a job queue: `Fifo`, `FairShare` or `QuotaManagement`.

    AWS refuses to change the kind of a queue's policy: create a new queue, drain the old queue, and remove it.
    """

    @property
    @abstractmethod
    def share_names(self) -> list[str]:
        """Names of the shares in the order of the policy. Empty for a policy without shares."""

    @abstractmethod
    def problems(self) -> Iterator[Problem]:
        """Yield the problems of the policy."""

    @abstractmethod
    def problems_with(self, capacity: Mapping[str, int]) -> Iterator[Problem]:
        """Yield the problems between the policy and the capacity limits of the queue."""

    @abstractmethod
    def advice(self, capacity: Mapping[str, int]) -> Iterator[Advice]:
        """Yield warnings about the policy and the capacity limits, which AWS accepts."""

    @abstractmethod
    def entitlements(self, capacity: Capacity) -> Allotment:
        """Return the capacity that each share gets while all shares have enough jobs.

        Args:
            capacity: Capacity of the queue.

        Returns:
            Number of instances by share and capacity unit. Empty for a policy without shares.
        """

    @abstractmethod
    def ceilings(self, capacity: Capacity) -> Allotment:
        """Return the capacity that each share may reach while all other shares are idle.

        Args:
            capacity: Capacity of the queue.

        Returns:
            Number of instances by share and capacity unit. Empty for a policy without shares.
        """
