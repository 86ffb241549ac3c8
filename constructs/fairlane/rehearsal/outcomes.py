"""What became of each job."""

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, TypeAlias, overload

from fairlane.scheduler.engine import Record
from fairlane.scheduler.job import Trace

State: TypeAlias = Literal["succeeded", "failed", "waiting"]

_STATES: Final[tuple[State, ...]] = ("waiting", "succeeded", "failed")
_NEVER: Final = -1


class Run(NamedTuple):
    """One run of a job.

    Attributes:
        start: when it got its capacity.
        stop: when that was free again.
        preempted: whether it was stopped for another job, or lost a machine.
    """

    start: int
    stop: int
    preempted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a job.

    Attributes:
        state: succeeded, failed, or waiting: it can never run.
        first_start: when it first started; None if never.
        end: when it succeeded or failed; None if it waits.
        waited: seconds that it waited, before its first run and between its runs; if it waits for ever, until the end
            of the rehearsal.
        runs: its runs.
        preemptions: how many of them were stopped.
        lost: instance-seconds of work that were in vain.
    """

    state: State
    first_start: int | None
    end: int | None
    waited: int
    runs: tuple[Run, ...]
    preemptions: int
    lost: int


class Outcomes(Sequence[Outcome]):
    """The outcomes of all jobs, in the order of the trace; each is made when it is asked for."""

    def __init__(self, trace: Trace, record: Record) -> None:
        self._trace = trace
        self._record = record
        self._first = array("q", [_NEVER]) * len(trace)
        self._more: dict[int, list[int]] = {}
        for run, row in enumerate(record.rows):
            if self._first[row] == _NEVER:
                self._first[row] = run
            else:
                self._more.setdefault(row, []).append(run)

    def __len__(self) -> int:
        return len(self._trace)

    @overload
    def __getitem__(self, row: int) -> Outcome: ...
    @overload
    def __getitem__(self, row: slice) -> tuple[Outcome, ...]: ...
    def __getitem__(self, row: int | slice) -> Outcome | tuple[Outcome, ...]:
        if isinstance(row, slice):
            return tuple(self[one] for one in range(*row.indices(len(self))))
        row = range(len(self))[row]
        record = self._record
        runs = [Run(record.starts[run], record.stops[run], bool(record.cut[run])) for run in self.runs_of(row)]
        return Outcome(
            state=_STATES[record.states[row]],
            first_start=runs[0].start if runs else None,
            end=runs[-1].stop if runs else None,
            waited=self.waited(row),
            runs=tuple(runs),
            preemptions=sum(run.preempted for run in runs),
            lost=record.lost.get(row, 0),
        )

    def runs_of(self, row: int) -> list[int]:
        """The numbers of a job's runs."""
        first = self._first[row]
        return [] if first == _NEVER else [first, *self._more.get(row, ())]

    def waited(self, row: int) -> int:
        """How long a job waited."""
        record, submit = self._record, self._trace.submits[row]
        first = self._first[row]
        if first == _NEVER:
            return max(0, record.last - submit)
        waited, stop = record.starts[first] - submit, record.stops[first]
        for run in self._more.get(row, ()):
            waited += record.starts[run] - stop
            stop = record.stops[run]
        return waited

    def started(self, rows: Iterable[int]) -> list[int]:
        """Those of some jobs that ever ran."""
        return [row for row in rows if self._first[row] != _NEVER]
