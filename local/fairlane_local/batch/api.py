"""HTTP interface of the Batch API. All operations are those of this package; moto only routes the requests."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, Final
from urllib.parse import unquote, urlsplit
from uuid import uuid4

from botocore import xform_name
from moto.batch import urls
from moto.batch.models import batch_backends
from moto.core.common_types import TYPE_RESPONSE
from moto.core.responses import BaseResponse

from fairlane_local.batch.compute_environments import ComputeEnvironments
from fairlane_local.batch.consumable_resources import ConsumableResources
from fairlane_local.batch.errors import BatchError, RequestError
from fairlane_local.batch.job_definitions import JobDefinitions
from fairlane_local.batch.job_queues import JobQueues
from fairlane_local.batch.jobs.container_job_lists import ContainerJobLists
from fairlane_local.batch.jobs.container_jobs import ContainerJobs
from fairlane_local.batch.jobs.lifecycle import Lifecycle
from fairlane_local.batch.jobs.service_jobs import ServiceJobs
from fairlane_local.batch.jobs.snapshot import Snapshots
from fairlane_local.batch.jobs.training_jobs import TrainingJobs
from fairlane_local.batch.parameters import batch_model, parameters
from fairlane_local.batch.quota_shares import QuotaShares
from fairlane_local.batch.scheduling_policies import SchedulingPolicies
from fairlane_local.batch.service_environments import ServiceEnvironments
from fairlane_local.batch.store import Batch, Record, Request
from fairlane_local.batch.tags import Tags
from fairlane_local.batch.throttle import SUBMIT_RATES, Throttle
from fairlane_local.function_clock import seconds_ahead
from fairlane_local.simulation import current_simulation

_TAGS_PATH: Final = "/v1/tags/"
_TAGS_OPERATIONS: Final = {"GET": "ListTagsForResource", "POST": "TagResource", "DELETE": "UntagResource"}
_STATE: Final = "fairlane_api"
"""Attribute of moto's backend that keeps the API of an account and Region, so that a reset of moto deletes it."""


class BatchApi:
    """Batch API of one account and Region. Each handler has methods with the names of operations in snake case.

    Attributes:
        batch: Records of the account and Region.
        lifecycle: Lifecycle of all jobs.
        service_jobs: Service jobs.
        ahead: Seconds that the caller of the current request is ahead of the clock.
    """

    def __init__(self, account_id: str, region: str) -> None:
        simulation = current_simulation()
        self._timeline = simulation.timeline
        self.ahead = 0.0
        self.batch = Batch(account_id, region)
        self.batch.lock = simulation.timeline.lock
        self.batch.now = lambda: simulation.timeline.milliseconds
        lifecycle = self.lifecycle = Lifecycle(
            self.batch, self._timeline, simulation.options, simulation.shortages, simulation.runner
        )
        throttle = Throttle(
            lambda: self._timeline.elapsed + self.ahead, SUBMIT_RATES if simulation.options.throttle else {}
        )
        training_jobs = TrainingJobs(self.batch)
        self.service_jobs = ServiceJobs(self.batch, lifecycle, training_jobs, simulation.options, throttle)
        self._handlers: list[object] = [
            ServiceEnvironments(self.batch),
            ComputeEnvironments(self.batch),
            SchedulingPolicies(self.batch),
            JobQueues(self.batch),
            QuotaShares(self.batch),
            JobDefinitions(self.batch),
            ConsumableResources(self.batch),
            Tags(self.batch, lifecycle.jobs),
            ContainerJobs(self.batch, lifecycle, simulation.options, throttle),
            ContainerJobLists(self.batch, lifecycle.jobs),
            self.service_jobs,
            Snapshots(self.batch, lifecycle),
        ]

    @contextmanager
    def at_now(self) -> Iterator[ServiceJobs]:
        """Hold the lock after everything until now has happened, and yield the service jobs."""
        with self.batch.lock:
            self._timeline.catch_up()
            yield self.service_jobs
        self._timeline.wake()

    def call(self, operation: str, request: Request) -> Record:
        """Return the response of an operation.

        Args:
            operation: Operation of the Batch API, for example `CreateJobQueue`.
            request: Request with the members of the API.

        Raises:
            BatchError: If AWS would refuse the request.
        """
        name = xform_name(operation)
        for handler in self._handlers:
            if hasattr(handler, name):
                with self.at_now():
                    return getattr(handler, name)(parameters(operation, request))  # type: ignore[no-any-return]
        raise RequestError(f"{operation} is not available in the local AWS")


def batch_api(account_id: str, region: str) -> BatchApi:
    """Return the API of an account and Region. A reset of moto deletes its records."""
    with current_simulation().timeline.lock:
        state = batch_backends[account_id][region].__dict__
        if _STATE not in state:
            state[_STATE] = BatchApi(account_id, region)
        return state[_STATE]  # type: ignore[no-any-return]


def batch_apis() -> Iterator[BatchApi]:
    """Yield the APIs of all accounts and Regions with records."""
    for regions in list(batch_backends.values()):
        for backend in list(regions.values()):
            if _STATE in backend.__dict__:
                yield backend.__dict__[_STATE]


def queue_locations() -> list[tuple[str, str]]:
    """Return the accounts and Regions that contain a job queue."""
    return [(api.batch.account_id, api.batch.region) for api in batch_apis() if api.batch.queues]


def install() -> None:
    """Register the operations with moto. Call this before the server starts."""
    paths = [f"{{0}}{path}$" for path in _operations()]
    urls.url_paths.clear()
    urls.url_paths.update(dict.fromkeys([*paths, f"{{0}}{_TAGS_PATH}(?P<arn>.+)$"], _BatchResponse.dispatch))


@cache
def _operations() -> dict[str, str]:
    """Return the operations of the Batch API by their path, except those for tags."""
    model = batch_model()
    paths = {name: model.operation_model(name).http["requestUri"] for name in model.operation_names}
    return {path: name for name, path in paths.items() if "{" not in path}


class _BatchResponse(BaseResponse):
    def __init__(self) -> None:
        super().__init__(service_name="batch")

    def call_action(self) -> TYPE_RESPONSE:
        headers = {"x-amzn-RequestId": str(uuid4()), "Content-Type": "application/json"}
        api = batch_api(self.current_account, self.region)
        try:
            operation, request = self._call()
            with api.batch.lock:  # the response refers to records
                api.ahead = seconds_ahead(self.headers)
                return 200, headers, json.dumps(api.call(operation, request))
        except BatchError as error:
            headers["x-amzn-ErrorType"] = error.code
            return error.status, headers, json.dumps({"message": error.message})

    def _call(self) -> tuple[str, dict[str, Any]]:
        """Return the operation and the request."""
        path = unquote(urlsplit(self.uri).path)
        try:
            request = json.loads(self.body or "{}")
        except ValueError:
            raise RequestError("The request is not valid JSON.") from None
        if path in _operations():
            return _operations()[path], request
        tag_keys = {"tagKeys": self.querystring["tagKeys"]} if "tagKeys" in self.querystring else {}
        arn = {"resourceArn": path.removeprefix(_TAGS_PATH)}
        return _TAGS_OPERATIONS[self.method], {**request, **tag_keys, **arn}
