"""SageMaker training jobs that service jobs run as, with their log streams."""

from contextlib import suppress
from typing import Final
from uuid import uuid4

from moto.logs.exceptions import ResourceAlreadyExistsException
from moto.logs.models import logs_backends
from moto.utilities.utils import get_partition

from fairlane_local.batch.jobs.job import ServiceJob
from fairlane_local.batch.store import Batch

LOG_GROUP: Final = "/aws/sagemaker/TrainingJobs"
_MAX_NAME: Final = 63


class TrainingJobs:
    """Training jobs of one account and Region, by name.

    Args:
        batch: Records of the account and Region.
    """

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        self._arn = f"arn:{get_partition(batch.region)}:sagemaker:{batch.region}:{batch.account_id}:training-job/"
        self._jobs: dict[str, tuple[ServiceJob, str]] = {}

    def create(self, job: ServiceJob) -> str:
        """Create a training job with its log streams, and return its ARN."""
        suffix = uuid4().hex
        name = f"AWSBatch{job.name[: _MAX_NAME - len('AWSBatch') - len(suffix)]}{suffix}"
        self._jobs[name] = (job, self._arn + name)
        logs = logs_backends[self._batch.account_id][self._batch.region]
        with suppress(ResourceAlreadyExistsException):
            logs.create_log_group(LOG_GROUP, {})
        for index in range(1, job.units + 1):
            logs.create_log_stream(LOG_GROUP, f"{name}/algo-{index}-{self._batch.now() // 1000}")
        return self._arn + name
