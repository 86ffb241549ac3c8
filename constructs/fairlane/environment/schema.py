"""JSON schema of environment files, for editors."""

import ast
import inspect
import re
from dataclasses import is_dataclass
from itertools import pairwise
from typing import Any, Final

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from fairlane.environment.base import Model
from fairlane.environment.environment import Environment
from fairlane.environment.extended_file import BASE_NAMES, EXTENDS, IGNORED_PREFIX
from fairlane.environment.keys import SpecModel
from fairlane.environment.schema_names import add_names
from fairlane.environment.schema_parts import partial_schema
from fairlane.environment.vocabulary import file_words
from fairlane.monitoring.alarms.kinds.limit import Limit

_TITLES: Final = {
    "AlarmLimits": "queue alarms",
    "AlarmSettings": "alarms",
    "ComputeEnvironmentSettings": "compute environment",
    "EfsVolume": "EFS volume",
    "ExporterStale": "stale limit",
    "GpuJobSettings": "GPU job definition",
    "JobStateTimeLimitAction": "time limit action",
    "MultiNodeJobSettings": "multi-node job definition",
    "QueueBlocked": "blocked limit",
    "Volume": "instance volume",
    "fairlane__hyperpod__team__Sharing": "team sharing",
}
"""Titles of dataclasses whose names have other words than the file, and of the second of two enumerations."""

_EXTENDS: Final = {
    "anyOf": [
        {
            "type": "string",
            "pattern": r"^([^/\\]+\.)?base\.yaml$",
            "patternErrorMessage": f"allowed: {BASE_NAMES}",
            "examples": ["base.yaml"],
        },
        {"type": "null"},
    ],
    "default": None,
    "description": f"Base file in the same folder, {BASE_NAMES}, that this file is merged with. Use "
    "partial-schema.json as the schema of both files. Default: none.",
}
_ARGUMENT: Final = re.compile(r"^ {4}(\w+): (.*(?:\n {8}.*)*)", re.MULTILINE)
_WORD: Final = re.compile(r"[A-Z][a-z0-9]*")
_REFERENCE: Final = "#/$defs/"


def environment_json_schema(*, partial: bool = False) -> dict[str, Any]:
    """Return the JSON schema of environment files.

    Args:
        partial: True for the schema of base files and of the files that extend them: no key is required, and each
            value can be null. Default: the schema of a file with all required keys.
    """
    schema = Environment.model_json_schema(schema_generator=_FileSchema)
    for name, definition in schema["$defs"].items():
        if "enum" in definition:
            definition["title"] = _TITLES.get(name) or _words(definition["title"])
    names = {name: definition["title"].lower().replace(" ", "-") for name, definition in schema["$defs"].items()}
    assert len(set(names.values())) == len(names), "two definitions have the same title"
    schema["$defs"] = {names[name]: definition for name, definition in schema["$defs"].items()}
    renamed: dict[str, Any] = _with_references(schema, names)
    renamed["properties"] = {EXTENDS: _EXTENDS, **renamed["properties"]}
    renamed["patternProperties"] = {f"^{IGNORED_PREFIX}": {"description": "Values with YAML anchors. Ignored."}}
    add_names(renamed)
    if partial:
        renamed = partial_schema(renamed)
    return renamed | {"$schema": "https://json-schema.org/draft/2020-12/schema"}


class _FileSchema(GenerateJsonSchema):
    """Generator of schemas in the words of the file: no names of classes, and a description of each key.

    The descriptions are the docstrings below the keys of a model, and the `Args` of a dataclass. The parser of the
    docstrings is too slow for a synth.
    """

    def field_title_should_be_set(self, schema: Any) -> bool:
        """Return False: the title of a key would repeat the key."""
        return False

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        """Return the schema of a model, with its title and the descriptions of its keys."""
        result, model = super().model_schema(schema), schema["cls"]
        texts = _attribute_docstrings(model)
        if issubclass(model, SpecModel):
            texts = _argument_texts(model.spec)
            result["title"] = _title(model.spec)
            result["description"] = _first_paragraph(model)
        for name in result.get("required", ()):
            result["properties"][name].pop("default", None)
        for item in result["properties"].values():
            if item.get("type") == "object" and item.get("default") == []:
                item["default"] = {}  # a list that the file has as a mapping
        for name, text in texts.items():
            if name in result["properties"]:
                result["properties"][name]["description"] = text
        return result


def _title(spec: type) -> str:
    """Return the title of a dataclass."""
    words = _words(spec.__name__)
    return _TITLES.get(spec.__name__) or (f"{words} limit" if issubclass(spec, Limit) else words)


def _words(name: str) -> str:
    """Return the words of a class name, for example `retry rule`."""
    return " ".join(_WORD.findall(name)).lower()


def _with_references(node: Any, names: dict[str, str]) -> Any:
    """Return a part of a schema with the new names of the definitions in its references."""
    if isinstance(node, dict):
        return {key: _with_references(value, names) for key, value in node.items()}
    if isinstance(node, list):
        return [_with_references(item, names) for item in node]
    if isinstance(node, str) and node.startswith(_REFERENCE):
        return _REFERENCE + names[node.removeprefix(_REFERENCE)]
    return node


def _attribute_docstrings(model: type) -> dict[str, str]:
    """Return the docstring below each attribute of a model, inherited attributes included."""
    texts: dict[str, str] = {}
    for base in reversed(model.__mro__):
        if issubclass(base, Model) and base is not Model and not issubclass(base, SpecModel):
            (definition,) = ast.parse(inspect.getsource(base)).body
            assert isinstance(definition, ast.ClassDef)
            for attribute, below in pairwise(definition.body):
                match attribute, below:
                    case (
                        ast.AnnAssign(target=ast.Name(id=name)),
                        ast.Expr(value=ast.Constant(value=str(text))),
                    ):
                        texts[name] = " ".join(text.split())
    return texts


def _argument_texts(spec: type) -> dict[str, str]:
    """Return the text of each argument in the docstring of a dataclass, inherited arguments included."""
    texts: dict[str, str] = {}
    for base in reversed(spec.__mro__):
        arguments = inspect.cleandoc(base.__doc__ or "").partition("\nArgs:\n")[2] if is_dataclass(base) else ""
        texts |= {name: file_words(" ".join(text.split())) for name, text in _ARGUMENT.findall(arguments)}
    return texts


def _first_paragraph(cls: type) -> str:
    return " ".join(inspect.cleandoc(cls.__doc__ or "").partition("\n\n")[0].split())
