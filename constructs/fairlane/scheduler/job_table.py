"""Columns of the jobs of an engine."""

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import Final

from fairlane.scheduler.job import Trace
from fairlane.scheduler.lane import Lane
from fairlane.scheduling.policy import MAX_JOB_PRIORITY

ROW_BITS: Final = 32
ROW_MASK: Final = (1 << ROW_BITS) - 1
FRONT_OFFSET: Final = 1 << ROW_BITS
NO_RUN: Final = -1
UNKNOWN: Final = 1 << 60
"""Run time of a job whose end the caller tells. Larger than all seconds of a clock."""

NEVER_FITS: Final = 1 << 50
"""Number of instances of a job that no environment can hold."""

_PRIORITY: Final = 1 << (ROW_BITS + 1)


def sort_key(row: int, priority: int) -> int:
    """Return the sort key of a waiting job: priority, then row. The last bits, `ROW_MASK`, are the row."""
    return FRONT_OFFSET | (MAX_JOB_PRIORITY - priority) * _PRIORITY | row


class JobTable:
    """Jobs in the order of their submission, as columns. A row is the index of a job.

    Attributes:
        needs: Number of instances that each job needs.
        submits: Time of submission of each job.
        priorities: Priority of each job.
        checkpoints: Number of seconds between the checkpoints of each job. -1 for no checkpoints.
        work: Number of seconds that each job works in total.
        remaining: Number of seconds of work that no checkpoint has saved yet.
        lanes: Lane of each job.
        order: Sort key of each job while it waits. A key without `FRONT_OFFSET` sorts before all other jobs with the
            same priority.
        last_run: Number of the current or last run of each job. `NO_RUN` before the first run and while the job waits
            for its next run.
    """

    def __init__(self) -> None:
        self.needs: list[int] = []
        self.submits = array("q")
        self.priorities = array("H")
        self.checkpoints = array("q")
        self.work = array("q")
        self.remaining = array("q")
        self.lanes: list[Lane] = []
        self.order = array("q")
        self.last_run = array("q")
        self._ids: array[int] | None = None
        self._next_id = 0

    def __len__(self) -> int:
        return len(self.submits)

    def append_trace(self, trace: Trace, lanes: Iterable[Lane]) -> None:
        """Append all jobs of a trace."""
        self._add_ids(len(trace))
        first, number = len(self), len(trace)
        self.needs += trace.instances.tolist()
        self.submits += trace.submits
        self.priorities += trace.priorities
        self.checkpoints += trace.checkpoints
        self.work += trace.runs
        self.remaining += trace.runs
        self.lanes.extend(lanes)
        self.order.extend(
            [FRONT_OFFSET | (MAX_JOB_PRIORITY - n) * _PRIORITY | row for row, n in enumerate(trace.priorities, first)]
        )
        self.last_run += array("q", [NO_RUN]) * number

    def append(self, lane: Lane, *, needs: int, submit: int, priority: int, checkpoint: int, work: int) -> int:
        """Append a job, and return its row."""
        self._add_ids(1)
        row = len(self)
        self.needs.append(needs)
        self.submits.append(submit)
        self.priorities.append(priority)
        self.checkpoints.append(checkpoint)
        self.work.append(work)
        self.remaining.append(work)
        self.lanes.append(lane)
        self.order.append(sort_key(row, priority))
        self.last_run.append(NO_RUN)
        return row

    def rank(self, row: int, priority: int) -> None:
        """Change the priority of a job that is in no heap of waiting jobs."""
        front = self.order[row] & FRONT_OFFSET
        self.priorities[row] = priority
        self.order[row] = sort_key(row, priority) & ~FRONT_OFFSET | front

    def id(self, row: int) -> int:
        """Return the identifier of a job, which never changes. Identifiers count the jobs from 0."""
        return row if self._ids is None else self._ids[row]

    def row(self, job: int) -> int:
        """Return the row of a job.

        Raises:
            KeyError: If no job has the identifier, or if the job is forgotten.
        """
        row = job if self._ids is None else bisect_left(self._ids, job)
        if not 0 <= row < len(self) or self.id(row) != job:
            raise KeyError(job)
        return row

    def _add_ids(self, number: int) -> None:
        if self._ids is not None:
            self._ids.extend(range(self._next_id, self._next_id + number))
        self._next_id += number

    def keep(self, rows: Sequence[int]) -> None:
        """Remove all other rows. The rows that stay keep their order."""
        self._ids = array("q", map(self.id, rows))
        self.needs[:] = [self.needs[row] for row in rows]
        self.lanes[:] = [self.lanes[row] for row in rows]
        for values in (
            self.submits,
            self.priorities,
            self.checkpoints,
            self.work,
            self.remaining,
            self.last_run,
            self.order,
        ):
            values[:] = array(values.typecode, [values[row] for row in rows])
        for row, key in enumerate(self.order):
            self.order[row] = key - (key & ROW_MASK) + row
