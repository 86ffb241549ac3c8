"""The door to a rehearsal: checks what is given, runs it, and hands out what happened."""

from collections import Counter
from collections.abc import Callable, Mapping

from fairlane.errors import ConfigurationError
from fairlane.rehearsal.checks import rehearsal_problems
from fairlane.rehearsal.rehearsal import Rehearsal
from fairlane.scheduler.engine import Engine, Scheduler
from fairlane.scheduler.fair_share import FairShareScheduler
from fairlane.scheduler.fifo import FifoScheduler
from fairlane.scheduler.instance_pool import MachinePool
from fairlane.scheduler.job import Trace
from fairlane.scheduler.options import Machines, Strategies
from fairlane.scheduler.quota_management import QuotaScheduler
from fairlane.scheduler.weights import undeclared, whole_weights
from fairlane.scheduling import FairShare, QuotaManagement, SchedulingPolicy
from fairlane.scheduling.capacity import capacity_limits

_DEFAULTS = Strategies()


def rehearse(
    policy: SchedulingPolicy,
    trace: Trace,
    *,
    capacity: int | Mapping[str, int] | None = None,
    strategies: Strategies = _DEFAULTS,
    machines: Machines | None = None,
    progress: Callable[[float], None] | None = None,
) -> Rehearsal:
    """Lets a trace run under a policy, in a model of AWS Batch, in whole seconds.

    At each second, runs end first, then jobs are submitted, then jobs start. What AWS does not document is chosen by
    `strategies`. A job that is larger than anything that can be free never starts, and keeps nobody from starting.

    Args:
        policy: whom the queue serves next; the very object that a queue is deployed with.
        trace: what is submitted.
        capacity: what the queue has: a number, or with quota management a number for each instance type; by default
            all quotas together. Other policies know of none, and have to be told.
        strategies: what AWS leaves open.
        machines: how machines come and go on EC2; None if they are always there, as SageMaker's are.
        progress: is told the part that is done, 0 to 1, at most a hundred times.

    Raises:
        ConfigurationError: with every mistake in the policy, the trace, or both together.
    """
    if capacity is None:
        capacity = _all_quotas(policy)
    problems = list(rehearsal_problems(policy, trace, capacity, strategies, machines))
    if problems:
        raise ConfigurationError(f"rehearsal of {type(policy).__name__}", problems)
    limits = capacity_limits(capacity)
    aside = _too_large(policy, trace, limits)
    survived = strategies.retries_before_termination
    pool = None
    if machines:
        pool, survived = MachinePool(machines), machines.attempts - 1
    engine = Engine(trace, aside, strategies.stop_seconds, survived, pool)
    record = engine.run(_scheduler(engine, policy, trace, limits, strategies), progress)
    return Rehearsal(
        policy, trace, strategies, machines, limits, record, (*trace.advice, *_advice(policy, trace, aside))
    )


def _all_quotas(policy: SchedulingPolicy) -> dict[str, int]:
    """What the shares of a policy own together."""
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
    """The jobs that can never run."""
    if not isinstance(policy, QuotaManagement):
        (capacity,) = limits.values()
        return {row for row, units in enumerate(trace.instances) if units > capacity}
    (first, *_) = limits
    types = [unit or first for unit in trace.instance_types]
    ceilings = policy.ceilings(limits)
    most = [[ceilings[name].get(unit, 0) for unit in types] for name in trace.share_names]
    jobs = zip(trace.shares, trace.types, trace.instances, strict=True)
    return {row for row, (share, unit, units) in enumerate(jobs) if units > most[share][unit]}


def _advice(policy: SchedulingPolicy, trace: Trace, aside: set[int]) -> list[str]:
    advice = []
    if aside:
        job = trace[min(aside)]
        which = f"the first, {job.name or f'in row {min(aside)}'}, needs {job.instances}"
        where = f" of share {job.share}" if job.share else ""
        advice.append(f"jobs that can never run, as they need more than can be free: {len(aside)}; {which}{where}")
    if isinstance(policy, FairShare) and (unknown := undeclared(policy, trace.share_names)):
        advice.append(f"share identifiers that the policy does not list, with weight factor 1: {', '.join(unknown)}")
    return advice
