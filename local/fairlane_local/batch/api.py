"""The Batch calls for SageMaker training over HTTP, next to those that moto has."""

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

from fairlane_local.batch.service_jobs import Jobs
from fairlane_local.batch.training_batch import TrainingBatch

CALLS: Final = ("create_", "update_", "delete_", "describe_", "list_")
"""How the names of API calls begin."""


@cache
def batch_model() -> ServiceModel:
    """AWS's own description of the Batch API."""
    return botocore.session.get_session().get_service_model("batch")


@cache
def _operations() -> dict[str, str]:
    """AWS's operations by the last part of their URL, save those with an ARN in it."""
    model = batch_model()
    uris = {name: model.operation_model(name).http["requestUri"] for name in model.operation_names}
    return {uri.removeprefix("/v1/"): name for name, uri in uris.items() if "{" not in uri}


def training_batch(account_id: str, region: str) -> TrainingBatch:
    """The records of an account and Region; they go when moto's own go."""
    state = batch_backends[account_id][region].__dict__
    return state.setdefault("training", TrainingBatch(account_id, region))  # type: ignore[no-any-return]


def places() -> list[tuple[str, str]]:
    """The accounts and Regions in which there is a queue."""
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
        calls = Jobs(batch, self.batch_backend) if hasattr(Jobs, name) else batch
        if calls is batch and not _is_ours(batch, name, request):
            if operation and not hasattr(self, action):
                raise ClientException(f"{operation} is not available in an AWS on localhost")
            return super().call_action()
        report = ParamValidator().validate(request, batch_model().operation_model(operation).input_shape)
        if report.has_errors():
            raise ClientException(report.generate_report())
        answer = getattr(calls, name)(request)
        if name == "describe_job_queues":
            others = self.batch_backend.describe_job_queues(request.get("jobQueues"))
            answer["jobQueues"] = [*answer["jobQueues"], *others]
        return 200, {}, json.dumps(answer)

    def tags(self) -> str:
        arn = unquote(self.path).split("/v1/tags/")[-1]
        batch = training_batch(self.current_account, self.region)
        tags = batch.tags(arn)
        if tags is None:
            return super().tags()
        if self.method == "POST":
            tags |= json.loads(self.body)["tags"]
        if self.method == "DELETE":
            gone = self.querystring.get("tagKeys") or []
            tags = {key: value for key, value in tags.items() if key not in gone}
        batch.set_tags(arn, tags)
        return json.dumps({"tags": tags} if self.method == "GET" else {})


def _is_ours(batch: TrainingBatch, name: str, request: dict[str, Any]) -> bool:
    """Queues for containers stay moto's."""
    if name == "create_job_queue":
        return request.get("jobQueueType") == "SAGEMAKER_TRAINING" or "serviceEnvironmentOrder" in request
    if name in ("update_job_queue", "delete_job_queue"):
        return batch.has_queue(request["jobQueue"])
    return name.startswith(CALLS) and hasattr(TrainingBatch, name)


def install() -> None:
    """Teaches moto the calls; before its server starts."""
    urls.url_paths.update(dict.fromkeys(urls.url_paths, _TrainingBatchResponse.dispatch))
    urls.url_paths.update({f"{{0}}/v1/{path}$": _TrainingBatchResponse.dispatch for path in _operations()})
