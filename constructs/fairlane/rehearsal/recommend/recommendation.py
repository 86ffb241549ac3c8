"""Recommendation of a policy: found on the first part of a trace, and compared on the rest."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, get_args

from fairlane._internal.checks import check_whole_number
from fairlane.errors import ConfigurationError, Problem
from fairlane.rehearsal.checks import rehearsal_problems
from fairlane.rehearsal.recommend.objectives import OBJECTIVES, Constraint, Objective
from fairlane.rehearsal.recommend.resampling import MAX_TRACES, Range, resampled
from fairlane.rehearsal.recommend.search import search, search_problems
from fairlane.rehearsal.rehearsal import Rehearsal
from fairlane.rehearsal.simulator import rehearse
from fairlane.scheduler.dependencies import among_themselves
from fairlane.scheduler.job import Trace
from fairlane.scheduler.options import Strategies
from fairlane.scheduling import Capacity, SchedulingPolicy
from fairlane.scheduling.capacity import capacity_limits

_DEFAULTS: Final = Strategies()
_SURE: Final = 0.9
_INFEASIBLE: Final = 1e30
_MAX_SEED: Final = 2**32 - 1  # of numpy, which Optuna draws with


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """Policy of a search, and its rehearsal with the first part of the trace.

    Attributes:
        policy: Policy.
        measures: Objectives of the rehearsal.
        excess: Sum of the parts by which waits are above their limits. 0 if all constraints hold.
        never_ran: Number of jobs that can never run.
    """

    policy: SchedulingPolicy
    measures: Mapping[Objective, float]
    excess: float
    never_ran: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Measure of the found policy and of the given one, on the part of the trace that the search did not see.

    Attributes:
        given: Measure of the given policy.
        found: Measure of the found policy.
        given_range: Range of the measure of the given policy over resampled traces. None without resampling.
        found_range: Range of the measure of the found policy.
        better: Number of resampled traces in which the found policy is better.
        worse: Number of resampled traces in which it is worse.
        traces: Number of resampled traces that are compared.
    """

    given: float
    found: float
    given_range: Range | None
    found_range: Range | None
    better: int
    worse: int
    traces: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommendation:
    """Policy that a search found, and how much better it is.

    Attributes:
        objective: Objective of the search.
        constraints: Limits on waits.
        given: Given policy.
        found: Allowed policy with the lowest objective. The given policy if none is better, or if none is allowed.
        candidates: All policies of the search, the given one first.
        held_out: Comparison by objective.
        waits: Comparison of the 95th percentile of the waits, by share, in traces with jobs of the share.
        never_ran: Comparison of the number of jobs that can never run.
        broken: Constraints that the found policy breaks on the part of the trace that the search did not see.
    """

    objective: Objective
    constraints: Sequence[Constraint]
    given: Candidate
    found: Candidate
    candidates: Sequence[Candidate]
    held_out: Mapping[Objective, Comparison]
    waits: Mapping[str, Comparison]
    never_ran: Comparison
    broken: Sequence[Constraint]

    @property
    def is_better(self) -> bool:
        """True if the found policy is better on the part that the search did not see, and keeps all constraints there.

        It must also be better in 9 of 10 resampled traces, of those in which the policies differ, and no more jobs may
        be unable to run than with the given policy.
        """
        comparison = self.held_out[self.objective]
        return (
            self.found is not self.given
            and comparison.found < comparison.given
            and comparison.better >= _SURE * (comparison.better + comparison.worse)
            and self.never_ran.found <= self.never_ran.given
            and not self.broken
        )

    @property
    def allowed(self) -> list[Candidate]:
        """Policies that keep the constraints, and under which no more jobs never run than under the given policy."""
        return _allowed(self.candidates)

    @property
    def frontier(self) -> list[Candidate]:
        """Allowed policies of which no other has less mean wait and no more lost work.

        The policy with the shortest mean wait is first.
        """
        kept: list[Candidate] = []
        for candidate in sorted(
            self.allowed, key=lambda each: (each.measures["mean-wait"], each.measures["lost-gpu-hours"])
        ):
            if not kept or candidate.measures["lost-gpu-hours"] < kept[-1].measures["lost-gpu-hours"]:
                kept.append(candidate)
        return kept


