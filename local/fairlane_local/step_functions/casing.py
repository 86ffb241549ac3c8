"""Parameters and results of tasks in the spelling of Step Functions, after the API model of the service."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StringShape, StructureShape
from botocore.response import StreamingBody
from moto.stepfunctions.parser.utils import camel_to_snake_case, snake_to_camel_case


def state_name(member: str) -> str:
    """Return the name of an API member in Step Functions: `jobName` becomes `JobName`."""
    return snake_to_camel_case(camel_to_snake_case(member))


def to_request(value: Any, shape: Shape | None, path: str = "") -> Any:
    """Return a parameter with the member names of the API.

    Args:
        value: Value of the parameter.
        shape: API model of the value. None if the operation takes no parameters.
        path: Position in the parameters, for errors.

    Raises:
        ValueError: If the API has no such member.
    """
    match value:
        case dict() if shape is None or isinstance(shape, StructureShape):
            members = _members(shape)
            request = {}
            for name, item in value.items():
                if name not in members:
                    allowed = ", ".join(sorted({state_name(member) for member in members.values()})) or "none"
                    message = f'The field "{path}{name}" is not supported by Step Functions; allowed: {allowed}'
                    raise ValueError(message)
                assert shape is not None
                member = members[name]
                request[member] = to_request(item, shape.members[member], f"{path}{name}.")
            return request
        case dict() if isinstance(shape, MapShape):
            return {name: to_request(item, shape.value, f"{path}{name}.") for name, item in value.items()}
        case list() if isinstance(shape, ListShape):
            return [to_request(item, shape.member, path) for item in value]
        case str() if shape is not None and shape.type_name == "blob":
            return value.encode()
        case None | str() | bytes():
            return value
        case _ if isinstance(shape, StringShape):
            return json.dumps(value)
        case _ if shape is not None and shape.type_name == "blob":
            return json.dumps(value, separators=(",", ":")).encode()
        case _:
            return value


def to_result(value: Any, shape: Shape | None) -> Any:
    """Return a response with the member names of Step Functions."""
    match value:
        case dict() if isinstance(shape, StructureShape):
            members = shape.members
            return {
                state_name(name) if name in members else name: to_result(item, members.get(name))
                for name, item in value.items()
            }
        case dict() if isinstance(shape, MapShape):
            return {name: to_result(item, shape.value) for name, item in value.items()}
        case list() if isinstance(shape, ListShape):
            return [to_result(item, shape.member) for item in value]
        case StreamingBody():
            return value.read().decode()
        case datetime():
            return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        case _:
            return value


def _members(shape: StructureShape | None) -> Mapping[str, str]:
    """Return the API's member names by all spellings that Step Functions takes."""
    names = [] if shape is None else list(shape.members)
    return {state_name(name): name for name in names} | {name[0].upper() + name[1:]: name for name in names}
