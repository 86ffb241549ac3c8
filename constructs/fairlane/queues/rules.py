"""Rules of all queues, and of queues for containers on EC2."""

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
"""Most job queues in an account and Region."""

MAX_COMPUTE_ENVIRONMENTS: Final = 3


def queue_problems(
    *, queue_name: str, priority: int, state: State, tags: Mapping[str, str] | None
) -> Iterator[Problem]:
    """Yield the problems that all kinds of queues have in common."""
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
    """Yield the problems of a queue for containers, without its compute environments. For arguments, see `GpuQueue`."""
    yield from queue_problems(queue_name=queue_name, priority=priority, state=state, tags=tags)
    yield from check_time_limit_actions(time_limit_actions, JobAction.CANCEL, COMPUTE_JOB_REASONS)
    if isinstance(scheduling, QuotaManagement):
        sentence = "quota management requires a queue for SageMaker training jobs"
        yield Problem.relation(("scheduling",), f"{sentence}: use FIFO or fair-share scheduling")
        return
    if not isinstance(scheduling, SchedulingPolicy):
        yield Problem(("scheduling",), scheduling, "Fifo or FairShare")
        return
    for problem in scheduling.problems():
        yield problem.within("scheduling")


def check_compute_environments(environments: object) -> Iterator[Problem]:
    """Check a queue's list of compute environments: 1 to 3, without duplicates."""
    field = ("compute_environments",)
    if not isinstance(environments, Sequence):
        yield Problem(field, environments, f"a list of 1 to {MAX_COMPUTE_ENVIRONMENTS} compute environments")
        return
    if not 1 <= len(environments) <= MAX_COMPUTE_ENVIRONMENTS:
        sentence = f"the list has {len(environments)} compute environments: use 1 to {MAX_COMPUTE_ENVIRONMENTS}"
        yield Problem.relation(field, sentence)
        return
    for index, environment in enumerate(environments):
        if environment in environments[:index]:
            name = environment if isinstance(environment, str) else environment.node.path
            yield Problem.relation((*field, index), f"{name} is listed twice: list each compute environment once")
