"""Record of the runs and the states of jobs."""

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

WAITING: Final = 0
SUCCEEDED: Final = 1
FAILED: Final = 2


@dataclass(slots=True)
class Record:
    """Events of an engine. Runs have numbers in the order of their start.

    Attributes:
        rows: Row of the job of each run.
        starts: Second at which each run started.
        stops: Second at which the capacity of each run is free again.
        interrupted: 1 for each run that was preempted or lost an instance, otherwise 0.
        states: State of each job. A job that runs is `WAITING`.
        lost: Instance-seconds of lost work, by row. Jobs without lost work have no entry.
        unrunnable: Rows of jobs that can never run.
        ended: Second at which each job that was removed while it waited ended, by row.
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
    last: int = 0

    def keep(self, rows: Mapping[int, int], runs: Sequence[int]) -> None:
        """Remove all other rows and runs. The rows have new numbers, in the same order."""
        self.rows[:] = array("q", [rows[self.rows[run]] for run in runs])
        for column in (self.starts, self.stops):
            column[:] = array("q", [column[run] for run in runs])
        self.interrupted[:] = bytes(self.interrupted[run] for run in runs)
        self.states[:] = bytes(self.states[row] for row in rows)
        for values in (self.lost, self.ended):
            kept = {rows[row]: value for row, value in values.items() if row in rows}
            values.clear()
            values.update(kept)
        unrunnable = {rows[row] for row in self.unrunnable if row in rows}
        self.unrunnable.clear()
        self.unrunnable |= unrunnable
