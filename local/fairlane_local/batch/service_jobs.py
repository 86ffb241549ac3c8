"""Batch API calls that read SageMaker training jobs and queue snapshots. The local AWS has no such jobs."""

from fairlane_local.batch.errors import RequestError
from fairlane_local.batch.queue_rules import TRAINING
from fairlane_local.batch.store import Batch, Record, Request, get


class ServiceJobs:
    """Pending and running jobs of all queues, always none."""

    def __init__(self, batch: Batch) -> None:
        self._batch = batch

    def get_job_queue_snapshot(self, request: Request) -> Record:
        """Return an empty queue front and no used capacity."""
        get(self._batch.queues, request["jobQueue"])
        usage: Record = {"totalCapacityUsage": []}
        return {"frontOfQueue": {"jobs": []}, "queueUtilization": usage}

    def list_service_jobs(self, request: Request) -> Record:
        """Return an empty list."""
        if "jobQueue" not in request:
            raise RequestError("jobQueue must be specified")
        if get(self._batch.queues, request["jobQueue"])["jobQueueType"] != TRAINING:
            raise RequestError(f"{request['jobQueue']} does not exist")
        return {"jobSummaryList": []}

    def describe_service_job(self, request: Request) -> Record:
        """Raise RequestError, because no service job exists."""
        raise RequestError(f"Service job {request['jobId']} does not exist")
