"""Simulated replicas of jobs, which take time only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from fairlane_local.batch.jobs.options import JobOptions
from fairlane_local.hyperpod.training.pods import job_of
from fairlane_local.hyperpod.training.replicas import Status
from fairlane_local.timeline import Timeline

RUN_SECONDS: Final = "fairlane/run-seconds"
"""Annotation of the pod template: number of seconds that the processes of a job run, over all of its sizes."""


@dataclass(slots=True)
class _Replica:
    job: tuple[str, str]
    seconds: float
    status: Status
    until: int | None


class SimulatedReplicas:
    """Agents that are ready after `start_up_seconds`, save for `stop_seconds`, and complete after `run_seconds`.

    Args:
        options: Options of the jobs.
        timeline: Events of the local AWS.
    """

    def __init__(self, options: JobOptions, timeline: Timeline) -> None:
        self._options = options
        self._timeline = timeline
        self._replicas: dict[str, _Replica] = {}
        self._started: dict[tuple[str, str], int] = {}
        self._worked: dict[tuple[str, str], int] = {}

    def launch(self, pod: Mapping[str, Any]) -> None:
        """Start the agent of a new pod."""
        annotation = pod["metadata"].get("annotations", {}).get(RUN_SECONDS, "")
        seconds = int(annotation) if annotation.isdecimal() else self._options.run_seconds
        until = self._now + self._options.start_up_seconds
        self._replicas[pod["metadata"]["uid"]] = _Replica(job_of(pod), seconds, Status.STARTING, until)
        self.advance(self._now)

    def pods(self) -> set[str]:
        """Return the pods with an agent."""
        return set(self._replicas)

    def status(self, pod: str) -> Status:
        """Return the latest status of an agent."""
        return self._replicas[pod].status

    def message(self, pod: str) -> str:
        """Return the reason of the status `ended`."""
        return "killed" if self._replicas[pod].status is Status.ENDED else ""

    def start(self, pods: Sequence[str], faults: int) -> None:
        """Start the processes of pods."""
        for pod in pods:
            replica = self._replicas[pod]
            self._started[replica.job] = self._now
            left = max(1, replica.seconds - self._worked.get(replica.job, 0))
            replica.status, replica.until = Status.RUNNING, self._now + int(left)

    def stop(self, pods: Sequence[str], *, graceful_seconds: float | None) -> None:
        """Let processes save and end, or end them at once."""
        for job in {self._replicas[pod].job for pod in pods}:
            started = self._started.pop(job, self._now)
            self._worked[job] = self._worked.get(job, 0) + self._now - started
        notice = 0 if graceful_seconds is None else min(self._options.stop_seconds, int(graceful_seconds))
        for pod in pods:
            replica = self._replicas[pod]
            replica.status, replica.until = Status.STOPPING, self._now + notice
        self.advance(self._now)

    def fail(self, pod: str, status: Status = Status.FAULTED) -> None:
        """Let the processes of a pod fail, or with the status `ended` its agent."""
        self._replicas[pod].status, self._replicas[pod].until = status, None

    def remove(self, pod: str) -> None:
        """End the agent of a pod that is deleted."""
        job = self._replicas.pop(pod).job
        if all(replica.job != job for replica in self._replicas.values()):
            self._started.pop(job, None)

    def next_moment(self) -> int | None:
        """Return the second of the next change that is due by time alone."""
        return min((replica.until for replica in self._replicas.values() if replica.until is not None), default=None)

    def advance(self, now: int) -> None:
        """Carry out the changes that are due."""
        following = {Status.RUNNING: Status.COMPLETED}
        for replica in self._replicas.values():
            if replica.until is not None and replica.until <= now:
                replica.status, replica.until = following.get(replica.status, Status.READY), None

    def close(self) -> None:
        """End all agents."""
        self._replicas.clear()

    @property
    def _now(self) -> int:
        return self._timeline.second
