"""Simulation of several queues that share environments."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from fairlane.errors import ConfigurationError, Problem
from fairlane.rehearsal.advice import change_advice, record_advice
from fairlane.rehearsal.capacity_changes import CapacityChange, limits_over_time
from fairlane.rehearsal.checks import list_rows, option_problems, rehearsal_problems
from fairlane.rehearsal.queue_setup import QueueSetup, not_connected
from fairlane.rehearsal.rehearsal import Rehearsal
from fairlane.rehearsal.simulation import Options, SimulatedQueue, simulate
from fairlane.scheduler.job import Trace
from fairlane.scheduler.options import Ec2Instances, Strategies
from fairlane.scheduling import Capacity, QuotaManagement
from fairlane.scheduling.capacity import capacity_limits

_DEFAULTS = Strategies()


def rehearse_queues(
    queues: Mapping[str, QueueSetup],
    trace: Trace,
    *,
    strategies: Strategies = _DEFAULTS,
    ec2_instances: Ec2Instances | None = None,
    capacity_changes: Sequence[CapacityChange] = (),
    seed: int = 0,
    progress: Callable[[float], None] | None = None,
) -> dict[str, Rehearsal]:
    """Run a trace of jobs through a model of several job queues, in whole seconds, by the rules of `rehearse`.

    Queues with a higher priority get the capacity of shared environments first. Among queues with the same priority,
    the first queue is first. A job starts on the first environment of its queue that has room for the whole job.

    Args:
        queues: Queues by name, as `read_queues` returns them. They share environments.
        trace: Jobs to submit, each with the name of its queue.
        strategies: Choices for behavior that AWS does not document. Default: `Strategies()`.
        ec2_instances: Start-up and Spot reclaims of EC2 instances. Default: the instances are always available.
        capacity_changes: Changes of the capacity over time, if the queues use one environment. Default: none.
        seed: Seed of the failures of jobs with `fails`. Default: 0.
        progress: Function that is called with the part of the rehearsal that is done, 0 to 1. Default: none.

    Returns:
        Result of each queue with its own jobs, by name. The capacity of a result is that of all environments of the
        queue.

    Raises:
        ConfigurationError: If a queue or the trace has problems, or if they do not fit together.
    """
    environments = _environments(queues)
    rows = {name: _rows(trace, name) for name in queues} if isinstance(trace, Trace) else {}
    parts = {name: trace.part(part) if len(queues) > 1 else trace for name, part in rows.items()}
    problems = list(_queue_problems(queues, trace, environments, capacity_changes))
    for name, part in parts.items():
        setup = queues[name]
        problems += rehearsal_problems(
            setup.policy, part, setup.capacity, strategies, ec2_instances, setup.time_limit_actions, rows[name]
        )
    changed = next(iter(environments.values()), 1)
    problems += option_problems(capacity_limits(changed), capacity_changes, None, seed)
    if problems:
        raise ConfigurationError(f"rehearsal of {', '.join(queues)}", {str(each): each for each in problems}.values())
    simulated = {
        name: SimulatedQueue(
            setup.policy,
            [*_own(name, setup)],
            priority=setup.priority,
            time_limit_actions=setup.time_limit_actions,
            largest_instance=setup.largest_instance,
        )
        for name, setup in queues.items()
    }
    options = Options(strategies, ec2_instances, seed, capacity_changes, progress)
    record = simulate(simulated, environments, trace, options)
    rehearsals = {}
    for name, setup in queues.items():
        part = parts[name]
        own = record.part(rows[name]) if len(queues) > 1 else record
        steps = limits_over_time(capacity_limits(setup.capacity), capacity_changes)
        advice = [
            *trace.advice,
            *sharing_advice(name, queues),
            *record_advice(setup.policy, part, own, setup.largest_instance),
            *change_advice(trace, record, capacity_changes),
        ]
        rehearsals[name] = Rehearsal(setup.policy, part, strategies, ec2_instances, steps, own, advice)
    return rehearsals


def sharing_advice(name: str, queues: Mapping[str, QueueSetup]) -> Iterator[str]:
    """Yield texts about the queues that use the same environments as a queue."""
    own = _own(name, queues[name]).keys()
    sharing = [other for other, setup in queues.items() if other != name and own & _own(other, setup).keys()]
    if sharing:
        yield f"the capacity is shared with {', '.join(sharing)}"
    if others := [other for other in queues[name].others if other not in queues]:
        yield f"queues that are not rehearsed use the same environments, as if they had no jobs: {', '.join(others)}"


def _own(name: str, setup: QueueSetup) -> Mapping[str, Capacity]:
    """Return the environments of a queue."""
    return setup.environments or {name: setup.capacity}


def _environments(queues: Mapping[str, QueueSetup]) -> dict[str, Capacity]:
    """Return the capacity of all environments."""
    return {key: number for name, setup in queues.items() for key, number in _own(name, setup).items()}


def _rows(trace: Trace, name: str) -> list[int]:
    """Return the rows of the jobs of a queue."""
    index = trace.queue_names.index(name) if name in trace.queue_names else -1
    return [row for row, queue in enumerate(trace.queues) if queue == index] if trace.queues else [*range(len(trace))]


def _queue_problems(
    queues: Mapping[str, QueueSetup],
    trace: object,
    environments: Mapping[str, Capacity],
    changes: Sequence[CapacityChange],
) -> Iterator[Problem]:
    """Yield the problems of the queues together, and of the queues of the jobs."""
    if not queues:
        yield Problem(("queues",), None, "one or more queues")
    own = {name: _own(name, setup) for name, setup in queues.items()}
    for name in not_connected(own):
        sentence = f"the queue shares no environment with {next(iter(queues))}: rehearse it alone"
        yield Problem.relation(("queues", name), sentence)
    for name, setup in queues.items():
        if isinstance(setup.policy, QuotaManagement) and len(queues) + len(own[name]) > 2:
            sentence = "a queue with QuotaManagement needs one environment that no other queue uses: rehearse it alone"
            yield Problem.relation(("queues", name), sentence)
    for name, each in own.items():
        for key, capacity in each.items():
            if capacity != environments[key]:
                sentence = "another queue has another capacity for this environment: use the same"
                yield Problem.relation(("queues", name, "environments", key), sentence)
    if changes and len(environments) > 1:
        sentence = f"the queues use several environments, {', '.join(environments)}: changes apply to one only"
        yield Problem.relation(("capacity_changes",), sentence)
    if not isinstance(trace, Trace):
        return
    yield from trace.problems()
    if len(queues) > 1 and len(trace) and not trace.queue_names:
        yield Problem(("trace", "queue"), None, f"the queue of each job: {', '.join(queues)}")
    for name in trace.queue_names:
        if name not in queues and (name or len(queues) > 1):
            problem = Problem(("trace", "queue"), name, f"a queue of the rehearsal: {', '.join(queues)}")
            yield problem.followed_by(list_rows(_rows(trace, name)))
