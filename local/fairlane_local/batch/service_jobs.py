"""The calls of AWS Batch that read jobs of SageMaker training, of which there are none here, and fronts of queues."""

from moto.batch.exceptions import ClientException
from moto.batch.models import BatchBackend

from fairlane_local.batch.rules import Record, Request
from fairlane_local.batch.training_batch import TrainingBatch


class Jobs:
    """What is known of jobs that wait or run.

    Args:
        training: the queues for SageMaker training jobs.
        containers: moto's queues, whose jobs never wait.
    """

    def __init__(self, training: TrainingBatch, containers: BatchBackend) -> None:
        self._training = training
        self._containers = containers

    def get_job_queue_snapshot(self, request: Request) -> Record:
        """Nothing is at the front of any queue, and nothing is used."""
        name = request["jobQueue"]
        if not self._training.has_queue(name) and not self._containers.get_job_queue(name):
            raise ClientException(f"{name} does not exist")
        usage: Record = {"totalCapacityUsage": []}
        return {"frontOfQueue": {"jobs": []}, "queueUtilization": usage}

    def list_service_jobs(self, request: Request) -> Record:
        """Lists none."""
        name = request.get("jobQueue")
        if name is None or not self._training.has_queue(name):
            raise ClientException(f"{name} does not exist" if name else "jobQueue must be specified")
        return {"jobSummaryList": []}

    def describe_service_job(self, request: Request) -> Record:
        """Knows none."""
        raise ClientException(f"Service job {request['jobId']} does not exist")
