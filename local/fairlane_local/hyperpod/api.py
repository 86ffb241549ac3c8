"""HTTP interface of the SageMaker calls for HyperPod, in place of moto's."""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from botocore import xform_name
from moto.core.responses import ActionResult
from moto.sagemaker.exceptions import AWSValidationException, ResourceNotFound
from moto.sagemaker.models import SageMakerModelBackend
from moto.sagemaker.responses import SageMakerResponse

from fairlane_local.api_requests import request_mistakes, run_operation, service_model
from fairlane_local.eks.store import Location
from fairlane_local.hyperpod.clusters import Clusters
from fairlane_local.hyperpod.policies import Policies
from fairlane_local.hyperpod.store import Members, hyperpod

_SERVICE: Final = "sagemaker"
_HANDLERS: Final = (Clusters, Policies)
_KINDS: Final = ("cluster", "cluster-scheduler-config", "compute-quota")
_find_resource = SageMakerModelBackend._get_resource_from_arn


def call(location: Location, operation: str, request: Mapping[str, Any]) -> Members:
    """Return the response of an operation.

    Args:
        location: Account and Region.
        operation: Operation of the SageMaker API, for example `CreateComputeQuota`.
        request: Request with the members of the API.

    Raises:
        SagemakerClientError: If SageMaker would refuse the request.
    """
    if mistakes := request_mistakes(_SERVICE, operation, request):
        raise AWSValidationException("; ".join(mistakes))
    return run_operation((handler(hyperpod(location)) for handler in _HANDLERS), operation, request)


def install() -> None:
    """Replace the operations and tags of moto, and refuse missing operations. Call this before the server starts."""
    for operation in service_model(_SERVICE).operation_names:
        name = xform_name(operation)
        if any(hasattr(handler, name) for handler in _HANDLERS):
            setattr(SageMakerResponse, name, _method(operation))
        elif not hasattr(SageMakerResponse, name):
            setattr(SageMakerResponse, name, _refuse(operation))
    SageMakerModelBackend._get_resource_from_arn = _find_tagged  # type: ignore[method-assign]


def _method(operation: str) -> Callable[[SageMakerResponse], ActionResult]:
    def respond(self: SageMakerResponse) -> ActionResult:
        return ActionResult(call((self.current_account, self.region), operation, json.loads(self.body or "{}")))

    return respond


def _refuse(operation: str) -> Callable[[SageMakerResponse], ActionResult]:
    def respond(self: SageMakerResponse) -> ActionResult:
        raise AWSValidationException(f"the local AWS does not support {operation}")

    return respond


def _find_tagged(self: SageMakerModelBackend, arn: str) -> Any:
    if arn.rpartition(":")[2].partition("/")[0] not in _KINDS:
        return _find_resource(self, arn)
    resource = hyperpod((self.account_id, self.region_name)).tagged(arn)
    if resource is None:
        raise ResourceNotFound(f"{arn} does not exist")
    return resource
