"""Engine: the model of AWS Batch's scheduler, with jobs that come one by one on a clock that the caller moves."""

from collections.abc import Iterable
from itertools import chain, islice
from typing import Final

from fairlane.scheduler.copies import freeze, thaw
from fairlane.scheduler.event_loop import STOPPING
from fairlane.scheduler.job_table import NO_RUN, UNKNOWN
from fairlane.scheduler.options import Ec2Instances, Strategies
from fairlane.scheduler.queue_set import QueueSet
from fairlane.scheduler.record import FAILED, SUCCEEDED
from fairlane.scheduler.submission import JobState, Listener, Outcome, Submission, Wait, WaitReason

KEPT_SECONDS: Final = 7 * 24 * 3600
"""Number of seconds for which AWS Batch keeps jobs that have ended."""

_DEFAULTS: Final = Strategies()


def is_compiled() -> bool:
    """Return True if the engine runs as compiled code, as in the wheels for a platform. The results are the same."""
    return not __file__.endswith(".py")


class Engine(QueueSet):
    """Queues of AWS Batch with their jobs, in whole seconds.

    `set_environment` and `set_queue` add environments and queues, `submit` and `load` add jobs, and `advance` moves the
    clock. All other calls act in the current second, `now`, before its pass.

    Args:
        strategies: Choices for behavior that AWS does not document. Default: `Strategies()`.
        ec2_instances: Start-up and Spot reclaims of EC2 instances. Default: the instances are always available.
        pass_seconds: Number of seconds between passes of the schedulers. Jobs that are submitted between two passes
            compete. Default: 1.
        listener: Listener to the runs. Default: none.
        external_stops: True if `finish` tells when a preempted run has stopped. Default: it stops after the
            `stop_seconds` of the strategies.
        seed: Seed of the failures of runs, for jobs of a trace with `fails`. Default: 0.
    """

    def __init__(
        self,
        *,
        strategies: Strategies = _DEFAULTS,
        ec2_instances: Ec2Instances | None = None,
        pass_seconds: int = 1,
        listener: Listener | None = None,
        external_stops: bool = False,
        seed: int = 0,
    ) -> None:
        super().__init__(strategies, ec2_instances, pass_seconds, listener, external_stops=external_stops, seed=seed)

    def submit(self, job: Submission) -> int:
        """Submit a job, and return its identifier, which never changes.

        Raises:
            KeyError: If the queue does not exist.
            ValueError: If the job is submitted before the current second or before an earlier submission.
        """
        submit = self.now if job.submit is None else job.submit
        latest = self.jobs.submits[-1] if len(self.jobs) else 0
        if submit < max(self.now, latest):
            raise ValueError(f"jobs come in the order of time: got second {submit} after {max(self.now, latest)}")
        lane = self._queues[job.queue].scheduler.lane(job.share, job.instance_type)
        row = self.jobs.append(
            lane,
            needs=job.instances,
            submit=submit,
            priority=job.priority,
            checkpoint=-1 if job.checkpoint is None else job.checkpoint,
            work=UNKNOWN if job.run is None else job.run,
        )
        if job.terms != self._default_terms:
            self._terms[row] = job.terms
        if job.instances > lane.largest:
            self.record.unrunnable.add(row)
        self._expect(1)
        return self.jobs.id(row)

    def finish(self, job: int, outcome: Outcome, *, at: int | None = None) -> None:
        """Tell the end of a run whose run time is unknown, or another end of a run whose run time is known.

        The run ends when the clock reaches `at`, before the pass of this second. A run that is stopping keeps its
        reason to stop unless it succeeded.

        Args:
            job: Identifier of a job that runs.
            outcome: `SUCCEEDED`, `FAILED`, or `REFUSED` for a failure that is not retried.
            at: Second of the end. Default: now.

        Raises:
            KeyError: If the job is unknown or forgotten.
            ValueError: If the job does not run, or if `at` has passed.
        """
        row = self.jobs.row(job)
        if not self._runs(row):
            raise ValueError(f"job {job} does not run")
        run = self.jobs.last_run[row]
        at = self.now if at is None else at
        if at < self.now:
            raise ValueError(f"the run of job {job} cannot end at second {at}: the engine is at second {self.now}")
        if outcome == Outcome.SUCCEEDED:
            self._outcomes.pop(run, None)
            self._worked.pop(run, None)
            self.record.interrupted[run] = 0
        elif self._outcomes.get(run) not in STOPPING:
            self._outcomes[run] = outcome
        self._move_end(run, at)

    def set_run(self, job: int, run: int) -> None:
        """Change the run time of a job that waits or runs, in seconds. A run that is longer already ends now.

        A run that is stopping keeps its end.

        Raises:
            KeyError: If the job is unknown or forgotten.
        """
        row = self.jobs.row(job)
        self.jobs.work[row] = self.jobs.remaining[row] = run
        if self._runs(row) and self._outcomes.get(number := self.jobs.last_run[row]) not in STOPPING:
            self._move_end(number, max(self.now, self.record.starts[number] + self._delays.get(number, 0) + run))

    def withdraw(self, job: int, *, stop_seconds: int | None = 0) -> None:
        """Remove a job that waits, or stop a job that runs. The job has failed.

        Args:
            job: Identifier of the job. A job that has ended stays as it is.
            stop_seconds: Number of seconds that a run still holds its capacity. None if `finish` tells the end. A run
                that is stopping already is not changed. Default: 0.

        Raises:
            KeyError: If the job is unknown or forgotten.
        """
        row = self.jobs.row(job)
        lane = self.jobs.lanes[row]
        if self._runs(row):
            run = self.jobs.last_run[row]
            if self._outcomes.get(run) not in STOPPING:
                lane.scheduler.stop(lane, run, row)
                self._worked[run] = self._worked_until(run, self.now)
                self._move_end(run, UNKNOWN if stop_seconds is None else self.now + stop_seconds)
            self._outcomes[run] = Outcome.WITHDRAWN
        elif not self.record.states[row]:
            if self._is_listed(row):
                lane.scheduler.remove(lane, row)
                self._changed |= lane.scheduler.group
            self.record.unrunnable.add(row)
            self._changed |= self._fail_waiting(row, self.now)

    def reprioritize(self, job: int, priority: int) -> None:
        """Change the priority of a job that waits or runs. A job that has ended stays as it is.

        Raises:
            KeyError: If the job is unknown or forgotten.
        """
        row = self.jobs.row(job)
        if self.record.states[row]:
            return
        lane = self.jobs.lanes[row]
        moves = self._is_listed(row) and not lane.scheduler.is_reserved(lane, row)
        if moves:
            lane.scheduler.remove(lane, row)
        elif self._runs(row):
            lane.scheduler.rank_run(lane, self.jobs.last_run[row], row, priority)
        self.jobs.rank(row, priority)
        if moves:
            lane.scheduler.arrive(lane, row)
        self._changed |= lane.scheduler.group

    def state(self, job: int) -> JobState:
        """Return the state of a job.

        Raises:
            KeyError: If the job is unknown or forgotten.
        """
        row = self.jobs.row(job)
        if self._runs(row):
            return JobState.RUNNING
        state = self.record.states[row]
        return {SUCCEEDED: JobState.SUCCEEDED, FAILED: JobState.FAILED}.get(state, JobState.WAITING)

    def front(self, queue: str, number: int) -> list[int]:
        """Return the first waiting jobs of a queue in the order of the next pass, without starting any.

        The jobs that the next pass starts, or for which it preempts others, are first. The other jobs follow in the
        order in which they would start if capacity were free. Jobs that can never run are left out.
        """
        return self.fronts([queue], number)[queue]

    def fronts(self, queues: Iterable[str], number: int) -> dict[str, list[int]]:
        """Return the first waiting jobs of each of the queues. Faster than `front` for several queues."""
        starts, later = self._next_pass()
        fronts = {}
        for queue in queues:
            scheduler = self._queues[queue].scheduler
            own = [job for job in starts if self.jobs.lanes[self.jobs.row(job)].scheduler is scheduler]
            order = later._queues[queue].scheduler.order(later.now + 1)
            others = (later.jobs.id(row) for row in order if row not in later.record.unrunnable)
            jobs = chain(own, (job for job in others if job not in starts))
            fronts[queue] = list(islice((job for job in jobs if not self._runs(self.jobs.row(job))), number))
        return fronts

    def wait(self, job: int) -> Wait | None:
        """Return the reason why a job waits. None if the job does not wait or if the next pass starts it.

        Raises:
            KeyError: If the job is unknown or forgotten.
        """
        return self.waits([job])[job]

    def waits(self, jobs: Iterable[int]) -> dict[int, Wait | None]:
        """Return the reason why each of the jobs waits. Faster than `wait` for several jobs.

        Raises:
            KeyError: If a job is unknown or forgotten.
        """
        waits = {job: self.permanent_wait(job) for job in jobs}
        undecided = [job for job, wait in waits.items() if wait is None and self._waits(job)]
        if undecided:
            starts, later = self._next_pass()
            for job in undecided:
                if job not in starts:
                    row = self.jobs.row(job)
                    lane = later.jobs.lanes[row]
                    waits[job] = lane.scheduler.wait(lane, row, later.now)
        return waits

    def permanent_wait(self, job: int) -> Wait | None:
        """Return the reason why a waiting job does not start, whatever other jobs do. None if there is none.

        Raises:
            KeyError: If the job is unknown or forgotten.
        """
        if not self._waits(job):
            return None
        row = self.jobs.row(job)
        if row in self.record.unrunnable:
            return Wait(self._exceeded_limit(row))
        lane = self.jobs.lanes[row]
        queue = next(queue for queue in self._queues.values() if queue.scheduler is lane.scheduler)
        return None if queue.enabled else Wait(WaitReason.DISABLED)

    def remove_queue(self, name: str) -> None:
        """Remove a queue, and withdraw all its jobs."""
        scheduler = self._queues[name].scheduler
        for row, lane in enumerate(self.jobs.lanes):
            if lane.scheduler is scheduler:
                self.withdraw(self.jobs.id(row))
        del self._queues[name]
        self._apply([])

    def forget(self, before: int) -> list[int]:
        """Forget the jobs that ended before a second, and return their identifiers.

        AWS Batch keeps ended jobs for `KEPT_SECONDS`. The memory of an engine grows until this call.
        """
        jobs, stops, states, ended = self.jobs, self.record.stops, self.record.states, self.record.ended
        gone = {
            row
            for row in range(self._arrived)
            if states[row] and (stops[run] if (run := jobs.last_run[row]) != NO_RUN else ended[row]) < before
        }
        identifiers = [jobs.id(row) for row in sorted(gone)]
        if gone:
            kept = [row for row in range(len(jobs)) if row not in gone]
            self._keep(kept, [queue.scheduler for queue in self._queues.values()])
        return identifiers

    def freeze(self) -> bytes:
        """Return the engine without its listener as bytes, which `thaw` turns into any number of copies."""
        listener, self._listener = self._listener, None
        try:
            return freeze(self)
        finally:
            self._listener = listener

    def _waits(self, job: int) -> bool:
        row = self.jobs.row(job)
        submitted = self.jobs.submits[row] <= self.now and row not in self.record.held
        return submitted and self.state(job) == JobState.WAITING

    def _runs(self, row: int) -> bool:
        return not self.record.states[row] and self.jobs.last_run[row] != NO_RUN

    def _is_listed(self, row: int) -> bool:
        """Return True if a job waits in its scheduler."""
        record = self.record
        waits = not record.states[row] and self.jobs.last_run[row] == NO_RUN and row < self._arrived
        return waits and row not in record.held and (self.blocks or row not in record.unrunnable)

    def _next_pass(self) -> tuple[dict[int, None], "Engine"]:
        """Return the jobs that the next pass starts or preempts others for, and the engine after this pass."""
        later: Engine = thaw(self.freeze())
        later._listener = starts = _Starts()
        later._pass_seconds = 1
        later.advance(self.now, complete=True)
        return starts.jobs, later


class _Starts:
    """Listener that notes the jobs that start, or for which others are stopped."""

    def __init__(self) -> None:
        self.jobs: dict[int, None] = {}

    def started(self, job: int, now: int) -> None:
        self.jobs[job] = None

    def preempting(self, job: int, by: int, now: int) -> None:
        self.jobs[by] = None

    def stopped(self, job: int, outcome: Outcome, now: int) -> None:
        pass
