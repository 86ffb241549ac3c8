"""Simulation of one or more queues with a trace of jobs: the part that `rehearse` and `rehearse_queues` share."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from fairlane.rehearsal.capacity_changes import CapacityChange, limits_over_time
from fairlane.scheduler.engine import Engine
from fairlane.scheduler.job import Trace
from fairlane.scheduler.options import Ec2Instances, Strategies
from fairlane.scheduler.record import Record
from fairlane.scheduler.submission import WaitReason
from fairlane.scheduling import NUM_INSTANCES, Capacity, JobStateTimeLimitAction, SchedulingPolicy, TimeLimitReason
from fairlane.scheduling.capacity import capacity_limits

_LIMITS: Final = {
    TimeLimitReason.SERVICE_ENVIRONMENT_MAX_RESOURCE: WaitReason.ENVIRONMENT_LIMIT,
    TimeLimitReason.COMPUTE_ENVIRONMENT_MAX_RESOURCE: WaitReason.ENVIRONMENT_LIMIT,
    TimeLimitReason.JOB_RESOURCE_REQUIREMENT: WaitReason.INSTANCE_LIMIT,
    TimeLimitReason.QUOTA_MANAGEMENT_LIMIT_EXCEEDED: WaitReason.QUOTA_LIMIT,
}


@dataclass(frozen=True, slots=True)
class SimulatedQueue:
    """Queue of a simulation.

    Attributes:
        policy: Scheduling policy.
        environments: Names of its environments, in order.
        priority: Priority. Default: 1.
        time_limit_actions: Time-limit actions. Default: none.
        largest_instance: Number of capacity units of the largest instance. Default: it has no effect.
    """

    policy: SchedulingPolicy
    environments: Sequence[str]
    priority: int = 1
    time_limit_actions: Sequence[JobStateTimeLimitAction] = ()
    largest_instance: int | None = None


@dataclass(frozen=True, slots=True)
class Options:
    """Options of a simulation, as in `rehearse`. The capacity changes are those of the first environment."""

    strategies: Strategies
    ec2_instances: Ec2Instances | None = None
    seed: int = 0
    capacity_changes: Sequence[CapacityChange] = ()
    progress: Callable[[float], None] | None = None


def simulate(
    queues: Mapping[str, SimulatedQueue], environments: Mapping[str, Capacity], trace: Trace, options: Options
) -> Record:
    """Run a trace of jobs through queues, and return the record of its runs.

    Args:
        queues: Queues by name. With several queues, each job has the name of its queue.
        environments: Capacity by name of the environment.
        trace: Jobs.
        options: Options.
    """
    engine = Engine(strategies=options.strategies, ec2_instances=options.ec2_instances, seed=options.seed)
    changing = next(iter(environments))
    steps = limits_over_time(capacity_limits(environments[changing]), options.capacity_changes)
    peaks = _peaks([limits for _, limits in steps])
    for name, capacity in environments.items():
        if name == changing:
            engine.set_environment(name, _capacity(steps[0][1]), peak=_capacity(peaks[0]))
        else:
            engine.set_environment(name, capacity)
    for name, queue in queues.items():
        seconds = {action.reason: action.max_time_seconds for action in queue.time_limit_actions}
        engine.set_queue(
            name,
            queue.policy,
            queue.environments,
            priority=queue.priority,
            time_limits={limit: seconds[reason] for reason, limit in _LIMITS.items() if reason in seconds},
            largest_instance=queue.largest_instance,
        )
    engine.load(trace, trace.queue_names if len(queues) > 1 else next(iter(queues)))
    apart = engine.record.unrunnable | engine.record.held
    progress = _increasing(options.progress) if options.progress else None
    engine.rank_origin = next((submit for row, submit in enumerate(trace.submits) if row not in apart), 0)
    for (second, limits), peak in zip(steps[1:], peaks[1:], strict=True):
        _advance(engine, trace, progress, second)
        engine.set_environment(changing, _capacity(limits), peak=_capacity(peak))
        for change in options.capacity_changes:
            if change.second == second and change.ends == "kill":
                engine.end_runs_above(changing, change.instance_type)
    _advance(engine, trace, progress)
    if progress:
        progress(1.0)
    record = engine.record
    record.last = max(max(record.stops, default=0), trace.submits[-1] if len(trace) else 0)
    return record


def _peaks(steps: Sequence[Mapping[str, int]]) -> list[dict[str, int]]:
    """Return the largest limits from each step on."""
    peaks = [dict(steps[-1])]
    for limits in reversed(steps[:-1]):
        peaks.append({unit: max(number, peaks[-1][unit]) for unit, number in limits.items()})
    return peaks[::-1]


def _capacity(limits: Mapping[str, int]) -> Capacity:
    return limits.get(NUM_INSTANCES, limits)


def _advance(engine: Engine, trace: Trace, progress: Callable[[float], None] | None, to: int | None = None) -> None:
    """Advance to a second or to the end. With `progress`, in steps, with the part of the runs that have ended."""
    if progress is None or not len(trace):
        engine.advance(to)
        return
    step = max(1, (trace.submits[-1] - trace.submits[0]) // 100)
    moment: int | None = engine.now
    while moment is not None and (to is None or engine.now < to):
        target = max(moment + 1, engine.now + step)
        moment = engine.advance(target if to is None else min(target, to))
        percent = engine.ended_runs * 100 // len(trace)
        if percent < 100:
            progress(percent / 100)
    if to is not None:
        engine.advance(to)


def _increasing(progress: Callable[[float], None]) -> Callable[[float], None]:
    """Return a function that reports a part only if it is larger than all parts before."""
    largest = 0.0

    def report(part: float) -> None:
        nonlocal largest
        if part > largest:
            largest = part
            progress(part)

    return report
