"""Base class of schedulers that place each job on one of several environments."""

from abc import abstractmethod
from collections.abc import Iterable, Sequence

from fairlane.scheduler.environment import CLOSED, Environment
from fairlane.scheduler.event_loop import EventLoop
from fairlane.scheduler.lane import Lane, Scheduler


class PlacementScheduler(Scheduler):
    """Scheduler that starts a job on the first environment with enough free capacity."""

    def __init__(self, loop: EventLoop, environments: Sequence[Environment]) -> None:
        super().__init__(loop)
        self._place_on(environments)

    @abstractmethod
    def _lanes(self) -> Iterable[Lane]:
        """Return all lanes."""

    def _place_on(self, environments: Sequence[Environment]) -> None:
        """Change the environments, their limits or their states."""
        self._largest = max((environment.peak for environment in environments), default=0)
        self._capacity = sum(environment.limit for environment in environments)
        self._all_environments = environments
        self._environments = [environment for environment in environments if environment.enabled]
        self._several = len(self._environments) > 1
        self._first = self._environments[0] if self._environments else CLOSED
        for lane in self._lanes():
            lane.largest = self._largest

    def environment_limit(self, lane: Lane) -> int:
        """Return the peak of the largest environment."""
        return self._largest

    def _place_run(self, units: int) -> Environment:
        """Return an environment for a job that already runs, although none may be free or enabled."""
        return self._find(units) or (self._environments or self._all_environments)[0]

    def _find(self, units: int) -> Environment | None:
        """Return the environment for a job. None if the capacity is not free."""
        for environment in self._environments:
            if units <= environment.free:
                return environment
        return None
