"""Record of the runs and the states of jobs."""

from array import array
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Final

WAITING: Final = 0
SUCCEEDED: Final = 1
FAILED: Final = 2

STOPPED_RUN: Final = 1
FAILED_RUN: Final = 2
KILLED_RUN: Final = 3


@dataclass(slots=True)
class Record:
    """Events of an engine. Runs have numbers in the order of their start.

    Attributes:
        rows: Row of the job of each run.
        starts: Second at which each run started.
        stops: Second at which the capacity of each run is free again.
        interrupted: 1 for each run that was preempted or lost an instance, 2 for each run that failed, 3 for each run
            whose capacity ended, otherwise 0.
        states: State of each job. A job that runs is `WAITING`.
        lost: Instance-seconds of lost work, by row. Jobs without lost work have no entry.
        unrunnable: Rows of jobs that can never run.
        ended: Second at which each job that was removed while it waited ended, by row.
        held: Rows of jobs that could not run, because a job that they depend on did not succeed.
        ready: Second from which each job could run, by row, of the jobs that then waited for others to succeed.
        moved: Instance type of each run that is not of the job's first type, by its number.
        last: Second of the last event of a rehearsal.
    """

    rows: "array[int]" = field(default_factory=lambda: array("q"))
    starts: "array[int]" = field(default_factory=lambda: array("q"))
    stops: "array[int]" = field(default_factory=lambda: array("q"))
    interrupted: bytearray = field(default_factory=bytearray)
    states: bytearray = field(default_factory=bytearray)
    lost: dict[int, int] = field(default_factory=dict)
    unrunnable: set[int] = field(default_factory=set)
    ended: dict[int, int] = field(default_factory=dict)
    held: set[int] = field(default_factory=set)
    ready: dict[int, int] = field(default_factory=dict)
    moved: dict[int, str] = field(default_factory=dict)
    last: int = 0

    def part(self, rows: Sequence[int]) -> "Record":
        """Return the record of some of the jobs, whose new rows are in the same order."""
        part = deepcopy(self)
        numbers = {row: number for number, row in enumerate(rows)}
        part.keep(numbers, [run for run, row in enumerate(self.rows) if row in numbers])
        return part

    def keep(self, rows: Mapping[int, int], runs: Sequence[int]) -> None:
        """Remove all other rows and runs. The rows have new numbers, in the same order."""
        self.rows[:] = array("q", [rows[self.rows[run]] for run in runs])
        for column in (self.starts, self.stops):
            column[:] = array("q", [column[run] for run in runs])
        self.interrupted[:] = bytes(self.interrupted[run] for run in runs)
        self.states[:] = bytes(self.states[row] for row in rows)
        for values in (self.lost, self.ended, self.ready):
            kept = {rows[row]: value for row, value in values.items() if row in rows}
            values.clear()
            values.update(kept)
        self.moved = {number: self.moved[run] for number, run in enumerate(runs) if run in self.moved}
        for members in (self.unrunnable, self.held):
            kept_rows = [rows[row] for row in members if row in rows]
            members.clear()
            members.update(kept_rows)
