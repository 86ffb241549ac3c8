"""Service integrations of moto's interpreter: parameters, results and errors as in Step Functions."""

from typing import Any

from botocore.exceptions import ClientError
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import state_task_service_callback
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service import StateTaskService
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_aws_sdk import (
    StateTaskServiceAwsSdk,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_batch import (
    StateTaskServiceBatch,
)

from fairlane_local.step_functions.casing import to_request, to_result
from fairlane_local.step_functions.clients import boto_service, error_prefix, operation_model

_SYNC_POLL_SECONDS = 5.0


def install() -> None:
    """Replace what moto's service integrations leave out."""
    state_task_service_callback._DELAY_SECONDS_SYNC_CONDITION_CHECK = _SYNC_POLL_SECONDS  # type: ignore[misc]
    task: Any = StateTaskService
    task._normalise_parameters = _request
    task._normalise_response = _result
    task._get_boto_service_name = lambda self, name=None: boto_service(name or self.resource.api_name)
    sdk: Any = StateTaskServiceAwsSdk
    sdk._validate_service_integration_is_supported = _check_operation
    sdk._normalise_service_error_name = staticmethod(error_prefix)
    sdk._normalise_exception_name = staticmethod(_error_name)
    batch: Any = StateTaskServiceBatch
    batch._attach_aws_environment_variables = staticmethod(_mark_started_by_step_functions)


def _operation(task: Any, service: str | None, action: str | None) -> Any:
    return operation_model(service or task.resource.api_name, action or task.resource.api_action)


def _request(
    self: Any, parameters: dict[str, Any], boto_service_name: str | None = None, service_action_name: str | None = None
) -> None:
    operation = _operation(self, boto_service_name, service_action_name)
    request = to_request(parameters, operation.input_shape)
    parameters.clear()
    parameters.update(request)


def _result(
    self: Any, response: Any, boto_service_name: str | None = None, service_action_name: str | None = None
) -> None:
    operation = _operation(self, boto_service_name, service_action_name)
    _replace(response, to_result(response, operation.output_shape))


def _replace(value: Any, new: Any) -> None:
    """Change a response in place, because moto keeps references to its parts."""
    match value:
        case dict():
            items = list(zip(value.values(), new.items(), strict=True))
            value.clear()
            for old, (name, item) in items:
                _replace(old, item)
                value[name] = old if isinstance(old, dict | list) else item
        case list():
            for index, (old, item) in enumerate(zip(list(value), new, strict=True)):
                _replace(old, item)
                value[index] = old if isinstance(old, dict | list) else item


def _check_operation(self: Any) -> None:
    """Refuse a definition with an unknown operation."""
    try:
        operation_model(self.resource.api_name, self.resource.api_action)
    except ValueError as error:
        raise ValueError(
            f"The resource provided {self.resource.resource_arn} is not recognized. The value is not a valid resource "
            f"ARN, or the resource is not available in this region: {error}"
        ) from None


def _error_name(service: str, error: Exception) -> str:
    """Return the name of an error, for example `Batch.ClientException`.

    An error outside of the API's model has the name of its code if that is an exception's, for example
    `Batch.TooManyRequestsException`, or else of the service, for example `Batch.BatchException`.
    """
    name = type(error).__name__
    if isinstance(error, ClientError) and name == "ClientError":
        code = str(error.response["Error"]["Code"])
        name = code if code.endswith("Exception") else service
    return f"{service}.{name}" if name.endswith("Exception") else f"{service}.{name}Exception"


def _mark_started_by_step_functions(parameters: dict[str, Any]) -> None:
    overrides = parameters.setdefault("ContainerOverrides", {})
    variables = overrides.setdefault("Environment", [])
    variables.append({"Name": "MANAGED_BY_AWS", "Value": "STARTED_BY_STEP_FUNCTIONS"})