def recommend(
    policy: SchedulingPolicy,
    trace: Trace,
    *,
    capacity: Capacity,
    objective: Objective = "worst-p95",
    constraints: Sequence[Constraint] = (),
    keep: Mapping[str, int] | None = None,
    hold_out: float = 0.5,
    bootstrap: int = 50,
    seconds: float = 60.0,
    trials: int | None = None,
    seed: int = 0,
    strategies: Strategies = _DEFAULTS,
    largest_instance: int | None = None,
    progress: Callable[[str, int], None] | None = None,
) -> Recommendation:
    """Search the settings of a policy for the lowest objective on the first part of a trace, and compare on the rest.

    With `FairShare`, the search changes the weight factors and the decay; with `QuotaManagement`, the quotas, sharing
    and borrow limits. A setting under which more jobs can never run than under the given policy, or that breaks a
    constraint, is not found.

    Args:
        policy: Policy whose settings are searched.
        trace: Jobs. Both parts begin with an idle queue.
        capacity: Capacity of the queue.
        objective: Measure to make as low as possible. Default: `worst-p95`.
        constraints: Limits on the waits of shares. Default: none.
        keep: Smallest quota of a share for each of its instance types. Default: 1 instance.
        hold_out: Part of the time of the trace that the search does not see, above 0 and below 1. Default: 0.5.
        bootstrap: Number of traces that are resampled from this part, 0 to 1,000. Default: 50.
        seconds: Seconds of the search, above 0. Default: 60.
        trials: Maximum number of policies of the search, 1 or more. With it, the same seed finds the same policy if the
            time is enough. Default: no maximum.
        seed: Seed of the search and of the resampling, 0 to 4,294,967,295. Default: 0.
        strategies: Strategies of the rehearsals.
        largest_instance: Number of units of the capacity on the largest instance, as in `rehearse`. Default: none.
        progress: Function that is called with a text and the number of rehearsals. Default: none.

    Raises:
        ConfigurationError: If an argument is wrong, if the policy has no settings to search, or as in `rehearse`.
        ImportError: If Optuna is missing.
    """
    limits, least = capacity_limits(capacity), keep or {}
    problems = list(rehearsal_problems(policy, trace, capacity, strategies, None, ()))
    searched = [] if problems else [*search_problems(policy, limits, least)]
    problems += _problems(objective, bootstrap, seconds, trials, seed)
    problems += [*_split_problems(trace, hold_out), *_constraint_problems(constraints, trace), *searched]
    if problems:
        raise ConfigurationError("recommend", problems)
    tuned, held_out = split(trace, hold_out)

    def run(candidate: SchedulingPolicy, jobs: Trace) -> Rehearsal:
        return rehearse(candidate, jobs, capacity=capacity, strategies=strategies, largest_instance=largest_instance)

    candidates: list[Candidate] = []

    def rate(candidate: SchedulingPolicy) -> float:
        rehearsal = run(candidate, tuned)
        rated = Candidate(
            policy=candidate,
            measures={name: measure(rehearsal) for name, measure in OBJECTIVES.items()},
            excess=sum(constraint.excess(rehearsal) for constraint in constraints),
            never_ran=rehearsal.total.never_ran,
        )
        candidates.append(rated)
        if progress:
            progress("policies", len(candidates))
        return _score(rated, objective, candidates[0].never_ran)

    rate(policy)
    search(policy, limits, least, rate, seconds=seconds, trials=trials, seed=seed)
    given = candidates[0]
    found = min(_allowed(candidates), key=lambda each: each.measures[objective], default=given)
    pairs = [(run(given.policy, held_out), run(found.policy, held_out))]
    for number, jobs in enumerate(resampled(held_out, bootstrap, seed), 1):
        pairs.append((run(given.policy, jobs), run(found.policy, jobs)))
        if progress:
            progress("resampled traces", number)
    shares = [name for name, share in pairs[0][0].shares.items() if share.jobs > share.never_ran]
    return Recommendation(
        objective=objective,
        constraints=constraints,
        given=given,
        found=found,
        candidates=candidates,
        held_out={name: compare_pairs(pairs, measure) for name, measure in OBJECTIVES.items()},
        waits={name: compare_pairs(pairs, partial(_p95, name)) for name in shares},
        never_ran=compare_pairs(pairs, lambda rehearsal: rehearsal.total.never_ran),
        broken=[constraint for constraint in constraints if constraint.excess(pairs[0][1])],
    )


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
        sentence = "one part of the trace has no jobs: use another hold_out or a longer trace"
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


def _allowed(candidates: Sequence[Candidate]) -> list[Candidate]:
    return [each for each in candidates if not each.excess and each.never_ran <= candidates[0].never_ran]


def _score(candidate: Candidate, objective: Objective, never_ran: int) -> float:
    """Return the objective, or a number above all objectives for a policy that must not be found."""
    too_many = max(0, candidate.never_ran - never_ran)
    if too_many or candidate.excess:
        return _INFEASIBLE * (1 + too_many + candidate.excess)
    return candidate.measures[objective]


def _p95(share: str, rehearsal: Rehearsal) -> float | None:
    result = rehearsal.shares.get(share)
    return result.wait.p95 if result and result.jobs else None


def compare_pairs(
    pairs: Sequence[tuple[Rehearsal, Rehearsal]], measure: Callable[[Rehearsal], float | None]
) -> Comparison:
    """Compare a measure of pairs of rehearsals: of the trace itself, then of resampled traces.

    Resampled traces without jobs are not counted, nor those for which the measure is None.
    """
    numbers = [
        (mine, theirs)
        for given, found in pairs
        if len(given.trace) and (mine := measure(given)) is not None and (theirs := measure(found)) is not None
    ]
    drawn = numbers[1:]
    return Comparison(
        given=numbers[0][0],
        found=numbers[0][1],
        given_range=Range.of([given for given, _ in drawn]) if drawn else None,
        found_range=Range.of([found for _, found in drawn]) if drawn else None,
        better=sum(found < given for given, found in drawn),
        worse=sum(found > given for given, found in drawn),
        traces=len(drawn),
    )
