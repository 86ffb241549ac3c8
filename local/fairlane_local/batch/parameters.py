"""Parameters of Batch API requests: types, required members, lengths and values, as botocore's model has them."""

from functools import cache
from typing import Any, Final

import botocore.session
from botocore.model import ServiceModel, Shape
from botocore.validate import ParamValidator

from fairlane_client.checks.shapes import range_rule
from fairlane_local.batch.errors import RequestError
from fairlane_local.batch.store import Record, Request

_VALUE_MESSAGES: Final = {
    "PlatformCapability": "Capability {value} is not valid. Valid capabilities: [FARGATE, EC2, MANAGED_INSTANCES]",
    "QuotaShareIdleResourceAssignmentStrategy": "Idle resource assignment strategy must be one of [FIFO].",
}
"""Messages of AWS about values, by shape, where they are known."""


@cache
def batch_model() -> ServiceModel:
    """Return botocore's model of the Batch API."""
    return botocore.session.get_session().get_service_model("batch")


def parameters(operation: str, request: Request) -> Record:
    """Return the parameters of a request without unknown members, and with values in the case of the API.

    Args:
        operation: Operation of the Batch API, for example `CreateJobQueue`.
        request: Request as the caller sent it.

    Raises:
        RequestError: If a parameter is missing or invalid.
    """
    shape = batch_model().operation_model(operation).input_shape
    known = _without_unknown(request, shape)
    report = ParamValidator().validate(known, shape)
    if report.has_errors():
        raise RequestError(report.generate_report())
    parsed: Record = _parse(known, shape, "")
    return parsed


def _without_unknown(value: Any, shape: Shape) -> Any:
    match shape.type_name, value:
        case "structure", dict():
            members = {name: item for name, item in value.items() if name in shape.members}
            return {name: _without_unknown(item, shape.members[name]) for name, item in members.items()}
        case "list", list():
            return [_without_unknown(item, shape.member) for item in value]
        case "map", dict():
            return {key: _without_unknown(item, shape.value) for key, item in value.items()}
        case _:
            return value


def _parse(value: Any, shape: Shape, path: str) -> Any:
    if rule := range_rule(value, shape):
        raise RequestError(_constraint(path, rule[0]))
    match shape.type_name:
        case "structure":
            return {name: _parse(member, shape.members[name], f"{path}.{name}") for name, member in value.items()}
        case "list":
            return [_parse(item, shape.member, f"{path}.{number}.member") for number, item in enumerate(value, 1)]
        case "map":
            return {
                _parse(key, shape.key, f"{path}.key"): _parse(item, shape.value, f"{path}.{key}.value")
                for key, item in value.items()
            }
        case "string":
            return _enum_value(value, shape, path)
        case _:
            return value


def _enum_value(value: str, shape: Shape, path: str) -> str:
    values: dict[str, str] = {name.upper(): name for name in shape.enum}
    if not values or value.upper() in values:
        return values.get(value.upper(), value)
    rule = f"Member must satisfy enum value set: [{', '.join(shape.enum)}]"
    raise RequestError(_VALUE_MESSAGES.get(shape.name, _constraint(path, rule)).replace("{value}", value))


def _constraint(path: str, rule: str) -> str:
    return f"1 validation error detected: Value at '{path.removeprefix('.')}' failed to satisfy constraint: {rule}"
