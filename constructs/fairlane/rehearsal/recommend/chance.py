"""Comparison of several rehearsals over resampled traces."""

from collections.abc import Callable, Mapping

from fairlane.rehearsal.recommend.comparison import NEVER_RAN, Comparison, compare_pairs
from fairlane.rehearsal.recommend.objectives import OBJECTIVES
from fairlane.rehearsal.recommend.resampling import resampled
from fairlane.rehearsal.rehearsal import Rehearsal
from fairlane.scheduler.job import Trace


def measure_chance(
    rehearsals: Mapping[str, Rehearsal],
    rehearse_with: Callable[[str, Trace], Rehearsal],
    trace: Trace,
    *,
    number: int,
    seed: int = 0,
) -> dict[str, dict[str, Comparison]]:
    """Rehearse resampled traces with each policy. All policies get the same traces.

    Args:
        rehearsals: Rehearsals of the trace by name.
        rehearse_with: Function that rehearses another trace with the policy of a name.
        trace: Trace that is resampled.
        number: Number of resampled traces, 1 or more.
        seed: Seed of the random numbers. Default: 0.

    Returns:
        Comparison of each rehearsal, as the found policy, with the first, as the given one, by objective, and by
        `never-ran` for the number of jobs that never ran.
    """
    drawn: dict[str, list[Rehearsal]] = {name: [rehearsal] for name, rehearsal in rehearsals.items()}
    for jobs in resampled(trace, number, seed):
        for name, own in drawn.items():
            own.append(rehearse_with(name, jobs))
    first = next(iter(drawn.values()))
    measures: dict[str, Callable[[Rehearsal], float]] = dict(OBJECTIVES.items())
    measures[NEVER_RAN] = lambda rehearsal: rehearsal.total.never_ran
    return {
        name: {rehearsed: compare_pairs([*zip(first, own, strict=True)], measure) for rehearsed, own in drawn.items()}
        for name, measure in measures.items()
    }
