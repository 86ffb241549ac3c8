"""Lanes of waiting jobs, and the base class of schedulers."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fairlane.scheduler.submission import Wait, WaitReason

if TYPE_CHECKING:
    from fairlane.scheduler.environment import Environment
    from fairlane.scheduler.event_loop import EventLoop


class Scheduler(ABC):
    """Scheduler of a queue. Jobs are rows of the job table. Runs have numbers in the order of their start.

    A scheduler makes its own class of lanes, and gets them back. Each job has its lane for ever.

    Attributes:
        group: Bit of the group of queues that share environments.
        time_limits: Number of seconds after which a job that can never run and blocks others ends, by the limit that it
            exceeds.
        largest_instance: Number of capacity units of the largest instance. None if it has no effect.
        due: True if the time of a new ranking has come.
        retries_first: True if a job that waits again is before all other jobs of its priority.
    """

    retries_first = True
    due = False

    def __init__(self, loop: "EventLoop") -> None:
        self.group = 0
        self.time_limits: Mapping[WaitReason, int] = {}
        self.largest_instance: int | None = None
        self._loop = loop
        self._jobs = loop.jobs

    @abstractmethod
    def change(self, policy: Any, environments: Sequence["Environment"]) -> None:
        """Change the policy and the environments. Runs continue."""

    @abstractmethod
    def lane(self, share: str, instance_type: str) -> "Lane":
        """Return the lane of a share and an instance type. A new lane is added."""

    @abstractmethod
    def environment_limit(self, lane: Any) -> int:
        """Return the number of instances that the environments allow a job to have."""

    @abstractmethod
    def arrive(self, lane: Any, row: int) -> None:
        """Add a waiting job."""

    @abstractmethod
    def remove(self, lane: Any, row: int) -> None:
        """Remove a waiting job."""

    @abstractmethod
    def release(self, lane: Any, run: int, row: int, now: int) -> None:
        """Handle the end of a run, whose capacity is free."""

    @abstractmethod
    def resume(self, lane: Any, row: int, now: int) -> None:
        """Start a job that really started at a second, whatever the limits are."""

    @abstractmethod
    def schedule(self, now: int) -> None:
        """Start the jobs that can start now."""

    @abstractmethod
    def order(self, now: int) -> Iterator[int]:
        """Yield the rows of all waiting jobs in the order of a pass, as if all of them could start."""

    @abstractmethod
    def wait(self, lane: Any, row: int, now: int) -> Wait:
        """Return the reason why a job waits after a pass."""

    @abstractmethod
    def renumber(self, rows: Mapping[int, int], runs: Mapping[int, int]) -> None:
        """Replace the numbers of rows and runs. The new numbers have the same order as the old numbers."""

    def is_reserved(self, lane: Any, row: int) -> bool:
        """Return True if other jobs are being stopped for a waiting job."""
        return False

    def prefer(self, row: int, lanes: Sequence[Any]) -> None:  # noqa: B027 (only quota management counts types)
        """Handle that a job can run in several lanes, in the order of preference. The first is its lane."""

    def home(self, row: int) -> "Lane":
        """Return the lane in which a job waits."""
        return self._jobs.lanes[row]

    def unit_of(self, lane: Any) -> str:
        """Return the capacity unit of a lane. Empty if the scheduler counts one unit only."""
        return ""

    def stop(self, lane: Any, run: int, row: int) -> None:  # noqa: B027 (only quota management preempts)
        """Exclude a run from preemption, because its job was withdrawn."""

    def rank_run(self, lane: Any, run: int, row: int, priority: int) -> None:  # noqa: B027 (as above)
        """Handle the new priority of a job that runs. The job table has the old priority."""

    def pause(self, unit: str = "") -> None:  # noqa: B027 (as above)
        """Handle that no jobs may start on a capacity unit, or on any unit, for which others are being stopped."""


class Lane:
    """Jobs of a queue that differ only in their size, priority and submission.

    Attributes:
        scheduler: Scheduler of the queue.
        largest: Number of instances that a job can have at most. A larger job can never run.
    """

    __slots__ = ("largest", "scheduler")

    def __init__(self, scheduler: Scheduler) -> None:
        self.scheduler = scheduler
        self.largest = 0
