"""Checks of the arguments of a rehearsal."""

from collections.abc import Iterator, Mapping, Sequence

from fairlane._internal.tokens import is_token
from fairlane.errors import Problem
from fairlane.scheduler.job import Trace
from fairlane.scheduler.options import Ec2Instances, Strategies
from fairlane.scheduling import (
    Capacity,
    FairShare,
    JobAction,
    JobStateTimeLimitAction,
    QuotaManagement,
    SchedulingPolicy,
    State,
    TimeLimitReason,
)
from fairlane.scheduling.capacity import capacity_limits, check_capacity

_RESOLVED = "a value known before deployment"


def rehearsal_problems(
    policy: SchedulingPolicy,
    trace: Trace,
    capacity: Capacity,
    strategies: Strategies,
    ec2_instances: Ec2Instances | None,
    time_limit_actions: Sequence[JobStateTimeLimitAction],
) -> Iterator[Problem]:
    """Yield the problems of the arguments of `rehearse`."""
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
    else:
        yield Problem(("trace",), trace, "a Trace object")
    if not isinstance(policy, SchedulingPolicy):
        yield Problem(("policy",), policy, "Fifo, FairShare or QuotaManagement")
        return
    yield from (problem.within("policy") for problem in policy.problems())
    limits = capacity_limits(capacity)
    yield from policy.problems_with(limits)
    yield from _token_problems(policy, limits)
    if isinstance(trace, Trace):
        yield from _trace_problems(policy, trace, limits)


def _trace_problems(policy: SchedulingPolicy, trace: Trace, limits: Mapping[str, int]) -> Iterator[Problem]:
    """Yield the problems of shares and instance types that the queue does not have."""
    if isinstance(policy, FairShare):
        if "" in trace.share_names:
            sentence = "jobs without a share identifier cannot run with FairShare: give each job a share"
            yield Problem.relation(("trace", "share"), sentence)
    elif isinstance(policy, QuotaManagement):
        enabled = [share.name for share in policy.shares if share.state == State.ENABLED]
        for name in trace.share_names:
            if name not in enabled:
                yield Problem(("trace", "share"), name, f"an enabled quota share: {', '.join(enabled)}")
        for unit in trace.instance_types:
            if unit not in limits and (unit or len(limits) > 1):
                yield Problem(("trace", "instance_type"), unit, f"an instance type of the queue: {', '.join(limits)}")


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
