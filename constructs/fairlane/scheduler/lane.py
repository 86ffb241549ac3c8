"""Lanes of waiting jobs, and the interface of the schedulers."""

from typing import Any, Protocol


class Scheduler(Protocol):
    """Scheduler of a queue. Jobs are rows of the job table. Runs have numbers in the order of their start.

    A scheduler makes its own class of lanes, and gets them back.

    Attributes:
        group: Bit of the group of queues that share environments.
        retries_first: True if a job that waits again after a failure is before all other jobs of its priority.
    """

    group: int
    retries_first: bool

    def lane(self, share: str, instance_type: str) -> "Lane":
        """Return the lane of a share and an instance type. A new lane is added."""

    def arrive(self, lane: Any, row: int) -> None:
        """Add a waiting job."""

    def release(self, lane: Any, run: int, row: int, now: int) -> None:
        """Handle the end of a run, whose capacity is free."""

    def schedule(self, now: int) -> None:
        """Start the jobs that can start now."""


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
