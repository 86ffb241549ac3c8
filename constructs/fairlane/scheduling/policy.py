"""What every scheduling policy has in common."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Final, TypeAlias

from fairlane.errors import Advice, Problem
from fairlane.scheduling.capacity import Capacity

MAX_JOB_PRIORITY: Final = 9999
"""Highest scheduling priority of a job; the lowest is 0."""

Allotment: TypeAlias = dict[str, dict[str, float]]
"""A number of instances for each capacity unit of each share."""


class SchedulingPolicy(ABC):
    """Who goes next when several wait: one of `Fifo`, `FairShare` and `QuotaManagement`.

    A queue's kind of policy cannot change: AWS refuses it, so make a new queue, let the old one drain and remove it.
    """

    @property
    @abstractmethod
    def share_names(self) -> list[str]:
        """The names of the shares, as declared; none for a policy without shares."""

    @abstractmethod
    def problems(self) -> Iterator[Problem]:
        """Yields every mistake that the policy has by itself."""

    @abstractmethod
    def problems_with(self, capacity: Mapping[str, int]) -> Iterator[Problem]:
        """Yields every way in which the policy and the queue's capacity limits do not fit each other."""

    @abstractmethod
    def advice(self, capacity: Mapping[str, int]) -> Iterator[Advice]:
        """Yields what AWS accepts of the two and its user may not have meant."""

    @abstractmethod
    def entitlements(self, capacity: Capacity) -> Allotment:
        """Tells what each share gets when all shares are busy.

        Args:
            capacity: what the queue has, as given to it.

        Returns:
            Instances by share and capacity unit; empty for a policy without shares.
        """

    @abstractmethod
    def ceilings(self, capacity: Capacity) -> Allotment:
        """Tells what each share may reach when all other shares idle.

        Args:
            capacity: what the queue has, as given to it.

        Returns:
            Instances by share and capacity unit; empty for a policy without shares.
        """
