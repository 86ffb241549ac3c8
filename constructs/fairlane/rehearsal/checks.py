"""What can be rehearsed, and what cannot."""

from collections.abc import Iterator, Mapping

from fairlane._internal.tokens import is_token
from fairlane.errors import Problem
from fairlane.scheduler.job import Trace
from fairlane.scheduler.options import Machines, Strategies
from fairlane.scheduling import Capacity, FairShare, QuotaManagement, SchedulingPolicy, State
from fairlane.scheduling.capacity import capacity_limits, check_capacity

_UNKNOWN = "a value that is known before deployment"


def rehearsal_problems(
    policy: SchedulingPolicy, trace: Trace, capacity: Capacity, strategies: Strategies, machines: Machines | None
) -> Iterator[Problem]:
    """Yields every mistake in what shall be rehearsed."""
    if isinstance(strategies, Strategies):
        yield from (problem.within("strategies") for problem in strategies.problems())
    else:
        yield Problem(("strategies",), strategies, "Strategies")
    if isinstance(machines, Machines):
        yield from (problem.within("machines") for problem in machines.problems())
    elif machines is not None:
        yield Problem(("machines",), machines, "Machines, or None")
    if isinstance(policy, QuotaManagement) and machines:
        yield Problem(("machines",), machines, "None with QuotaManagement, as SageMaker brings its own")
    if capacity == {} and not isinstance(policy, QuotaManagement):
        yield Problem(("capacity",), None, "the queue's capacity: a number, as the policy names none")
        capacity = 1
    yield from check_capacity(("capacity",), capacity)
    if isinstance(trace, Trace):
        yield from trace.problems()
    else:
        yield Problem(("trace",), trace, "a Trace")
    if not isinstance(policy, SchedulingPolicy):
        yield Problem(("policy",), policy, "Fifo, FairShare or QuotaManagement")
        return
    yield from (problem.within("policy") for problem in policy.problems())
    limits = capacity_limits(capacity)
    yield from policy.problems_with(limits)
    yield from _tokens(policy, limits)
    if isinstance(trace, Trace):
        yield from _trace_problems(policy, trace, limits)


def _trace_problems(policy: SchedulingPolicy, trace: Trace, limits: Mapping[str, int]) -> Iterator[Problem]:
    """Yields shares and instance types that the queue does not have."""
    if isinstance(policy, FairShare):
        if "" in trace.share_names:
            yield Problem(("trace", "share"), "", "a share identifier for each job, as AWS demands with FairShare")
    elif isinstance(policy, QuotaManagement):
        enabled = [share.name for share in policy.shares if share.state == State.ENABLED]
        for name in trace.share_names:
            if name not in enabled:
                yield Problem(("trace", "share"), name, f"a quota share that takes jobs: {', '.join(enabled)}")
        for unit in trace.instance_types:
            if unit not in limits and (unit or len(limits) > 1):
                yield Problem(("trace", "instance_type"), unit, f"an instance type of the queue: {', '.join(limits)}")


def _tokens(policy: SchedulingPolicy, limits: Mapping[str, int]) -> Iterator[Problem]:
    """Yields what CloudFormation will know and nobody does now."""
    for unit, number in limits.items():
        if is_token(unit) or is_token(number):
            yield Problem(("capacity",), number, _UNKNOWN)
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
            yield Problem(("policy", field), value, _UNKNOWN)
