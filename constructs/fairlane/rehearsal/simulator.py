"""Simulation of a scheduling policy with a trace of jobs."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

from fairlane.errors import ConfigurationError
from fairlane.rehearsal.capacity_changes import CapacityChange, limits_over_time
from fairlane.rehearsal.checks import option_problems, rehearsal_problems
from fairlane.rehearsal.rehearsal import Rehearsal
from fairlane.rehearsal.simulation import Options, SimulatedQueue, change_advice, simulate
from fairlane.scheduler.job import Trace
from fairlane.scheduler.options import Ec2Instances, Strategies
from fairlane.scheduler.record import FAILED, WAITING, Record
from fairlane.scheduler.weights import undeclared_identifiers
from fairlane.scheduling import FairShare, JobStateTimeLimitAction, QuotaManagement, SchedulingPolicy
from fairlane.scheduling.capacity import capacity_limits
from fairlane.scheduling.share_identifiers import MAX_SHARE_IDENTIFIERS

_DEFAULTS = Strategies()
_NAME = "queue"
_MAX_LISTED = 10  # share identifiers in a text


def rehearse(
    policy: SchedulingPolicy,
    trace: Trace,
    *,
    capacity: int | Mapping[str, int] | None = None,
    strategies: Strategies = _DEFAULTS,
    ec2_instances: Ec2Instances | None = None,
    time_limit_actions: Sequence[JobStateTimeLimitAction] = (),
    capacity_changes: Sequence[CapacityChange] = (),
    largest_instance: int | None = None,
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
        capacity_changes: Changes of the capacity over time. A job can never run if it needs more than all capacity that
            is still to come. Default: none.
        largest_instance: Number of units of the capacity on the largest instance, 1 or more, for containers. A job that
            needs more on one of its `nodes` never starts. Default: the number of instances of a job has no effect.
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
    problems += option_problems(capacity_limits(capacity), capacity_changes, largest_instance, seed)
    if problems:
        raise ConfigurationError(f"rehearsal of {type(policy).__name__}", problems)
    setup = SimulatedQueue(policy, (_NAME,), time_limit_actions=time_limit_actions, largest_instance=largest_instance)
    queues, environments = {_NAME: setup}, {_NAME: capacity}
    steps = limits_over_time(capacity_limits(capacity), capacity_changes)
    options = Options(strategies, ec2_instances, seed, capacity_changes, progress)
    record = simulate(queues, environments, trace, options)
    advice = (*trace.advice, *_advice(policy, trace, record.unrunnable, largest_instance), *_blocking_advice(record))
    advice = (*advice, *change_advice(trace, record, capacity_changes))
    return Rehearsal(policy, trace, strategies, ec2_instances, steps, record, advice)


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


def _advice(
    policy: SchedulingPolicy, trace: Trace, unrunnable: set[int], largest_instance: int | None
) -> Iterator[str]:
    too_wide = {
        row
        for row in unrunnable
        if largest_instance and -(-trace.instances[row] // trace.nodes.get(row, 1)) > largest_instance
    }
    for rows, reason in (
        (unrunnable - too_wide, "they need more capacity than can be free"),
        (too_wide, f"they need more than {largest_instance} GPUs, the largest instance, on a node"),
    ):
        if rows:
            job = trace[min(rows)]
            first = f"the first is {job.name or f'row {min(rows)}'}"
            share = f" of share {job.share}" if job.share else ""
            yield (
                f"jobs that can never run, because {reason}: {len(rows)}; {first}{share}, which needs {job.instances}"
            )
    if too_wide:
        yield "a column nodes divides the GPUs of a multi-node parallel job on its instances"
    if isinstance(policy, FairShare) and (unlisted := undeclared_identifiers(policy, trace.share_names)):
        listed = ", ".join(unlisted[:_MAX_LISTED])
        more = f" and {len(unlisted) - _MAX_LISTED:,} others" if len(unlisted) > _MAX_LISTED else ""
        yield (f"share identifiers that the policy does not list have weight factor 1: {listed}{more}")
    if isinstance(policy, FairShare) and len(trace.share_names) > MAX_SHARE_IDENTIFIERS:
        yield (
            f"the jobs have {len(trace.share_names):,} share identifiers: AWS Batch refuses jobs with more than "
            f"{MAX_SHARE_IDENTIFIERS} active share identifiers in a queue"
        )
