"""Rules of SageMaker training queues, and of the combination of policy, capacity and service environment."""

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
    """Yield the problems of a training queue, with fields relative to the queue.

    Args:
        queue_name: Name of the queue, as in `TrainingQueue`.
        scheduling: Scheduling policy, as in `TrainingQueue`.
        capacity: Capacity of the queue's own service environment. None if the queue uses an existing one.
        service_environment: Name or path of the existing service environment, for errors. None if the queue has its
            own.
        environment_capacity: Capacity of the existing service environment. None if it is unknown.
        priority: Priority, as in `TrainingQueue`.
        state: State, as in `TrainingQueue`.
        time_limit_actions: Time-limit actions, as in `TrainingQueue`.
        tags: Tags, as in `TrainingQueue`.
        region: Region of the queue. None or a token if the Region is unknown.
    """
    yield from queue_problems(queue_name=queue_name, priority=priority, state=state, tags=tags)
    yield from check_time_limit_actions(time_limit_actions, JobAction.TERMINATE, SERVICE_JOB_REASONS)
    if capacity is not None and service_environment is not None:
        sentence = f"capacity and the service environment {service_environment} exclude each other"
        yield Problem.relation(("service_environment",), f"{sentence}: use only one of them")
    if capacity is None and service_environment is None:
        yield Problem(("capacity",), None, "capacity or service_environment")
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
        sentence = f"quota management is not available in {region}: use FIFO or fair-share scheduling"
        yield Problem.relation(("scheduling",), sentence)
