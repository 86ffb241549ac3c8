"""The clock of a rehearsal: what ends, what is submitted, and what a scheduler then starts."""

from array import array
from collections.abc import Callable
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Final, Protocol

from fairlane.scheduler.instance_pool import MachinePool
from fairlane.scheduler.job import Trace
from fairlane.scheduling.policy import MAX_JOB_PRIORITY

WAITING: Final = 0
SUCCEEDED: Final = 1
FAILED: Final = 2

ROW_BITS: Final = 32
ROW_MASK: Final = (1 << ROW_BITS) - 1
AT_THE_FRONT: Final = 1 << ROW_BITS
_PRIORITY: Final = 1 << (ROW_BITS + 1)


class Scheduler(Protocol):
    """Decides who starts; jobs are rows of the trace, runs are counted in the order of their start."""

    def arrive(self, row: int, *, again: bool) -> None:
        """A job waits: it was submitted, or it was stopped and waits again."""

    def release(self, run: int, row: int, now: int) -> None:
        """A run is over, and its capacity is free."""

    def schedule(self, now: int) -> None:
        """Starts what can start now."""


@dataclass(slots=True)
class Record:
    """All that happened.

    Attributes:
        rows: the job of each run, in the order of their start.
        starts: when each run started.
        stops: when its capacity was free again.
        cut: whether it was preempted or reclaimed.
        states: what became of each job.
        lost: instance-seconds of work that a job did in vain, where it did.
        set_aside: jobs that can never run.
        last: when the last thing happened.
    """

    rows: "array[int]"
    starts: "array[int]"
    stops: "array[int]"
    cut: bytearray
    states: bytearray
    lost: dict[int, int]
    set_aside: set[int]
    last: int


class Engine:
    """Runs a trace. A scheduler starts and preempts runs through it, and hears from it what ended.

    Args:
        trace: what is submitted.
        set_aside: jobs that can never run: they are never given to the scheduler.
        stop_seconds: how long a preempted run still holds its capacity.
        survived: how many times a job may be stopped before it fails; None is without limit.
        machines: where the machines of jobs come and go.

    Attributes:
        needs: how many instances each job needs.
        submits: when each is submitted.
        priorities: the priority of each.
        order: numbers by which waiting jobs sort, by priority and then by row; one less `AT_THE_FRONT` goes before
            the others of its priority. Their last bits, `ROW_MASK`, are the row.
        record: what happened so far.
    """

    def __init__(
        self, trace: Trace, set_aside: set[int], stop_seconds: int, survived: int | None, machines: MachinePool | None
    ) -> None:
        self.stop_seconds = stop_seconds
        self.needs: list[int] = trace.instances.tolist()
        self.submits = trace.submits
        self.order = array(
            "q", (AT_THE_FRONT | (MAX_JOB_PRIORITY - n) * _PRIORITY | row for row, n in enumerate(trace.priorities))
        )
        self.priorities = trace.priorities
        self._trace = trace
        self._left: list[int] = trace.runs.tolist()
        self._survived = survived
        self._machines = machines
        self._ends: list[int] = []
        self._worked: dict[int, int] = {}
        self._cuts: dict[int, int] = {}
        self.record = Record(array("q"), array("q"), array("q"), bytearray(), bytearray(len(trace)), {}, set_aside, 0)

    def start(self, row: int, now: int) -> int:
        """Starts a job, and returns the number of its run."""
        record = self.record
        run = len(record.rows)
        stop = now + self._left[row]
        cut = 0
        if self._machines:
            cold, reclaimed = self._machines.take(self.needs[row], now)
            stop += cold
            if reclaimed is not None and now + reclaimed < stop:
                stop, cut = now + reclaimed, 1
                self._worked[run] = max(0, reclaimed - cold)
        record.rows.append(row)
        record.starts.append(now)
        record.stops.append(stop)
        record.cut.append(cut)
        heappush(self._ends, stop << ROW_BITS | run)
        return run

    def preempt(self, run: int, scheduler: Scheduler, now: int) -> None:
        """Stops a run: its capacity is free after `stop_seconds`, at once if that is none."""
        record = self.record
        stop = now + self.stop_seconds
        known = record.stops[run] == stop
        record.stops[run] = stop
        record.cut[run] = 1
        self._worked[run] = now - record.starts[run]
        if not self.stop_seconds:
            self._end(run, scheduler, now)
        elif not known:
            heappush(self._ends, stop << ROW_BITS | run)

    def run(self, scheduler: Scheduler, progress: Callable[[float], None] | None) -> Record:
        """Lets all of it happen."""
        record, submits, ends = self.record, self.submits, self._ends
        aside, stops = record.set_aside, record.stops
        total = len(submits)
        reported = row = now = 0
        while row < total or ends:
            now = ends[0] >> ROW_BITS if ends else submits[row]
            if row < total and submits[row] < now:
                now = submits[row]
            later = (now + 1) << ROW_BITS
            while ends and ends[0] < later:
                run = heappop(ends) & ROW_MASK
                if stops[run] == now:
                    self._end(run, scheduler, now)
            while row < total and submits[row] == now:
                if row not in aside:
                    scheduler.arrive(row, again=False)
                row += 1
            scheduler.schedule(now)
            if progress and reported < (percent := (len(record.rows) - len(ends)) * 100 // total) < 100:
                reported = percent
                progress(percent / 100)
        record.last = max(max(stops, default=0), submits[-1] if total else 0)
        if progress:
            progress(1.0)
        return record

    def _end(self, run: int, scheduler: Scheduler, now: int) -> None:
        record = self.record
        row, cut = record.rows[run], record.cut[run]
        scheduler.release(run, row, now)
        if self._machines:
            self._machines.give(self.needs[row] - cut, now)
        if not cut:
            record.states[row] = SUCCEEDED
        elif self._survives(run, row):
            scheduler.arrive(row, again=True)
        else:
            record.states[row] = FAILED

    def _survives(self, run: int, row: int) -> bool:
        """Counts what a stopped run keeps and loses, and tells whether its job waits again."""
        worked = self._worked.pop(run)
        every = self._trace.checkpoints[row]
        kept = worked // every * every if every > 0 else 0
        self._left[row] -= kept
        self._cuts[row] = self._cuts.get(row, 0) + 1
        survives = self._survived is None or self._cuts[row] <= self._survived
        in_vain = worked - kept + (0 if survives else self._trace.runs[row] - self._left[row])
        if in_vain:
            self.record.lost[row] = self.record.lost.get(row, 0) + in_vain * self.needs[row]
        return survives
