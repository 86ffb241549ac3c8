"""Queues of an engine, and groups of queues that share environments."""

from collections.abc import Sequence
from dataclasses import dataclass

from fairlane.scheduler.compilation import mypyc_attr
from fairlane.scheduler.environment import Environment
from fairlane.scheduler.lane import Scheduler
from fairlane.scheduling import SchedulingPolicy, State


@mypyc_attr(serializable=True)
@dataclass(slots=True)
class Queue:
    """Queue of an engine.

    Attributes:
        name: Name.
        policy: Scheduling policy.
        scheduler: Scheduler.
        environments: Environments in order.
        priority: Priority. Queues with a higher priority get shared capacity first.
        state: State. A disabled queue starts no runs.
    """

    name: str
    policy: SchedulingPolicy
    scheduler: Scheduler
    environments: Sequence[Environment]
    priority: int
    state: State

    @property
    def enabled(self) -> bool:
        """True if the queue and one of its environments are enabled."""
        return self.state == State.ENABLED and any(environment.enabled for environment in self.environments)


def group_queues(queues: Sequence[Queue]) -> None:
    """Set the group of each queue: the first environment of all queues that share environments with it."""
    group_of = {environment.index: environment.index for queue in queues for environment in queue.environments}
    for queue in queues:
        groups = {group_of[environment.index] for environment in queue.environments}
        group_of = {index: min(groups) if group in groups else group for index, group in group_of.items()}
    for queue in queues:
        queue.scheduler.group = 1 << group_of[queue.environments[0].index]


def pass_order(queues: Sequence[Queue]) -> list[Scheduler]:
    """Return the schedulers of the enabled queues in the order of a pass."""
    enabled = [queue for queue in queues if queue.enabled]
    return [queue.scheduler for queue in sorted(enabled, key=lambda queue: -queue.priority)]
