"""Clients and API models for the tasks of executions."""

from functools import cache
from threading import Lock
from typing import Any, Final, cast
from uuid import uuid4

import botocore.session
from botocore.config import Config
from botocore.exceptions import UnknownServiceError
from botocore.model import OperationModel, ServiceModel
from moto.stepfunctions.parser.utils import camel_to_snake_case, snake_to_camel_case

from fairlane_local.function_clock import SLEPT
from fairlane_local.server.access import client
from fairlane_local.step_functions.threads import Executions, execution_group, sleep

_BOTO_NAMES: Final = {
    "cloudwatchlogs": "logs",
    "eventbridge": "events",
    "sfn": "stepfunctions",
    "states": "stepfunctions",
}
"""Services with another name in Step Functions than in botocore."""

_CONFIG: Final = Config(
    parameter_validation=False, retries={"total_max_attempts": 1}, connect_timeout=900, read_timeout=900
)
_lock = Lock()


def task_client(region: str, service: str, state_credentials: object = None) -> Any:
    """Return a client of the local AWS for a task of the execution that calls.

    Args:
        region: Region of the task.
        service: Service in botocore's spelling.
        state_credentials: Role of the task, which is not enforced.
    """
    group = execution_group()
    with _lock:
        return _client(group.executions, service, group.account_id, region)


@cache
def _client(executions: Executions, service: str, account_id: str, region: str) -> Any:
    task_client = client(service, executions.port, account_id, region, _CONFIG)
    task_client.meta.events.register("after-call.*", _add_request_id)
    task_client.meta.events.register("after-call.lambda.Invoke", _wait_for_function)
    return task_client


def _add_request_id(parsed: dict[str, Any], **_: object) -> None:
    """Add what the causes of errors quote, and moto omits."""
    parsed.setdefault("ResponseMetadata", {}).setdefault("RequestId", str(uuid4()))


def _wait_for_function(http_response: Any, **_: object) -> None:
    """Wait for the seconds that a function slept, so that the execution goes on at the end of the function."""
    sleep(float(http_response.headers.get(SLEPT, 0)))


def forget_clients() -> None:
    """Drop the clients of a local AWS that has stopped."""
    _client.cache_clear()


def boto_service(service: str) -> str:
    """Return botocore's name of a service in a task's resource ARN."""
    return _BOTO_NAMES.get(service.lower(), service.lower())


@cache
def service_model(service: str) -> ServiceModel:
    """Return the API model of a service.

    Raises:
        ValueError: If botocore has no such service.
    """
    try:
        return cast(ServiceModel, botocore.session.get_session().get_service_model(boto_service(service)))
    except UnknownServiceError:
        raise ValueError(f"there is no service {service}") from None


def operation_model(service: str, action: str) -> OperationModel:
    """Return the API model of an operation.

    Args:
        service: Service in a task's resource ARN, for example `batch`.
        action: Operation in a task's resource ARN, for example `submitServiceJob`.

    Raises:
        ValueError: If the service has no such operation.
    """
    model = service_model(service)
    names = {camel_to_snake_case(name): name for name in model.operation_names}
    name = names.get(camel_to_snake_case(action))
    if name is None:
        raise ValueError(f"the service {service} has no operation {action}")
    return model.operation_model(name)


def error_prefix(service: str) -> str:
    """Return the first part of a service's error names, for example `DynamoDb`."""
    service_id = str(service_model(service).metadata["serviceId"]).replace(" ", "")
    return snake_to_camel_case(camel_to_snake_case(service_id))
