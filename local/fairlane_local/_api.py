"""The Batch calls for SageMaker training over HTTP, next to those that moto has."""

import json
from functools import cache
from typing import Any

import botocore.session
from botocore import xform_name
from botocore.model import ServiceModel
from moto.batch import urls
from moto.batch.models import batch_backends
from moto.batch.responses import BatchResponse
from moto.core.common_types import TYPE_RESPONSE

from fairlane_local._batch import TrainingBatch


@cache
def batch_model() -> ServiceModel:
    """AWS's own description of the Batch API."""
    return botocore.session.get_session().get_service_model("batch")


@cache
def _calls() -> dict[str, str]:
    """The calls of `TrainingBatch`, by the last part of their URL."""
    model = batch_model()
    uris = {xform_name(name): model.operation_model(name).http["requestUri"] for name in model.operation_names}
    return {uri.removeprefix("/v1/"): name for name, uri in uris.items() if hasattr(TrainingBatch, name)}


def training_batch(account_id: str, region: str) -> TrainingBatch:
    """The records of an account and Region; they go when moto's own go."""
    state = batch_backends[account_id][region].__dict__
    return state.setdefault("training", TrainingBatch(account_id, region))  # type: ignore[no-any-return]


def places() -> list[tuple[str, str]]:
    """The accounts and Regions in which there is a queue for SageMaker training jobs."""
    return [
        (account_id, region)
        for account_id, regions in batch_backends.items()
        for region, backend in regions.items()
        if "training" in backend.__dict__ and backend.__dict__["training"].describe_job_queues({})["jobQueues"]
    ]


class _TrainingBatchResponse(BatchResponse):
    def call_action(self) -> TYPE_RESPONSE:
        batch = training_batch(self.current_account, self.region)
        name = _calls().get(self._get_action(), "")
        request = json.loads(self.body or "{}")
        if not _is_ours(batch, name, request):
            return super().call_action()
        answer = getattr(batch, name)(request)
        if name == "describe_job_queues":
            others = self.batch_backend.describe_job_queues(request.get("jobQueues"))
            answer["jobQueues"] = [*answer["jobQueues"], *others]
        return 200, {}, json.dumps(answer)


def _is_ours(batch: TrainingBatch, name: str, request: dict[str, Any]) -> bool:
    """Queues for containers stay moto's."""
    if name == "create_job_queue":
        return request.get("jobQueueType") == "SAGEMAKER_TRAINING" or "serviceEnvironmentOrder" in request
    if name in ("update_job_queue", "delete_job_queue"):
        return batch.has_queue(request["jobQueue"])
    return hasattr(batch, name)


def install() -> None:
    """Teaches moto the calls; before its server starts."""
    urls.url_paths.update(dict.fromkeys(urls.url_paths, _TrainingBatchResponse.dispatch))
    urls.url_paths.update({f"{{0}}/v1/{path}$": _TrainingBatchResponse.dispatch for path in _calls()})
