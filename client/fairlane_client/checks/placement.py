"""Training jobs that can never start in their queue: quota, borrow limit, capacity and instance types.

The engine that decides for the local AWS decides here, too.
"""

from collections.abc import Iterator
from typing import Final

from fairlane.errors import Path, Problem
from fairlane.scheduler import Submission, WaitReason
from fairlane.scheduling import NUM_INSTANCES, QuotaManagement, TimeLimitReason
from fairlane_client.queues.live_engine import build_live_engine
from fairlane_client.queues.queue import Queue

_REASONS: Final = {
    ("training", WaitReason.ENVIRONMENT_LIMIT): TimeLimitReason.SERVICE_ENVIRONMENT_MAX_RESOURCE,
    ("training", WaitReason.QUOTA_LIMIT): TimeLimitReason.QUOTA_MANAGEMENT_LIMIT_EXCEEDED,
    ("gpu", WaitReason.ENVIRONMENT_LIMIT): TimeLimitReason.COMPUTE_ENVIRONMENT_MAX_RESOURCE,
}


def permanent_wait(queue: Queue, share: str, amount: int, instance_type: str = "") -> WaitReason | None:
    """Return the reason why a job waits forever in a queue, whatever other jobs do. None if it can start.

    Args:
        queue: Queue.
        share: Share identifier or quota share of the job. Empty in a queue without shares.
        amount: Number of instances, or of vCPUs for containers.
        instance_type: SageMaker instance type. Only used with quota management.
    """
    if not any(environment.is_enabled for environment in queue.environments):
        return WaitReason.DISABLED
    engine = build_live_engine(queue, [], 0).engine
    kind = instance_type if isinstance(queue.policy, QuotaManagement) else ""
    job = engine.submit(Submission(queue=queue.name, share=share, instances=amount, instance_type=kind))
    engine.advance(0, complete=True)
    wait = engine.permanent_wait(job)
    return None if wait is None else wait.reason


def training_placement_problems(
    queue: Queue, share: str | None, instance_type: str, count: int, type_field: Path, count_field: Path
) -> Iterator[Problem]:
    """Yield the reason why a training job can never start.

    Args:
        queue: Queue of the job.
        share: Share identifier or quota share. Empty in a queue without shares. None if the share is wrong: only the
            capacity of the queue is compared.
        instance_type: SageMaker instance type. Empty if the job has groups of several types.
        count: Number of instances, 1 or more.
        type_field: Path of the instance type.
        count_field: Path of the number of instances.
    """
    reason = permanent_wait(queue, next(iter(queue.shares), "") if share is None else share, count, instance_type)
    if reason is None or (share is None and reason is WaitReason.QUOTA_LIMIT):
        return
    if reason is WaitReason.DISABLED:
        yield disabled_problem(queue)
        return
    fate = fate_of(queue, reason)
    unit = instance_type if isinstance(queue.policy, QuotaManagement) else NUM_INSTANCES
    if not unit:
        sentence = (
            "the queue counts each instance type, and AWS documents no count for groups of several types: use one"
        )
        yield Problem.relation(type_field, f"{sentence}{fate}")
    elif unit not in queue.units:
        yield Problem(type_field, unit, f"an instance type that the queue counts: {', '.join(queue.units)}{fate}")
    elif reason is WaitReason.ENVIRONMENT_LIMIT:
        capacity = queue.capacity
        limit = capacity if isinstance(capacity, int) else capacity.get(unit, 0)
        yield Problem(count_field, count, f"at most {limit}, the capacity of the queue{fate}")
    elif isinstance(queue.policy, QuotaManagement) and share is not None:
        yield _quota_problem(queue, queue.policy, share, unit, count, type_field, count_field)


def quota_of(queue: Queue, share: str, unit: str) -> tuple[int, int]:
    """Return the instances that a quota share owns, and those that it can own and borrow."""
    assert isinstance(queue.policy, QuotaManagement)
    own = next((each.capacity for each in queue.policy.shares if each.name == share), {})
    ceiling = queue.policy.ceilings(queue.capacity).get(share, {})
    return own.get(unit, 0), int(ceiling.get(unit, 0))


def fate_of(queue: Queue, reason: WaitReason) -> str:
    """Return the end of a sentence that says what AWS Batch does with a job that never starts."""
    return limit_text(queue, _REASONS.get((queue.kind, reason)))


def limit_text(queue: Queue, reason: TimeLimitReason | None) -> str:
    """Return the end of a sentence that says when AWS Batch ends a job that never starts, for a reason."""
    seconds = queue.time_limits.get(reason) if reason else None
    if seconds is None:
        return "; otherwise the job waits forever"
    verb = "terminates" if queue.kind == "training" else "cancels"
    return f"; otherwise AWS Batch {verb} the job {seconds:,} seconds after it reaches the head of the queue"


def disabled_problem(queue: Queue) -> Problem:
    """Return the problem of a queue whose environments are all disabled."""
    names = ", ".join(environment.name for environment in queue.environments) or "none"
    sentence = f"all environments of {queue.name} are disabled ({names}), so no job starts: enable one"
    return Problem.relation(("jobQueue",), sentence)


def _quota_problem(
    queue: Queue, policy: QuotaManagement, share: str, unit: str, count: int, type_field: Path, count_field: Path
) -> Problem:
    fate = fate_of(queue, WaitReason.QUOTA_LIMIT)
    own, ceiling = quota_of(queue, share, unit)
    if not own:
        types = next((each.capacity for each in policy.shares if each.name == share), {})
        return Problem(type_field, unit, f"an instance type of the quota share {share}: {', '.join(types)}{fate}")
    text = f"which {share} owns and borrows at most ({own} of its own)" if ceiling > own else f"which {share} owns"
    return Problem(count_field, count, f"at most {ceiling} {unit}, {text}{fate}")
