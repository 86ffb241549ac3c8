"""Jobs as they are submitted to an engine, outcomes of runs, and reasons why jobs wait."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple, Protocol


class Outcome(StrEnum):
    """Outcome of a run."""

    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    """The run failed. The job waits again if it has attempts left."""
    REFUSED = "REFUSED"
    """The run failed in a way that is not retried."""
    PREEMPTED = "PREEMPTED"
    """The run was stopped for another job. The job waits again unless it has survived all its preemptions."""
    RECLAIMED = "RECLAIMED"
    """An instance was reclaimed. The job waits again if it has attempts left."""
    KILLED = "KILLED"
    """The capacity of the run ended. The job waits again."""
    TIMED_OUT = "TIMED_OUT"
    """The run reached the timeout of its job. It is not retried."""
    WITHDRAWN = "WITHDRAWN"
    """The job was withdrawn. It is not retried."""


class JobState(StrEnum):
    """State of a job in an engine."""

    WAITING = "WAITING"
    RUNNING = "RUNNING"
    """The job holds capacity. A run that is being stopped still holds its capacity."""
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Number of runs that a job may have, and length of a run.

    Args:
        attempts: Maximum number of runs that fail or lose an instance, 1 or more. None for no limit. Preempted runs do
            not count. Default: 1.
        preemptions: Number of preemptions after which the job waits again. Default: no limit.
        timeout: Maximum number of seconds of a run. Default: no limit.
    """

    attempts: int | None = 1
    preemptions: int | None = None
    timeout: int | None = None


NO_TERMS: Final = Terms()


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """Job as it is submitted to an engine.

    Args:
        queue: Name of the queue.
        share: Share identifier or quota share. A FIFO queue does not use it. Default: none.
        priority: Priority inside the share, 0 to 9999. Higher is first. A FIFO queue does not use it. Default: 0.
        instances: Number of instances, or units of an environment's capacity, that the job needs at once. Default: 1.
        instance_type: Instance type. Only quota management uses it. Default: the first instance type of the queue.
        submit: Second of the submission, not before the current second and not before earlier submissions. Default:
            the current second.
        run: Number of seconds that the job works, 1 or more. Default: unknown, so that `Engine.finish` tells the end.
        checkpoint: Number of seconds of work between checkpoints, 1 or more. Default: no checkpoints.
        terms: Attempts, preemptions and timeout. Default: one attempt, no other limit.
    """

    queue: str
    share: str = ""
    priority: int = 0
    instances: int = 1
    instance_type: str = ""
    submit: int | None = None
    run: int | None = None
    checkpoint: int | None = None
    terms: Terms = NO_TERMS


class WaitReason(StrEnum):
    """Reason why a job waits."""

    ENVIRONMENT_LIMIT = "ENVIRONMENT_LIMIT"
    """The job can never run: it needs more than the limit of each environment of its queue."""
    INSTANCE_LIMIT = "INSTANCE_LIMIT"
    """The job can never run: it needs more than the largest instance of its queue on a node."""
    QUOTA_LIMIT = "QUOTA_LIMIT"
    """The job can never run: it needs more than its quota share can own and borrow."""
    DISABLED = "DISABLED"
    """The queue, the quota share, or all environments of the queue are disabled."""
    QUOTA = "QUOTA"
    """The quota of the share is in use, and the share may not borrow enough."""
    CAPACITY = "CAPACITY"
    """Too little capacity is free."""
    RESERVATION = "RESERVATION"
    """The free capacity is reserved for shares without jobs."""
    STOPS = "STOPS"
    """Other jobs are being stopped for the job."""
    BEHIND = "BEHIND"
    """Another job has to start first."""


class Wait(NamedTuple):
    """Reason why a job waits, and the job that has to start first. None if no such job exists."""

    reason: WaitReason
    behind: int | None = None


class Listener(Protocol):
    """Listener to the runs of an engine.

    A job has at most one run at a time, so that the job identifies the run. The engine calls the listener within
    `advance` and `schedule`. The listener may call `Engine.submit` and `Engine.finish`.
    """

    def started(self, job: int, now: int) -> None:
        """Handle the start of a run, which holds its capacity from now on."""

    def preempting(self, job: int, by: int, now: int) -> None:
        """Handle the decision to stop a run for the job `by`. The run holds its capacity until `stopped`."""

    def stopped(self, job: int, outcome: Outcome, now: int) -> None:
        """Handle the end of a run, whose capacity is free. `Engine.state` says if the job waits again."""
