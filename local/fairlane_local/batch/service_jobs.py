"""Batch API calls that read SageMaker training jobs and queue snapshots. The local AWS has no such jobs."""

from moto.batch.exceptions import ClientException
from moto.batch.models import BatchBackend

from fairlane_local.batch.rules import Record, Request
from fairlane_local.batch.training_batch import TrainingBatch


class ServiceJobs:
    """Pending and running jobs of all queues, always none.

    Args:
        training: Queues for SageMaker training jobs.
        containers: Queues of moto, whose jobs never wait.
    """

    def __init__(self, training: TrainingBatch, containers: BatchBackend) -> None:
        self._training = training
        self._containers = containers

    def get_job_queue_snapshot(self, request: Request) -> Record:
        """Return an empty queue front and no used capacity."""
        name = request["jobQueue"]
        if not self._training.has_queue(name) and not self._containers.get_job_queue(name):
            raise ClientException(f"{name} does not exist")
        usage: Record = {"totalCapacityUsage": []}
        return {"frontOfQueue": {"jobs": []}, "queueUtilization": usage}

    def list_service_jobs(self, request: Request) -> Record:
        """Return an empty list."""
        name = request.get("jobQueue")
        if name is None or not self._training.has_queue(name):
            raise ClientException(f"{name} does not exist" if name else "jobQueue must be specified")
        return {"jobSummaryList": []}

    def describe_service_job(self, request: Request) -> Record:
        """Raise ClientException, because no service job exists."""
        raise ClientException(f"Service job {request['jobId']} does not exist")
