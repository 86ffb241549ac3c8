"""Recommendation of a policy: found on the first part of a trace, and compared on the rest."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from fairlane.errors import ConfigurationError
from fairlane.rehearsal.recommend.checks import recommendation_problems, split
from fairlane.rehearsal.recommend.comparison import Comparison, compare_pairs
from fairlane.rehearsal.recommend.objectives import OBJECTIVES, Constraint, Objective
from fairlane.rehearsal.recommend.resampling import resampled
from fairlane.rehearsal.recommend.search import search
from fairlane.rehearsal.rehearsal import Rehearsal
from fairlane.rehearsal.simulator import rehearse
from fairlane.scheduler.job import Trace
from fairlane.scheduler.options import Strategies
from fairlane.scheduling import Capacity, SchedulingPolicy
from fairlane.scheduling.capacity import capacity_limits

_DEFAULTS: Final = Strategies()
_SURE: Final = 0.9
_INFEASIBLE: Final = 1e30


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
            comparison.found < comparison.given
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
    problems = list(
        recommendation_problems(
            policy,
            trace,
            capacity=capacity,
            objective=objective,
            constraints=constraints,
            keep=keep,
            hold_out=hold_out,
            bootstrap=bootstrap,
            seconds=seconds,
            trials=trials,
            seed=seed,
            strategies=strategies,
        )
    )
    if problems:
        raise ConfigurationError("recommend", problems)
    limits, least = capacity_limits(capacity), keep or {}
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
