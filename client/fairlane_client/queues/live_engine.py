"""Scheduling engine in the state of a live queue: its running jobs, and past use that still counts."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from math import floor
from operator import attrgetter
from typing import Final, NamedTuple

from fairlane.scheduler import Engine, RestoredJob, Strategies, Submission, Terms, restore
from fairlane.scheduling import FairShare, QuotaManagement, SchedulingPolicy, State
from fairlane_client.queues.jobs import QueuedJob
from fairlane_client.queues.queue import Queue

_MIN_WINDOW: Final = 600


class LiveEngine(NamedTuple):
    """Engine in the state of a queue.

    Attributes:
        engine: Engine at the current second.
        ids: Identifier in the engine of each job that holds capacity or waits, by its id in AWS Batch.
        origin: Time of the engine's second 0, in seconds since 1970.
    """

    engine: Engine
    ids: Mapping[str, int]
    origin: int


def build_live_engine(
    queue: Queue,
    jobs: Iterable[QueuedJob],
    now: float,
    strategies: Strategies | None = None,
    *,
    waiting: Iterable[QueuedJob] = (),
) -> LiveEngine:
    """Return an engine in which the holding jobs of a queue run since they really do.

    The run time of each job is unknown: `Engine.finish` tells its end, or `Engine.set_run` its run time. The API does
    not tell which jobs are being stopped for others, and on which of several compute environments a job runs.

    Args:
        queue: Queue.
        jobs: Jobs that hold capacity, and jobs that have ended. Other jobs are not used. With fair share, ended jobs
            count if they ended within the window of the policy.
        now: Current time, in seconds since 1970.
        strategies: Choices for behavior that AWS does not document. Default: `Strategies()`.
        waiting: Jobs that wait in the engine, at their times of submission. Default: none.
    """
    second = floor(now)
    # AWS reports no time of a container job that is STARTING.
    jobs = [replace(job, scheduled=now) if job.holds_capacity and job.since is None else job for job in jobs]
    horizon = second - _window(queue.policy)
    found = [job for job in jobs if job.amount and job.since is not None and _counts(job, horizon)]
    found += [job for job in waiting if job.amount and not job.holds_capacity and job.stopped is None]
    found.reverse()  # lists begin with the newest jobs
    found.sort(key=attrgetter("created"))
    origin = min((floor(job.created) for job in found), default=second)
    now = max([second, *(floor(max(job.created, job.since or 0, job.stopped or 0)) for job in found)])
    engine = Engine(strategies=strategies or Strategies())
    engine.rank_origin = -origin
    is_typed = isinstance(queue.capacity, Mapping)
    for environment in queue.environments:
        limits = dict(environment.capacity) if is_typed else sum(environment.capacity.values())
        state = State.ENABLED if environment.is_enabled else State.DISABLED
        engine.set_environment(environment.name, limits, state)
    names = [environment.name for environment in queue.environments]
    engine.set_queue(queue.name, queue.policy, names, priority=queue.priority)
    ids = restore(engine, (_restored(queue, job, origin) for job in found), now - origin)
    return LiveEngine(
        engine, {job.id: number for job, number in zip(found, ids, strict=True) if job.stopped is None}, origin
    )


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


def _counts(job: QueuedJob, horizon: int) -> bool:
    return job.holds_capacity or bool(job.stopped and job.stopped > horizon)


def _restored(queue: Queue, job: QueuedJob, origin: int) -> RestoredJob:
    """Return a job whose run, if it has one, takes a second or more."""
    submit = floor(job.created) - origin
    start = max(submit, floor(job.since) - origin) if job.since and (job.holds_capacity or job.stopped) else None
    stop = None if job.stopped is None or start is None else max(start + 1, floor(job.stopped) - origin)
    terms = Terms(preemptions=job.max_preemptions)
    return RestoredJob(
        job=replace(submission(queue, job), submit=submit, terms=terms),
        start=start,
        stop=stop,
        preemptions=job.preemptions,
        failures=job.failures,
    )
