"""Statuses, attempts and events of jobs, from the starts and stops of the scheduling engine."""

from collections import deque
from collections.abc import Collection, Iterable, Mapping
from typing import Final

from fairlane.scheduler import KEPT_SECONDS, JobState, Outcome, Submission, Terms
from fairlane_local.batch.jobs.blocked import CAPACITY, BlockedJobs
from fairlane_local.batch.jobs.events import EventBus
from fairlane_local.batch.jobs.job import (
    FAILED,
    RUNNABLE,
    SERVICE_STATUSES,
    SUCCEEDED,
    Attempt,
    Job,
    Preemption,
    ServiceJob,
)
from fairlane_local.batch.jobs.job_lists import JobIndex
from fairlane_local.batch.jobs.options import JobOptions
from fairlane_local.batch.jobs.scheduling import Scheduling
from fairlane_local.batch.store import Batch
from fairlane_local.monitoring.batch_metrics import BatchMetrics
from fairlane_local.processes.job_runs import JobRuns
from fairlane_local.processes.runner import Runner
from fairlane_local.processes.work import End
from fairlane_local.timeline import Timeline

_PREEMPTIONS: Final[Mapping[bool, str]] = {
    True: "In-share preemption triggered by a job with a higher priority",
    False: "Cross-share preemption triggered to reclaim borrowed capacity",
}
"""Reasons of preemptions inside a share (AWS's text is unknown) and across shares."""
KILLED: Final = 137
"""Exit code of a container that is stopped from outside."""
_SWEEP_SECONDS: Final = 3600
_KEPT_PREEMPTIONS: Final = 50


