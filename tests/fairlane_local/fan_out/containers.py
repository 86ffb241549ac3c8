"""Container jobs that run as processes on a local AWS with a manual clock."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from moto.logs.models import LogsBackend

from fairlane_client.sweeps.vendor import vendor
from fairlane_local import LocalAws
from fairlane_local.batch.jobs.container_job import ContainerJob
from fairlane_local.batch.jobs.lifecycle import Lifecycle
from fairlane_local.processes.job_runs import JobRuns
from fairlane_local.processes.options import ProcessOptions
from fairlane_local.processes.runner import Listener, Run, Runner
from fairlane_local.processes.work import End, Work
from fairlane_local.timeline import Timeline


class _Held:
    """Listener to a run. The clock stands until the run has ended."""

    def __init__(self, listener: Listener, timeline: Timeline) -> None:
        self._listener, self._timeline = listener, timeline
        self.begun = listener.begun
        timeline.work.begin()

    def ended(self, end: End) -> None:
        try:
            self._listener.ended(end)
        finally:
            self._timeline.work.end()


class _HoldingRunner(Runner):
    def __init__(self, aws: LocalAws, options: ProcessOptions) -> None:
        self._timeline = aws.timeline
        super().__init__(options, lambda: aws.timeline.milliseconds, aws.port)

    def start(self, work: Work, logs: LogsBackend, listener: Listener) -> Run:
        return super().start(work, logs, _Held(listener, self._timeline))


@contextmanager
def container_processes(aws: LocalAws, directory: Path, script: str) -> Iterator[None]:
    """Run container jobs as processes of a script, `drive.py`, that can import `fairlane_run`.

    Args:
        aws: Local AWS with a manual clock.
        directory: Folder that stands for the image `training/pytorch`.
        script: Text of the script.
    """
    vendor(directory)
    (directory / "drive.py").write_text(script)
    images = {"training/pytorch": str(directory)}
    runner = _HoldingRunner(aws, ProcessOptions(images=images, processes=2, memory_mib=128, disk_mib=16))
    simulated = Lifecycle._run

    def run(self: Any, job: Any, attempt: Any, now: int) -> None:
        if isinstance(job, ContainerJob):
            JobRuns(runner, self._batch, self._timeline, self).start(job, attempt)
        else:
            simulated(self, job, attempt, now)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Lifecycle, "_run", run)
        try:
            yield
        finally:
            runner.close()
