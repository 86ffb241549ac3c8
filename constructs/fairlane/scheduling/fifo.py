"""FIFO scheduling."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from fairlane.errors import Advice, Problem
from fairlane.scheduling.capacity import Capacity, check_counts_instances
from fairlane.scheduling.policy import Allotment, SchedulingPolicy


@dataclass(frozen=True, slots=True)
class Fifo(SchedulingPolicy):
    """FIFO scheduling: jobs start in the order of their submission. No user has a guaranteed capacity.

    AWS Batch schedules a queue without a scheduling policy so. AWS refuses to add a policy to such a queue later.
    """

    def problems(self) -> Iterator[Problem]:
        """Yield nothing: FIFO scheduling has no settings."""
        yield from ()

    def problems_with(self, capacity: Mapping[str, int]) -> Iterator[Problem]:
        """Yield a problem if the service environment counts instance types."""
        yield from check_counts_instances("FIFO scheduling", capacity)

    def advice(self, capacity: Mapping[str, int]) -> Iterator[Advice]:
        """Yield nothing."""
        yield from ()

    @property
    def share_names(self) -> list[str]:
        """Empty list."""
        return []

    def entitlements(self, capacity: Capacity) -> Allotment:
        """Return an empty mapping: FIFO scheduling has no shares."""
        return {}

    def ceilings(self, capacity: Capacity) -> Allotment:
        """Return an empty mapping: FIFO scheduling has no shares."""
        return {}
