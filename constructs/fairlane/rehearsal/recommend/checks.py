"""Checks of the arguments of a recommendation, and the two parts of its trace."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, get_args

from fairlane._internal.checks import check_whole_number
from fairlane.errors import Problem
from fairlane.rehearsal.checks import rehearsal_problems
from fairlane.rehearsal.recommend.objectives import Constraint, Objective
from fairlane.rehearsal.recommend.resampling import MAX_TRACES
from fairlane.rehearsal.recommend.search import search_problems
from fairlane.scheduler.dependencies import among_themselves
from fairlane.scheduler.job import Trace
from fairlane.scheduler.options import Strategies
from fairlane.scheduling import Capacity, FairShare, SchedulingPolicy
from fairlane.scheduling.capacity import capacity_limits

_DEFAULTS: Final = Strategies()
_MAX_SEED: Final = 2**32 - 1  # of numpy, which Optuna draws with


def split(trace: Trace, hold_out: float) -> tuple[Trace, Trace]:
    """Return the jobs before and after a moment of a trace. Dependencies between the two parts are left out.

    Args:
        trace: Trace with jobs.
        hold_out: Part of the time that is after the moment.
    """
    first, last = trace.submits[0], trace.submits[-1]
    moment = first + (last - first) * (1 - hold_out)
    before = among_themselves(job for job in trace if job.submit < moment)
    return Trace.of(before), Trace.of(among_themselves(job for job in trace if job.submit >= moment))


def recommendation_problems(
    policy: SchedulingPolicy,
    trace: Trace,
    *,
    capacity: Capacity,
    objective: object,
    constraints: Sequence[Constraint],
    keep: Mapping[str, int] | None,
    hold_out: float,
    bootstrap: int,
    seconds: float,
    trials: int | None,
    seed: int,
    strategies: Strategies = _DEFAULTS,
) -> Iterator[Problem]:
    """Yield the problems of the arguments of `recommend`."""
    problems = list(rehearsal_problems(policy, trace, capacity, strategies, None, ()))
    yield from problems
    yield from _problems(objective, bootstrap, seconds, trials, seed)
    if objective == "lost-gpu-hours" and isinstance(policy, FairShare):
        sentence = "fair share preempts no job, so its weights do not change the lost work: use another objective"
        yield Problem.relation(("objective",), sentence)
    yield from _split_problems(trace, hold_out)
    yield from _constraint_problems(constraints, trace)
    if not problems:
        yield from search_problems(policy, capacity_limits(capacity), keep or {})


def _problems(objective: object, bootstrap: int, seconds: float, trials: int | None, seed: int) -> Iterator[Problem]:
    if objective not in get_args(Objective):
        yield Problem(("objective",), objective, ", ".join(get_args(Objective)))
    yield from check_whole_number(("bootstrap",), bootstrap, 0, MAX_TRACES)
    if not (_is_number(seconds) and seconds > 0):
        yield Problem(("seconds",), seconds, "a number above 0")
    if trials is not None:
        yield from check_whole_number(("trials",), trials, 1)
    yield from check_whole_number(("seed",), seed, 0, _MAX_SEED)


def _split_problems(trace: object, hold_out: float) -> Iterator[Problem]:
    if not (_is_number(hold_out) and 0 < hold_out < 1):
        yield Problem(("hold_out",), hold_out, "a number above 0 and below 1")
    elif isinstance(trace, Trace) and not all(map(len, split(trace, hold_out) if len(trace) else ((),))):
        sentence = "one part of the trace has no jobs: hold out another part, or use a longer trace"
        yield Problem.relation(("trace",), sentence)


def _constraint_problems(constraints: Sequence[Constraint], trace: object) -> Iterator[Problem]:
    for index, constraint in enumerate(constraints):
        if not isinstance(constraint, Constraint):
            yield Problem(("constraints", index), constraint, "a Constraint")
            continue
        yield from (problem.within("constraints", constraint.share) for problem in constraint.problems())
        if isinstance(trace, Trace) and constraint.share not in trace.share_names:
            names = ", ".join(trace.share_names)
            yield Problem(("constraints", constraint.share), constraint.share, f"a share of the jobs: {names}")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
