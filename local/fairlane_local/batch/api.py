"""HTTP routes of the Batch API calls for SageMaker training, beside the calls of moto."""

import json
from functools import cache
from typing import Any, Final
from urllib.parse import unquote

import botocore.session
from botocore import xform_name
from botocore.model import ServiceModel
from botocore.validate import ParamValidator
from moto.batch import urls
from moto.batch.exceptions import ClientException
from moto.batch.models import batch_backends
from moto.batch.responses import BatchResponse
from moto.core.common_types import TYPE_RESPONSE

from fairlane_local.batch.service_jobs import ServiceJobs
from fairlane_local.batch.training_batch import TrainingBatch

CALLS: Final = ("create_", "update_", "delete_", "describe_", "list_")
"""Prefixes of the methods that implement API calls."""


@cache
def batch_model() -> ServiceModel:
    """Return botocore's model of the Batch API."""
    return botocore.session.get_session().get_service_model("batch")


@cache
def _operations() -> dict[str, str]:
    """Return the operations of the Batch API by the last part of their URL, except URLs that contain an ARN."""
    model = batch_model()
    uris = {name: model.operation_model(name).http["requestUri"] for name in model.operation_names}
    return {uri.removeprefix("/v1/"): name for name, uri in uris.items() if "{" not in uri}


def training_batch(account_id: str, region: str) -> TrainingBatch:
    """Return the records of an account and Region. A reset of moto deletes them."""
    state = batch_backends[account_id][region].__dict__
    return state.setdefault("training", TrainingBatch(account_id, region))  # type: ignore[no-any-return]


def queue_locations() -> list[tuple[str, str]]:
    """Return the accounts and Regions that contain a job queue."""
    return [
        (account_id, region)
        for account_id, regions in batch_backends.items()
        for region, backend in regions.items()
        if backend.describe_job_queues() or training_batch(account_id, region).describe_job_queues({})["jobQueues"]
    ]


class _TrainingBatchResponse(BatchResponse):
    def call_action(self) -> TYPE_RESPONSE:
        action = self._get_action()
        operation = _operations().get(action, "")
        name = xform_name(operation) if operation else ""
        batch = training_batch(self.current_account, self.region)
        request = json.loads(self.body or "{}") if operation else {}
        calls = ServiceJobs(batch, self.batch_backend) if hasattr(ServiceJobs, name) else batch
        if calls is batch and not _is_training_call(batch, name, request):
            if operation and not hasattr(self, action):
                raise ClientException(f"{operation} is not available in the local AWS")
            return super().call_action()
        report = ParamValidator().validate(request, batch_model().operation_model(operation).input_shape)
        if report.has_errors():
            raise ClientException(report.generate_report())
        response = getattr(calls, name)(request)
        if name == "describe_job_queues":
            container_queues = self.batch_backend.describe_job_queues(request.get("jobQueues"))
            response["jobQueues"] = [*response["jobQueues"], *container_queues]
        return 200, {}, json.dumps(response)

    def tags(self) -> str:
        arn = unquote(self.path).split("/v1/tags/")[-1]
        batch = training_batch(self.current_account, self.region)
        tags = batch.tags(arn)
        if tags is None:
            return super().tags()
        if self.method == "POST":
            tags |= json.loads(self.body)["tags"]
        if self.method == "DELETE":
            removed_keys = self.querystring.get("tagKeys") or []
            tags = {key: value for key, value in tags.items() if key not in removed_keys}
        batch.set_tags(arn, tags)
        return json.dumps({"tags": tags} if self.method == "GET" else {})


def _is_training_call(batch: TrainingBatch, name: str, request: dict[str, Any]) -> bool:
    """Return True for a call about SageMaker training. Moto handles queues for containers."""
    if name == "create_job_queue":
        return request.get("jobQueueType") == "SAGEMAKER_TRAINING" or "serviceEnvironmentOrder" in request
    if name in ("update_job_queue", "delete_job_queue"):
        return batch.has_queue(request["jobQueue"])
    return name.startswith(CALLS) and hasattr(TrainingBatch, name)


def install() -> None:
    """Register the calls with moto. Call this before the server starts."""
    urls.url_paths.update(dict.fromkeys(urls.url_paths, _TrainingBatchResponse.dispatch))
    urls.url_paths.update({f"{{0}}/v1/{path}$": _TrainingBatchResponse.dispatch for path in _operations()})
