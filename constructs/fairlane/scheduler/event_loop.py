"""Event loop of an engine: ends of runs, arrivals of jobs, and passes of the schedulers."""

from collections.abc import Iterable, Mapping, Sequence
from heapq import heappop, heappush
from random import Random
from typing import Any, Final

from fairlane.scheduler.dependencies import Dependencies
from fairlane.scheduler.environment import Environment
from fairlane.scheduler.instance_pool import InstancePool
from fairlane.scheduler.job import Failure
from fairlane.scheduler.job_table import FRONT_OFFSET, NEVER_FITS, NO_RUN, ROW_BITS, ROW_MASK, UNKNOWN, JobTable
from fairlane.scheduler.lane import Scheduler
from fairlane.scheduler.options import Strategies
from fairlane.scheduler.record import FAILED, FAILED_RUN, KILLED_RUN, STOPPED_RUN, SUCCEEDED, Record
from fairlane.scheduler.submission import Listener, Outcome, Terms, WaitReason

_NEVER: Final = UNKNOWN
_SUCCEEDED: Final = Outcome.SUCCEEDED

STOPPING: Final = (Outcome.PREEMPTED, Outcome.WITHDRAWN)
"""Outcomes that a run that is being stopped already has."""


class EventLoop:
    """Simulation in whole seconds. Schedulers start and preempt runs through it.

    At each second, runs end first, then jobs arrive, then the schedulers make a pass: the schedulers of all queues for
    which something is new, in the order of `passes`.

    Args:
        strategies: Choices for behavior that AWS does not document.
        stop_seconds: Number of seconds that a preempted run still holds its capacity. None if the caller tells the end.
        terms: Terms of the jobs of traces.
        instance_pool: Pool of the instances of jobs. None if instances are always available.
        pass_seconds: Number of seconds between passes.
        listener: Listener to the runs. None for no listener.
        seed: Seed of the failures of runs.

    Attributes:
        now: Current second. Earlier seconds are complete. In the current second, runs have ended, and a pass is due.
        jobs: Columns of the jobs.
        record: Runs, and states of the jobs.
        removed: Sort keys that are still in a heap of waiting jobs although their jobs no longer wait there.
        environments: Environments by index.
        rank_origin: Second from which the rankings of fair share that come without an event are counted.
        timers: Second of the next ranking of a scheduler, and second at which the time limit of its queue ends a job,
            by its row.
        blocks: True if a job that can never run waits in its scheduler and blocks other jobs.
    """

    def __init__(
        self,
        strategies: Strategies,
        stop_seconds: int | None,
        terms: Terms,
        instance_pool: InstancePool | None,
        pass_seconds: int,
        listener: Listener | None,
        seed: int,
    ) -> None:
        self.now = 0
        self.stop_seconds = stop_seconds
        self.jobs = JobTable()
        self.record = Record()
        self.removed: set[int] = set()
        self._places: dict[int, int] = {}
        self.environments: list[Environment] = []
        self.rank_origin = 0
        self.timers: dict[Scheduler | int, int] = {}
        self.blocks = strategies.unrunnable == strategies.head_of_line == "block"
        self._restart_seconds = strategies.restart_seconds
        self._own_restarts: dict[int, int] = {}
        self._restarts: dict[int, int] = {}
        self._delays: dict[int, int] = {}
        self._instance_pool = instance_pool
        self._pass_seconds = pass_seconds
        self._listener = listener
        self._default_terms = terms
        self._terms: dict[int, Terms] = {}
        self._seed = seed
        self._run_failures: dict[int, Failure] = {}
        self._dependencies = Dependencies()
        self._ends: list[int] = []
        self._arrived = 0
        self._next_submit = _NEVER
        self._worked: dict[int, int] = {}
        self._preemptions: dict[int, int] = {}
        self._failures: dict[int, int] = {}
        self._outcomes: dict[int, Outcome] = {}
        self._passes: list[Scheduler] = []
        self._changed = 0

    def advance(self, to: int | None = None, *, complete: bool = False) -> int | None:
        """Process all seconds before `to` and the ends of runs at `to`, and make `to` the current second.

        Jobs that are submitted in the current second compete in its pass, which is due when time moves on.

        Args:
            to: Second, not before the current second. Default: until nothing is left to happen.
            complete: True to make the pass of `to` at once. Jobs that are submitted later in this second then compete
                only for the rest of the capacity. Default: False.

        Returns:
            Next second in which something happens. None if nothing is left to happen.

        Raises:
            ValueError: If `to` is before the current second.
        """
        if to is not None and to < self.now:
            raise ValueError(f"time cannot move back: the engine is at second {self.now}, got {to}")
        stop = _NEVER - 1 if to is None else to
        ends, submits, lanes, passes = self._ends, self.jobs.submits, self.jobs.lanes, self._passes
        stops, unrunnable, pass_seconds = self.record.stops, self.record.unrunnable, self._pass_seconds
        timers, states, blocks, held = self.timers, self.record.states, self.blocks, self.record.held
        changed = self._changed
        while True:
            now = ends[0] >> ROW_BITS if ends else _NEVER
            if self._next_submit < now:
                now = self._next_submit
            rings = False
            if timers:
                alarm = min(timers.values())
                rings = alarm <= now
                now = min(now, max(alarm, self.now))
            if changed:
                now = min(now, -(-self.now // pass_seconds) * pass_seconds)
            if now > stop:
                break
            self.now = now
            next_second, last = (now + 1) << ROW_BITS, -1
            while ends and ends[0] < next_second:
                end = heappop(ends)
                run = end & ROW_MASK
                if stops[run] == now and end != last:
                    changed |= self._end(run, now)
                last = end
            if now == stop and not complete:
                break
            if rings:
                changed |= self._ring(now)
            if self._next_submit <= now:
                row, number, next_submit = self._arrived, len(submits), now
                while next_submit <= now:
                    if held and row in held:
                        changed |= self._submit_held(row, now)
                    elif not unrunnable or row not in unrunnable or (blocks and not states[row]):
                        lane = lanes[row]
                        scheduler = lane.scheduler
                        changed |= scheduler.group
                        scheduler.arrive(lane, row)
                    row += 1
                    next_submit = submits[row] if row < number else _NEVER
                self._arrived, self._next_submit = row, next_submit
            if now % pass_seconds == 0:
                for scheduler in passes:
                    if changed & scheduler.group or scheduler.due:
                        scheduler.schedule(now)
                changed = 0
        self._changed = changed
        if to is not None:
            self.now = to
        return None if now == _NEVER else now

    @property
    def ended_runs(self) -> int:
        """Number of runs that have ended."""
        return len(self.record.rows) - len(self._ends)

    def start(self, row: int, now: int, environment: Environment) -> int:
        """Start a job in an environment, and return the number of its run."""
        record, jobs = self.record, self.jobs
        rows = record.rows
        run = len(rows)
        stop = now + jobs.remaining[row]
        environment.free -= jobs.needs[row]
        interrupted = 0
        if self._restarts and row in self._restarts:
            self._delays[run] = self._restarts[row]
            stop += self._delays[run]
        if self._instance_pool:
            start_up, reclaimed = self._instance_pool.take(jobs.needs[row], now)
            stop += start_up
            if start_up:
                self._delays[run] = self._delays.get(run, 0) + start_up
            if reclaimed is not None and now + reclaimed < stop:
                stop, interrupted = now + reclaimed, STOPPED_RUN
                self._worked[run] = max(0, reclaimed - self._delays.get(run, 0))
                self._outcomes[run] = Outcome.RECLAIMED
        if self._run_failures and (work := self._work_until_failure(row)) <= jobs.remaining[row]:
            failure = now + self._delays.get(run, 0) + work
            if failure < stop or (failure == stop and not interrupted):
                stop, interrupted = failure, FAILED_RUN
                self._worked[run] = work
                self._outcomes[run] = Outcome.FAILED
        if self._terms and (timeout := self.terms(row).timeout) is not None and now + timeout < stop:
            stop = now + timeout
            self._outcomes[run] = Outcome.TIMED_OUT
        rows.append(row)
        record.starts.append(now)
        record.stops.append(stop)
        record.interrupted.append(interrupted)
        jobs.last_run[row] = run
        if environment.index:
            self._places[run] = environment.index
        if stop < _NEVER:
            heappush(self._ends, stop << ROW_BITS | run)
        if self._listener:
            self._listener.started(jobs.id(row), now)
        return run

    def preempt(self, run: int, by: int, now: int) -> None:
        """Stop a run for the job of a row. Its capacity is free after `stop_seconds`."""
        record = self.record
        record.interrupted[run] = STOPPED_RUN
        self._worked[run] = self._worked_until(run, now)
        self._outcomes[run] = Outcome.PREEMPTED
        if self._listener:
            self._listener.preempting(self.jobs.id(record.rows[run]), self.jobs.id(by), now)
        if self.stop_seconds != 0:
            self._move_end(run, _NEVER if self.stop_seconds is None else now + self.stop_seconds)
        else:
            record.stops[run] = now
            self._end(run, now)

    def _kill(self, run: int, now: int) -> int:
        """End a run at once, because its capacity ended, and return the groups of the queues that change.

        A run that is being stopped ends as it would have ended.
        """
        record = self.record
        if self._outcomes.get(run) not in STOPPING:
            self._worked[run] = self._worked_until(run, now)
            self._outcomes[run] = Outcome.KILLED
            record.interrupted[run] = KILLED_RUN
        record.stops[run] = now
        return self._end(run, now)

    def rank_later(self, scheduler: Scheduler, seconds: int, now: int) -> None:
        """Plan the next ranking of a scheduler that ranks at all multiples of a number of seconds."""
        second = now + seconds - (now - self.rank_origin) % seconds
        self.timers[scheduler] = -(-second // self._pass_seconds) * self._pass_seconds

    def block(self, row: int, now: int) -> None:
        """Plan the end of a job that can never run and blocks other jobs, if its queue has a time limit."""
        scheduler = self.jobs.lanes[row].scheduler
        if row not in self.timers and (seconds := scheduler.time_limits.get(self._exceeded_limit(row))) is not None:
            self.timers[row] = now + seconds

    def _exceeded_limit(self, row: int) -> WaitReason:
        """Return the limit that a job that can never run exceeds."""
        lane = self.jobs.lanes[row]
        if self.jobs.needs[row] >= NEVER_FITS:
            return WaitReason.INSTANCE_LIMIT
        fits = self.jobs.needs[row] <= lane.scheduler.environment_limit(lane)
        return WaitReason.QUOTA_LIMIT if fits else WaitReason.ENVIRONMENT_LIMIT

    def _ring(self, now: int) -> int:
        """Handle the timers that are due, and return the groups of the queues that need a pass."""
        changed = 0
        for key in [key for key, second in self.timers.items() if second <= now]:
            del self.timers[key]
            if not isinstance(key, int):
                key.due = True
            elif key in self.record.unrunnable and not self.record.states[key]:
                lane = self.jobs.lanes[key]
                lane.scheduler.remove(lane, key)
                changed |= lane.scheduler.group | self._fail_waiting(key, now)
        return changed

    def _work_until_failure(self, row: int) -> int:
        """Return the seconds of work after which the next run of a job fails. More than any job works if none does."""
        failure = self._run_failures.get(row)
        if failure is None:
            return _NEVER
        if failure.probability is None or failure.probability == 1:
            return failure.after
        chance = Random(f"{self._seed} {failure.key} {self._failures.get(row, 0)}")
        return failure.after if chance.random() < failure.probability else _NEVER

    def _submit_held(self, row: int, now: int) -> int:
        """Handle the submission of a job that depends on others, and return the groups of the queues that change."""
        if self._dependencies.held[row] > 0:
            return 0
        return self._fail_waiting(row, now)

    def _fail_waiting(self, row: int, now: int) -> int:
        """Fail a job that waits, and return the groups of the queues that change. It loses the work that it saved."""
        record, jobs = self.record, self.jobs
        record.states[row] = FAILED
        record.ended[row] = now
        if saved := jobs.work[row] - jobs.remaining[row]:
            record.lost[row] = record.lost.get(row, 0) + saved * jobs.needs[row]
        return self._settle(row, now)

    def _settle(self, row: int, now: int) -> int:
        """Let the jobs that depend on an ended job wait or fail, and return the groups of the queues that change."""
        changed = 0
        succeeded = self.record.states[row] == SUCCEEDED
        for dependent in self._dependencies.settle(row, succeeded=succeeded):
            if dependent in self._dependencies.held:
                if dependent < self._arrived and not self.record.states[dependent]:
                    changed |= self._fail_waiting(dependent, now)
                continue
            self.record.held.discard(dependent)
            if dependent < self._arrived and not self.record.states[dependent]:
                self.record.ready[dependent] = now
                if self.blocks or dependent not in self.record.unrunnable:
                    lane = self.jobs.lanes[dependent]
                    lane.scheduler.arrive(lane, dependent)
                    changed |= lane.scheduler.group
        return changed

    def _expect(self, number: int) -> None:
        """Expect the arrival of jobs that were added to the job table."""
        self.record.states.extend(bytes(number))
        if self._arrived < len(self.jobs):
            self._next_submit = self.jobs.submits[self._arrived]

    def _begin(self, now: int) -> None:
        """Make a second the current one. All jobs have arrived, and the jobs without a run wait."""
        self.now = now
        for row in range(self._arrived, len(self.jobs)):
            lane = self.jobs.lanes[row]
            self._changed |= lane.scheduler.group
            if self.jobs.last_run[row] == NO_RUN and (self.blocks or row not in self.record.unrunnable):
                lane.scheduler.arrive(lane, row)
        self._arrived = len(self.jobs)
        self._next_submit = _NEVER

    def terms(self, row: int) -> Terms:
        """Return the terms of a job."""
        return self._terms.get(row, self._default_terms)

    def _move_end(self, run: int, stop: int) -> None:
        if self.record.stops[run] != stop:
            self.record.stops[run] = stop
            if stop < _NEVER:
                heappush(self._ends, stop << ROW_BITS | run)

    def _end(self, run: int, now: int) -> int:
        """End a run, and return the group of its queue."""
        record, jobs = self.record, self.jobs
        row = record.rows[run]
        lane = jobs.lanes[row]
        scheduler = lane.scheduler
        self.environments[self._places.pop(run, 0) if self._places else 0].free += jobs.needs[row]
        scheduler.release(lane, run, row, now)
        if self._instance_pool:
            interrupted = record.interrupted[run]
            lost = jobs.needs[row] if interrupted == KILLED_RUN else int(interrupted == STOPPED_RUN)
            self._instance_pool.give(jobs.needs[row] - lost, now)
        if self._outcomes and run in self._outcomes:
            outcome = self._outcomes.pop(run)
            if self._keeps_work(run, row, outcome):
                jobs.last_run[row] = NO_RUN
                if seconds := self._own_restarts.get(row, self._restart_seconds):
                    self._restarts[row] = seconds
                self._wait_again(row)
            else:
                record.states[row] = FAILED
        else:
            outcome = _SUCCEEDED
            record.states[row] = SUCCEEDED
        if self._listener:
            self._listener.stopped(jobs.id(row), outcome, now)
        if self._delays:
            self._delays.pop(run, None)
        if self._dependencies.waited_for and record.states[row]:
            return scheduler.group | self._settle(row, now)
        return scheduler.group

    def _wait_again(self, row: int) -> None:
        lane = self.jobs.lanes[row]
        if lane.scheduler.retries_first:
            self.jobs.order[row] &= ~FRONT_OFFSET
        lane = self.jobs.lanes[row] = lane.scheduler.home(row)
        if self.jobs.needs[row] > lane.largest:
            self.record.unrunnable.add(row)
        if self.blocks or row not in self.record.unrunnable:
            lane.scheduler.arrive(lane, row)

    def _keeps_work(self, run: int, row: int, outcome: Outcome) -> bool:
        """Record the work that a stopped run keeps and loses, and return True if its job waits again."""
        record, jobs = self.record, self.jobs
        worked = self._worked.pop(run, None)
        if worked is None:
            worked = self._worked_until(run, record.stops[run])
        waits = self._waits_again(row, outcome)
        if jobs.work[row] == UNKNOWN:
            return waits
        interval = jobs.checkpoints[row]
        saved = worked // interval * interval if interval > 0 else 0
        if saved and saved >= jobs.remaining[row]:  # a run that failed at its end
            saved -= interval
        jobs.remaining[row] -= saved
        lost = worked - saved + (0 if waits else jobs.work[row] - jobs.remaining[row])
        if lost:
            record.lost[row] = record.lost.get(row, 0) + lost * jobs.needs[row]
        return waits

    def _worked_until(self, run: int, second: int) -> int:
        """Return the seconds of work of a run, without the restart of its job."""
        return max(0, second - self.record.starts[run] - self._delays.get(run, 0))

    def _waits_again(self, row: int, outcome: Outcome) -> bool:
        terms = self.terms(row)
        if outcome is Outcome.PREEMPTED:
            self._preemptions[row] = number = self._preemptions.get(row, 0) + 1
            return terms.preemptions is None or number <= terms.preemptions
        if outcome in (Outcome.FAILED, Outcome.RECLAIMED):
            self._failures[row] = number = self._failures.get(row, 0) + 1
            return terms.attempts is None or number < terms.attempts
        return outcome is Outcome.KILLED

    def _keep(self, kept: Sequence[int], schedulers: Iterable[Scheduler]) -> dict[int, int]:
        """Forget all other jobs and their runs, and return the new row of each job by its old row."""
        record, jobs = self.record, self.jobs
        last_runs = sorted(run for row in kept if (run := jobs.last_run[row]) != NO_RUN)
        runs = {run: number for number, run in enumerate(last_runs)}
        rows = {row: number for number, row in enumerate(kept)}
        for scheduler in schedulers:
            scheduler.renumber(rows, runs)
        self.removed.clear()
        running = {run for run in last_runs if not record.states[record.rows[run]]}
        ends = {
            end for end in self._ends if end & ROW_MASK in running and end >> ROW_BITS == record.stops[end & ROW_MASK]
        }
        self._ends[:] = sorted(end - (end & ROW_MASK) + runs[end & ROW_MASK] for end in ends)
        self._arrived = sum(row < self._arrived for row in kept)
        for row in kept:
            jobs.last_run[row] = runs.get(jobs.last_run[row], NO_RUN)
        record.keep(rows, last_runs)
        jobs.keep(kept)
        rankings = {key: second for key, second in self.timers.items() if not isinstance(key, int)}
        limits = {rows[key]: second for key, second in self.timers.items() if isinstance(key, int) and key in rows}
        self.timers.clear()
        self.timers |= rankings | limits
        by_rows = (self._terms, self._preemptions, self._failures, self._own_restarts, self._restarts)
        for by_row in (*by_rows, self._run_failures):
            _renumber(by_row, rows)
        self._dependencies.renumber(rows)
        for by_run in (self._places, self._worked, self._outcomes, self._delays):
            _renumber(by_run, runs)
        return rows


def _renumber(column: dict[int, Any], numbers: Mapping[int, int]) -> None:
    """Replace the keys of a mapping, in place. Keys without a new number are removed."""
    kept = {numbers[key]: value for key, value in column.items() if key in numbers}
    column.clear()
    column |= kept
