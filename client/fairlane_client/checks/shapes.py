"""Values compared with a shape of botocore: types, required members, ranges, lengths, patterns and enums.

The validator of botocore checks types, required members and minimums only.
"""

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from functools import cache
from typing import Any, Final

from fairlane.errors import Path, Problem

_OPEN_ENUMS: Final = frozenset({"TrainingInstanceType"})
"""Enums that AWS extends often: a value that botocore does not know can be valid."""
_HIDDEN: Final = frozenset(
    {
        *("Environment", "HyperParameters", "ContainerArguments", "ContainerEntrypoint"),
        *("environment", "env", "parameters", "command", "args"),
    }
)
"""Members whose values can be secrets."""
_MOST_VALUES: Final = 8
_NOUNS: Final = {
    "structure": "an object",
    "map": "an object with names and values",
    "list": "a list",
    "string": "text",
    "integer": "a whole number",
    "long": "a whole number",
    "float": "a number",
    "double": "a number",
    "boolean": "true or false",
}
_TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    "structure": (dict,),
    "map": (dict,),
    "list": (list,),
    "string": (str,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
    "boolean": (bool,),
}
_UNICODE: Final = {r"\p{L}": r"\w", r"\p{N}": r"\d", r"\p{Z}": r"\s", r"\p{P}": r"!-/:-@"}
_MISSING: Final = object()


def read_shape(
    value: object, shape: Any, field: Path = (), *, ignores_case: bool = False, optional: Sequence[str] = ()
) -> tuple[Any, list[Problem]]:
    """Return a value without the members of wrong types, and all its mistakes.

    Args:
        value: Value of JSON.
        shape: Shape of botocore.
        field: Path of the value.
        ignores_case: True if the service accepts the values of an enum in any case, as AWS Batch does.
        optional: Members of the value that the shape requires and the service does not.
    """
    problems: list[Problem] = []
    found = _Reader(problems, ignores_case).read(value, shape, field)
    unneeded = [(*field, name) for name in optional]
    problems = [problem for problem in problems if not (problem.is_missing and problem.field in unneeded)]
    return ({} if found is _MISSING else found), problems


def range_rule(value: object, shape: Any) -> tuple[str, str] | None:
    """Return the range that a value breaks, in AWS's words and as a noun phrase. None if it breaks none."""
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    is_sized = isinstance(value, str | list | dict)
    size: Any = len(value) if isinstance(value, str | list | dict) else value
    noun = "length" if is_sized else "value"
    if high is not None and size > high:
        return f"Member must have {noun} less than or equal to {high}", _allowed(shape)
    if low is not None and size < low and not isinstance(value, dict):  # tools send empty tags
        return f"Member must have {noun} greater than or equal to {low}", _allowed(shape)
    return None


class _Reader:
    def __init__(self, problems: list[Problem], ignores_case: bool) -> None:
        self._problems = problems
        self._ignores_case = ignores_case

    def read(self, value: object, shape: Any, field: Path) -> Any:
        types = _TYPES.get(shape.type_name)
        if types is None:  # timestamps and documents
            return value
        is_bool = isinstance(value, bool)
        if not isinstance(value, types) or is_bool != (shape.type_name == "boolean"):
            self._problems.append(Problem(field, "null" if value is None else _shown(value, field), _allowed(shape)))
            return _MISSING
        if range_rule(value, shape):
            self._problems.append(Problem(field, _shown(value, field), _allowed(shape)))
        elif isinstance(value, str):
            self._check_text(value, shape, field)
        match shape.type_name, value:
            case "structure", dict():
                return self._read_structure(value, shape, field)
            case "map", dict():
                for key in value:
                    self.read(key, shape.key, (*field, key))
                return _present({key: self.read(item, shape.value, (*field, key)) for key, item in value.items()})
            case "list", list():
                items = [self.read(item, shape.member, (*field, index)) for index, item in enumerate(value)]
                return [item for item in items if item is not _MISSING]
        return value

    def _read_structure(self, value: dict[str, Any], shape: Any, field: Path) -> dict[str, Any]:
        for name in value:
            if name not in shape.members:
                close = get_close_matches(name, shape.members, 3, 0.5) or [*shape.members]
                more = "" if len(close) <= _MOST_VALUES else ", ..."
                sentence = f"AWS has no such member; use {', '.join(close[:_MOST_VALUES])}{more}"
                self._problems.append(Problem.relation((*field, name), sentence))
        for name in shape.required_members:
            if name not in value:
                self._problems.append(Problem((*field, name), None, _allowed(shape.members[name])))
        known = {name: item for name, item in value.items() if name in shape.members}
        return _present({name: self.read(item, shape.members[name], (*field, name)) for name, item in known.items()})

    def _check_text(self, value: str, shape: Any, field: Path) -> None:
        values = {name.upper() if self._ignores_case else name for name in shape.enum}
        is_known = not values or (value.upper() if self._ignores_case else value) in values
        if not is_known and shape.name not in _OPEN_ENUMS:
            close = get_close_matches(value, shape.enum, 3, 0.3) if len(shape.enum) > _MOST_VALUES else shape.enum
            allowed = ", ".join(close) or f"a value of {shape.name}"
            self._problems.append(Problem(field, _shown(value, field), allowed))
        pattern = shape.metadata.get("pattern")
        if pattern and (compiled := _compiled(pattern)) and not compiled.fullmatch(value):
            self._problems.append(Problem(field, _shown(value, field), _allowed(shape)))


@cache
def _compiled(pattern: str) -> re.Pattern[str] | None:
    """Return a pattern of the model. None if Python has no equal."""
    for java, python in _UNICODE.items():
        pattern = pattern.replace(java, python)
    try:
        return re.compile(pattern)
    except re.error:
        return None


def _allowed(shape: Any) -> str:
    """Return the values that a shape allows as a noun phrase."""
    low, high, pattern = (shape.metadata.get(name) for name in ("min", "max", "pattern"))
    noun = _NOUNS.get(shape.type_name, "a value")
    is_number = shape.type_name in ("integer", "long", "float", "double")
    if shape.type_name == "structure" and shape.required_members:
        noun += f" with {' and '.join(shape.required_members)}"
    unit = {"string": " characters", "list": " items", "map": " entries"}.get(shape.type_name, "")
    if low is not None or high is not None:
        bounds = f"{low or 0:,} to {high:,}" if high is not None else f"{low:,} or more"
        noun += f", {bounds}" if is_number else f" of {bounds}{unit}"
    if pattern and pattern != ".*":
        noun += f" that matches {pattern}"
    if 0 < len(shape.enum if shape.type_name == "string" else ()) <= _MOST_VALUES:
        noun = ", ".join(shape.enum)
    return noun


def _shown(value: object, field: Path) -> object:
    is_hidden = bool(_HIDDEN & {*field})
    if isinstance(value, str) and (len(value) > 60 or is_hidden):
        return f"text of {len(value):,} characters"
    if isinstance(value, list | dict):
        return f"{'a list' if isinstance(value, list) else 'an object'} with {len(value):,} entries"
    return f"a value of the type {type(value).__name__}" if is_hidden else value


def _present(members: dict[str, Any]) -> dict[str, Any]:
    return {name: item for name, item in members.items() if item is not _MISSING}
