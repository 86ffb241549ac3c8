"""Outcomes of jobs."""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, TypeAlias, overload

from fairlane.scheduler.job import Trace
from fairlane.scheduler.record import FAILED_RUN, KILLED_RUN, STOPPED_RUN, Record

State: TypeAlias = Literal["succeeded", "failed", "waiting"]

_STATES: Final[tuple[State, ...]] = ("waiting", "succeeded", "failed")
_NEVER: Final = -1


class Run(NamedTuple):
    """One run of a job.

    Attributes:
        start: Second at which the run got its capacity.
        stop: Second at which the capacity was free again.
        preempted: True if the run was stopped for another job, lost an instance, or its capacity ended.
        failed: True if the run failed. Default: False.
    """

    start: int
    stop: int
    preempted: bool
    failed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Outcome of a job.

    Attributes:
        state: `succeeded`, `failed`, or `waiting` for a job that can never run, for the jobs that depend on it and,
            with `Strategies(unrunnable="block")`, for the jobs behind it.
        first_start: Second at which the job first started. None if it never started.
        end: Second at which the job succeeded or failed. None if it is waiting.
        waited: Number of seconds that the job waited before its first run and between its runs, from its submission
            or, if it is later, from the success of the jobs that it depends on. For a job that can never run, until the
            end of the rehearsal or until a time limit of the queue.
        runs: Runs of the job.
        preemptions: Number of runs that were stopped.
        lost: Lost work in instance-seconds: the work since the last checkpoint of each stopped run, and all work of a
            job that failed.
    """

    state: State
    first_start: int | None
    end: int | None
    waited: int
    runs: tuple[Run, ...]
    preemptions: int
    lost: int


class Outcomes(Sequence[Outcome]):
    """Outcomes of all jobs, in the order of the trace. Each outcome is computed on access."""

    def __init__(self, trace: Trace, record: Record) -> None:
        self._trace = trace
        self._record = record
        self._first_run = array("q", [_NEVER]) * len(trace)
        self._later_runs: dict[int, list[int]] = {}
        for run, row in enumerate(record.rows):
            if self._first_run[row] == _NEVER:
                self._first_run[row] = run
            else:
                self._later_runs.setdefault(row, []).append(run)

    def __len__(self) -> int:
        return len(self._trace)

    @overload
    def __getitem__(self, row: int) -> Outcome: ...
    @overload
    def __getitem__(self, row: slice) -> tuple[Outcome, ...]: ...
    def __getitem__(self, row: int | slice) -> Outcome | tuple[Outcome, ...]:
        if isinstance(row, slice):
            return tuple(self[index] for index in range(*row.indices(len(self))))
        row = range(len(self))[row]
        record = self._record
        runs = [
            Run(
                record.starts[run],
                record.stops[run],
                record.interrupted[run] in (STOPPED_RUN, KILLED_RUN),
                record.interrupted[run] == FAILED_RUN,
            )
            for run in self.run_numbers(row)
        ]
        return Outcome(
            state=_STATES[record.states[row]],
            first_start=runs[0].start if runs else None,
            end=record.ended.get(row, runs[-1].stop if runs else None) if record.states[row] else None,
            waited=self.wait_seconds(row),
            runs=tuple(runs),
            preemptions=sum(run.preempted for run in runs),
            lost=record.lost.get(row, 0),
        )

    def run_numbers(self, row: int) -> list[int]:
        """Return the numbers of a job's runs."""
        first = self._first_run[row]
        return [] if first == _NEVER else [first, *self._later_runs.get(row, ())]

    def wait_seconds(self, row: int) -> int:
        """Return the number of seconds that a job waited."""
        record, submit = self._record, self._trace.submits[row]
        if record.ready:
            submit = record.ready.get(row, submit)
        first = self._first_run[row]
        if record.held and row in record.held:
            return 0
        if first == _NEVER:
            return max(0, record.ended.get(row, record.last) - submit)
        waited, stop = record.starts[first] - submit, record.stops[first]
        for run in self._later_runs.get(row, ()):
            waited += record.starts[run] - stop
            stop = record.stops[run]
        return waited if record.states[row] else waited + record.last - stop
