"""SageMaker API calls for the training jobs of service jobs, beside the training jobs of moto."""

from contextlib import AbstractContextManager
from typing import Any

from moto.core.responses import ActionResult, EmptyResult
from moto.sagemaker.exceptions import AWSValidationException
from moto.sagemaker.responses import SageMakerResponse

from fairlane_local.batch.api import batch_api
from fairlane_local.batch.jobs.service_jobs import ServiceJobs

_describe = SageMakerResponse.describe_training_job
_list = SageMakerResponse.list_training_jobs
_list_tags = SageMakerResponse.list_tags


def _at_now(response: SageMakerResponse) -> AbstractContextManager[ServiceJobs]:
    return batch_api(response.current_account, response.region).at_now()


def _describe_training_job(self: SageMakerResponse) -> Any:
    with _at_now(self) as service_jobs:
        description = service_jobs.training_jobs.describe(self._get_param("TrainingJobName"))
    return _describe(self) if description is None else ActionResult(description)


def _list_training_jobs(self: SageMakerResponse) -> Any:
    """List the training jobs of service jobs before those of moto, on the first page."""
    result = _list(self)
    if not self._get_param("NextToken"):
        text, status = self._get_param("NameContains", ""), self._get_param("StatusEquals")
        with _at_now(self) as service_jobs:
            summaries = service_jobs.training_jobs.summaries()
        own = [
            job for job in summaries if text in job["TrainingJobName"] and status in (None, job["TrainingJobStatus"])
        ]
        response: Any = result.result
        response["TrainingJobSummaries"] = [*own, *response["TrainingJobSummaries"]]
    return result


def _list_tags_of_training_job(self: SageMakerResponse) -> Any:
    with _at_now(self) as service_jobs:
        tags = service_jobs.training_jobs.tags(self._get_param("ResourceArn"))
    return _list_tags(self) if tags is None else ActionResult({"Tags": tags})


def _stop_training_job(self: SageMakerResponse) -> Any:
    name = self._get_param("TrainingJobName")
    with _at_now(self) as service_jobs:
        is_known = service_jobs.stop_training_job(name)
    if not is_known:
        raise AWSValidationException(f"Requested resource not found: training job {name}")
    return EmptyResult()


def install() -> None:
    """Register the calls with moto. Call this before the server starts."""
    SageMakerResponse.describe_training_job = _describe_training_job  # type: ignore[method-assign]
    SageMakerResponse.list_training_jobs = _list_training_jobs  # type: ignore[method-assign]
    SageMakerResponse.list_tags = _list_tags_of_training_job  # type: ignore[method-assign]
    SageMakerResponse.stop_training_job = _stop_training_job  # type: ignore[attr-defined]
