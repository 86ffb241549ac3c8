"""Mutations of a request that its shape in botocore's model refuses, each at one field."""

import re
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

from fairlane.errors import Path

OPEN = ("TrainingInstanceType",)
"""Enums whose unknown values are a warning."""


def mutations(request: dict[str, Any], shape: Any) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield the path of a mistake and the request with it."""
    for path, value, member in _members(request, shape, ()):
        for wrong in _wrong(value, member):
            changed = deepcopy(request)
            _set(changed, path, wrong)
            yield path, changed
        if member.type_name == "structure":
            for name in ("NoSuchMember", *member.required_members):
                changed = deepcopy(request)
                owner = _get(changed, path)
                if name in owner:
                    del owner[name]
                else:
                    owner[name] = "x"
                yield (*path, name), changed


def _members(value: Any, shape: Any, path: Path) -> Iterator[tuple[Path, Any, Any]]:
    yield path, value, shape
    match shape.type_name:
        case "structure":
            for name, item in value.items():
                yield from _members(item, shape.members[name], (*path, name))
        case "list":
            for index, item in enumerate(value):
                yield from _members(item, shape.member, (*path, index))
        case "map":
            for key, item in value.items():
                yield from _members(item, shape.value, (*path, key))


def _wrong(value: Any, shape: Any) -> Iterator[Any]:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    kind, enum = shape.type_name, shape.enum if shape.type_name == "string" else []
    yield 7.5 if kind == "string" else "text"
    yield None
    if kind in ("integer", "long"):
        yield True
        yield from [high + 1] if high is not None else []
        yield from [low - 1] if low is not None else []
    if kind == "string":
        yield from ["a" * (high + 1)] if high is not None else []
        yield from [""] if low else []
        yield from ["NoSuchValue"] if enum and shape.name not in OPEN else []
        if (pattern := shape.metadata.get("pattern")) and r"\p" not in pattern:
            yield from [wrong for wrong in ("\n", "a b\n|") if not re.fullmatch(pattern, wrong)][:1]
    if kind == "list":
        yield from [value * (high // len(value) + 1)] if high else []
        yield from [[]] if low else []
    if kind == "map" and high:
        yield {f"key-{number}": next(iter(value.values())) for number in range(high + 1)}


def _get(value: Any, path: Path) -> Any:
    for part in path:
        value = value[part]
    return value


def _set(value: Any, path: Path, new: Any) -> None:
    if path:
        _get(value, path[:-1])[path[-1]] = new
