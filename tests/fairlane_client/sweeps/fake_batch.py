"""AWS Batch with its limits, pages, messages and lists that lag, in memory."""

import json
from collections import Counter
from collections.abc import Iterator
from functools import cache
from typing import Any

import botocore.session
from botocore.exceptions import ClientError
from botocore.validate import validate_parameters

ENDED = ("SUCCEEDED", "FAILED")
TOKEN_SECONDS = 10
PER_SECOND = 5


class FakeBatch:
    """Queues `gpu` (fair share), `fifo`, `quotas` and `training` (fair share) and their jobs. Requests are checked as boto3 checks them.

    Args:
        world: Time and calls.
        lag: Seconds until a new job is listed.
    """

    def __init__(self, world: Any, lag: float) -> None:
        self._world, self._lag = world, lag
        self.jobs: list[dict[str, Any]] = []
        self.times: list[float] = []
        """Times of all SubmitServiceJob calls."""
        self.throttled = 0
        self.refusal: str | None = None
        self.terminate_errors: list[dict[str, str]] = []
        self._tokens: dict[str, float] = {}
        self.definitions: list[dict[str, Any]] = [
            {"jobDefinitionName": "train", "revision": 1, "status": "INACTIVE"},
            {"jobDefinitionName": "train", "revision": 2, "status": "ACTIVE", "schedulingPriority": 1},
            {"jobDefinitionName": "plain", "revision": 1, "status": "ACTIVE"},
        ]
        self.shares = ["sweeps", "team-*"]

    def submit_job(self, **request: Any) -> dict[str, Any]:
        _validate("SubmitJob", request)

        def submit() -> dict[str, Any]:
            self._check(request)
            size = request.get("arrayProperties", {}).get("size")
            if size is not None and not 2 <= size <= 10_000:
                raise _error("ClientException", "Array size must be between 2 and 10,000.", "SubmitJob")
            job = self._add("array" if size else "plain", request)
            return {"jobId": job["jobId"], "jobArn": job["jobArn"], "jobName": job["jobName"]}

        answer: dict[str, Any] = self._world.call("submit_job", submit)
        return answer

    def submit_service_job(self, **request: Any) -> dict[str, Any]:
        _validate("SubmitServiceJob", request)

        def submit() -> dict[str, Any]:
            now = self._world.now
            if sum(time > now - 1 for time in self.times[-2 * PER_SECOND :]) >= PER_SECOND:
                self.throttled += 1
                raise _error("TooManyRequestsException", "Too Many Requests", "SubmitServiceJob", 429)
            self.times.append(now)
            self._check(request)
            if len(request["serviceRequestPayload"].encode()) > 10 * 1024:
                raise _error("ClientException", "serviceRequestPayload is above 10 KiB", "SubmitServiceJob")
            token = request["clientToken"]
            assert 1 <= len(token) <= 64
            if now - self._tokens.get(token, 0) < TOKEN_SECONDS:
                raise _error("ClientException", "Duplicate request", "SubmitServiceJob")
            self._tokens[token] = now
            job = self._add("service", request)
            return {"jobArn": job["jobArn"], "jobId": job["jobId"], "jobName": job["jobName"]}

        answer: dict[str, Any] = self._world.call("submit_service_job", submit)
        return answer

    def describe_jobs(self, *, jobs: list[str]) -> dict[str, Any]:
        assert 1 <= len(jobs) <= 100, "Maximum number of jobs supported is 100"
        found = [
            {"jobId": job["jobId"], "status": job["status"], "container": job["request"]["containerOverrides"]}
            for job in self.jobs
            if job["jobId"] in jobs
        ]
        answer: dict[str, Any] = self._world.call("describe_jobs", lambda: {"jobs": found})
        return answer

    def terminate_job(self, **request: str) -> None:
        _validate("TerminateJob", request)
        self._world.call("terminate_job", lambda: self._terminate([request["jobId"]]))

    def terminate_service_jobs(self, *, jobs: list[str], reason: str) -> dict[str, Any]:
        _validate("TerminateServiceJobs", {"jobs": jobs, "reason": reason})
        assert 1 <= len(jobs) <= 50
        self._world.call("terminate_service_jobs", lambda: self._terminate(jobs))
        return {"successful": [], "errors": self.terminate_errors}

    def describe_job_queues(self, **request: list[str]) -> dict[str, Any]:
        _validate("DescribeJobQueues", request)
        queues = {
            "gpu": {"jobQueueType": "ECS", "schedulingPolicyArn": "fair-share"},
            "fifo": {"jobQueueType": "ECS"},
            "training": {"jobQueueType": "SAGEMAKER_TRAINING", "schedulingPolicyArn": "fair-share"},
            "quotas": {"jobQueueType": "SAGEMAKER_TRAINING", "schedulingPolicyArn": "quotas"},
        }
        found = [queues[name] | {"jobQueueName": name} for name in request["jobQueues"] if name in queues]
        answer: dict[str, Any] = self._world.call("describe_job_queues", lambda: {"jobQueues": found})
        return answer

    def describe_scheduling_policies(self, *, arns: list[str]) -> dict[str, Any]:
        distribution = [{"shareIdentifier": name} for name in self.shares]
        policies: dict[str, Any] = {
            "fair-share": {"fairsharePolicy": {"shareDistribution": distribution}},
            "quotas": {"quotaSharePolicy": {}},
        }
        found = {"schedulingPolicies": [policies[arn] for arn in arns]}
        answer: dict[str, Any] = self._world.call("describe_scheduling_policies", lambda: found)
        return answer

    def describe_job_definitions(self, **request: Any) -> dict[str, Any]:
        _validate("DescribeJobDefinitions", request)
        found = [
            definition
            for definition in self.definitions
            if definition["jobDefinitionName"] == request.get("jobDefinitionName", definition["jobDefinitionName"])
            and definition["status"] == request.get("status", definition["status"])
            and (
                "jobDefinitions" not in request
                or f"{definition['jobDefinitionName']}:{definition['revision']}" in request["jobDefinitions"]
            )
        ]
        answer: dict[str, Any] = self._world.call("describe_job_definitions", lambda: {"jobDefinitions": found})
        return answer

    def get_paginator(self, operation: str) -> "_Paginator":
        return _Paginator(self, operation)

    def page(self, operation: str, start: int, **query: Any) -> list[dict[str, Any]]:
        """Return a page of a list, the newest job first."""
        _validate(operation.title().replace("_", ""), query)
        if operation == "list_quota_shares":
            return [{"quotaShareName": name} for name in ("vision", "language")][start:]
        if parent := query.get("arrayJobId"):
            (job,) = [job for job in self.jobs if job["jobId"] == parent]
            wanted = query["jobStatus"]
            lines = [line for line, status in enumerate(job["children"]) if status == wanted]
            return [{"arrayProperties": {"index": line}, "status": wanted} for line in lines[start : start + 100]]
        (filter_,) = query["filters"]
        assert filter_["name"] == "JOB_NAME"
        (text,) = filter_["values"]
        text = text.lower()
        seen = [
            job
            for job in reversed(self.jobs)
            if (job["kind"] == "service") == (operation == "list_service_jobs")
            and job["jobQueue"] == query["jobQueue"]
            and job["created"] + self._lag <= self._world.now
            and (job["jobName"].lower().startswith(text[:-1]) if text[-1] == "*" else job["jobName"].lower() == text)
        ]
        return [
            {name: job[name] for name in ("jobId", "jobArn", "jobName", "status")} for job in seen[start : start + 100]
        ]

    def start(self, job: dict[str, Any], lines: int = 1) -> None:
        """Let a job run, of an array its first lines."""
        job["status"] = "PENDING" if job["kind"] == "array" else "RUNNING"
        job["children"] = ["RUNNING" if line < lines else "RUNNABLE" for line in range(len(job["children"]))]

    def end(self, job: dict[str, Any], states: list[str]) -> None:
        job["children"] = states
        job["status"] = "FAILED" if "FAILED" in states else "SUCCEEDED"

    def call(self, operation: str, start: int, **query: Any) -> list[dict[str, Any]]:
        answer: list[dict[str, Any]] = self._world.call(operation, lambda: self.page(operation, start, **query))
        return answer

    def names(self) -> Counter[str]:
        return Counter(job["jobName"] for job in self.jobs)

    def _check(self, request: dict[str, Any]) -> None:
        if self.refusal is not None:
            raise _error("ClientException", self.refusal, "Submit")
        size = len(json.dumps(request)) // 1024
        if size >= 30:
            raise _error("ClientException", f"Job size must be less than 30 KiB, got {size} KiB", "Submit")
        assert len(request["jobName"]) <= 128

    def _add(self, kind: str, request: dict[str, Any]) -> dict[str, Any]:
        number = len(self.jobs)
        size = request.get("arrayProperties", {}).get("size", 1)
        job = {
            "kind": kind,
            "jobId": f"job-{number}",
            "jobArn": f"arn:aws:batch:us-east-1:111122223333:job/job-{number}",
            "jobName": request["jobName"],
            "jobQueue": request["jobQueue"],
            "created": self._world.now,
            "status": "SUBMITTED",
            "children": ["RUNNABLE"] * size,
            "request": request,
        }
        self.jobs.append(job)
        return job

    def _terminate(self, jobs: list[str]) -> None:
        for job in self.jobs:
            if {job["jobId"], job["jobArn"]} & set(jobs) and job["status"] not in ENDED:
                self.end(job, ["FAILED"] * len(job["children"]))


class _Paginator:
    def __init__(self, batch: FakeBatch, operation: str) -> None:
        self._batch, self._operation = batch, operation

    def paginate(self, **query: Any) -> Iterator[dict[str, Any]]:
        start = 0
        while True:
            page = self._batch.call(self._operation, start, **query)
            yield {"quotaShares" if self._operation == "list_quota_shares" else "jobSummaryList": page}
            if len(page) < 100:
                return
            start += len(page)


@cache
def _model() -> Any:
    return botocore.session.get_session().get_service_model("batch")


def _validate(operation: str, request: Any) -> None:
    """Check names and types of a request, as boto3 does."""
    validate_parameters(request, _model().operation_model(operation).input_shape)


def _error(code: str, message: str, operation: str, status: int = 400) -> ClientError:
    response: Any = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(response, operation)
