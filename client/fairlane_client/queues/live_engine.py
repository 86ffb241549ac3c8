"""Scheduling engine in the state of a live queue: its running jobs, and past use that still counts."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from math import floor
from typing import Final, NamedTuple

from fairlane.scheduler import Engine, Strategies, Submission
from fairlane.scheduling import FairShare, QuotaManagement, SchedulingPolicy, Sharing, State
from fairlane_client.queues.jobs import QueuedJob
from fairlane_client.queues.queue import Queue

_PLENTY: Final = 10**9
_MIN_WINDOW: Final = 600


class LiveEngine(NamedTuple):
    """Engine in the state of a queue.

    Attributes:
        engine: Engine at the current second. No job waits in it.
        ids: Identifier in the engine of each job that holds capacity, by its id in AWS Batch.
        origin: Time of the engine's second 0, in seconds since 1970.
    """

    engine: Engine
    ids: Mapping[str, int]
    origin: int


def build_live_engine(
    queue: Queue, jobs: Iterable[QueuedJob], now: float, strategies: Strategies | None = None
) -> LiveEngine:
    """Return an engine in which the holding jobs of a queue run since they really do.

    Jobs start at their real times because the engine has plenty of capacity until `now`, and then the queue's own.
    The run time of a job that holds capacity is unknown: `Engine.finish` tells its end.

    Args:
        queue: Queue.
        jobs: Jobs that hold capacity, and jobs that have ended. Other jobs are not used. With fair share, ended jobs
            count if they ended within the window of the policy.
        now: Current time, in seconds since 1970.
        strategies: Choices for behavior that AWS does not document. Default: `Strategies()`.
    """
    horizon = floor(now) - _window(queue.policy)
    runs = []
    for job in jobs:
        since, stopped = job.since, job.stopped
        if since is None or not job.amount or not (job.holds_capacity or (stopped and stopped > max(horizon, since))):
            continue
        runs.append((floor(since), job))
    runs.sort(key=lambda run: (run[0], run[1].created))
    origin = min((since for since, _ in runs), default=floor(now))
    engine = Engine(strategies=strategies or Strategies())
    capacity = queue.capacity
    is_typed = isinstance(capacity, Mapping)
    units = list(dict.fromkeys([*queue.units, *(job.unit for _, job in runs)]))
    for environment in queue.environments:
        engine.set_environment(environment.name, dict.fromkeys(units, _PLENTY) if is_typed else _PLENTY)
    names = [environment.name for environment in queue.environments]
    engine.set_queue(queue.name, _without_limits(queue.policy, [job.share for _, job in runs], units), names)
    ids = {}
    for since, job in runs:
        engine.advance(since - origin)
        stop = None if job.holds_capacity or job.stopped is None else floor(job.stopped)
        run = None if stop is None else max(1, stop - since)
        identifier = engine.submit(submission(queue, job, run=run))
        if job.holds_capacity:
            ids[job.id] = identifier
    engine.advance(floor(now) - origin, complete=True)
    for environment in queue.environments:
        limits = dict(environment.capacity) if is_typed else sum(environment.capacity.values())
        state = State.ENABLED if environment.is_enabled else State.DISABLED
        engine.set_environment(environment.name, limits, state)
    engine.set_queue(queue.name, queue.policy, names, priority=queue.priority)
    return LiveEngine(engine, ids, origin)


def submission(queue: Queue, job: QueuedJob, *, run: int | None = None) -> Submission:
    """Return a job as it is submitted to the engine of its queue.

    Args:
        queue: Queue.
        job: Job.
        run: Number of seconds that the job works. Default: unknown.
    """
    return Submission(
        queue=queue.name,
        share=job.share,
        priority=job.priority or 0,
        instances=job.amount,
        instance_type=job.unit if isinstance(queue.policy, QuotaManagement) else "",
        run=run,
    )


def _window(policy: SchedulingPolicy) -> int:
    return max(_MIN_WINDOW, policy.share_decay_seconds or 0) if isinstance(policy, FairShare) else 0


def _without_limits(policy: SchedulingPolicy, shares: Iterable[str], units: Iterable[str]) -> SchedulingPolicy:
    """Return a policy of the same kind under which each job starts at once."""
    if isinstance(policy, FairShare):
        return replace(policy, compute_reservation=None)
    if isinstance(policy, QuotaManagement):
        plenty = dict.fromkeys(units, _PLENTY // 1000)
        own = [replace(share, capacity=plenty, sharing=Sharing.RESERVE, borrow_limit=None) for share in policy.shares]
        return QuotaManagement(*(replace(share, in_share_preemption=False, state=State.ENABLED) for share in own))
    return policy
