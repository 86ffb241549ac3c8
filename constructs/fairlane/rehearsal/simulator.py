"""Simulation of a scheduling policy with a trace of jobs."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from fairlane.errors import ConfigurationError
from fairlane.rehearsal.advice import change_advice, record_advice
from fairlane.rehearsal.capacity_changes import CapacityChange, limits_over_time
from fairlane.rehearsal.checks import option_problems, rehearsal_problems
from fairlane.rehearsal.rehearsal import Rehearsal
from fairlane.rehearsal.simulation import Options, SimulatedQueue, simulate
from fairlane.scheduler.job import Trace
from fairlane.scheduler.options import Ec2Instances, Strategies
from fairlane.scheduling import JobStateTimeLimitAction, QuotaManagement, SchedulingPolicy
from fairlane.scheduling.capacity import capacity_limits

_DEFAULTS = Strategies()
_NAME = "queue"


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
    advice = (*trace.advice, *record_advice(policy, trace, record, largest_instance))
    advice = (*advice, *change_advice(trace, record, capacity_changes))
    return Rehearsal(policy, trace, strategies, ec2_instances, steps, record, advice)


def _all_quotas(policy: SchedulingPolicy) -> dict[str, int]:
    """Return the sum of the quotas of a policy."""
    total: Counter[str] = Counter()
    if isinstance(policy, QuotaManagement) and not any(policy.problems()):
        for share in policy.shares:
            total.update(share.capacity)
    return dict(total)
