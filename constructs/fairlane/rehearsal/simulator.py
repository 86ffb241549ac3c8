"""Simulation of a scheduling policy with a trace of jobs."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

from fairlane.errors import ConfigurationError
from fairlane.rehearsal.checks import rehearsal_problems
from fairlane.rehearsal.rehearsal import Rehearsal
from fairlane.scheduler.engine import Engine
from fairlane.scheduler.job import Trace
from fairlane.scheduler.options import Ec2Instances, Strategies
from fairlane.scheduler.record import FAILED, WAITING, Record
from fairlane.scheduler.submission import WaitReason
from fairlane.scheduler.weights import undeclared_identifiers
from fairlane.scheduling import FairShare, JobStateTimeLimitAction, QuotaManagement, SchedulingPolicy, TimeLimitReason
from fairlane.scheduling.capacity import capacity_limits

_DEFAULTS = Strategies()
_NAME = "queue"
_LIMITS = {
    TimeLimitReason.SERVICE_ENVIRONMENT_MAX_RESOURCE: WaitReason.ENVIRONMENT_LIMIT,
    TimeLimitReason.COMPUTE_ENVIRONMENT_MAX_RESOURCE: WaitReason.ENVIRONMENT_LIMIT,
    TimeLimitReason.QUOTA_MANAGEMENT_LIMIT_EXCEEDED: WaitReason.QUOTA_LIMIT,
}
_MAX_LISTED = 10  # share identifiers in a text


def rehearse(
    policy: SchedulingPolicy,
    trace: Trace,
    *,
    capacity: int | Mapping[str, int] | None = None,
    strategies: Strategies = _DEFAULTS,
    ec2_instances: Ec2Instances | None = None,
    time_limit_actions: Sequence[JobStateTimeLimitAction] = (),
    seed: int = 0,
    progress: Callable[[float], None] | None = None,
) -> Rehearsal:
    """Run a trace of jobs through a model of a job queue, in whole seconds.

    At each second, runs end first, then jobs are submitted, then jobs start. `strategies` chooses the behavior that
    AWS does not document. A job that needs more than the largest capacity that can be free never starts. By default,
    such a job does not block other jobs.

    Args:
        policy: Scheduling policy of the queue. Pass the same object to the construct that deploys the queue.
        trace: Jobs to submit.
        capacity: Capacity of the queue: a number of instances or GPUs or, with quota management, a number of instances
            for each instance type. Default: the sum of all quotas. Required for `Fifo` and `FairShare`.
        strategies: Choices for behavior that AWS does not document. Default: `Strategies()`.
        ec2_instances: Start-up and Spot reclaims of EC2 instances. Default: the instances are always available, as with
            SageMaker.
        time_limit_actions: Time-limit actions of the queue. With `Strategies(unrunnable="block")`, they end jobs that
            can never run, after the time in which they block others. Actions for other reasons have no effect.
            Default: none.
        seed: Seed of the failures of jobs with `fails`. The same seed gives the same failures with each policy.
            Default: 0.
        progress: Function that is called with the part of the rehearsal that is done, 0 to 1, at most about 100
            times. Default: none.

    Returns:
        Result of the simulation.

    Raises:
        ConfigurationError: If the policy or the trace has problems, or if they do not fit together.
    """
    if capacity is None:
        capacity = _all_quotas(policy)
    problems = list(rehearsal_problems(policy, trace, capacity, strategies, ec2_instances, time_limit_actions))
    if problems:
        raise ConfigurationError(f"rehearsal of {type(policy).__name__}", problems)
    limits = capacity_limits(capacity)
    engine = Engine(strategies=strategies, ec2_instances=ec2_instances, seed=seed)
    engine.set_environment(_NAME, capacity)
    seconds = {action.reason: action.max_time_seconds for action in time_limit_actions}
    time_limits = {limit: seconds[reason] for reason, limit in _LIMITS.items() if reason in seconds}
    engine.set_queue(_NAME, policy, [_NAME], time_limits=time_limits)
    engine.load(trace, _NAME)
    runnable = (submit for row, submit in enumerate(trace.submits) if row not in engine.record.unrunnable)
    engine.rank_origin = next(runnable, 0)
    if progress:
        _advance(engine, trace, progress)
    engine.advance()
    if progress:
        progress(1.0)
    record = engine.record
    record.last = max(max(record.stops, default=0), trace.submits[-1] if len(trace) else 0)
    advice = (*trace.advice, *_advice(policy, trace, record.unrunnable), *_blocking_advice(record))
    return Rehearsal(policy, trace, strategies, ec2_instances, limits, record, advice)


def _advance(engine: Engine, trace: Trace, progress: Callable[[float], None]) -> None:
    """Advance to the end in steps, and report the part of the runs that have ended."""
    step = max(1, (trace.submits[-1] - trace.submits[0]) // 100) if len(trace) else 1
    reported = 0
    moment = engine.advance(0)
    while moment is not None:
        moment = engine.advance(max(moment + 1, engine.now + step))
        percent = engine.ended_runs * 100 // len(trace)
        if reported < percent < 100:
            reported = percent
            progress(percent / 100)


def _blocking_advice(record: Record) -> Iterator[str]:
    """Yield the numbers of jobs that a job that can never run kept from running, and that a time limit ended."""
    apart = record.unrunnable | record.held
    if blocked := record.states.count(WAITING) - sum(record.states[row] == WAITING for row in apart):
        yield f"jobs that wait at the end behind a job that can never run: {blocked}"
    if ended := len(record.ended.keys() - record.held):
        yield f"jobs that can never run and that a time limit of the queue ended: {ended}"
    if failed := sum(record.states[row] == FAILED for row in record.held):
        yield f"jobs that failed because a job that they depend on failed: {failed:,}"
    if waiting := len(record.held) - failed:
        yield f"jobs that never run because a job that they depend on never ends: {waiting:,}"


def _all_quotas(policy: SchedulingPolicy) -> dict[str, int]:
    """Return the sum of the quotas of a policy."""
    total: Counter[str] = Counter()
    if isinstance(policy, QuotaManagement) and not any(policy.problems()):
        for share in policy.shares:
            total.update(share.capacity)
    return dict(total)


def _advice(policy: SchedulingPolicy, trace: Trace, too_large: set[int]) -> list[str]:
    advice = []
    if too_large:
        job = trace[min(too_large)]
        first = f"the first is {job.name or f'row {min(too_large)}'}"
        share = f" of share {job.share}" if job.share else ""
        advice.append(
            f"jobs that can never run, because they need more capacity than can be free: {len(too_large)}; "
            f"{first}{share}, which needs {job.instances}"
        )
    if isinstance(policy, FairShare) and (unlisted := undeclared_identifiers(policy, trace.share_names)):
        listed = ", ".join(unlisted[:_MAX_LISTED])
        more = f" and {len(unlisted) - _MAX_LISTED:,} others" if len(unlisted) > _MAX_LISTED else ""
        advice.append(f"share identifiers that the policy does not list have weight factor 1: {listed}{more}")
    return advice
