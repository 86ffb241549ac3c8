"""Checks of the arguments of a rehearsal."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import chain

from fairlane._internal.checks import check_whole_number
from fairlane._internal.tokens import is_token
from fairlane.errors import Problem
from fairlane.rehearsal.capacity_changes import CapacityChange, change_problems
from fairlane.scheduler.job import Trace
from fairlane.scheduler.options import Ec2Instances, Strategies
from fairlane.scheduling import (
    Capacity,
    FairShare,
    JobAction,
    JobStateTimeLimitAction,
    QuotaManagement,
    QuotaShare,
    SchedulingPolicy,
    State,
    TimeLimitReason,
)
from fairlane.scheduling.capacity import capacity_limits, check_capacity

_RESOLVED = "a value known before deployment"
_MAX_ROWS = 5  # rows that a problem lists


def rehearsal_problems(
    policy: SchedulingPolicy,
    trace: Trace,
    capacity: Capacity,
    strategies: Strategies,
    ec2_instances: Ec2Instances | None,
    time_limit_actions: Sequence[JobStateTimeLimitAction],
    rows: Sequence[int] | None = None,
) -> Iterator[Problem]:
    """Yield the problems of the arguments of `rehearse`.

    With `rows`, the trace is a part of another one, and has these rows in it.
    """
    if isinstance(strategies, Strategies):
        yield from (problem.within("strategies") for problem in strategies.problems())
    else:
        yield Problem(("strategies",), strategies, "a Strategies object")
    if isinstance(ec2_instances, Ec2Instances):
        yield from (problem.within("ec2_instances") for problem in ec2_instances.problems())
    elif ec2_instances is not None:
        yield Problem(("ec2_instances",), ec2_instances, "an Ec2Instances object, or None")
    for index, action in enumerate(time_limit_actions):
        if isinstance(action, JobStateTimeLimitAction):
            found = action.problems(action.action or JobAction.CANCEL, tuple(TimeLimitReason))
            yield from (problem.within("time_limit_actions", index) for problem in found)
        else:
            yield Problem(("time_limit_actions", index), action, "a JobStateTimeLimitAction")
    if isinstance(policy, QuotaManagement) and ec2_instances:
        sentence = (
            "QuotaManagement takes no ec2_instances, because SageMaker manages the instances: remove the argument"
        )
        yield Problem.relation(("ec2_instances",), sentence)
    if capacity == {} and not isinstance(policy, QuotaManagement):
        allowed = "the number of instances or GPUs of the queue, because the policy has no quotas"
        yield Problem(("capacity",), None, allowed)
        capacity = 1
    yield from check_capacity(("capacity",), capacity)
    if isinstance(trace, Trace):
        yield from trace.problems()
        if len(trace.queue_names) > 1:
            sentence = f"the jobs are of several queues, {', '.join(trace.queue_names)}: use rehearse_queues"
            yield Problem.relation(("trace", "queue"), sentence)
    else:
        yield Problem(("trace",), trace, "a Trace object")
    if not isinstance(policy, SchedulingPolicy):
        yield Problem(("policy",), policy, "Fifo, FairShare or QuotaManagement")
        return
    yield from (problem.within("policy") for problem in policy.problems())
    limits = capacity_limits(capacity)
    if isinstance(policy, QuotaManagement) and not all(isinstance(share, QuotaShare) for share in policy.shares):
        return
    yield from policy.problems_with(limits)
    yield from _token_problems(policy, limits)
    if isinstance(trace, Trace):
        yield from _trace_problems(policy, trace, limits, rows)


def option_problems(
    limits: Mapping[str, int], changes: Sequence[CapacityChange], largest_instance: object, seed: object
) -> Iterator[Problem]:
    """Yield the problems of the changes of the capacity, the largest instance and the seed."""
    wrong = [index for index, change in enumerate(changes) if not isinstance(change, CapacityChange)]
    yield from (Problem(("capacity_changes", index), changes[index], "a CapacityChange") for index in wrong)
    if not wrong:
        for index, problem in change_problems(changes, limits):
            yield problem.within("capacity_changes", index)
    if largest_instance is not None:
        yield from check_whole_number(("largest_instance",), largest_instance, 1)
    yield from check_whole_number(("seed",), seed, 0)


def _trace_problems(
    policy: SchedulingPolicy, trace: Trace, limits: Mapping[str, int], numbers: Sequence[int] | None
) -> Iterator[Problem]:
    """Yield the problems of shares and instance types that the queue does not have, each with its rows."""
    names = ((trace.shares, index, share_problem(policy, name)) for index, name in enumerate(trace.share_names))
    units = (
        (trace.types, index, instance_type_problem(policy, limits, unit))
        for index, unit in enumerate(trace.instance_types)
    )
    for column, index, problem in chain(names, units):
        if problem is not None:
            rows = [row for row, number in enumerate(column) if number == index]
            if column is trace.types:
                rows = sorted({*rows, *(row for row, preferred in trace.preferences.items() if index in preferred)})
            yield problem.within("trace").followed_by(
                list_rows(rows if numbers is None else [numbers[row] for row in rows])
            )


def list_rows(rows: Sequence[int]) -> str:
    """Return rows for the end of a problem: the first of them, and the number of the others."""
    listed = ", ".join(map(str, rows[:_MAX_ROWS]))
    more = f" and {len(rows) - _MAX_ROWS:,} more" if len(rows) > _MAX_ROWS else ""
    return f" (row{'s' * (len(rows) > 1)} {listed}{more})"


def share_problem(policy: SchedulingPolicy, name: str) -> Problem | None:
    """Return the problem of a share identifier or quota share that the queue does not accept, or None."""
    if isinstance(policy, FairShare) and not name:
        sentence = "jobs without a share identifier cannot run with FairShare: give each job a share"
        return Problem.relation(("share",), sentence)
    if isinstance(policy, QuotaManagement):
        enabled = [share.name for share in policy.shares if share.state == State.ENABLED]
        if name not in enabled:
            return Problem(("share",), name, f"an enabled quota share: {', '.join(enabled)}")
    return None


def instance_type_problem(policy: SchedulingPolicy, units: Collection[str], unit: str) -> Problem | None:
    """Return the problem of an instance type that a queue with quotas does not have, or None."""
    if isinstance(policy, QuotaManagement) and unit not in units and (unit or len(units) > 1):
        return Problem(("instance_type",), unit, f"an instance type of the queue: {', '.join(units)}")
    return None


def _token_problems(policy: SchedulingPolicy, limits: Mapping[str, int]) -> Iterator[Problem]:
    """Yield the problems of tokens, which have no value before deployment."""
    for unit, number in limits.items():
        if is_token(unit) or is_token(number):
            yield Problem(("capacity",), number, _RESOLVED)
    values: list[tuple[str, object]] = []
    if isinstance(policy, FairShare):
        values += [("share_decay_seconds", policy.share_decay_seconds)]
        values += [("compute_reservation", policy.compute_reservation)]
        values += [("weight_factors", value) for item in policy.weight_factors.items() for value in item]
    elif isinstance(policy, QuotaManagement):
        for share in policy.shares:
            values += [("shares", value) for value in (share.name, share.sharing, share.borrow_limit)]
            values += [("shares", value) for value in (share.in_share_preemption, share.state)]
            values += [("shares", value) for item in share.capacity.items() for value in item]
    for field, value in values:
        if is_token(value):
            yield Problem(("policy", field), value, _RESOLVED)
