"""Checks of a CreateTrainingJob request against the API's model, with the limits that botocore does not check."""

import json
import math
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final, NamedTuple

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


class Mistake(NamedTuple):
    """Mistake in a request or in a manifest.

    Attributes:
        field: Path of the field.
        got: Value of the field.
        allowed: Values that are allowed.
        sentence: Sentence that replaces `got` and `allowed`. Default: none.
    """

    field: tuple[str | int, ...]
    got: Any = None
    allowed: str = ""
    sentence: str = ""

    def within(self, *outer: str | int) -> "Mistake":
        """Return the mistake with a longer path."""
        return self._replace(field=(*outer, *self.field))

    def __str__(self) -> str:
        """Return the mistake as a text."""
        place = ".".join(map(str, self.field))
        text = self.sentence or f"got {self.got!r}, allowed: {self.allowed}"
        return f"{place}: {text}" if place else text


def payload_mistakes(payload: Mapping[str, Any]) -> Iterator[Mistake]:
    """Yield the mistakes of a payload. AWS Batch sets the name of the training job."""
    members = {name: value for name, value in payload.items() if name != "TrainingJobName"}
    yield from _mistakes(members, _shape(), exempt={"TrainingJobName"})
    size = len(json.dumps(payload, separators=(",", ":")).encode())
    if size > MAX_BYTES:
        yield Mistake((), f"{size:,} bytes", f"at most {MAX_BYTES:,} bytes")


@cache
def _shape() -> Any:
    import botocore.session

    model = botocore.session.get_session().get_service_model("sagemaker")
    return model.operation_model("CreateTrainingJob").input_shape


def _mistakes(value: Any, shape: Any, exempt: set[str] = frozenset()) -> Iterator[Mistake]:  # type: ignore[assignment]
    kind = shape.type_name
    if kind == "structure":
        yield from _structure_mistakes(value, shape, exempt)
    elif kind in ("list", "map"):
        wanted: Any = list if kind == "list" else dict
        if not isinstance(value, wanted):
            yield Mistake((), value, "a list" if kind == "list" else "an object")
            return
        yield from _range_mistakes(len(value), shape)
        entries = enumerate(value) if kind == "list" else value.items()
        inner = shape.member if kind == "list" else shape.value
        for name, entry in entries:
            if kind == "map":
                yield from (mistake.within(name) for mistake in _mistakes(name, shape.key))
            yield from (mistake.within(name) for mistake in _mistakes(entry, inner))
    elif kind in _TYPES:
        yield from _scalar_mistakes(value, shape)


def _structure_mistakes(value: Any, shape: Any, exempt: set[str]) -> Iterator[Mistake]:
    if not isinstance(value, dict):
        yield Mistake((), value, "an object")
        return
    for name in shape.required_members:
        if name not in value and name not in exempt:
            yield Mistake((name,), sentence="missing")
    for name, member in value.items():
        if name not in shape.members:
            yield Mistake((name,), sentence=f"unknown; CreateTrainingJob has {', '.join(shape.members)}")
        else:
            yield from (mistake.within(name) for mistake in _mistakes(member, shape.members[name]))


def _scalar_mistakes(value: Any, shape: Any) -> Iterator[Mistake]:
    kind, limits = shape.type_name, shape.metadata
    if type(value) not in _TYPES[kind]:
        yield Mistake((), value, _NOUNS.get(kind, "a number"))
        return
    if kind == "string":
        yield from _range_mistakes(len(value), shape)
        if "enum" in limits and value not in limits["enum"]:
            yield Mistake((), value, _choices(limits["enum"]))
        if "pattern" in limits and not _matches(limits["pattern"], value):
            yield Mistake((), value, f"text that matches {limits['pattern']}")
    elif kind != "boolean":
        yield from _range_mistakes(value, shape)


def _range_mistakes(number: float, shape: Any) -> Iterator[Mistake]:
    low, high = shape.metadata.get("min", -math.inf), shape.metadata.get("max", math.inf)
    if not low <= number <= high:
        unit = f" {_UNITS[shape.type_name]}" if shape.type_name in _UNITS else ""
        yield Mistake((), f"{number:,}{unit}", f"{low:,} to {high:,}{unit}" if high < math.inf else f"at least {low:,}")


def _matches(pattern: str, value: str) -> bool:
    """Return True if a text matches a pattern of the model. Patterns that Python cannot read match all texts."""
    try:
        return re.fullmatch(pattern, value, re.DOTALL) is not None
    except re.error:
        return True


def _choices(names: list[str]) -> str:
    shown = ", ".join(names[:8])
    return shown if len(names) <= 8 else f"{shown} or {len(names) - 8} more values of the API"
