"""Back-test: the strategies and the start-up time with which a rehearsal comes closest to what happened."""

from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from statistics import median
from typing import Final

from fairlane.errors import ConfigurationError, Problem
from fairlane.rehearsal.backtest.comparison import Error, LastRuns, ShareComparison, compare_shares, rows_with_times
from fairlane.rehearsal.backtest.weeks import Week, find_weeks
from fairlane.rehearsal.sensitivity import Choice
from fairlane.rehearsal.simulator import rehearse
from fairlane.scheduler.job import Trace
from fairlane.scheduler.options import Strategies
from fairlane.scheduling import JobStateTimeLimitAction, SchedulingPolicy

_DEFAULTS: Final = Strategies()


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """Rehearsal of the past jobs.

    Attributes:
        strategies: Strategies of the rehearsal.
        start_up_seconds: Seconds from the start of a job in the scheduler to the start of its work.
        never_ran: Number of jobs with real times that never run in the rehearsal.
        wait: Error of the waits of all other jobs with real times.
        runs: Last runs of the jobs.
    """

    strategies: Strategies
    start_up_seconds: int
    never_ran: int
    wait: Error
    runs: LastRuns

    @property
    def score(self) -> tuple[int, float]:
        """Jobs that never ran, then the mean absolute error of the waits. The lowest score is the best."""
        return self.never_ran, self.wait.absolute


@dataclass(frozen=True, slots=True, kw_only=True)
class BackTest:
    """Rehearsed waits and use of past jobs beside the real ones.

    Attributes:
        capacity: Capacity of the queue.
        best: Trial with the lowest error.
        given: Trial with the given strategies and no start-up time.
        alternatives: Trials that differ from the best one in one strategy, by strategy and value, for example
            `head_of_line=skip`. The lowest error is first.
        total: Comparison of all jobs with real times.
        shares: Comparison of each share.
        weeks: Weeks in which jobs were submitted.
    """

    capacity: int
    best: Trial
    given: Trial
    alternatives: Mapping[str, Trial]
    total: ShareComparison
    shares: Mapping[str, ShareComparison]
    weeks: Sequence[Week]

    @property
    def fitting(self) -> list[str]:
        """Strategies and values that fit as well as those of the best trial, for example `decay=none`."""
        return [name for name, trial in self.alternatives.items() if trial.score == self.best.score]

    @property
    def unexplained(self) -> list[Week]:
        """Weeks that no trial explains."""
        return [week for week in self.weeks if not week.is_explained]


def back_test(
    policy: SchedulingPolicy,
    trace: Trace,
    *,
    capacity: int | Mapping[str, int] | None = None,
    strategies: Strategies = _DEFAULTS,
    time_limit_actions: Sequence[JobStateTimeLimitAction] = (),
    progress: Callable[[int], None] | None = None,
) -> BackTest:
    """Rehearse past jobs, and compare their waits and use with the real ones.

    Jobs without real times are rehearsed, too, and not compared. The start-up time is fitted to jobs that the rehearsal
    starts at once. Then each strategy gets each of its values, one at a time, and the value with the lowest error
    stays, until no other value has a lower error.

    Args:
        policy: Scheduling policy that the queue had.
        trace: Past jobs. `read_history` and the columns `started` and `stopped` of a file give their real times.
        capacity: Capacity of the queue, as in `rehearse`.
        strategies: Strategies with which the fit begins. Default: `Strategies()`.
        time_limit_actions: Time-limit actions that the queue had, as in `rehearse`. Default: none.
        progress: Function that is called with the number of rehearsals that are done. Default: none.

    Raises:
        ConfigurationError: If no job has real times, or as in `rehearse`.
    """
    if not isinstance(trace, Trace):
        raise ConfigurationError("back-test", [Problem(("trace",), trace, "a Trace object")])
    if not any(trace.problems()) and not rows_with_times(trace):
        allowed = "real times, in columns started and stopped as fairlane trace history writes them"
        raise ConfigurationError("back-test", [Problem(("trace",), None, allowed)])
    fit = _Fit(policy, trace, capacity, time_limit_actions, progress)
    given = fit.trial(strategies, 0)
    best = fit.with_start_up(given)
    while (better := min((trial for _, trial in fit.alternatives(best)), key=_score, default=best)).score < best.score:
        best = fit.with_start_up(better)
    total, shares = compare_shares(trace, best.runs)
    alternatives = sorted(fit.alternatives(best), key=lambda pair: pair[1].score)
    return BackTest(
        capacity=fit.capacity,
        best=best,
        given=given,
        alternatives=dict(alternatives),
        total=total,
        shares=shares,
        weeks=find_weeks(trace, best.runs, [trial.runs for trial in fit.trials], best.start_up_seconds, fit.capacity),
    )


def _score(trial: Trial) -> tuple[int, float]:
    return trial.score


class _Fit:
    """Trials with one policy and trace. Each combination runs once."""

    def __init__(
        self,
        policy: SchedulingPolicy,
        trace: Trace,
        capacity: int | Mapping[str, int] | None,
        time_limit_actions: Sequence[JobStateTimeLimitAction],
        progress: Callable[[int], None] | None,
    ) -> None:
        self._policy, self._trace, self._capacity, self._progress = policy, trace, capacity, progress
        self._time_limit_actions = time_limit_actions
        self._trials: dict[tuple[Strategies, int], Trial] = {}
        self.capacity = 0

    @property
    def trials(self) -> list[Trial]:
        """All trials so far."""
        return [*self._trials.values()]

    def trial(self, strategies: Strategies, start_up_seconds: int) -> Trial:
        """Return the trial of strategies and a start-up time."""
        key = (strategies, start_up_seconds)
        if key not in self._trials:
            longer = copy(self._trace)
            longer.runs = array("q", (run + start_up_seconds for run in self._trace.runs))
            rehearsal = rehearse(
                self._policy,
                longer,
                capacity=self._capacity,
                strategies=strategies,
                time_limit_actions=self._time_limit_actions,
            )
            self.capacity = sum(rehearsal.capacity.values())
            runs = LastRuns.of(rehearsal, start_up_seconds)
            rows, real, rehearsed = runs.waits(self._trace)
            self._trials[key] = Trial(
                strategies=strategies,
                start_up_seconds=start_up_seconds,
                never_ran=len(runs.rows) - len(rows),
                wait=Error.of(real, rehearsed),
                runs=runs,
            )
            if self._progress:
                self._progress(len(self._trials))
        return self._trials[key]

    def with_start_up(self, trial: Trial) -> Trial:
        """Return a trial with the start-up time of jobs that start at once, if that lowers the error."""
        pairs = zip(*trial.runs.waits(self._trace)[1:], strict=True)
        at_once = [real for real, rehearsed in pairs if rehearsed <= trial.start_up_seconds]
        if not at_once:
            return trial
        return min(trial, self.trial(trial.strategies, round(median(at_once))), key=_score)

    def alternatives(self, trial: Trial) -> Iterator[tuple[str, Trial]]:
        """Yield the trials that differ in one strategy, with the strategy and its value."""
        for field, value in trial.strategies.alternatives(self._policy):
            changed = replace(trial.strategies, **{field: value})  # type: ignore[arg-type]
            yield str(Choice(field, value)), self.trial(changed, trial.start_up_seconds)
