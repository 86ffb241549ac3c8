"""Runs of the jobs of one account and Region, and what they change in the lifecycle of the jobs."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from moto.logs.models import logs_backends

from fairlane_local.batch.jobs.job import Attempt, Job
from fairlane_local.batch.store import Batch
from fairlane_local.processes.runner import Runner
from fairlane_local.processes.work import End
from fairlane_local.timeline import Timeline


class Lifecycle(Protocol):
    """Receiver of the starts and ends of runs."""

    def begin(self, job: Job, attempt: Attempt) -> None:
        """Handle the start of a job's own work."""

    def finish(self, job: Job, attempt: Attempt, end: End) -> None:
        """Handle the end of a run."""


class JobRuns:
    """Runs of the jobs of one account and Region.

    Args:
        runner: Runner of the local AWS.
        batch: Records of the account and Region.
        timeline: Events of the local AWS.
        lifecycle: Lifecycle of the jobs.
    """

    def __init__(self, runner: Runner, batch: Batch, timeline: Timeline, lifecycle: Lifecycle) -> None:
        self._runner = runner
        self._logs = logs_backends[batch.account_id][batch.region]
        self._timeline = timeline
        self._lifecycle = lifecycle

    def start(self, job: Job, attempt: Attempt) -> None:
        """Start the run of an attempt. The job begins when there is a place, and when its input is there."""
        work = job.kind.work(job, attempt, self._runner)
        attempt.run = self._runner.start(work, self._logs, _Listener(self._timeline, self._lifecycle, job, attempt))


class _Listener:
    def __init__(self, timeline: Timeline, lifecycle: Lifecycle, job: Job, attempt: Attempt) -> None:
        self._timeline = timeline
        self._lifecycle = lifecycle
        self._job = job
        self._attempt = attempt

    def begun(self) -> bool:
        with self._at_now() as is_wanted:
            if is_wanted and not self._job.is_stopping:
                self._lifecycle.begin(self._job, self._attempt)
                return True
        return False

    def ended(self, end: End) -> None:
        with self._at_now() as is_wanted:
            if is_wanted:
                self._lifecycle.finish(self._job, self._attempt, end)

    @contextmanager
    def _at_now(self) -> Iterator[bool]:
        """Hold the lock after everything until now has happened, and yield False if the attempt has ended."""
        with self._timeline.lock:
            self._timeline.catch_up()
            yield self._job.attempt is self._attempt
            self._timeline.catch_up()
        self._timeline.wake()
