"""Comparison of two policies by a measure, on a trace and on resampled traces."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from fairlane.rehearsal.recommend.resampling import Range
from fairlane.rehearsal.rehearsal import Rehearsal

NEVER_RAN: Final = "never-ran"
"""Name of the number of jobs that never ran, beside the objectives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Measure of the found policy and of the given one, on the part of the trace that the search did not see.

    Attributes:
        given: Measure of the given policy.
        found: Measure of the found policy.
        given_range: Range of the measure of the given policy over resampled traces. None without resampling.
        found_range: Range of the measure of the found policy.
        better: Number of resampled traces in which the found policy is better, and no more jobs never run.
        worse: Number of resampled traces in which it is worse, or more jobs never run.
        traces: Number of resampled traces that are compared.
    """

    given: float
    found: float
    given_range: Range | None
    found_range: Range | None
    better: int
    worse: int
    traces: int


def compare_pairs(
    pairs: Sequence[tuple[Rehearsal, Rehearsal]], measure: Callable[[Rehearsal], float | None]
) -> Comparison:
    """Compare a measure of pairs of rehearsals: of the trace itself, then of resampled traces.

    Resampled traces without jobs are not counted, nor those for which the measure is None.
    """
    numbers = [
        (mine, theirs, found.total.never_ran - given.total.never_ran)
        for given, found in pairs
        if len(given.trace) and (mine := measure(given)) is not None and (theirs := measure(found)) is not None
    ]
    drawn = numbers[1:]
    return Comparison(
        given=numbers[0][0],
        found=numbers[0][1],
        given_range=Range.of([given for given, _, _ in drawn]) if drawn else None,
        found_range=Range.of([found for _, found, _ in drawn]) if drawn else None,
        better=sum(found < given and more_never_ran <= 0 for given, found, more_never_ran in drawn),
        worse=sum(found > given or more_never_ran > 0 for given, found, more_never_ran in drawn),
        traces=len(drawn),
    )
