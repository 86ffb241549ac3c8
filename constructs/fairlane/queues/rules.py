"""The rules of every queue, and those of a queue for containers on EC2."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from fairlane._internal.checks import check_choice, check_name, check_tags, check_whole_number
from fairlane.errors import Problem
from fairlane.scheduling.policy import SchedulingPolicy
from fairlane.scheduling.quota_management import QuotaManagement
from fairlane.scheduling.state import State
from fairlane.scheduling.time_limits import (
    COMPUTE_JOB_REASONS,
    JobAction,
    JobStateTimeLimitAction,
    check_time_limit_actions,
)

MAX_PRIORITY: Final = 1000
MAX_QUEUES: Final = 50
"""Job queues in an account and Region."""

MAX_COMPUTE_ENVIRONMENTS: Final = 3


def queue_problems(
    *, queue_name: str, priority: int, state: State, tags: Mapping[str, str] | None
) -> Iterator[Problem]:
    """Yields what AWS would refuse in any queue."""
    yield from check_name(("queue_name",), queue_name)
    yield from check_whole_number(("priority",), priority, 0, MAX_PRIORITY)
    yield from check_choice(("state",), state, State)
    yield from check_tags(tags)


def gpu_queue_problems(
    *,
    queue_name: str,
    scheduling: SchedulingPolicy,
    priority: int,
    state: State,
    time_limit_actions: Sequence[JobStateTimeLimitAction],
    tags: Mapping[str, str] | None,
) -> Iterator[Problem]:
    """Yields every mistake of a queue for containers, save in its compute environments; arguments as for `GpuQueue`."""
    yield from queue_problems(queue_name=queue_name, priority=priority, state=state, tags=tags)
    yield from check_time_limit_actions(time_limit_actions, JobAction.CANCEL, COMPUTE_JOB_REASONS)
    if not isinstance(scheduling, SchedulingPolicy) or isinstance(scheduling, QuotaManagement):
        got = type(scheduling).__name__ if isinstance(scheduling, SchedulingPolicy) else scheduling
        yield Problem(("scheduling",), got, "Fifo or FairShare: quotas are for SageMaker training queues only")
        return
    for problem in scheduling.problems():
        yield problem.within("scheduling")


def check_compute_environments(environments: object) -> Iterator[Problem]:
    """Check a queue's list of compute environments: one to three, each once."""
    field = ("compute_environments",)
    if not isinstance(environments, Sequence) or not 1 <= len(environments) <= MAX_COMPUTE_ENVIRONMENTS:
        got = f"{len(environments)} compute environments" if isinstance(environments, Sequence) else environments
        yield Problem(field, got, f"a list of 1 to {MAX_COMPUTE_ENVIRONMENTS} compute environments")
        return
    for index, environment in enumerate(environments):
        if environment in environments[:index]:
            path = environment if isinstance(environment, str) else environment.node.path
            yield Problem((*field, index), path, "each compute environment once")
