"""Array jobs of manifests in a queue of AWS Batch on EC2."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from fairlane.errors import Problem
from fairlane_client.sweeps.batch_jobs import ENDED, STARTED, BatchJobs, send
from fairlane_client.sweeps.manifest import Manifest
from fairlane_run.settings import SETTINGS

MAX_OVERRIDES: Final = 8192
"""Largest number of characters of the container overrides in JSON. AWS Batch fails the job above it."""
MAX_REQUEST: Final = 30 * 1024
_DESCRIBED: Final = 100


class ArrayJobs(BatchJobs):
    """Jobs of a sweep: one array job for each manifest, or one plain job for one point."""

    def request(self, manifest: Manifest) -> dict[str, Any]:
        """Return the SubmitJob request of a manifest."""
        variables = {SETTINGS: json.dumps(self._run_settings(manifest), separators=(",", ":"))}
        environment = [{"name": name, "value": value} for name, value in ({**self._content, **variables}).items()]
        array = {"arrayProperties": {"size": len(manifest.points)}} if len(manifest.points) > 1 else {}
        overrides = {"environment": environment}
        return {**self._request, "jobName": self._name(manifest), "containerOverrides": overrides, **array}

    def problems(self, manifest: Manifest) -> list[Problem]:
        """Return the limits that the request of a manifest is above."""
        request = self.request(manifest)
        sizes = (
            ("environment", len(json.dumps(request["containerOverrides"])), MAX_OVERRIDES, "characters"),
            ("request", len(json.dumps(request)), MAX_REQUEST, "bytes"),
        )
        return [
            Problem((field,), f"{size:,} {unit} in JSON", f"at most {limit:,} {unit}")
            for field, size, limit, unit in sizes
            if size > limit
        ]

    def find(self, manifest: Manifest) -> dict[str, Any] | None:
        """Return the record of the job of a manifest. None if the job does not exist."""
        jobs = self.existing(manifest)
        return {"jobs": jobs} if jobs else None

    def existing(self, manifest: Manifest) -> list[str]:
        """Return the job of a manifest if it exists. A job of an equal name can be of another store, or of earlier."""
        name = self._name(manifest)
        filters = [{"name": "JOB_NAME", "values": [name]}]
        pages = self._client.get_paginator("list_jobs").paginate(jobQueue=self._request["jobQueue"], filters=filters)
        listed = [job["jobId"] for page in pages for job in page["jobSummaryList"] if job["jobName"] == name]
        if not listed:
            return []
        jobs = self._client.describe_jobs(jobs=listed[:_DESCRIBED])["jobs"]
        return [job["jobId"] for job in jobs if _settings_of(job) in (None, self._run_settings(manifest))][:1]

    def submit(self, manifest: Manifest, renew: Callable[[], None]) -> dict[str, Any]:
        """Submit the job of a manifest, and return its record.

        Raises:
            Refused: If AWS Batch refuses the request.
            Unanswered: If the answer is lost.
        """
        response = send(lambda: self._submitter.submit_job(**self.request(manifest)), renew, self._clock)
        return {"jobs": [response["jobId"]]}

    def active(self, submitted: Sequence[tuple[Manifest, Mapping[str, Any]]]) -> dict[int, bool]:
        """Return the points whose jobs have not ended, with True for those that run.

        Args:
            submitted: Manifests and their records.
        """
        statuses: dict[str, str] = {}
        identifiers = [record["jobs"][0] for _, record in submitted]
        for start in range(0, len(identifiers), _DESCRIBED):
            described = self._client.describe_jobs(jobs=identifiers[start : start + _DESCRIBED])["jobs"]
            statuses |= {job["jobId"]: job["status"] for job in described}
        active: dict[int, bool] = {}
        for (manifest, _), job in zip(submitted, identifiers, strict=True):
            status = statuses.get(job, "FAILED")
            if status in ENDED:
                continue
            if len(manifest.points) == 1:
                active[manifest.points[0].index] = status in STARTED
                continue
            started = self._lines(job, STARTED)
            ended = self._lines(job, ENDED)  # a child can return from RUNNING to RUNNABLE, but an ended one has ended
            active |= {p.index: line in started for line, p in enumerate(manifest.points) if line not in ended}
        return active

    def stop(self, jobs: Sequence[str]) -> None:
        """Terminate jobs. Jobs that have ended are left as they are."""
        for job in jobs:
            self._client.terminate_job(jobId=job, reason="The sweep was stopped")

    def _run_settings(self, manifest: Manifest) -> dict[str, Any]:
        line = {"key": manifest.key, "etag": manifest.etag, "width": manifest.width, "lines": len(manifest.points)}
        return {**self._settings, "manifest": line}

    def _name(self, manifest: Manifest) -> str:
        return f"{self._sweep}-{manifest.number:04}"

    def _lines(self, job: str, statuses: Iterable[str]) -> set[int]:
        """Return the lines of the children of an array job in some states."""
        pages = (
            page
            for status in statuses
            for page in self._client.get_paginator("list_jobs").paginate(arrayJobId=job, jobStatus=status)
        )
        return {child["arrayProperties"]["index"] for page in pages for child in page["jobSummaryList"]}


def _settings_of(job: Mapping[str, Any]) -> Any:
    """Return the settings in the environment of a job. None if AWS does not tell them."""
    variables = job.get("container", {}).get("environment", [])
    return next((json.loads(variable["value"]) for variable in variables if variable["name"] == SETTINGS), None)
