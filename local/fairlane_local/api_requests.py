"""API requests: their validation by botocore's models, and the handlers that respond to them."""

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any, Final

import botocore.session
from botocore import xform_name
from botocore.model import ServiceModel, Shape
from botocore.validate import ParamValidator

from fairlane_local.simulation import current_simulation

_UNICODE_CLASS: Final = r"\p{"
"""Part of patterns that Python's regular expressions do not have."""


@cache
def service_model(service: str) -> ServiceModel:
    """Return botocore's model of a service."""
    return botocore.session.get_session().get_service_model(service)


def request_mistakes(service: str, operation: str, request: Mapping[str, Any]) -> list[str]:
    """Return the mistakes of a request, in the words of AWS where boto3 does not find them.

    Args:
        service: Service, for example `sagemaker`.
        operation: Operation of the service, for example `CreateCluster`.
        request: Members of the request.
    """
    shape = service_model(service).operation_model(operation).input_shape
    report = ParamValidator().validate(request, shape)
    if report.has_errors():
        return str(report.generate_report()).splitlines()
    found = [
        f"Value {value!r} at '{path}' failed to satisfy constraint: {rule}"
        for path, value, rule in _scan(request, shape, "")
    ]
    return [f"{len(found)} validation error{'s' * (len(found) > 1)} detected: {'; '.join(found)}"] if found else []


def run_operation(handlers: Iterable[object], operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
    """Return the response of the one handler that has an operation, while no job changes its state.

    Args:
        handlers: Objects with methods named like operations in boto3.
        operation: Operation, for example `CreateCluster`.
        request: Members of the request.
    """
    name = xform_name(operation)
    with current_simulation().timeline.lock:
        (method,) = (method for handler in handlers if (method := getattr(handler, name, None)))
        response: dict[str, Any] = method(request)
    return response


def _scan(value: Any, shape: Shape, path: str) -> Iterator[tuple[str, Any, str]]:
    match shape.type_name:
        case "structure":
            for name, item in value.items():
                yield from _scan(item, shape.members[name], f"{path}.{name[0].lower()}{name[1:]}".removeprefix("."))
        case "list":
            for number, item in enumerate(value, 1):
                yield from _scan(item, shape.member, f"{path}.{number}.member")
        case "map":
            for key, item in value.items():
                yield from _scan(item, shape.value, f"{path}.{key}.value")
    rules = shape.metadata
    size = len(value) if isinstance(value, str | list | dict) else value
    if "max" in rules and size > rules["max"]:
        noun = "length" if isinstance(value, str | list | dict) else "value"
        yield path, value, f"Member must have {noun} less than or equal to {rules['max']}"
    if shape.type_name != "string":
        return
    if rules.get("enum") and value not in rules["enum"]:
        yield path, value, f"Member must satisfy enum value set: [{', '.join(rules['enum'])}]"
    pattern = rules.get("pattern", "")
    if pattern and _UNICODE_CLASS not in pattern and not re.fullmatch(pattern, value):
        yield path, value, f"Member must satisfy regular expression pattern: {pattern}"