class Lifecycle:
    """Listener to the engine of one account and Region.

    Args:
        batch: Records of the account and Region.
        timeline: Events of the local AWS.
        options: Options of the jobs.
        shortages: Instance types that AWS has no free instances of. Default: none.
        runner: Runner of the jobs as processes. Default: jobs are simulated.

    Attributes:
        engine: Engine that schedules the jobs.
        jobs: All jobs that are not forgotten.
        preemptions: Latest preemptions, oldest first.
    """

    def __init__(
        self,
        batch: Batch,
        timeline: Timeline,
        options: JobOptions,
        shortages: Collection[str] = (),
        runner: Runner | None = None,
    ) -> None:
        self.jobs: JobIndex[Job] = JobIndex()
        self.preemptions: deque[Preemption] = deque(maxlen=_KEPT_PREEMPTIONS)
        self._timeline = timeline
        self._batch = batch
        self._bus = EventBus(batch)
        self._metrics = BatchMetrics(batch)
        self._options = options
        self._shortages = shortages
        self._runs = None if runner is None else JobRuns(runner, batch, timeline, self)
        self._by_engine_id: dict[int, Job] = {}
        self._without_instances: dict[Job, Attempt] = {}
        self._last_sweep = 0
        self._blocked = BlockedJobs(
            batch, timeline, self._bus, lambda job, reason, cancel: self.stop(job, reason, cancel=cancel)
        )
        self._scheduling = Scheduling(batch, self, options)
        self.engine = self._scheduling.engine
        self.engine.rank_origin = -int(timeline.clock.start)
        timeline.add(self._scheduling)
        batch.on_change = self._synchronize
        batch.on_delete = self._delete

    def add(self, job: Job, size: int = 1) -> None:
        """Add a job that was submitted.

        Args:
            job: New job.
            size: Number of children of an array job. Default: 1, for other jobs.
        """
        self.jobs.add(job)
        self._metrics.count("JobsSubmitted", job.queue, size)

    def submit(self, job: Job) -> None:
        """Make a job eligible to run."""
        job.engine_id = self.engine.submit(
            Submission(
                queue=job.queue,
                share=job.share,
                priority=job.priority or 0,
                instances=job.units,
                instance_type=job.instance_type,
                terms=Terms(
                    attempts=job.retry.get("attempts", 1),
                    preemptions=job.preemption_limit if isinstance(job, ServiceJob) else None,
                ),
            )
        )
        self._by_engine_id[job.engine_id] = job
        if job.status != RUNNABLE:
            self._change(job, RUNNABLE)
        self._blocked.check(self.engine, [job])

    def hold(self, job: Job, status: str) -> None:
        """Make a job wait that is not eligible to run yet."""
        self._change(job, status)

    def front(self, queue: str, number: int) -> list[Job]:
        """Return the first waiting jobs of a queue, in the order of the next pass."""
        return self.fronts([queue], number)[queue]

    def fronts(self, queues: Iterable[str], number: int) -> dict[str, list[Job]]:
        """Return the first waiting jobs of each of the queues, in the order of the next pass."""
        fronts = self.engine.fronts(queues, number)
        return {queue: [self._by_engine_id[engine_id] for engine_id in front] for queue, front in fronts.items()}

    def stop(self, job: Job, reason: str, *, cancel: bool = False) -> None:
        """Stop a job, which then fails.

        Args:
            job: Job that has not ended.
            reason: Status reason.
            cancel: True to mark the job as cancelled. Default: it is terminated.
        """
        job.is_cancelled, job.is_terminated = cancel, not cancel
        job.reason = reason
        if job.attempt and job.attempt.exit_code is not None:
            job.attempt.exit_code = KILLED
        if job.engine_id is None:
            self.end(job, FAILED)
            return
        waits = job.attempt is None
        job.is_stopping = not waits
        has_started = job.attempt is not None and job.attempt.started is not None
        seconds: int | None = self._options.stop_seconds if has_started else 0
        if job.attempt is not None and job.attempt.run is not None:
            job.attempt.run.stop()
            seconds = None
        self.engine.withdraw(job.engine_id, stop_seconds=seconds)
        if waits:
            self.end(job, FAILED)

    def fail(self, job: Job, outcome: Outcome, reason: str) -> None:
        """End the attempt of a job that runs."""
        if job.attempt is not None and not job.is_stopping and job.engine_id is not None:
            job.attempt.reason = reason
            if job.attempt.run is None:
                self.engine.finish(job.engine_id, outcome)
            else:
                job.attempt.requested = outcome
                job.attempt.run.stop()

    def begin(self, job: Job, attempt: Attempt) -> None:
        """Start the own work of a job."""
        attempt.started = self._milliseconds(job)
        self._change(job, "RUNNING")

    def finish(self, job: Job, attempt: Attempt, end: End) -> None:
        """End the attempt of a job whose processes have ended."""
        assert job.engine_id is not None
        outcome, reason = job.kind.outcome(job, end)
        if job.is_stopping:
            outcome = Outcome.FAILED
        elif attempt.requested is not None:
            outcome = attempt.requested
        else:
            attempt.reason = reason
        self.engine.finish(job.engine_id, outcome)

    def started(self, engine_id: int, now: int) -> None:
        """Start an attempt of a job."""
        job = self._by_engine_id[engine_id]
        attempt = job.attempt = job.kind.new_attempt(job)
        job.scheduled = attempt.scheduled = self._milliseconds(job)
        job.reason = ""
        if self._is_short(job, attempt):
            for status in job.statuses_without_instances:
                self._change(job, status)
            self._without_instances[job] = attempt
            self._blocked.block(job, CAPACITY)
        else:
            self._start_up(job, attempt, now)

    def preempting(self, engine_id: int, by: int, now: int) -> None:
        """Start to stop an attempt for another job."""
        job, other = self._by_engine_id[engine_id], self._by_engine_id[by]
        assert job.attempt
        job.is_stopping = True
        job.attempt.reason = _PREEMPTIONS[job.share == other.share]
        self.preemptions.append(Preemption(job, job.attempt, other, self._timeline.milliseconds))
        detail = {
            "statusReason": f"PREEMPTION_IN_PROGRESS: {job.attempt.reason}",
            "preemptedJobArn": job.arn,
            "status": job.status,
        }
        self._bus.send("Batch Service Job Preemption Started", [job.arn], detail)
        if job.attempt.run is not None:
            job.attempt.run.stop()
        elif self._runs is not None:
            self._timeline.call_at(now, lambda second: self.engine.finish(engine_id, Outcome.FAILED))

    def stopped(self, engine_id: int, outcome: Outcome, now: int) -> None:
        """End an attempt of a job, and the job unless it waits again."""
        job = self._by_engine_id[engine_id]
        attempt = job.attempt
        assert attempt
        job.attempt, job.is_stopping = None, False
        if attempt.run is not None:
            attempt.run.kill()  # it has ended, unless its queue was deleted
        self._without_instances.pop(job, None)
        self._blocked.forget(job)
        attempt.stopped, attempt.outcome = self._milliseconds(job, attempt), outcome
        self._metrics.time_attempt(job, attempt)
        preempted = outcome is Outcome.PREEMPTED and isinstance(job, ServiceJob)
        if outcome is Outcome.WITHDRAWN:
            attempt.reason = job.reason
        if preempted:
            assert isinstance(job, ServiceJob)
            job.preempted.append(attempt)
        else:
            job.attempts.append(attempt)
        job.reason = attempt.reason
        waits = self.engine.state(engine_id) is JobState.WAITING
        if waits:
            self._change(job, RUNNABLE)
        if preempted:
            assert isinstance(job, ServiceJob)
            detail = {
                "preemptedJobArn": job.arn,
                "preemptionSummary": job.preemption_summary(),
                "status": RUNNABLE if waits else FAILED,
            }
            self._metrics.count("JobsPreempted", job.queue)
            self._bus.send("Batch Service Job Preemption Completed", [job.arn], detail)
        if not waits:
            self.end(job, SUCCEEDED if outcome is Outcome.SUCCEEDED else FAILED)

    def end(self, job: Job, status: str) -> None:
        """End a job, which is forgotten after seven days."""
        self._blocked.forget(job)
        job.stopped = self._milliseconds(job, job.latest_attempt)
        self._change(job, status)
        job.kind.ended(job)
        forgotten = self._timeline.second + KEPT_SECONDS
        self._timeline.call_at(forgotten, lambda second: self._forget(job))
        sweep = (forgotten // _SWEEP_SECONDS + 1) * _SWEEP_SECONDS
        if sweep > self._last_sweep:
            self._last_sweep = sweep
            self._timeline.call_at(sweep, self._sweep)

    def _delete(self, arn: str) -> None:
        """Stop the jobs of a queue or quota share that is deleted."""
        queue, _, share = arn.partition("/quota-share/")
        for job in self.jobs.of_queue(queue, SERVICE_STATUSES):
            if not job.has_ended and share in ("", job.share):
                self.stop(job, "The quota share was deleted" if share else "The job queue was deleted")

    def _synchronize(self) -> None:
        """Follow a change of the records or of the shortages."""
        self._scheduling.synchronize()
        over_limit = [self._by_engine_id[engine_id] for engine_id in self.engine.over_limit()]
        self._blocked.check(self.engine, dict.fromkeys([*self._blocked.jobs, *over_limit]))
        for job, attempt in list(self._without_instances.items()):
            if job.attempt is not attempt or job.is_stopping:
                del self._without_instances[job]
            elif not self._is_short(job, attempt):
                del self._without_instances[job]
                self._blocked.release(job)
                self._start_up(job, attempt, self._timeline.second)

    def _is_short(self, job: Job, attempt: Attempt) -> bool:
        """Return True if AWS has no instances for a job. Otherwise, choose the type of the instances."""
        choices = job.instance_types or self._scheduling.instance_types(job.queue)
        available = [choice for choice in choices if choice not in self._shortages]
        attempt.instance_type = available[0] if available else ""
        return bool(choices) and not available

    def _start_up(self, job: Job, attempt: Attempt, now: int) -> None:
        for status in job.starting_statuses:
            if job.status != status:
                self._change(job, status)
        if self._runs is not None:
            self._runs.start(job, attempt)
        elif self._options.start_up_seconds:
            self._timeline.call_at(now + self._options.start_up_seconds, lambda second: self._run(job, attempt, second))
        else:
            self._run(job, attempt, now)

    def _run(self, job: Job, attempt: Attempt, now: int) -> None:
        if job.attempt is not attempt or job.is_stopping:
            return
        self.begin(job, attempt)
        seconds, outcome, attempt.reason = job.kind.plan(job)
        assert job.engine_id is not None
        self.engine.finish(job.engine_id, outcome, at=now + seconds)

    def _change(self, job: Job, status: str) -> None:
        """Change the status of a job, and send the event."""
        self.jobs.set_status(job, status)
        self._metrics.count_change(job)
        if self._bus.accepts(job.state_change, {"status": status, "jobQueue": job.queue}):  # a description takes longer
            for description in job.views():
                self._bus.send(job.state_change, [description["jobArn"]], description)

    def _milliseconds(self, job: Job, attempt: Attempt | None = None) -> int:
        """Return the current time, which is not before the submission of a job or the latest time of its attempt.

        The engine processes a whole second at once, and a process can end within it.
        """
        now = max(self._timeline.milliseconds, job.created)
        if attempt is None:
            return now
        times = [attempt.downloading, attempt.started, attempt.uploading, attempt.stopped]
        return max([now, *(time for time in times if time is not None)])

    def _sweep(self, now: int) -> None:
        self.engine.forget(now - KEPT_SECONDS)

    def _forget(self, job: Job) -> None:
        self.jobs.remove(job)
        job.kind.forgotten(job)
        if job.engine_id is not None:
            del self._by_engine_id[job.engine_id]
