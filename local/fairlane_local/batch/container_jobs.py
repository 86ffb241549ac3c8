"""Batch API calls for container jobs. A job succeeds as soon as it is submitted."""

from uuid import uuid4

from fairlane_local.batch.errors import RequestError
from fairlane_local.batch.job_definitions import active_definition
from fairlane_local.batch.store import Batch, Record, Records, Request, get, page


class ContainerJobs:
    """Container jobs of one account and Region, by ID."""

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        self._records: Records = {}

    def submit_job(self, request: Request) -> Record:
        queue = get(self._batch.queues, request["jobQueue"])
        definition = active_definition(self._batch, request["jobDefinition"])
        identifier, now = str(uuid4()), self._batch.now()
        job = {
            "jobArn": self._batch.arn(f"job/{identifier}"),
            "jobName": request["jobName"],
            "jobId": identifier,
            "jobQueue": queue["jobQueueArn"],
            "jobDefinition": definition["jobDefinitionArn"],
            "status": "SUCCEEDED",
            "attempts": [],
            "dependsOn": request.get("dependsOn", []),
            "parameters": {**definition["parameters"], **request.get("parameters", {})},
            "createdAt": now,
            "startedAt": now,
            "stoppedAt": now,
            "container": {**definition.get("containerProperties", {}), **request.get("containerOverrides", {})},
            "tags": dict(request.get("tags", {})),
        }
        self._records[identifier] = job
        return {key: job[key] for key in ("jobArn", "jobName", "jobId")}

    def describe_jobs(self, request: Request) -> Record:
        if len(request["jobs"]) > 100:
            raise RequestError("Maximum number of jobs supported is 100")
        identifiers = [identifier.rpartition("/")[2] for identifier in request["jobs"]]
        return {"jobs": [self._records[identifier] for identifier in identifiers if identifier in self._records]}

    def list_jobs(self, request: Request) -> Record:
        queue = get(self._batch.queues, request.get("jobQueue", ""))["jobQueueArn"]
        status = request.get("jobStatus", "RUNNING")
        jobs = [job for job in self._records.values() if job["jobQueue"] == queue and job["status"] == status]
        keys = ("jobArn", "jobId", "jobName", "jobDefinition", "status", "createdAt", "startedAt", "stoppedAt")
        return page("jobSummaryList", [{key: job[key] for key in keys} for job in jobs], request, 1000)
