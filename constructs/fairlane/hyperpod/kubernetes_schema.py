"""Strict check of Kubernetes objects against schemas, as the API server checks with `fieldValidation=Strict`.

Schemas of built-in kinds are those of Kubernetes 1.34, of Kueue those of v0.19.2, of NodePool those of Karpenter
v1.9.1. AWS publishes no schema of HyperPodPyTorchJob and HyperpodNodeClass: those follow AWS's documentation and the
model in the HyperPod CLI, and the operator may know more fields. The API server's own rules beyond the schema, for
example the form of names, are not checked. Imports no aws_cdk.
"""

import base64
import gzip
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Final

from fairlane.errors import Path, Problem
from fairlane.hyperpod.quantities import parse_quantity


@dataclass(frozen=True, slots=True, kw_only=True)
class KubernetesKind:
    """Kind of Kubernetes objects.

    Attributes:
        plural: Name of the kind in paths of the API, for example `resourcequotas`.
        namespaced: True if objects of the kind are in a namespace.
        short_names: Abbreviations that kubectl takes, for example `quota`.
        definition: Name of the schema among the definitions.
    """

    plural: str
    namespaced: bool
    short_names: tuple[str, ...]
    definition: str


@cache
def known_kinds() -> Mapping[tuple[str, str], KubernetesKind]:
    """Return the kinds that have a schema, by apiVersion and kind, for example `("v1", "ResourceQuota")`."""
    return MappingProxyType(
        {
            _two(name): KubernetesKind(**{**kind, "short_names": tuple(kind["short_names"])})
            for data in _data()
            for name, kind in data["kinds"].items()
        }
    )


@cache
def definitions() -> Mapping[str, Mapping[str, Any]]:
    """Return the schemas by name: a part of JSON Schema, the types `quantity` and `int-or-string`, and patch keys."""
    return MappingProxyType({name: schema for data in _data() for name, schema in data["definitions"].items()})


def object_mistakes(document: Mapping[str, Any]) -> list[str]:
    """Return the mistakes in an object, each with the path of the field. Empty if the object is right.

    Args:
        document: Object with `apiVersion` and `kind`. A field that is null counts as absent.
    """
    return [str(problem) for problem in object_problems(document)]


def object_problems(document: Mapping[str, Any]) -> list[Problem]:
    """Return the mistakes in an object as problems. Empty if the object is right.

    Args:
        document: Object with `apiVersion` and `kind`. A field that is null counts as absent.
    """
    name = (document.get("apiVersion"), document.get("kind"))
    for key, value in zip(("apiVersion", "kind"), name, strict=True):
        if not isinstance(value, str):
            return [Problem((key,), None, "a text")]
    kind = known_kinds().get(_two(f"{name[0]} {name[1]}"))
    if kind is None:
        return [Problem.relation(("kind",), f"{name[1]} of {name[0]} has no schema")]
    return list(_mistakes((), document, {"$ref": kind.definition}))


def _mistakes(path: Path, value: Any, schema: Mapping[str, Any]) -> Iterator[Problem]:
    while "$ref" in schema:
        schema = definitions()[schema["$ref"]]
    fits, noun = _TYPES[schema.get("type", "any")]
    if not fits(value):
        yield Problem(path, value, noun)
    elif isinstance(value, Mapping):
        yield from _object_mistakes(path, value, schema)
    elif isinstance(value, list | tuple):
        yield from _bound_mistakes(path, len(value), schema.get("minItems"), schema.get("maxItems"), "items")
        for index, item in enumerate(value):
            yield from _mistakes((*path, index), item, schema.get("items", {}))
    elif isinstance(value, str):
        yield from _text_mistakes(path, value, schema)
    elif isinstance(value, int | float):
        yield from _bound_mistakes(path, value, schema.get("minimum"), schema.get("maximum"), "")


def _object_mistakes(path: Path, value: Mapping[Any, Any], schema: Mapping[str, Any]) -> Iterator[Problem]:
    properties, others = schema.get("properties", {}), schema.get("additionalProperties", True)
    for name in schema.get("required", ()):
        if value.get(name) is None:
            yield Problem.relation((*path, name), "missing")
    for name, inner in value.items():
        if name not in properties and others is False:
            yield Problem.relation((*path, str(name)), "unknown field")
        elif inner is not None:
            expected = properties.get(name, others)
            yield from _mistakes((*path, str(name)), inner, expected if isinstance(expected, Mapping) else {})


def _text_mistakes(path: Path, text: str, schema: Mapping[str, Any]) -> Iterator[Problem]:
    if text not in schema.get("enum", (text,)):
        yield Problem(path, text, ", ".join(schema["enum"]))
    if not re.search(schema.get("pattern", ""), text):
        yield Problem(path, text, f"a text of the form {schema['pattern']}")
    reads = _FORMATS.get(schema.get("format", ""))
    if reads and not reads(text):
        yield Problem(path, text, f"a text of the format {schema['format']}")
    yield from _bound_mistakes(path, len(text), schema.get("minLength"), schema.get("maxLength"), "characters")


def _bound_mistakes(
    path: Path, got: float, lowest: float | None, highest: float | None, unit: str
) -> Iterator[Problem]:
    if (lowest is not None and got < lowest) or (highest is not None and got > highest):
        bounds = f"{lowest} or more" if highest is None else f"{lowest or 0} to {highest}"
        yield Problem.relation(path, f"got {f'{got} {unit}'.strip()}, allowed: {bounds}")


def _reads(read: Callable[[Any], object]) -> Callable[[Any], bool]:
    def fits(value: Any) -> bool:
        try:
            read(value)
        except ValueError:
            return False
        return True

    return fits


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


_TYPES: Final[Mapping[str, tuple[Callable[[Any], bool], str]]] = {
    "any": (lambda value: True, "any value"),
    "array": (lambda value: isinstance(value, Sequence) and not isinstance(value, str), "a list"),
    "boolean": (lambda value: isinstance(value, bool), "true or false"),
    "int-or-string": (lambda value: isinstance(value, str) or _is_whole(value), "a whole number or a text"),
    "integer": (_is_whole, "a whole number"),
    "number": (_is_number, "a number"),
    "object": (lambda value: isinstance(value, Mapping), "an object"),
    "quantity": (_reads(parse_quantity), "a quantity such as 64, 500m or 16384Gi"),
    "string": (lambda value: isinstance(value, str), "a text"),
}
_FORMATS: Final[Mapping[str, Callable[[str], bool]]] = {
    "byte": _reads(lambda text: base64.b64decode(text, validate=True)),
    "date-time": _reads(datetime.fromisoformat),
}


def _two(name: str) -> tuple[str, str]:
    api_version, _, kind = name.partition(" ")
    return api_version, kind


@cache
def _data() -> tuple[Mapping[str, Any], ...]:
    folder = files("fairlane.hyperpod.kubernetes_schemas")
    return (
        json.loads(gzip.decompress(folder.joinpath("builtin.json.gz").read_bytes())),
        json.loads(folder.joinpath("custom.json").read_text()),
    )
