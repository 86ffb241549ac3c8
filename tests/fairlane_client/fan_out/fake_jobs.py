"""Jobs of AWS Batch in one Region in memory, with bulk calls of 50 jobs."""

from typing import Any

from tests.fairlane_client.faults import client_error

ENDED = ("SUCCEEDED", "FAILED")


class FakeJobs:
    """Jobs of a Region.

    Attributes:
        jobs: Jobs by ID, with `name`, `kind` and `status`.
        bulks: Numbers of jobs in the calls that terminated jobs.
        protected: IDs of jobs that AWS Batch does not terminate.
        is_denied: True if all calls are denied.
    """

    def __init__(self, region: str) -> None:
        self.region = region
        self.jobs: dict[str, dict[str, Any]] = {}
        self.bulks: list[int] = []
        self.protected: set[str] = set()
        self.is_denied = False

    def submit(self, name: str, kind: str) -> str:
        """Submit a job, without a call."""
        job = f"{self.region}-{len(self.jobs)}"
        self.jobs[job] = {"name": name, "kind": kind, "status": "RUNNABLE"}
        return job

    def terminate_service_jobs(self, *, jobs: list[str], reason: str) -> dict[str, Any]:
        return self._terminate(jobs, "service")

    def terminate_jobs(self, *, jobs: list[str], reason: str) -> dict[str, Any]:
        return self._terminate(jobs, "array")

    def _terminate(self, jobs: list[str], kind: str) -> dict[str, Any]:
        if self.is_denied:
            raise client_error("AccessDeniedException", "not authorized", 403, "TerminateJobs")
        if not 1 <= len(jobs) <= 50:
            raise client_error("ClientException", "jobs must have 1 to 50 jobs", 400, "TerminateJobs")
        assert len(set(jobs)) == len(jobs)
        self.bulks.append(len(jobs))
        errors = [{"job": job, "code": "ClientException", "message": ""} for job in jobs if job in self.protected]
        for job in set(jobs) & self.jobs.keys() - self.protected:  # unknown jobs count as terminated
            assert self.jobs[job]["kind"] == kind
            if self.jobs[job]["status"] not in ENDED:
                self.jobs[job]["status"] = "FAILED"
        return {"successful": [job for job in jobs if job not in self.protected], "errors": errors}
