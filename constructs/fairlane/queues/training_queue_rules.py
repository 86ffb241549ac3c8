"""The rules of a SageMaker training queue as a whole: what fits what."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from fairlane.errors import Problem
from fairlane.queues.rules import queue_problems
from fairlane.scheduling.capacity import Capacity, capacity_limits, check_capacity
from fairlane.scheduling.policy import SchedulingPolicy
from fairlane.scheduling.quota_management import REGIONS_WITHOUT_QUOTA_SHARES, QuotaManagement
from fairlane.scheduling.state import State
from fairlane.scheduling.time_limits import (
    SERVICE_JOB_REASONS,
    JobAction,
    JobStateTimeLimitAction,
    check_time_limit_actions,
)


def training_queue_problems(
    *,
    queue_name: str,
    scheduling: SchedulingPolicy,
    capacity: Capacity | None,
    service_environment: str | None,
    environment_capacity: Capacity | None,
    priority: int,
    state: State,
    time_limit_actions: Sequence[JobStateTimeLimitAction],
    tags: Mapping[str, str] | None,
    region: str | None,
) -> Iterator[Problem]:
    """Yields every mistake of a training queue; fields are named from the queue inwards.

    Args:
        queue_name: as for `TrainingQueue`.
        scheduling: as for `TrainingQueue`.
        capacity: what the queue's own service environment shall have, if it has one of its own.
        service_environment: how its user calls the environment that exists already, if it takes such a one.
        environment_capacity: what that one has; None if it is not known.
        priority: as for `TrainingQueue`.
        state: as for `TrainingQueue`.
        time_limit_actions: as for `TrainingQueue`.
        tags: as for `TrainingQueue`.
        region: where the queue will be; None or a token if it is not known.
    """
    yield from queue_problems(queue_name=queue_name, priority=priority, state=state, tags=tags)
    yield from check_time_limit_actions(time_limit_actions, JobAction.TERMINATE, SERVICE_JOB_REASONS)
    if capacity is not None and service_environment is not None:
        both = f"both capacity and {service_environment}"
        yield Problem(("service_environment",), both, "one of the two, as a queue has one service environment")
    if capacity is None and service_environment is None:
        yield Problem(("capacity",), None, "capacity, or a service_environment that exists")
    if capacity is not None:
        yield from check_capacity(("capacity",), capacity)
    if not isinstance(scheduling, SchedulingPolicy):
        yield Problem(("scheduling",), scheduling, "Fifo, FairShare or QuotaManagement")
        return
    for problem in scheduling.problems():
        yield problem.within("scheduling")
    source, limits = ("service_environment", environment_capacity) if capacity is None else ("capacity", capacity)
    if limits is not None and not any(check_capacity((), limits)):
        for problem in scheduling.problems_with(capacity_limits(limits)):
            yield replace(problem, field=(source,)) if problem.field == ("capacity",) else problem
    if isinstance(scheduling, QuotaManagement) and region in REGIONS_WITHOUT_QUOTA_SHARES:
        yield Problem(("scheduling",), f"QuotaManagement in {region}", "Fifo or FairShare in that Region")
