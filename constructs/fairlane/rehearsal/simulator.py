"""Simulation of a scheduling policy with a trace of jobs."""

from collections import Counter
from collections.abc import Callable, Mapping

from fairlane.errors import ConfigurationError
from fairlane.rehearsal.checks import rehearsal_problems
from fairlane.rehearsal.rehearsal import Rehearsal
from fairlane.scheduler.engine import Engine, Scheduler
from fairlane.scheduler.fair_share import FairShareScheduler
from fairlane.scheduler.fifo import FifoScheduler
from fairlane.scheduler.instance_pool import InstancePool
from fairlane.scheduler.job import Trace
from fairlane.scheduler.options import Ec2Instances, Strategies
from fairlane.scheduler.quota_management import QuotaScheduler
from fairlane.scheduler.weights import undeclared_identifiers, whole_weights
from fairlane.scheduling import FairShare, QuotaManagement, SchedulingPolicy
from fairlane.scheduling.capacity import capacity_limits

_DEFAULTS = Strategies()


def rehearse(
    policy: SchedulingPolicy,
    trace: Trace,
    *,
    capacity: int | Mapping[str, int] | None = None,
    strategies: Strategies = _DEFAULTS,
    ec2_instances: Ec2Instances | None = None,
    progress: Callable[[float], None] | None = None,
) -> Rehearsal:
    """Run a trace of jobs through a model of a job queue, in whole seconds.

    At each second, runs end first, then jobs are submitted, then jobs start. `strategies` chooses the behavior that
    AWS does not document. A job that needs more than the largest capacity that can be free never starts. Such a job
    does not block other jobs.

    Args:
        policy: Scheduling policy of the queue. Pass the same object to the construct that deploys the queue.
        trace: Jobs to submit.
        capacity: Capacity of the queue: a number of instances or GPUs or, with quota management, a number of instances
            for each instance type. Default: the sum of all quotas. Required for `Fifo` and `FairShare`.
        strategies: Choices for behavior that AWS does not document. Default: `Strategies()`.
        ec2_instances: Start-up and Spot reclaims of EC2 instances. Default: the instances are always available, as with
            SageMaker.
        progress: Function that is called with the part of the rehearsal that is done, 0 to 1, at most about 100
            times. Default: none.

    Returns:
        Result of the simulation.

    Raises:
        ConfigurationError: If the policy or the trace has problems, or if they do not fit together.
    """
    if capacity is None:
        capacity = _all_quotas(policy)
    problems = list(rehearsal_problems(policy, trace, capacity, strategies, ec2_instances))
    if problems:
        raise ConfigurationError(f"rehearsal of {type(policy).__name__}", problems)
    limits = capacity_limits(capacity)
    too_large = _too_large(policy, trace, limits)
    retries = strategies.retries_before_termination
    pool = None
    if ec2_instances:
        pool, retries = InstancePool(ec2_instances), ec2_instances.attempts - 1
    engine = Engine(trace, too_large, strategies.stop_seconds, retries, pool)
    record = engine.run(_scheduler(engine, policy, trace, limits, strategies), progress)
    return Rehearsal(
        policy, trace, strategies, ec2_instances, limits, record, (*trace.advice, *_advice(policy, trace, too_large))
    )


def _all_quotas(policy: SchedulingPolicy) -> dict[str, int]:
    """Return the sum of the quotas of a policy."""
    total: Counter[str] = Counter()
    if isinstance(policy, QuotaManagement) and not any(policy.problems()):
        for share in policy.shares:
            total.update(share.capacity)
    return dict(total)


def _scheduler(
    engine: Engine, policy: SchedulingPolicy, trace: Trace, limits: Mapping[str, int], strategies: Strategies
) -> Scheduler:
    skip = strategies.head_of_line == "skip"
    if isinstance(policy, QuotaManagement):
        return QuotaScheduler(engine, policy, trace, limits, strategies)
    (capacity,) = limits.values()
    if isinstance(policy, FairShare):
        weights = whole_weights(policy, trace.share_names)
        even = strategies.decay == "none"
        return FairShareScheduler(engine, policy, trace.shares, weights, capacity, skip=skip, even=even)
    return FifoScheduler(engine, capacity, skip=skip)


def _too_large(policy: SchedulingPolicy, trace: Trace, limits: Mapping[str, int]) -> set[int]:
    """Return the rows of jobs that can never run."""
    if not isinstance(policy, QuotaManagement):
        (capacity,) = limits.values()
        return {row for row, units in enumerate(trace.instances) if units > capacity}
    (first, *_) = limits
    types = [unit or first for unit in trace.instance_types]
    ceilings = policy.ceilings(limits)
    largest = [[ceilings[name].get(unit, 0) for unit in types] for name in trace.share_names]
    jobs = zip(trace.shares, trace.types, trace.instances, strict=True)
    return {row for row, (share, unit, units) in enumerate(jobs) if units > largest[share][unit]}


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
        advice.append(f"share identifiers that the policy does not list have weight factor 1: {', '.join(unlisted)}")
    return advice
