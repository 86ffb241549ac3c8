"""Jobs that wait for the success of other jobs."""

from collections import defaultdict
from collections.abc import Iterator
from typing import TypeAlias

from fairlane_local.batch.errors import RequestError
from fairlane_local.batch.jobs.container_job import ContainerJob
from fairlane_local.batch.jobs.job import FAILED, SUCCEEDED, Job
from fairlane_local.batch.jobs.job_lists import JobIndex
from fairlane_local.batch.store import Request

DependencyList: TypeAlias = list[tuple[ContainerJob | None, str | None]]
"""Jobs that a job depends on, each with the type. None: each child of an array job depends on the previous child."""


class Dependencies:
    """Dependencies of the jobs of one account and Region.

    Args:
        jobs: All jobs.
    """

    def __init__(self, jobs: JobIndex[Job]) -> None:
        self._jobs = jobs
        self._waiting: dict[str, list[ContainerJob]] = defaultdict(list)

    def read(self, request: Request) -> DependencyList:
        """Return the jobs that the job of a SubmitJob request depends on.

        Raises:
            RequestError: If a dependency is invalid.
        """
        dependencies = request.get("dependsOn", [])
        size = request.get("arrayProperties", {}).get("size")
        return [(self._read(dependency, size), dependency.get("type")) for dependency in dependencies]

    def wait(self, job: ContainerJob, dependencies: DependencyList) -> bool:
        """Make a job wait for others, and return False if one of them has failed.

        A job that is named several times counts once. Whether AWS accepts such a request is unverified.

        Args:
            job: Job or child of an array job.
            dependencies: Result of `read`.
        """
        others = dict.fromkeys(_others(job, dependencies))
        if any(other.status == FAILED for other in others):
            return False
        for other in others:
            if other.status != SUCCEEDED:
                self._waiting[other.id].append(job)
                job.blockers += 1
        return True

    def release(self, job: Job) -> list[ContainerJob]:
        """Return the jobs that waited for a job that has ended. They fail if it failed."""
        waiting = [other for other in self._waiting.pop(job.id, ()) if not other.has_ended]
        for other in waiting:
            other.blockers -= 1
        return waiting

    def _read(self, dependency: Request, size: int | None) -> ContainerJob | None:
        kind, identifier = dependency.get("type"), dependency.get("jobId")
        if identifier is None:
            return None
        other = self._jobs.find(identifier)
        if not isinstance(other, ContainerJob):
            raise RequestError(f"Job {identifier} of dependsOn does not exist.")
        if kind == "N_TO_N" and (size is None or len(other.children) != size):
            raise RequestError("A dependency of the type N_TO_N must be on an array job of the same size.")
        return other


def _others(job: ContainerJob, dependencies: DependencyList) -> Iterator[ContainerJob]:
    """Yield the jobs that a job or a child of an array job depends on."""
    for other, kind in dependencies:
        if other is None:
            if job.parent is not None and job.index:
                yield job.parent.children[job.index - 1]
        elif kind == "N_TO_N":
            assert job.index is not None
            yield other.children[job.index]
        else:
            yield other
