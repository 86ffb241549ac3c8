"""AWS Batch of one Region in memory: five submissions a second, lists that lag, tokens that are forgotten."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from .simulation import Simulation

ARRAY = "array"


@dataclass
class Rules:
    """Behaviour of AWS Batch.

    Attributes:
        per_second: Submissions a second.
        depth: Submissions at once.
        lag_ms: Milliseconds until a new job is listed.
        token_ms: Milliseconds for which a token counts.
        repeats: Answer to a token that counts: `refused`, or `same`, the id of its job.
        down: Times between which all calls fail, in milliseconds since the start.
        refused: Word in payloads that are refused.
        denied: True if all submissions are denied.
    """

    per_second: float = 5
    depth: float = 5
    lag_ms: int = 20_000
    token_ms: int = 10_000
    repeats: str = "refused"
    down: tuple[int, int] = (0, 0)
    refused: str = "refuse-me"
    denied: bool = False


class FakeBatch:
    """Client of AWS Batch.

    Attributes:
        jobs: All jobs.
        submissions: Times of the submissions that reached AWS Batch.
        throttled: Number of throttled submissions.
        on_job: Function that is called with each new job.
    """

    def __init__(self, region: str, simulation: Simulation, rules: Rules) -> None:
        self.region = region
        self.rules = rules
        self.jobs: list[dict[str, Any]] = []
        self.submissions: list[int] = []
        self.throttled = 0
        self.on_job: Callable[[dict[str, Any]], object] = lambda job: None
        self._simulation = simulation
        self._start = self._filled_at = simulation.now
        self._level = rules.depth
        self._names: dict[str, list[dict[str, Any]]] = {}
        self._tokens: dict[str, dict[str, Any]] = {}

    def submit_service_job(self, **request: Any) -> dict[str, Any]:
        self._check("SubmitServiceJob")
        earlier = self._tokens.get(request["clientToken"])
        if earlier and self._simulation.now - earlier["createdAt"] < self.rules.token_ms:
            if self.rules.repeats == "same":
                return dict(earlier)
            raise failure("ClientException", 400, "the request was submitted before", "SubmitServiceJob")
        job = self._submit(request, json.dumps(json.loads(request["serviceRequestPayload"])))
        self._tokens[request["clientToken"]] = job
        return dict(job)

    def submit_job(self, **request: Any) -> dict[str, Any]:
        assert "clientToken" not in request
        self._check("SubmitJob")
        return dict(self._submit(request, json.dumps(request)))

    def list_service_jobs(self, **request: Any) -> dict[str, Any]:
        return self._list(request, "service")

    def list_jobs(self, **request: Any) -> dict[str, Any]:
        return self._list(request, ARRAY)

    def named(self, name: str) -> list[dict[str, Any]]:
        return self._names.get(name, [])

    def _check(self, operation: str) -> None:
        now = self._simulation.now
        self._fail_if_down(operation)
        self.submissions.append(now)
        refill = (now - self._filled_at) / 1000 * self.rules.per_second
        self._level, self._filled_at = min(self.rules.depth, self._level + refill), now
        if self._level < 1 - 1e-9:
            self.throttled += 1
            raise failure("TooManyRequestsException", 429, "Too Many Requests", operation)
        self._level -= 1
        if self.rules.denied:
            raise failure("AccessDeniedException", 403, "User arn:aws:sts:::x is not authorized", operation)

    def _fail_if_down(self, operation: str) -> None:
        first, end = self.rules.down
        if first <= self._simulation.now - self._start < end:
            raise failure("ServiceUnavailableException", 503, "", operation)

    def _submit(self, request: dict[str, Any], text: str) -> dict[str, Any]:
        if self.rules.refused in text:
            raise failure("ClientException", 400, f"value {self.rules.refused} is not allowed", "Submit")
        job = {
            "jobName": request["jobName"],
            "jobId": f"{self.region}-{len(self.jobs)}",
            "createdAt": self._simulation.now,
            "queue": request["jobQueue"],
            "kind": ARRAY if "jobDefinition" in request else "service",
        }
        self.jobs.append(job)
        self._names.setdefault(job["jobName"], []).append(job)
        self.on_job(job)
        return job

    def _list(self, request: dict[str, Any], kind: str) -> dict[str, Any]:
        self._fail_if_down("List")
        ((name,),) = [entry["values"] for entry in request["filters"]]
        seen = [
            job
            for job in self.named(name)
            if job["kind"] == kind
            and job["queue"] == request["jobQueue"]
            and self._simulation.now - job["createdAt"] >= self.rules.lag_ms
        ]
        return {"jobSummaryList": seen}


def failure(code: str, status: int, message: str, operation: str) -> ClientError:
    response: Any = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(response, operation)
