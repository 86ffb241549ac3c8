"""Answer about a job: state, reason, place in the queue, holders of capacity, and preemptions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fairlane_client.explain.reasons import Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Place of a waiting job in its queue.

    Args:
        position: Position among the RUNNABLE jobs, from 1. None if AWS does not report it: GetJobQueueSnapshot has
            only the first 100 jobs.
        waiting: Number of RUNNABLE jobs of the queue.
        ahead: Number of jobs ahead by share. If the position is None, of the first 100 jobs only.
        ahead_amount: Capacity that these jobs need.
        since: Time since which the job has had its position, in seconds since 1970. None if it is unknown.
        inferred: True if the position follows from the times of submission.
    """

    position: int | None
    waiting: int
    ahead: Mapping[str, int]
    ahead_amount: int
    since: float | None = None
    inferred: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Share, or other queue, that holds capacity which the job waits for.

    Args:
        share: Name of the share. Empty for a queue without shares.
        queue: Name of another queue on the same environments. Empty for the job's own queue.
        jobs: Number of jobs that hold capacity.
        amount: Capacity that they hold.
        entitlement: Capacity that the share is entitled to now. None for a queue without shares.
        borrowed: Capacity above the entitlement.
        oldest: Time since which its oldest job has held capacity, in seconds since 1970. None if it is unknown.
    """

    share: str
    queue: str = ""
    jobs: int
    amount: int
    entitlement: float | None = None
    borrowed: float = 0
    oldest: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Preemption:
    """Preemptions of a job.

    Args:
        count: Number of preempted attempts.
        at: End of the latest preempted attempt, in seconds since 1970. None if AWS does not report it.
        reason: AWS's reason of this preemption.
        by: Job that most likely got its capacity, with its share. Always inferred. Empty if no such job holds
            capacity now.
        lost_seconds: Run time of the attempt. None if it had not started its work.
        lost: What the job lost.
        back: Estimate of its return. Empty if there is none.
    """

    count: int
    at: float | None
    reason: str
    by: str
    lost_seconds: float | None
    lost: str
    back: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Answer about a job. Times are seconds since 1970.

    Args:
        at: Time of the answer.
        job_id: Id of the job.
        job_name: Name of the job.
        queue: Name of its queue.
        share: Share identifier or quota share. Empty in a queue without shares.
        amount: Capacity that the job needs. 0 if AWS does not report it.
        unit: Capacity unit: `NUM_INSTANCES`, a SageMaker instance type, or `VCPU`.
        array: Number of children of an array job, which need `amount` each. 0 for all other jobs.
        state: State in AWS's words.
        since: Time since which the job has had its state. None if AWS does not report it.
        since_inferred: True if the time follows from other times.
        seconds: Age of the state at the time of the answer, 0 or more. None if `since` is None.
        reason: Reason why the job waits. None if it does not wait.
        text: Explanation. For a job that does not wait: what it does, or how it ended.
        inferred: True if AWS does not report the reason, so that it follows from other answers.
        aws_reason: Status reason in AWS's words. Empty if AWS gives none.
        starts: Event that would start the job. Empty if it is unknown, or if the job does not wait.
        place: Place in the queue. None if the job does not wait there.
        holders: Holders of the capacity that the job waits for, the largest first.
        preemption: Preemptions of the job. None if it was never preempted.
        notes: Facts that change how to read the answer.
        partial: True if AWS throttled a call, so that parts are missing.
        calls: Number of requests to AWS.
    """

    at: float
    job_id: str
    job_name: str
    queue: str
    share: str
    amount: int
    unit: str
    array: int = 0
    state: str
    since: float | None
    since_inferred: bool
    seconds: float | None
    reason: Reason | None
    text: str
    inferred: bool
    aws_reason: str
    starts: str = ""
    place: Place | None = None
    holders: Sequence[Holder] = ()
    preemption: Preemption | None = None
    notes: Sequence[str] = ()
    partial: bool = False
    calls: int = 0

    def __str__(self) -> str:
        from fairlane_client.explain.text import render

        return render(self)
