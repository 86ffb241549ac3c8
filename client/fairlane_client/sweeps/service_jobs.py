"""SageMaker training jobs of manifests in a queue for training jobs: one service job for each point."""

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any, Final

from fairlane.errors import Problem
from fairlane_client.sweeps.batch_jobs import ENDED, STARTED, BatchJobs, send
from fairlane_client.sweeps.manifest import Manifest, Point
from fairlane_client.sweeps.submission import Refused
from fairlane_lambda.training_job import Mistake, payload_mistakes
from fairlane_run.settings import HYPERPARAMETER

SLOT_SECONDS: Final = 0.21
"""Shortest time between submissions: AWS Batch allows five a second for an account and Region."""
_LONGEST_SLOT: Final = 5.0
_BULK: Final = 50
_RESERVED: Final = (HYPERPARAMETER,)


class ServiceJobs(BatchJobs):
    """Service jobs of a sweep."""

    _slot = SLOT_SECONDS
    _sent = -math.inf

    def problems(self, manifest: Manifest) -> list[Problem]:
        """Return the mistakes of the payload of the first point, which must be the largest one."""
        largest = manifest.points[0]
        hyperparameters = self._content.get("HyperParameters", {})
        if not isinstance(hyperparameters, Mapping):
            return [Problem(("payload", "HyperParameters"), hyperparameters, "an object")]
        twice = sorted({*largest.parameters, *_RESERVED} & set(hyperparameters))
        return [
            *(Problem.relation(("payload", "HyperParameters", name), "the sweep sets it") for name in twice),
            *(_problem(mistake).within("payload") for mistake in payload_mistakes(self._payload(largest))),
        ]

    def find(self, manifest: Manifest) -> dict[str, Any] | None:
        """Return the record of the jobs of a manifest. None if a job is missing."""
        jobs = self._existing(manifest)
        if len(jobs) < len(manifest.points):
            return None
        return {"jobs": [jobs[point.index] for point in manifest.points]}

    def existing(self, manifest: Manifest) -> list[str]:
        """Return the jobs of a manifest that exist."""
        return [*self._existing(manifest).values()]

    def submit(self, manifest: Manifest, renew: Callable[[], None]) -> dict[str, Any]:
        """Submit the missing jobs of a manifest, at most five a second, and return the record of all.

        Raises:
            Refused: If AWS Batch refuses a request.
            Unanswered: If an answer is lost.
        """
        jobs = self._existing(manifest)
        for point in manifest.points:
            if point.index not in jobs:
                self._clock.sleep(max(0.0, self._sent + self._slot - self._clock.now()))
                request = self.request(manifest, point)
                response = send(
                    lambda request=request: self._send(request),  # type: ignore[misc]
                    renew,
                    self._clock,
                    partial=bool(jobs),
                    throttled=self._slow_down,
                )
                self._slot = max(SLOT_SECONDS, 0.95 * self._slot)
                jobs[point.index] = response["jobArn"]
        return {"jobs": [jobs[point.index] for point in manifest.points]}

    def request(self, manifest: Manifest, point: Point) -> dict[str, Any]:
        """Return the SubmitServiceJob request of a point."""
        return {
            **self._request,
            "jobName": self._name(manifest, point),
            "serviceJobType": "SAGEMAKER_TRAINING",
            "serviceRequestPayload": json.dumps(self._payload(point), separators=(",", ":")),
            "clientToken": sha256(self._name(manifest, point).encode()).hexdigest(),
        }

    def active(self, submitted: Sequence[tuple[Manifest, Mapping[str, Any]]]) -> dict[int, bool]:
        """Return the points whose jobs have not ended, with True for those that run.

        Args:
            submitted: Manifests and their records.
        """
        if not submitted:
            return {}
        indices = {self._name(manifest, point): point.index for manifest, _ in submitted for point in manifest.points}
        jobs = [job for job in self._jobs() if job["jobName"] in indices and job["status"] not in ENDED]
        return {indices[job["jobName"]]: job["status"] in STARTED for job in jobs}

    def stop(self, jobs: Sequence[str]) -> None:
        """Terminate jobs. Jobs that have ended are left as they are.

        Raises:
            Refused: If AWS Batch does not terminate all jobs.
        """
        errors: list[Mapping[str, str]] = []
        for start in range(0, len(jobs), _BULK):
            some = jobs[start : start + _BULK]
            response = self._client.terminate_service_jobs(jobs=some, reason="The sweep was stopped")
            errors += response.get("errors", [])
        if errors:
            raise Refused(f"{len(errors):,} of {len(jobs):,} jobs are not terminated: {errors[0].get('message')}")

    def _send(self, request: Mapping[str, Any]) -> Any:
        self._sent = self._clock.now()
        return self._submitter.submit_service_job(**request)

    def _slow_down(self) -> None:
        self._slot = min(_LONGEST_SLOT, 2 * self._slot)

    def _payload(self, point: Point) -> dict[str, Any]:
        """Return the payload of a point. Texts stay as they are; other values are JSON."""
        parameters = point.parameters
        types = {name: "text" if isinstance(value, str) else "json" for name, value in parameters.items()}
        texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in parameters.items()}
        settings = json.dumps({**self._settings, "index": point.index, "types": types}, separators=(",", ":"))
        hyperparameters = {**self._content.get("HyperParameters", {}), **texts, HYPERPARAMETER: settings}
        return {**self._content, "HyperParameters": hyperparameters}

    def _name(self, manifest: Manifest, point: Point) -> str:
        digest = sha256(
            json.dumps([self._settings["bucket"], manifest.number, dict(point.parameters)]).encode()
        ).hexdigest()[:10]
        return f"{self._sweep}-{point.index}-{digest}"

    def _existing(self, manifest: Manifest) -> dict[int, str]:
        """Return the jobs of a manifest by the index of their points."""
        indices = {self._name(manifest, point): point.index for point in manifest.points}
        return {indices[job["jobName"]]: job["jobArn"] for job in self._jobs() if job["jobName"] in indices}

    def _jobs(self) -> Iterator[dict[str, Any]]:
        filters = [{"name": "JOB_NAME", "values": [f"{self._sweep}-*"]}]
        pages = self._client.get_paginator("list_service_jobs").paginate(
            jobQueue=self._request["jobQueue"], filters=filters
        )
        for page in pages:
            yield from page["jobSummaryList"]


def _problem(mistake: Mistake) -> Problem:
    return Problem(mistake.field, mistake.got, mistake.allowed, sentence=mistake.sentence)
