"""First in, first out."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from fairlane.errors import Advice, Problem
from fairlane.scheduling.capacity import Capacity, check_counts_instances
from fairlane.scheduling.policy import Allotment, SchedulingPolicy


@dataclass(frozen=True, slots=True)
class Fifo(SchedulingPolicy):
    """Jobs start in the order of their submission; nobody is guaranteed anything.

    AWS Batch's behaviour for a queue without a scheduling policy. A queue that was created so can never get one:
    AWS refuses the update.
    """

    def problems(self) -> Iterator[Problem]:
        """Yields nothing: there is nothing to get wrong."""
        yield from ()

    def problems_with(self, capacity: Mapping[str, int]) -> Iterator[Problem]:
        """Yields a problem where the environment counts instance types."""
        yield from check_counts_instances("Fifo", capacity)

    def advice(self, capacity: Mapping[str, int]) -> Iterator[Advice]:
        """Yields nothing."""
        yield from ()

    @property
    def share_names(self) -> list[str]:
        """None."""
        return []

    def entitlements(self, capacity: Capacity) -> Allotment:
        """Returns nothing: there are no shares."""
        return {}

    def ceilings(self, capacity: Capacity) -> Allotment:
        """Returns nothing: there are no shares."""
        return {}
