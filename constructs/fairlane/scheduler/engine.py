"""Event loop of a rehearsal: ends of runs, submissions, and starts by a scheduler."""

from array import array
from collections.abc import Callable
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Final, Protocol

from fairlane.scheduler.instance_pool import InstancePool
from fairlane.scheduler.job import Trace
from fairlane.scheduling.policy import MAX_JOB_PRIORITY

WAITING: Final = 0
SUCCEEDED: Final = 1
FAILED: Final = 2

ROW_BITS: Final = 32
ROW_MASK: Final = (1 << ROW_BITS) - 1
FRONT_OFFSET: Final = 1 << ROW_BITS
_PRIORITY: Final = 1 << (ROW_BITS + 1)


class Scheduler(Protocol):
    """Scheduler of a queue. Jobs are rows of the trace. Runs have numbers in the order of their start."""

    def arrive(self, row: int, *, retry: bool) -> None:
        """Add a waiting job: a submitted job, or a stopped job that waits again."""

    def release(self, run: int, row: int, now: int) -> None:
        """Free the capacity of a run that ended."""

    def schedule(self, now: int) -> None:
        """Start the jobs that can start now."""


@dataclass(slots=True)
class Record:
    """All events of a rehearsal.

    Attributes:
        rows: Row of the job of each run, in the order of their start.
        starts: Second at which each run started.
        stops: Second at which the capacity of each run was free again.
        interrupted: 1 for each run that was preempted or lost an instance, otherwise 0.
        states: State of each job.
        lost: Instance-seconds of lost work, by row. Jobs without lost work have no entry.
        unrunnable: Rows of jobs that can never run.
        last: Second of the last event.
    """

    rows: "array[int]"
    starts: "array[int]"
    stops: "array[int]"
    interrupted: bytearray
    states: bytearray
    lost: dict[int, int]
    unrunnable: set[int]
    last: int


class Engine:
    """Simulation of a trace. A scheduler starts and preempts runs through the engine.

    Args:
        trace: Jobs to submit.
        unrunnable: Rows of jobs that can never run. The scheduler does not get these jobs.
        stop_seconds: Number of seconds that a preempted run still holds its capacity.
        retries: Number of stops after which a job waits again. None for no limit.
        instance_pool: Pool of the instances of jobs. None if instances are always available.

    Attributes:
        needs: Number of instances that each job needs.
        submits: Time of submission of each job.
        priorities: Priority of each job.
        order: Sort key of each waiting job: priority, then row. A key minus `FRONT_OFFSET` sorts before all other jobs
            with the same priority. The last bits of a key, `ROW_MASK`, are the row.
        record: Events until now.
    """

    def __init__(
        self,
        trace: Trace,
        unrunnable: set[int],
        stop_seconds: int,
        retries: int | None,
        instance_pool: InstancePool | None,
    ) -> None:
        self.stop_seconds = stop_seconds
        self.needs: list[int] = trace.instances.tolist()
        self.submits = trace.submits
        self.order = array(
            "q", (FRONT_OFFSET | (MAX_JOB_PRIORITY - n) * _PRIORITY | row for row, n in enumerate(trace.priorities))
        )
        self.priorities = trace.priorities
        self._trace = trace
        self._remaining: list[int] = trace.runs.tolist()
        self._retries = retries
        self._instance_pool = instance_pool
        self._ends: list[int] = []
        self._worked: dict[int, int] = {}
        self._stops: dict[int, int] = {}
        self.record = Record(array("q"), array("q"), array("q"), bytearray(), bytearray(len(trace)), {}, unrunnable, 0)

    def start(self, row: int, now: int) -> int:
        """Start a job, and return the number of its run."""
        record = self.record
        run = len(record.rows)
        stop = now + self._remaining[row]
        interrupted = 0
        if self._instance_pool:
            start_up, reclaimed = self._instance_pool.take(self.needs[row], now)
            stop += start_up
            if reclaimed is not None and now + reclaimed < stop:
                stop, interrupted = now + reclaimed, 1
                self._worked[run] = max(0, reclaimed - start_up)
        record.rows.append(row)
        record.starts.append(now)
        record.stops.append(stop)
        record.interrupted.append(interrupted)
        heappush(self._ends, stop << ROW_BITS | run)
        return run

    def preempt(self, run: int, scheduler: Scheduler, now: int) -> None:
        """Stop a run. Its capacity is free after `stop_seconds`."""
        record = self.record
        stop = now + self.stop_seconds
        has_event = record.stops[run] == stop
        record.stops[run] = stop
        record.interrupted[run] = 1
        self._worked[run] = now - record.starts[run]
        if not self.stop_seconds:
            self._end(run, scheduler, now)
        elif not has_event:
            heappush(self._ends, stop << ROW_BITS | run)

    def run(self, scheduler: Scheduler, progress: Callable[[float], None] | None) -> Record:
        """Run the simulation, and return all events."""
        record, submits, ends = self.record, self.submits, self._ends
        unrunnable, stops = record.unrunnable, record.stops
        total = len(submits)
        reported = row = now = 0
        while row < total or ends:
            now = ends[0] >> ROW_BITS if ends else submits[row]
            if row < total and submits[row] < now:
                now = submits[row]
            next_second = (now + 1) << ROW_BITS
            while ends and ends[0] < next_second:
                run = heappop(ends) & ROW_MASK
                if stops[run] == now:
                    self._end(run, scheduler, now)
            while row < total and submits[row] == now:
                if row not in unrunnable:
                    scheduler.arrive(row, retry=False)
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
        row, interrupted = record.rows[run], record.interrupted[run]
        scheduler.release(run, row, now)
        if self._instance_pool:
            self._instance_pool.give(self.needs[row] - interrupted, now)
        if not interrupted:
            record.states[row] = SUCCEEDED
        elif self._waits_again(run, row):
            scheduler.arrive(row, retry=True)
        else:
            record.states[row] = FAILED

    def _waits_again(self, run: int, row: int) -> bool:
        """Record the work that a stopped run keeps and loses, and return True if its job waits again."""
        worked = self._worked.pop(run)
        interval = self._trace.checkpoints[row]
        saved = worked // interval * interval if interval > 0 else 0
        self._remaining[row] -= saved
        self._stops[row] = self._stops.get(row, 0) + 1
        waits = self._retries is None or self._stops[row] <= self._retries
        lost = worked - saved + (0 if waits else self._trace.runs[row] - self._remaining[row])
        if lost:
            self.record.lost[row] = self.record.lost.get(row, 0) + lost * self.needs[row]
        return waits
