"""Checks of a CreateTrainingJob request against the API's model, with the limits that botocore does not check."""

import json
import math
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final

from fairlane.errors import Problem

MAX_BYTES: Final = 10 * 1024
"""Largest payload of a service job."""
_TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    "string": (str,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
    "boolean": (bool,),
}
_NOUNS: Final = {"string": "a text", "boolean": "true or false", "integer": "a whole number", "long": "a whole number"}
_UNITS: Final = {"string": "characters", "list": "elements", "map": "entries"}


def payload_problems(payload: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield the mistakes of a payload. AWS Batch sets the name of the training job."""
    members = {name: value for name, value in payload.items() if name != "TrainingJobName"}
    yield from _problems(members, _shape(), exempt={"TrainingJobName"})
    size = len(json.dumps(payload, separators=(",", ":")).encode())
    if size > MAX_BYTES:
        yield Problem((), f"{size:,} bytes", f"at most {MAX_BYTES:,} bytes")


@cache
def _shape() -> Any:
    import botocore.session

    model = botocore.session.get_session().get_service_model("sagemaker")
    return model.operation_model("CreateTrainingJob").input_shape


def _problems(value: Any, shape: Any, exempt: set[str] = frozenset()) -> Iterator[Problem]:  # type: ignore[assignment]
    kind = shape.type_name
    if kind == "structure":
        yield from _structure_problems(value, shape, exempt)
    elif kind in ("list", "map"):
        wanted: Any = list if kind == "list" else dict
        if not isinstance(value, wanted):
            yield Problem((), value, "a list" if kind == "list" else "an object")
            return
        yield from _range_problems(len(value), shape)
        entries = enumerate(value) if kind == "list" else value.items()
        inner = shape.member if kind == "list" else shape.value
        for name, entry in entries:
            if kind == "map":
                yield from (problem.within(name) for problem in _problems(name, shape.key))
            yield from (problem.within(name) for problem in _problems(entry, inner))
    elif kind in _TYPES:
        yield from _scalar_problems(value, shape)


def _structure_problems(value: Any, shape: Any, exempt: set[str]) -> Iterator[Problem]:
    if not isinstance(value, dict):
        yield Problem((), value, "an object")
        return
    for name in shape.required_members:
        if name not in value and name not in exempt:
            yield Problem.relation((name,), "missing")
    for name, member in value.items():
        if name not in shape.members:
            yield Problem.relation((name,), f"unknown; CreateTrainingJob has {', '.join(shape.members)}")
        else:
            yield from (problem.within(name) for problem in _problems(member, shape.members[name]))


def _scalar_problems(value: Any, shape: Any) -> Iterator[Problem]:
    kind, limits = shape.type_name, shape.metadata
    if type(value) not in _TYPES[kind]:
        yield Problem((), value, _NOUNS.get(kind, "a number"))
        return
    if kind == "string":
        yield from _range_problems(len(value), shape)
        if "enum" in limits and value not in limits["enum"]:
            yield Problem((), value, _choices(limits["enum"]))
        if "pattern" in limits and not _matches(limits["pattern"], value):
            yield Problem((), value, f"text that matches {limits['pattern']}")
    elif kind != "boolean":
        yield from _range_problems(value, shape)


def _range_problems(number: float, shape: Any) -> Iterator[Problem]:
    low, high = shape.metadata.get("min", -math.inf), shape.metadata.get("max", math.inf)
    if not low <= number <= high:
        unit = f" {_UNITS[shape.type_name]}" if shape.type_name in _UNITS else ""
        yield Problem((), f"{number:,}{unit}", f"{low:,} to {high:,}{unit}" if high < math.inf else f"at least {low:,}")


def _matches(pattern: str, value: str) -> bool:
    """Return True if a text matches a pattern of the model. Patterns that Python cannot read match all texts."""
    try:
        return re.fullmatch(pattern, value, re.DOTALL) is not None
    except re.error:
        return True


def _choices(names: list[str]) -> str:
    shown = ", ".join(names[:8])
    return shown if len(names) <= 8 else f"{shown} or {len(names) - 8} more values of the API"
